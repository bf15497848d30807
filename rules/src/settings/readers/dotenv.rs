//! dotenv.
use super::Reader;
use crate::settings::entry::Read;

pub(crate) const READER: Reader = Reader { read };

fn read(_bytes: &[u8]) -> Read {
    Read::default()
}
