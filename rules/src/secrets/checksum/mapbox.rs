//! Mapbox's tokens: a JSON object that names the account, between the kind and the signature.

use super::kit::json;
use super::{Checksum, Evidence, Mend, Proof, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

/// Kind, object, signature.
fn split(token: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = token.split(|b| *b == b'.');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

fn check(seen: &Seen<'_>) -> Evidence {
    let object = split(seen.secret()).and_then(|[_, body, _]| json::object(body));
    match object {
        Some(object) if object.contains_key("u") => {
            Evidence::unknown().name("of account", json::text(&object, "u"))
        }
        _ => Proof::BROKEN.into(),
    }
}

fn mend(token: &[u8]) -> Vec<u8> {
    let Some([kind, _, signature]) = split(token) else { return token.to_vec() };
    [kind, b".", &json::made(r#"{"u":"acme","a":"…"}"#, token), b".", signature].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account() {
        let said = |token: &[u8]| check(&Seen::alone(token));
        assert_eq!(said(&mend(b"sk.eyJ.x")).note().as_deref(), Some("of account acme"));
        for text in ["sk.eyJ.x", "sk.e30.x", "sk", ""] {
            assert_eq!(said(text.as_bytes()).proof, Proof::BROKEN, "{text}");
        }
    }
}
