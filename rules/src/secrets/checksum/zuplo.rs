//! Zuplo's API keys: `zpka_`, the body, `_` and the CRC-32 of the body in hex. Zuplo documents that there is a
//! checksum, not which, so a mismatch says nothing.

use super::{Checksum, Proof};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Some(mend) };

/// Prefix with its `_`, body, checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = memchr::memchr(b'_', token)? + 1;
    let end = token.len().checked_sub(9).filter(|end| *end > start && token[*end] == b'_')?;
    Some((&token[..start], &token[start..end], &token[end + 1..]))
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
    split(token).map_or_else(|| token.to_vec(), |(head, body, _)| [head, body, b"_", &sum(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        assert_eq!(mend(b"zpka_123456789_00000000"), b"zpka_123456789_cbf43926");
        assert_eq!(check(b"zpka_123456789_cbf43926"), Proof::Holds("its checksum holds"));
        assert_eq!(check(b"zpka_123456780_cbf43926"), Proof::Unknown);
        assert_eq!(check(b"_cbf43926"), Proof::Unknown);
    }
}
