//! Cloudflare's tokens of 2026 (`cfk_`, `cfut_`, `cfat_`): 40 characters, then the CRC-32 of them in hex. Cloudflare
//! documents that there is a checksum, not which, so a mismatch says nothing.

use super::{Checksum, Proof};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Some(mend) };

/// Prefix with its `_`, body, checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = memchr::memchr(b'_', token)? + 1;
    let end = token.len().checked_sub(8).filter(|end| *end > start)?;
    Some((&token[..start], &token[start..end], &token[end..]))
}

fn sum(body: &[u8]) -> Vec<u8> {
    format!("{:08x}", crc32fast::hash(body)).into_bytes()
}

fn check(token: &[u8]) -> Proof {
    match split(token) {
        Some((_, body, tail)) if sum(body) == tail => Proof::Holds("its checksum holds"),
        _ => Proof::Unknown,
    }
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token).map_or_else(|| token.to_vec(), |(head, body, _)| [head, body, &sum(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        assert_eq!(mend(b"cfut_12345678900000000"), b"cfut_123456789cbf43926");
        assert_eq!(check(b"cfut_123456789cbf43926"), Proof::Holds("its checksum holds"));
        assert_eq!(check(b"cfut_123456780cbf43926"), Proof::Unknown);
        assert_eq!(check(b"cfut_cbf43926"), Proof::Unknown);
    }
}
