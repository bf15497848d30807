//! Sentry's organisation tokens (`sntrys_…`): a JSON object that names organisation, region and time, then the secret.
//! Source: docs.sentry.io, on the formats of its tokens.

use super::kit::json;
use super::{Checksum, Evidence, Mend, Proof, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

const PREFIX: &[u8] = b"sntrys_";

/// The object and the secret.
fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = token.strip_prefix(PREFIX)?;
    memchr::memrchr(b'_', body).map(|at| body.split_at(at))
}

fn check(seen: &Seen<'_>) -> Evidence {
    let object = split(seen.secret()).and_then(|(body, _)| json::object(body));
    let Some(object) = object.filter(|o| o.contains_key("org")) else { return Proof::BROKEN.into() };
    let region = json::text(&object, "region_url").map(json::host);
    Evidence::unknown()
        .name("of organisation", json::text(&object, "org"))
        .name("at", region)
        .made(json::seconds(object.get("iat")))
}

fn mend(token: &[u8]) -> Vec<u8> {
    let template =
        r#"{"iat":1700000000.5,"url":"https://sentry.io","region_url":"https://de.sentry.io","org":"acme"}"#;
    let Some((_, secret)) = split(token) else { return token.to_vec() };
    [PREFIX, &json::made(template, token), secret].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisation_region_and_time() {
        let token = mend(b"sntrys_eyJx_secret");
        let note = check(&Seen::alone(&token)).note();
        assert_eq!(note.as_deref(), Some("of organisation acme; at de.sentry.io; made 2023-11-14"));
        for text in ["sntrys_eyJ_x", "sntrys_", "x", "sntrys_e30_x"] {
            assert_eq!(check(&Seen::alone(text.as_bytes())).proof, Proof::BROKEN, "{text}");
        }
    }
}
