//! GitHub's classic tokens, npm's and Polar's: the last six characters are the CRC-32 (IEEE) of the body, in base 62, padded
//! with zeros on the left. Source: GitHub's announcement of the token formats, 2021-04-05 and 2021-09-23.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TAIL: usize = 6;

/// The part between the prefix (up to the last `_`) and the checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = memchr::memrchr(b'_', token)? + 1;
    let end = token.len().checked_sub(TAIL).filter(|end| *end > start)?;
    Some((&token[start..end], &token[end..]))
}

/// Compared by decoding, so that no question of padding can arise.
fn check(token: &[u8]) -> Proof {
    let Some((body, tail)) = split(token) else { return Proof::Unknown };
    crc::known(crc::value(tail, DIGITS) == Some(u64::from(crc32fast::hash(body))))
}

fn mend(token: &[u8]) -> Vec<u8> {
    let Some((body, _)) = split(token) else { return token.to_vec() };
    let tail = crc::digits(u64::from(crc32fast::hash(body)), DIGITS, TAIL);
    [&token[..token.len() - TAIL], &tail].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mended_token_holds_and_a_changed_one_does_not() {
        // A body whose CRC is small needs padding: try many, so that both cases are met.
        for i in 0..2000u32 {
            let token = mend(format!("ghp_{i:030}000000").as_bytes());
            assert_eq!(check(&token), Proof::HOLDS);
            let mut other = token.clone();
            other[10] = if other[10] == b'7' { b'8' } else { b'7' };
            assert!(matches!(check(&other), Proof::Fails(_)));
        }
    }

    #[test]
    fn known_answer() {
        // CRC-32 of "123456789" is 0xCBF43926, the check value of the algorithm: 3421780262.
        let token = mend(b"ghp_123456789000000");
        assert_eq!(token.len(), 19);
        assert_eq!(crc::value(&token[13..], DIGITS), Some(0xCBF4_3926));
    }
}
