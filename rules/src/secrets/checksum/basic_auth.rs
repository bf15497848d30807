//! Credentials of HTTP Basic authentication (RFC 7617): base64 of a name, a colon and a password, without control
//! characters. Stand-ins are no secrets in this spelling either.

use super::kit::base64;
use super::{Checksum, Evidence, Mend, Proof, Seen};
use crate::secrets::{allow, chosen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

fn check(seen: &Seen<'_>) -> Evidence {
    // Another kind of token goes on here: a JWT, say, whose first part is base64 too.
    if matches!(seen.after().first(), Some(b'.' | b'-' | b'_')) {
        return Proof::Harmless.into();
    }
    let pair = base64::decode(seen.secret());
    let text =
        pair.as_deref().and_then(|p| std::str::from_utf8(p).ok()).filter(|t| !t.contains(char::is_control));
    let Some((_, password)) = text.and_then(|t| t.split_once(':')) else { return Proof::BROKEN.into() };
    let password = password.as_bytes();
    let stand_in = password.is_empty()
        || chosen::stand_in(password)
        || allow::reference(password)
        || allow::placeholder(password).is_some();
    if stand_in { Proof::Harmless.into() } else { Evidence::unknown() }
}

/// Of the same length, with a name and a password that depend on it.
fn mend(encoded: &[u8]) -> Vec<u8> {
    let Some(mut pair) = base64::decode(encoded).filter(|p| p.len() > 8) else { return encoded.to_vec() };
    pair.iter_mut().for_each(|b| *b = b'a' + *b % 26);
    pair[3] = b':';
    data_encoding::BASE64.encode(&pair).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;

    #[test]
    fn a_name_a_colon_and_a_password() {
        let said = |pair: &str| check(&Seen::alone(BASE64.encode(pair.as_bytes()).as_bytes())).proof;
        assert_eq!(said("dev:kT7!pqXz"), Proof::Unknown);
        assert_eq!(said(":kT7!pqXz"), Proof::Unknown);
        for pair in ["dev:", "dev:password", "dev:${PASSWORD}", "dev:xxxxxxxxxx"] {
            assert_eq!(said(pair), Proof::Harmless, "{pair}");
        }
        for pair in ["kT7!pqXzkT7!pqXz", "dev:\u{1}kT7!pqXz", ""] {
            assert_eq!(said(pair), Proof::BROKEN, "{pair:?}");
        }
        assert_eq!(check(&Seen::alone(b"no base64!")).proof, Proof::BROKEN);
    }

    #[test]
    fn the_first_part_of_another_token_is_none() {
        let head = BASE64.encode(b"{\"alg\":\"HS256\"}");
        let text = format!("{head}.x.y");
        assert_eq!(check(&Seen::new(text.as_bytes(), (0, head.len()))).proof, Proof::Harmless);
    }
}
