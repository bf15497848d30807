//! NKey seeds of NATS: base32 of two prefix bytes, 32 bytes of seed, and the CRC-16 (XMODEM) of all that, little-endian.
//! Source: nats-io/nkeys.

use super::{Checksum, Mend, Proof};
use data_encoding::BASE32_NOPAD;

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

const TAIL: usize = 2;

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, b| {
        let start = crc ^ (u16::from(*b) << 8);
        (0..8).fold(start, |c, _| if c & 0x8000 == 0 { c << 1 } else { (c << 1) ^ 0x1021 })
    })
}

/// What is summed, and the sum that it carries.
fn split(token: &[u8]) -> Option<(Vec<u8>, [u8; TAIL])> {
    let mut bytes = BASE32_NOPAD.decode(token).ok()?;
    let tail = bytes.len().checked_sub(TAIL).map(|at| bytes.split_off(at))?;
    Some((bytes, tail.try_into().ok()?))
}

fn check(token: &[u8]) -> Proof {
    match split(token) {
        Some((body, tail)) if crc(&body).to_le_bytes() == tail => Proof::HOLDS,
        Some(_) => Proof::FAILS,
        None => Proof::Unknown,
    }
}

fn mend(token: &[u8]) -> Vec<u8> {
    // Base32 of 36 bytes leaves two spare bits, which a made-up text may have set.
    let mut spare = token.to_vec();
    if let Some(last) = spare.last_mut() {
        *last = b'A';
    }
    split(&spare).map_or_else(
        || token.to_vec(),
        |(body, _)| {
            let sum = crc(&body).to_le_bytes();
            BASE32_NOPAD.encode(&[body.as_slice(), &sum].concat()).into_bytes()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        // The check value of the algorithm.
        assert_eq!(crc(b"123456789"), 0x31C3);
    }

    #[test]
    fn a_mended_seed_holds_and_a_changed_one_does_not() {
        let seed = mend(crate::testing::fill("SUAM{{base32:54}}", "nkey").as_bytes());
        assert_eq!(seed.len(), 58);
        assert!(matches!(check(&seed), Proof::Holds(_)));
        let mut other = seed.clone();
        other[10] = if other[10] == b'A' { b'B' } else { b'A' };
        assert!(matches!(check(&other), Proof::Fails(_)));
        assert_eq!(check(b""), Proof::Unknown);
    }
}
