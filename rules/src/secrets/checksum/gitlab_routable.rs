//! GitLab's routable tokens: after the payload come a version, the payload's length in base 36 and, as the last seven
//! digits of base 36, the CRC-32 of all before them. Source: GitLab's own generator, `RoutableToken`.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const TAIL: usize = 7;

/// What the checksum covers, and the checksum; `None` for tokens of another shape.
fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let last = memchr::memrchr(b'.', token)?;
    (token.len() - last == 1 + 2 + TAIL).then(|| token.split_at(token.len() - TAIL))
}

fn check(token: &[u8]) -> Proof {
    let Some((body, tail)) = split(token) else { return Proof::Unknown };
    crc::known(crc::value(tail, DIGITS) == Some(u64::from(crc32fast::hash(body))))
}

fn mend(token: &[u8]) -> Vec<u8> {
    let Some((body, _)) = split(token) else { return token.to_vec() };
    let tail = crc::digits(u64::from(crc32fast::hash(body)), DIGITS, TAIL);
    [body, &tail].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mended_token_holds_and_a_changed_one_does_not() {
        for i in 0..500u32 {
            let token = mend(format!("glpat-{i:040}.01.140000000").as_bytes());
            assert_eq!(check(&token), Proof::HOLDS);
            let mut other = token.clone();
            other[20] ^= 1;
            assert!(matches!(check(&other), Proof::Fails(_)));
        }
    }

    #[test]
    fn known_answer() {
        // CRC-32 of "12345.78" is computed with another implementation.
        assert_eq!(mend(b"12345.780000000"), b"12345.7811ys6zr");
    }

    #[test]
    fn classic_tokens_say_nothing() {
        assert_eq!(check(b"glpat-0123456789"), Proof::Unknown);
        assert_eq!(check(b""), Proof::Unknown);
        assert_eq!(check(b".0123456"), Proof::Unknown);
    }
}
