//! Discord's bot tokens: the first part is base64 of the bot's number, whose upper bits are the time it was made.

use super::kit::base64;
use super::{Checksum, Evidence, Mend, Proof, Seen};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

/// Milliseconds since 1970 from which Discord counts.
const EPOCH: u64 = 1_420_070_400_000;

fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    memchr::memchr(b'.', token).map(|at| token.split_at(at))
}

fn check(seen: &Seen<'_>) -> Evidence {
    let digits = split(seen.secret()).and_then(|(head, _)| base64::decode(head));
    let digits = digits.as_ref().and_then(|d| std::str::from_utf8(d).ok());
    let Some(number) = digits.and_then(|d| d.parse::<u64>().ok()) else { return Proof::BROKEN.into() };
    let made = i64::try_from(((number >> 22) + EPOCH) / 1000).ok();
    Evidence::unknown().tell(format!("bot {number}")).made(made)
}

/// Gives it a number of as many digits as there is room for.
fn mend(token: &[u8]) -> Vec<u8> {
    let Some((head, rest)) = split(token).filter(|(head, _)| (22..=27).contains(&head.len())) else {
        return token.to_vec();
    };
    let len = head.len() * 3 / 4;
    let noise = Sha256::digest(token);
    let digits: String =
        noise.iter().enumerate().map(|(i, b)| char::from(b'1' + if i == 0 { 0 } else { b % 9 })).collect();
    let Some(digits) = digits.get(..len.min(19)) else { return token.to_vec() };
    [BASE64URL_NOPAD.encode(digits.as_bytes()).as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bot_and_its_age() {
        let token = |digits: &str| format!("{}.abcdef.x", BASE64URL_NOPAD.encode(digits.as_bytes()));
        let said = |token: &str| check(&Seen::alone(token.as_bytes()));
        // The number that Discord's documentation takes apart.
        let note = said(&token("175928847299117063")).note();
        assert_eq!(note.as_deref(), Some("bot 175928847299117063; made 2016-04-30"));
        for text in
            [token("17592884729911706x"), token("99999999999999999999"), "M.x".to_owned(), String::new()]
        {
            assert_eq!(said(&text).proof, Proof::BROKEN, "{text}");
        }
    }
}
