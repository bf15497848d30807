//! Client secrets of Entra ID (`…8Q~…`): the last three characters are the first three of the Marvin32 of the others,
//! in base 66. The older `…7Q~…` has no checksum. Source: github.com/microsoft/security-utilities.

use super::kit::{crc, marvin};
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const SEED: &[u8; 8] = b"AadPwd00";
const DIGITS: &[u8; 66] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
const LENGTH: usize = 40;
const TAIL: usize = 3;

/// What the checksum covers, and the checksum.
fn split(secret: &[u8]) -> Option<(&[u8], &[u8])> {
    let signed = secret.len() == LENGTH && secret[3..].starts_with(b"8Q~");
    signed.then(|| secret.split_at(LENGTH - TAIL))
}

/// The first digits of the number, which has no zeros in front.
fn sum(body: &[u8]) -> [u8; TAIL] {
    let mut value = u64::from(u32::from_le_bytes(marvin::hash(body, SEED)));
    while value >= 66 * 66 * 66 {
        value /= 66;
    }
    let mut digits = [0; TAIL];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(value % 66) as usize];
        value /= 66;
    }
    digits
}

fn check(secret: &[u8]) -> Proof {
    split(secret).map_or(Proof::Unknown, |(body, tail)| crc::known(sum(body) == tail))
}

fn mend(secret: &[u8]) -> Vec<u8> {
    split(secret).map_or_else(|| secret.to_vec(), |(body, _)| [body, &sum(body)[..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    /// The documented example is all `z`; the other was computed with an implementation in another language.
    #[test]
    fn known_answers() {
        for (letter, tail) in [("z", "blP"), ("a", "b-e"), ("7", "c7Q")] {
            let text = format!("{}8Q~{}", letter.repeat(3), letter.repeat(34));
            assert_eq!(&mend(text.as_bytes())[37..], tail.as_bytes(), "{letter}");
        }
    }

    #[test]
    fn a_mended_secret_holds_and_a_changed_one_does_not() {
        for i in 0..300 {
            let made = mend(fill("{{alnum:3}}8Q~{{alnum:34}}", &i.to_string()).as_bytes());
            assert_eq!(check(&made), Proof::HOLDS);
            let mut other = made.clone();
            other[20] = if other[20] == b'x' { b'y' } else { b'x' };
            assert_eq!(check(&other), Proof::FAILS);
        }
        assert_eq!(check(fill("{{alnum:3}}7Q~{{alnum:31}}", "old").as_bytes()), Proof::Unknown);
        assert_eq!(check(b"8Q~"), Proof::Unknown);
    }
}
