//! Zuplo's API keys: `zpka_`, the body, `_` and the CRC-32 of the body in hex. Zuplo documents that there is a
//! checksum, not which, so a mismatch says nothing.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

/// Prefix with its `_`, body, checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = memchr::memchr(b'_', token)? + 1;
    let end = token.len().checked_sub(9).filter(|end| *end > start && token[*end] == b'_')?;
    Some((&token[..start], &token[start..end], &token[end + 1..]))
}

fn check(token: &[u8]) -> Proof {
    crc::believed(split(token).is_some_and(|(_, body, tail)| crc::hex(body) == tail))
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token)
        .map_or_else(|| token.to_vec(), |(head, body, _)| [head, body, b"_", &crc::hex(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        assert_eq!(mend(b"zpka_123456789_00000000"), b"zpka_123456789_cbf43926");
        assert_eq!(check(b"zpka_123456789_cbf43926"), Proof::HOLDS);
        assert_eq!(check(b"zpka_123456780_cbf43926"), Proof::Unknown);
        assert_eq!(check(b"_cbf43926"), Proof::Unknown);
    }
}
