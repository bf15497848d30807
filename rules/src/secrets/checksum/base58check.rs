//! Keys of wallets in base 58, which end in the first four bytes of the SHA-256 of the SHA-256 of the rest: private keys
//! of Bitcoin and its kin (WIF) and extended keys (BIP-32).

use super::kit::crc;
use super::{Checksum, Evidence, Mend, Proof, Seen};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Proof(mend) };

const SUM: usize = 4;
/// No key is longer; decoding takes time that grows with the square of the length.
const LONGEST: usize = 128;

/// First bytes of extended private keys.
const EXTENDED: &[(&[u8], [u8; 4])] = &[
    (b"xprv", [0x04, 0x88, 0xad, 0xe4]),
    (b"yprv", [0x04, 0x9d, 0x78, 0x78]),
    (b"zprv", [0x04, 0xb2, 0x43, 0x0c]),
    (b"tprv", [0x04, 0x35, 0x83, 0x94]),
    (b"uprv", [0x04, 0x4a, 0x4e, 0x28]),
    (b"vprv", [0x04, 0x5f, 0x18, 0xbc]),
];

fn sum(body: &[u8]) -> [u8; SUM] {
    let digest = Sha256::digest(Sha256::digest(body));
    [digest[0], digest[1], digest[2], digest[3]]
}

fn encode(body: &[u8]) -> Vec<u8> {
    bs58::encode([body, &sum(body)[..]].concat()).into_vec()
}

fn check(seen: &Seen<'_>) -> Evidence {
    let key = Some(seen.secret()).filter(|k| k.len() <= LONGEST);
    let bytes = key.and_then(|k| bs58::decode(k).into_vec().ok()).map(Zeroizing::new);
    let Some((body, tail)) = bytes.as_ref().and_then(|b| b.split_last_chunk::<SUM>()) else {
        return Proof::FAILS.into();
    };
    let said = Evidence::from(crc::known(sum(body) == *tail));
    match (body.len(), body) {
        (78, [_, _, _, _, 0, ..]) => said.tell("the wallet's master key"),
        (78, [_, _, _, _, depth, ..]) => said.tell(format!("{depth} below the wallet's master key")),
        (33 | 34, [0xef, ..]) => said.tell("for a test network"),
        _ => said,
    }
}

/// A key of the kind that its first letters say.
fn mend(key: &[u8]) -> Vec<u8> {
    let noise = Sha256::digest(key);
    if let Some((_, version)) = EXTENDED.iter().find(|(letters, _)| key.starts_with(letters)) {
        let body = [&version[..], &[3], &noise[..8], &noise, &[0], &Sha256::digest(noise)];
        return encode(&body.concat());
    }
    match key.first() {
        Some(b'5') => encode(&[&[0x80], &noise[..]].concat()),
        Some(b'K' | b'L') => encode(&[&[0x80], &noise[..], &[1]].concat()),
        Some(b'9') => encode(&[&[0xef], &noise[..]].concat()),
        Some(b'c') => encode(&[&[0xef], &noise[..], &[1]].concat()),
        _ => key.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: &[u8]) -> Evidence {
        check(&Seen::alone(key))
    }

    /// Keys of the bytes 0, 1, 2 …; the ends of the texts were computed with an implementation in another language.
    #[test]
    fn known_answers() {
        let bytes: Vec<u8> = (0..32).collect();
        let extended = [&EXTENDED[0].1[..], &[3], &[0; 8], &bytes, &[0], &bytes].concat();
        for (body, end, note) in [
            ([&[0x80], &bytes[..]].concat(), "VdKHNXZh8", "its checksum holds"),
            ([&[0x80], &bytes[..], &[1]].concat(), "jd7MHLBjGF7V", "its checksum holds"),
            (extended, "roQRd9qqSZP", "its checksum holds; 3 below the wallet's master key"),
        ] {
            let key = encode(&body);
            assert!(key.ends_with(end.as_bytes()), "{end}");
            assert_eq!(said(&key).note().as_deref(), Some(note));
        }
    }

    #[test]
    fn a_mended_key_holds_and_a_changed_one_does_not() {
        for start in ["5", "K", "L", "9", "c", "xprv", "yprv", "zprv", "tprv", "uprv", "vprv"] {
            for i in 0..30 {
                let made = mend(format!("{start}{i}").as_bytes());
                assert_eq!(said(&made).proof, Proof::HOLDS);
                if start.len() == 4 {
                    assert!(made.starts_with(start.as_bytes()) && made.len() == 111, "{start}");
                }
                let mut other = made.clone();
                other[9] = if other[9] == b'x' { b'y' } else { b'x' };
                assert_eq!(said(&other).proof, Proof::FAILS);
            }
        }
    }

    #[test]
    fn other_texts() {
        for text in ["", "1", "0OIl", &"z".repeat(9999)] {
            assert_eq!(said(text.as_bytes()).proof, Proof::FAILS);
        }
    }
}
