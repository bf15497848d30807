//! The tokens of crates.io's trusted publishing (`cio_tp_`): the last character stands in the alphabet `A-Za-z0-9` at
//! the XOR of the others, modulo 62. Source: crates.io, `crates_io_trustpub`.

use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What stands before the last character, and the part of it that counts.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], u8)> {
    let start = memchr::memrchr(b'_', token)? + 1;
    let (last, head) = token.split_last()?;
    head.get(start..).filter(|body| !body.is_empty()).map(|body| (head, body, *last))
}

fn sum(body: &[u8]) -> u8 {
    DIGITS[usize::from(body.iter().fold(0, |all, b| all ^ b)) % DIGITS.len()]
}

fn check(token: &[u8]) -> Proof {
    match split(token) {
        None => Proof::Unknown,
        Some((_, body, last)) if sum(body) == last => Proof::HOLDS,
        Some(_) => Proof::FAILS,
    }
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token).map_or_else(|| token.to_vec(), |(head, body, _)| [head, &[sum(body)]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        // An odd number of zeros: 0x30 is 48, the 49th character.
        let zeros = format!("cio_tp_{}", "0".repeat(32));
        assert_eq!(mend(zeros.as_bytes()), format!("cio_tp_{}w", "0".repeat(31)).as_bytes());
        assert!(matches!(check(zeros.as_bytes()), Proof::Fails(_)));
        assert_eq!(check(b"cio_tp_"), Proof::Unknown);
        assert_eq!(check(b""), Proof::Unknown);
    }
}
