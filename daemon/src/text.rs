//! Small things about bytes and text.

use sha2::{Digest, Sha256};

/// SHA-256, for names of files and rows: never of a secret.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
