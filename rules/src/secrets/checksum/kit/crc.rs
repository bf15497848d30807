//! Tokens that end in a CRC-32 (IEEE) of what is before it: a prefix, a body, a tail in one spelling or another.

use crate::secrets::checksum::Proof;

/// Hexadecimal in small letters.
pub(crate) fn hex(body: &[u8]) -> Vec<u8> {
    format!("{:08x}", crc32fast::hash(body)).into_bytes()
}

/// The value of digits of this alphabet; `None` when one is in none.
pub(crate) fn value(digits: &[u8], alphabet: &[u8]) -> Option<u64> {
    let base = alphabet.len() as u64;
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = alphabet.iter().position(|d| d == digit)? as u64;
        value.checked_mul(base)?.checked_add(digit)
    })
}

/// A number as `width` digits, zeros on the left.
pub(crate) fn digits(mut value: u64, alphabet: &[u8], width: usize) -> Vec<u8> {
    let base = alphabet.len() as u64;
    let mut out = vec![b'0'; width];
    for digit in out.iter_mut().rev() {
        *digit = usize::try_from(value % base).ok().and_then(|d| alphabet.get(d)).copied().unwrap_or(b'0');
        value /= base;
    }
    out
}

/// Where its vendor documents the checksum, one that is wrong cannot work.
pub(crate) fn known(holds: bool) -> Proof {
    if holds { Proof::HOLDS } else { Proof::FAILS }
}

/// Where nobody but its vendor knows, one that is wrong says nothing.
pub(crate) fn believed(holds: bool) -> Proof {
    if holds { Proof::HOLDS } else { Proof::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_back() {
        let base62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        assert_eq!(digits(61, base62, 3), b"00z");
        assert_eq!(value(b"00z", base62), Some(61));
        assert_eq!(value(b"0-z", base62), None);
        assert_eq!(value(&[b'z'; 40], base62), None);
        assert_eq!(hex(b"123456789"), b"cbf43926");
    }
}
