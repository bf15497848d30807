//! Cloudflare's tunnel tokens: a JSON object of account, tunnel and secret.

use super::kit::json;
use super::{Checksum, Evidence, Mend, Proof, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

fn check(seen: &Seen<'_>) -> Evidence {
    match json::object(seen.secret()) {
        Some(object) if object.contains_key("t") && object.contains_key("s") => Evidence::unknown()
            .name("of account", json::text(&object, "a"))
            .name("tunnel", json::text(&object, "t")),
        _ => Proof::BROKEN.into(),
    }
}

fn mend(token: &[u8]) -> Vec<u8> {
    json::made(r#"{"a":"…","t":"tunnel-1","s":"…"}"#, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_tunnel() {
        let said = |token: &[u8]| check(&Seen::alone(token));
        let note = said(&mend(b"x")).note().unwrap();
        assert!(note.starts_with("of account ") && note.ends_with("; tunnel tunnel-1"), "{note}");
        assert_eq!(said(b"eyJhIjoi").proof, Proof::BROKEN);
    }
}
