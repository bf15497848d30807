//! GitLab's routable tokens: after the payload come a version, the payload's length in base 36 and, as the last seven
//! digits of base 36, the CRC-32 of all before them. Source: GitLab's own generator, `RoutableToken`.

use super::kit::{base64, crc};
use super::{Checksum, Evidence, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| told(check(seen.secret()), seen.secret()), mend: Mend::Proof(mend) };

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

/// The lines of the payload, as far as they are known: letter, what it stands for.
const LINES: &[(&str, &str)] =
    &[("c:", "cell"), ("o:", "organisation"), ("g:", "group"), ("p:", "project"), ("u:", "user")];
/// Random bytes before the lines.
const RANDOM: usize = 16;

/// Whom it belongs to: after random bytes come lines of a letter, a colon and a number in base 36, then their length.
fn told(proof: Proof, token: &[u8]) -> Evidence {
    let said = Evidence::from(proof);
    let payload = token.split(|b| *b == b'.').next().unwrap_or_default();
    let start = memchr::memchr(b'-', payload).map_or(0, |dash| dash + 1);
    let Some(bytes) = base64::decode(&payload[start..]) else { return said };
    let lines = bytes.get(RANDOM..bytes.len().saturating_sub(1)).and_then(|l| std::str::from_utf8(l).ok());
    lines.unwrap_or_default().lines().fold(said, |said, line| {
        let known = LINES.iter().find_map(|(letter, word)| Some((word, line.strip_prefix(letter)?)));
        match known.and_then(|(word, number)| Some((word, u64::from_str_radix(number, 36).ok()?))) {
            Some((word, number)) => said.tell(format!("{word} {number}")),
            None => said,
        }
    })
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

    #[test]
    fn whom_it_belongs_to() {
        let payload = [&[0xff; RANDOM][..], b"o:1\nu:2s", b"\x09"].concat();
        let text = format!("glpat-{}.01.0p0000000", data_encoding::BASE64URL_NOPAD.encode(&payload));
        let note = (CHECKSUM.check)(&crate::secrets::checksum::Seen::alone(&mend(text.as_bytes()))).note();
        assert_eq!(note.as_deref(), Some("its checksum holds; organisation 1; user 100"));
    }
}
