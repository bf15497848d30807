//! The older tokens of Azure DevOps: 52 small letters and digits of base 32, in whose 32 bytes a CRC-32 of the others
//! is hidden, changed by a constant that tells users' tokens from applications' secrets. Source:
//! github.com/microsoft/security-utilities.

use super::{Checksum, Evidence, Mend, Proof, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Proof(mend) };

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const LENGTH: usize = 52;
const USER: u32 = 0xe0b9_692d;
const APPLICATION: u32 = 0x1019_f92e;
/// Where the checksum is, lowest byte first.
const SUM: [usize; 4] = [22, 8, 7, 2];

/// The bytes; the last four bits of the text stand for nothing.
fn decode(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (mut bits, mut held, mut at) = (0u32, 0u32, 0);
    for letter in text.iter().filter(|_| text.len() == LENGTH) {
        let digit = DIGITS.iter().position(|d| *d == letter.to_ascii_lowercase())? as u32;
        (bits, held) = ((bits << 5 | digit) & 0xfff, held + 5);
        if held >= 8 && at < bytes.len() {
            held -= 8;
            bytes[at] = (bits >> held) as u8;
            at += 1;
        }
    }
    (at == bytes.len()).then_some(bytes)
}

fn encode(bytes: &[u8; 32]) -> Vec<u8> {
    let bit = |n: usize| bytes.get(n / 8).is_some_and(|b| b >> (7 - n % 8) & 1 == 1);
    (0..LENGTH).map(|i| DIGITS[(0..5).fold(0, |digit, n| digit << 1 | usize::from(bit(5 * i + n)))]).collect()
}

fn sum(bytes: &[u8; 32]) -> u32 {
    let covered: Vec<u8> = (0..32).filter(|i| !SUM.contains(i)).map(|i| bytes[i]).collect();
    crc32fast::hash(&covered)
}

fn check(seen: &Seen<'_>) -> Evidence {
    let Some(bytes) = decode(seen.secret()) else { return Evidence::unknown() };
    match u32::from_le_bytes(SUM.map(|i| bytes[i])) ^ sum(&bytes) {
        USER => Proof::HOLDS.into(),
        APPLICATION => Evidence::from(Proof::HOLDS).tell("of an application"),
        _ => Proof::FAILS.into(),
    }
}

fn mend(text: &[u8]) -> Vec<u8> {
    let Some(mut bytes) = decode(text) else { return text.to_vec() };
    let digits = (sum(&bytes) ^ USER).to_le_bytes();
    for (i, digit) in SUM.into_iter().zip(digits) {
        bytes[i] = digit;
    }
    encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    fn proof(text: &[u8]) -> Evidence {
        check(&Seen::alone(text))
    }

    /// Bytes 0, 1, 2 … with the checksum in its places, computed with an implementation in another language.
    #[test]
    fn known_answers() {
        let mut bytes: [u8; 32] = std::array::from_fn(|i| i as u8);
        for (digits, note) in [
            ([0x41, 0x98, 0xd3, 0x3b], "its checksum holds"),
            ([0x42, 0x08, 0x73, 0xcb], "its checksum holds; of an application"),
        ] {
            for (i, digit) in SUM.into_iter().zip(digits) {
                bytes[i] = digit;
            }
            assert_eq!(proof(&encode(&bytes)).note().as_deref(), Some(note));
        }
    }

    #[test]
    fn a_mended_token_holds_and_a_changed_one_does_not() {
        for i in 0..300 {
            let made = mend(fill("{{lower:52}}", &i.to_string()).as_bytes());
            assert_eq!(made.len(), LENGTH);
            assert_eq!(proof(&made).proof, Proof::HOLDS);
            let mut other = made.clone();
            other[30] = if other[30] == b'x' { b'y' } else { b'x' };
            assert_eq!(proof(&other).proof, Proof::FAILS);
        }
        for text in ["", "a", &"a".repeat(51), &"1".repeat(52), &"a".repeat(53)] {
            assert_eq!(proof(text.as_bytes()), Evidence::unknown());
        }
    }
}
