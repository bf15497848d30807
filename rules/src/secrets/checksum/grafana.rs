//! Grafana's service account tokens: the eight hex digits are the CRC-32 of all before the last `_`, lowest byte
//! first. Grafana's own server refuses a token whose checksum is wrong before it looks it up.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

/// What the checksum covers, and the checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = token.len().checked_sub(8)?;
    (end > 1 && token[end - 1] == b'_').then(|| (&token[..end - 1], &token[end..]))
}

fn sum(body: &[u8]) -> Vec<u8> {
    format!("{:08x}", crc32fast::hash(body).swap_bytes()).into_bytes()
}

fn check(token: &[u8]) -> Proof {
    split(token).map_or(Proof::Unknown, |(body, tail)| crc::known(sum(body) == tail))
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token).map_or_else(|| token.to_vec(), |(body, _)| [body, b"_", &sum(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        // The check value of CRC-32, 0xCBF43926, lowest byte first.
        assert_eq!(mend(b"123456789_00000000"), b"123456789_2639f4cb");
        assert_eq!(check(b"123456789_2639f4cb"), Proof::HOLDS);
        assert_eq!(check(b"123456789_2639f4cc"), Proof::FAILS);
        assert_eq!(check(b"123456788_2639f4cb"), Proof::FAILS);
        assert_eq!(check(b"_2639f4cb"), Proof::Unknown);
        assert_eq!(check(b""), Proof::Unknown);
    }
}
