//! Seed phrases of wallets (BIP-39): words of one list of 2048, whose last bits are the first of the SHA-256 of the
//! others.

use super::{Checksum, Evidence, Mend, Proof, Seen};
use crate::secrets::published::published;
use bip0039::{Error, Mnemonic};
use sha2::{Digest, Sha256};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Proof(mend) };

/// The phrases that development tools come with; everybody's play money is theirs. The standard's vectors are among what
/// is [`published`].
const PUBLIC: &[&str] = &[
    "myth like bonus scare over problem client lizard pioneer submit female collect",
    "candy maple cake sugar pudding cream honey rich smooth crumble sweet treat",
    "bottom drive obey lake curtain smoke basket hold race lonely fit walk",
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
];
/// A phrase of fewer different words was not drawn by lot.
const DIFFERENT: usize = 8;

/// The words, one blank between them.
fn words(phrase: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(phrase).ok()?.to_ascii_lowercase();
    Some(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

fn check(seen: &Seen<'_>) -> Evidence {
    let Some(phrase) = words(seen.secret()) else { return Proof::Harmless.into() };
    let count = phrase.split(' ').count();
    let mut different: Vec<&str> = phrase.split(' ').collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT
        || PUBLIC.contains(&phrase.as_str())
        || published(phrase.as_bytes())
    {
        return Proof::Harmless.into();
    }
    judged(&phrase, count)
}

fn judged(phrase: &str, count: usize) -> Evidence {
    match Mnemonic::<bip0039::English>::validate(phrase) {
        Ok(()) => Evidence::from(Proof::HOLDS).tell(format!("{count} words")),
        Err(Error::InvalidChecksum) => Proof::FAILS.into(),
        // Words that are in no list are prose, or a phrase in another language.
        Err(_) => Proof::Harmless.into(),
    }
}

/// A phrase of as many words that depends on the text.
fn mend(text: &[u8]) -> Vec<u8> {
    let count = text.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).count();
    let noise = Sha256::digest(text);
    let made = match count {
        12 | 15 | 18 | 21 | 24 => Mnemonic::<bip0039::English>::from_entropy(&noise[..count / 3 * 4]).ok(),
        _ => None,
    };
    made.map_or_else(|| text.to_vec(), |m| m.phrase().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Evidence {
        check(&Seen::alone(text.as_bytes()))
    }

    #[test]
    fn phrases_of_every_length() {
        for count in [12, 15, 18, 21, 24] {
            let phrase = String::from_utf8(mend("x ".repeat(count).as_bytes())).unwrap();
            assert_eq!(said(&phrase).note(), Some(format!("its checksum holds; {count} words")));
            assert_eq!(said(&phrase.replace(' ', "\n  ").to_uppercase()).proof, Proof::HOLDS);
            let (head, last) = phrase.rsplit_once(' ').unwrap();
            let other = if last == "zoo" { "abandon" } else { "zoo" };
            assert!(said(&format!("{head} {other}")).proof != Proof::Harmless);
        }
    }

    /// A vector of BIP-39, whose last word is the only right one of its neighbours.
    #[test]
    fn known_answer() {
        let head = "ozone drill grab fiber curtain grace pudding thank cruise elder eight";
        let picnic = format!("{head} picnic");
        assert_eq!(judged(&picnic, 12).proof, Proof::HOLDS);
        assert_eq!(said(&format!("{head} piece")).proof, Proof::FAILS);
        // Everybody has read it.
        assert_eq!(said(&picnic.to_uppercase().replace(' ', "\n")).proof, Proof::Harmless);
    }

    #[test]
    fn public_phrases_and_prose_are_no_secrets() {
        let test = format!("{}junk", "test ".repeat(11));
        let about = format!("{}about", "abandon ".repeat(11));
        let prose = "the quick brown fox jumps over the lazy dog again and again";
        for text in [PUBLIC[0], PUBLIC[1], PUBLIC[2], &test, &about, prose, ""] {
            assert_eq!(said(text).proof, Proof::Harmless, "{text}");
        }
    }
}
