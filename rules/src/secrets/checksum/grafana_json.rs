//! Grafana's tokens that are a JSON object in base64: access policies of Grafana Cloud (`glc_…`) and the older API keys
//! (`eyJrIjoi…`). Both name what they are for.

use super::kit::json;
use super::{Checksum, Evidence, Mend, Proof, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

const CLOUD: &[u8] = b"glc_";

fn check(seen: &Seen<'_>) -> Evidence {
    let token = seen.secret();
    let Some(object) = json::object(token.strip_prefix(CLOUD).unwrap_or(token)) else {
        return Proof::BROKEN.into();
    };
    let text = |key: &str| json::text(&object, key);
    // Reports of Power BI have a `k` in their addresses too.
    if text("n").is_none() || text("k").is_none() {
        return Proof::Harmless.into();
    }
    let region = object.get("m").and_then(|m| m.get("r")).and_then(serde_json::Value::as_str);
    Evidence::unknown().name("named", text("n")).name("of organisation", text("o")).name("in", region)
}

fn mend(token: &[u8]) -> Vec<u8> {
    if token.starts_with(CLOUD) {
        return [CLOUD, &json::made(r#"{"o":"1234","n":"laptop","k":"…","m":{"r":"eu"}}"#, token)].concat();
    }
    json::made(r#"{"k":"…","n":"laptop","id":1}"#, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(token: &[u8]) -> Evidence {
        check(&Seen::alone(token))
    }

    #[test]
    fn what_it_is_for() {
        let cloud = said(&mend(b"glc_eyJ")).note();
        assert_eq!(cloud.as_deref(), Some("named laptop; of organisation 1234; in eu"));
        let key = mend(b"eyJrIjoi");
        assert!(key.starts_with(b"eyJrIjoi"));
        assert_eq!(said(&key).note().as_deref(), Some("named laptop"));
    }

    #[test]
    fn reports_and_noise() {
        let report = json::made(r#"{"k":"…","t":"…","c":8}"#, b"");
        assert_eq!(said(&report).proof, Proof::Harmless);
        assert_eq!(said(b"glc_eyJx").proof, Proof::BROKEN);
        assert_eq!(said(&key_cut()).proof, Proof::BROKEN);
    }

    fn key_cut() -> Vec<u8> {
        mend(b"x")[..40].to_vec()
    }
}
