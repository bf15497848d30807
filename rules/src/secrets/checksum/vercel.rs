//! Vercel's tokens: `vcp_` and its like, fifty characters and their CRC-32 (IEEE) in base 62, as GitHub's. Vercel does not
//! document it and not every key has it, so a mismatch says nothing.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEAD: usize = 4;
const TAIL: usize = 6;

/// Body and checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = token.len().checked_sub(TAIL).filter(|end| *end > HEAD)?;
    Some((&token[HEAD..end], &token[end..]))
}

fn check(token: &[u8]) -> Proof {
    let holds = |(body, tail)| crc::value(tail, DIGITS) == Some(u64::from(crc32fast::hash(body)));
    crc::believed(split(token).is_some_and(holds))
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
    fn known_answer() {
        // CRC-32 of "123456789" is 0xCBF43926, the check value of the algorithm.
        let token = mend(b"vcp_123456789000000");
        assert_eq!(crc::value(&token[13..], DIGITS), Some(0xCBF4_3926));
        assert_eq!(check(&token), Proof::HOLDS);
    }

    #[test]
    fn a_changed_token_is_not_proved() {
        let mut token = mend(b"vck_123456789000000");
        token[5] = b'7';
        assert_eq!(check(&token), Proof::Unknown);
        for short in [&b""[..], b"vcp_", b"vcp_123456", b"-"] {
            assert_eq!(check(short), Proof::Unknown);
            assert_eq!(mend(short), short);
        }
    }
}
