//! Azure's annotated keys (`…JQQJ99…`, since 2024): 84 or 88 characters that say what made them, when and for which
//! service, and end in the Marvin32 of the 60 bytes before, in base 62 or 64. Source:
//! github.com/microsoft/security-utilities.

use super::kit::{base64, crc, marvin};
use super::{Checksum, Evidence, Mend, Seen};
use data_encoding::BASE64_NOPAD;

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Proof(mend) };

const SEED: &[u8; 8] = b"Default0";
/// Characters that the hash covers.
const BODY: usize = 80;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Services by their letters, as far as they are known.
const SERVICES: &[(&[u8; 4], &str)] = &[
    (b"ACOG", "of Azure AI services"),
    (b"AZBS", "of Azure Bot Service"),
    (b"AZDO", "of Azure DevOps"),
    (b"AZEG", "of Event Grid"),
    (b"APIM", "of API Management"),
];

/// The covered text and the tail, without padding.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, tail) = key.split_at_checked(BODY)?;
    match tail {
        [_, _, _, _] => Some((body, tail)),
        [rest @ .., b'=', b'='] if rest.len() == 6 => Some((body, rest)),
        _ => None,
    }
}

/// The hash as newer and as older keys write it, six characters each.
fn sums(body: &[u8]) -> Option<[Vec<u8>; 3]> {
    let hash = marvin::hash(&base64::decode(body)?, SEED);
    let number = crc::digits(u64::from(u32::from_be_bytes(hash)), BASE62, 6);
    let zeros = number.iter().take_while(|b| **b == b'0').count();
    // A number is filled up on the right; whether a byte of zeros in front is written depends on the program.
    let kept = hash.iter().take_while(|b| **b == 0).count().min(zeros);
    let newer = |kept: usize| {
        let text = [&number[zeros - kept..], &number[..zeros - kept]].concat();
        // Written as text of 36 bits, it is read as 32.
        Some(BASE64_NOPAD.encode(&base64::decode(&text)?).into_bytes())
    };
    Some([newer(0)?, newer(kept)?, BASE64_NOPAD.encode(&hash).into_bytes()])
}

fn check(seen: &Seen<'_>) -> Evidence {
    let key = seen.secret();
    let Some((body, tail)) = split(key) else { return Evidence::unknown() };
    let Some(sums) = sums(body) else { return Evidence::unknown() };
    // Short keys leave the last two characters out.
    let said = Evidence::from(crc::known(sums.iter().any(|sum| sum.starts_with(tail))));
    let service = SERVICES.iter().find(|(letters, _)| body[76..].eq_ignore_ascii_case(*letters));
    let said = service.map_or(said.clone(), |(_, words)| said.tell(*words));
    match made(body) {
        Some(made) => said.tell(made),
        None => said,
    }
}

/// When it was made, to the month.
fn made(body: &[u8]) -> Option<String> {
    let digit = |at: usize| BASE64.iter().position(|d| *d == body[at]);
    let (year, month) = (2024 + digit(58)?, 1 + digit(59)?);
    (year <= 2085 && month <= 12).then(|| format!("made {year}-{month:02}"))
}

fn mend(key: &[u8]) -> Vec<u8> {
    let sums = split(key).and_then(|(body, tail)| Some((body, tail.len(), sums(body)?)));
    let Some((body, len, [sum, ..])) = sums else { return key.to_vec() };
    let padding: &[u8] = if len == 6 { b"==" } else { b"" };
    [body, &sum[..len], padding].concat()
}

#[cfg(test)]
mod tests {
    use super::super::Proof;
    use super::*;
    use crate::testing::fill;

    fn said(key: &[u8]) -> Evidence {
        check(&Seen::alone(key))
    }

    /// 84 characters for Azure AI services, made in April 2025.
    fn key(random: &str, tail: &str) -> Vec<u8> {
        format!("{random}JQQJ99BD{}ACOG{tail}", "A".repeat(16)).into_bytes()
    }

    #[test]
    fn a_mended_key_holds_and_a_changed_one_does_not() {
        for i in 0..300 {
            let random = fill("{{alnum:52}}", &i.to_string());
            for tail in ["0000", "000000=="] {
                let mended = mend(&key(&random, tail));
                assert_eq!(said(&mended).proof, Proof::HOLDS);
                let mut other = mended.clone();
                other[7] = if other[7] == b'x' { b'y' } else { b'x' };
                assert_eq!(said(&other).proof, Proof::FAILS);
            }
        }
    }

    /// Computed with an implementation in another language.
    #[test]
    fn known_answers() {
        for (random, newer, older) in
            [("a", "3xBG", "1/Dg"), ("b", "39PF", "rBpD"), ("d", "hwo4", "JrUG"), ("h", "3JM1", "tN04")]
        {
            for tail in [newer, older] {
                assert_eq!(said(&key(&random.repeat(52), tail)).proof, Proof::HOLDS, "{tail}");
            }
            assert_eq!(said(&key(&random.repeat(52), "zzzz")).proof, Proof::FAILS);
        }
        assert_eq!(said(&key(&"a".repeat(52), "3xBGXA==")).proof, Proof::HOLDS);
        assert_eq!(said(&key(&"a".repeat(52), "1/DgRg==")).proof, Proof::HOLDS);
        assert_eq!(said(&key(&"a".repeat(52), "1/DgRA==")).proof, Proof::FAILS);
    }

    #[test]
    fn its_parts_are_told() {
        let note = said(&mend(&key(&fill("{{alnum:52}}", "parts"), "0000"))).note();
        assert_eq!(note.as_deref(), Some("its checksum holds; of Azure AI services; made 2025-04"));
        assert_eq!(said(b"JQQJ99"), Evidence::unknown());
        assert_eq!(said(&[b'='; 84]), Evidence::unknown());
    }
}
