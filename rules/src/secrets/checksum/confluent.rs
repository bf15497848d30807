//! Confluent Cloud's API secrets: `cflt`, 54 characters, then the first six base64 digits of their CRC-32, lowest
//! byte first. Not written down by Confluent, so a mismatch says nothing.

use super::kit::crc;
use super::{Checksum, Mend, Proof};
use data_encoding::BASE64_NOPAD;

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const HEAD: usize = 4;
const TAIL: usize = 6;

/// Prefix, body, checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = token.len().checked_sub(TAIL).filter(|end| *end > HEAD)?;
    Some((&token[..HEAD], &token[HEAD..end], &token[end..]))
}

fn sum(body: &[u8]) -> Vec<u8> {
    let mut text = BASE64_NOPAD.encode(&crc32fast::hash(body).to_le_bytes()).into_bytes();
    text.truncate(TAIL);
    text
}

fn check(token: &[u8]) -> Proof {
    crc::believed(split(token).is_some_and(|(_, body, tail)| sum(body) == tail))
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token).map_or_else(|| token.to_vec(), |(head, body, _)| [head, body, &sum(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        // 0xCBF43926, lowest byte first, is 26 39 f4 cb: `Jjn0yw` in base64.
        assert_eq!(mend(b"cflt123456789______"), b"cflt123456789Jjn0yw");
        assert_eq!(check(b"cflt123456789Jjn0yw"), Proof::HOLDS);
        assert_eq!(check(b"cflt123456780Jjn0yw"), Proof::Unknown);
        assert_eq!(check(b"cfltJjn0yw"), Proof::Unknown);
    }
}
