//! age identities: bech32, whose last six characters are a BCH code over the rest. Source: the age specification and
//! BIP-173.

use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const DIGITS: &[u8; 32] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
const TAIL: usize = 6;

/// The text before the last `1`, and what follows it as numbers.
fn split(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let one = memchr::memrchr(b'1', text)?;
    let data = text[one + 1..].iter().map(|b| DIGITS.iter().position(|d| d == b).map(|n| n as u8));
    let data: Vec<u8> = data.collect::<Option<_>>()?;
    (data.len() > TAIL).then_some((&text[..one], data))
}

/// The remainder over the text before the `1`, spread as bech32 does it in lower case, and the data.
fn remainder(head: &[u8], data: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = head.iter().map(|b| b.to_ascii_lowercase() >> 5);
    let low = head.iter().map(|b| b.to_ascii_lowercase() & 31);
    high.chain([0]).chain(low).chain(data.iter().copied()).fold(1, |sum, value| {
        let top = sum >> 25;
        let sum = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        GENERATOR.iter().enumerate().filter(|(i, _)| top >> i & 1 == 1).fold(sum, |s, (_, g)| s ^ g)
    })
}

fn check(text: &[u8]) -> Proof {
    match split(text) {
        None => Proof::Unknown,
        Some((head, data)) if remainder(head, &data) == 1 => Proof::HOLDS,
        Some(_) => Proof::FAILS,
    }
}

fn mend(text: &[u8]) -> Vec<u8> {
    let Some((head, mut data)) = split(text) else { return text.to_vec() };
    let end = data.len() - TAIL;
    data[end..].fill(0);
    let sum = remainder(head, &data) ^ 1;
    for (i, value) in data[end..].iter_mut().enumerate() {
        *value = (sum >> (5 * (TAIL - 1 - i)) & 31) as u8;
    }
    let digits: Vec<u8> = data.iter().map(|n| DIGITS[usize::from(*n)]).collect();
    [head, b"1", &digits].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_vectors_of_bip_173() {
        assert_eq!(check(b"ABCDEF1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LMQQQXW"), Proof::HOLDS);
        assert!(matches!(check(b"ABCDEF1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LMQQQXQ"), Proof::Fails(_)));
    }

    #[test]
    fn a_mended_text_holds() {
        let text = mend(b"AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQQQQQ");
        assert_eq!(check(&text), Proof::HOLDS);
        assert_eq!(check(b"AGE-SECRET-KEY-1bio"), Proof::Unknown);
    }
}
