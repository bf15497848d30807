//! Artifactory's reference tokens: base64 of `reftkn:01:`, the second at which it ends (0 for never), and the secret.

use super::kit::base64;
use super::{Checksum, Evidence, Mend, Seen};
use data_encoding::BASE64_NOPAD;

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

const HEAD: &[u8] = b"reftkn:01:";
const DIGITS: usize = 10;

fn check(seen: &Seen<'_>) -> Evidence {
    let bytes = base64::decode(seen.secret());
    let rest = bytes.as_ref().and_then(|b| b.strip_prefix(HEAD)).filter(|r| r.get(DIGITS) == Some(&b':'));
    let digits = rest.and_then(|r| std::str::from_utf8(&r[..DIGITS]).ok()?.parse::<i64>().ok());
    match digits {
        // What is written down nowhere cannot be told from what is made up.
        None => Evidence::unknown(),
        Some(0) => Evidence::unknown().tell("does not expire"),
        end => Evidence::unknown().expires(end),
    }
}

fn mend(token: &[u8]) -> Vec<u8> {
    let Some(mut bytes) = base64::decode(token).filter(|b| b.len() > HEAD.len() + DIGITS) else {
        return token.to_vec();
    };
    bytes[..HEAD.len()].copy_from_slice(HEAD);
    bytes[HEAD.len()..=HEAD.len() + DIGITS].copy_from_slice(b"1900000000:");
    // Real ones have letters and digits for their secret, and so in base64 no sign.
    bytes.iter_mut().skip(HEAD.len() + DIGITS + 1).for_each(|b| *b = b'a' + *b % 26);
    BASE64_NOPAD.encode(&bytes).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    #[test]
    fn when_it_ends() {
        let said = |token: &[u8]| check(&Seen::alone(token));
        let token = mend(fill("{{alnum:64}}", "jfrog").as_bytes());
        assert_eq!((token.len(), said(&token).worth.expires), (64, Some(1_900_000_000)));
        let never = BASE64_NOPAD.encode(b"reftkn:01:0000000000:abc");
        assert_eq!(said(never.as_bytes()).note().as_deref(), Some("does not expire"));
        assert_eq!(said(b"cmVmdGtuOj"), Evidence::unknown());
    }
}
