//! Cloudflare's tokens of 2026 (`cfk_`, `cfut_`, `cfat_`): 40 characters, then the CRC-32 of them in hex. Cloudflare
//! documents that there is a checksum, not which, so a mismatch says nothing.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

/// Prefix with its `_`, body, checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = memchr::memchr(b'_', token)? + 1;
    let end = token.len().checked_sub(8).filter(|end| *end > start)?;
    Some((&token[..start], &token[start..end], &token[end..]))
}

fn check(token: &[u8]) -> Proof {
    crc::believed(split(token).is_some_and(|(_, body, tail)| crc::hex(body) == tail))
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token).map_or_else(|| token.to_vec(), |(head, body, _)| [head, body, &crc::hex(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        assert_eq!(mend(b"cfut_12345678900000000"), b"cfut_123456789cbf43926");
        assert_eq!(check(b"cfut_123456789cbf43926"), Proof::HOLDS);
        assert_eq!(check(b"cfut_123456780cbf43926"), Proof::Unknown);
        assert_eq!(check(b"cfut_cbf43926"), Proof::Unknown);
    }
}
