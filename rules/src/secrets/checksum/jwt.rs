//! JSON Web Tokens (RFC 7519): header and claims are readable, and say who made them, for whom and until when. What
//! does not read as JSON, has no signature, or is in every manual, is no secret.

use super::kit::json::{self, Object};
use super::{Checksum, Evidence, Mend, Proof, Seen};
use crate::rule::Severity;
use memchr::memmem;
use serde_json::Value;

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

const SHORT: Proof =
    Proof::Fails("its signature is not of the length that its algorithm makes: truncated or made up");

fn check(seen: &Seen<'_>) -> Evidence {
    // Some vendors write words before it.
    let start = memmem::find(seen.secret(), b"eyJ").unwrap_or(0);
    let mut parts = seen.secret()[start..].split(|b| *b == b'.');
    let (Some(head), Some(body), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Proof::Harmless.into();
    };
    let (Some(head), Some(claims)) = (json::object(head), json::object(body)) else {
        return Proof::Harmless.into();
    };
    let proof = match json::text(&head, "alg") {
        Some(algorithm) if !signed(algorithm, signature.len()) => SHORT,
        None | Some("none" | "None" | "NONE") => Proof::Harmless,
        Some(_) if example(&claims) || public(&claims) || !grants(&claims) => Proof::Harmless,
        Some(_) => Proof::Unknown,
    };
    told(proof, &claims)
}

/// Whether signatures of this algorithm have as many characters. What is not known may have any number.
fn signed(algorithm: &str, len: usize) -> bool {
    match algorithm {
        "HS256" => len == 43,
        "HS384" => len == 64,
        "HS512" | "ES256" | "ES256K" | "EdDSA" | "Ed25519" => len == 86,
        "ES384" => len == 128,
        "ES512" => len == 176,
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => len >= 171,
        _ => true,
    }
}

/// The tokens of manuals and tutorials.
fn example(claims: &Object) -> bool {
    let is = |key: &str, value: &str| json::text(claims, key) == Some(value);
    (is("sub", "1234567890") && is("name", "John Doe"))
        || (is("iss", "joe") && json::seconds(claims.get("exp")) == Some(1_300_819_380))
        || is("iss", "supabase-demo")
        || (claims.len() == 1 && (is("some", "payload") || is("foo", "bar") || is("hello", "world")))
}

/// Claims of RFC 7519 and OpenID.
const CLAIMS: &[&str] =
    &["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "azp", "scp", "scope", "scopes", "u", "ref"];
/// What other claims of a credential begin or end with, without separators: whom or what it is for.
const WORDS: &[&str] = &[
    "id",
    "user",
    "name",
    "mail",
    "role",
    "roles",
    "group",
    "groups",
    "permission",
    "permissions",
    "admin",
    "account",
    "tenant",
    "org",
    "team",
    "project",
    "workspace",
    "client",
    "device",
    "session",
    "token",
    "key",
    "access",
    "login",
    "grant",
    "grants",
    "rights",
    "expires",
];

/// Whether a signed text can open anything: one without any claim of who, for whom, until when or what for is data that
/// somebody has signed.
fn grants(claims: &Object) -> bool {
    claims.keys().any(|key| {
        let bare: String =
            key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        CLAIMS.contains(&bare.as_str()) || WORDS.iter().any(|w| bare.starts_with(w) || bare.ends_with(w))
    })
}

/// Supabase's key for browsers, which every visitor of a site is given.
fn public(claims: &Object) -> bool {
    json::text(claims, "iss") == Some("supabase") && json::text(claims, "role") == Some("anon")
}

fn told(proof: Proof, claims: &Object) -> Evidence {
    let text = |key: &str| json::text(claims, key);
    let audience = match claims.get("aud") {
        Some(Value::Array(all)) => all.first().and_then(Value::as_str),
        one => one.and_then(Value::as_str),
    };
    let said = Evidence::from(proof).expires(json::seconds(claims.get("exp")));
    match text("iss") {
        Some("supabase") => {
            let said = said.name("of Supabase project", text("ref")).name("role", text("role"));
            if text("role") == Some("service_role") { said.weigh(Severity::Critical) } else { said }
        }
        Some("kubernetes/serviceaccount") => said
            .name("of Kubernetes account", text("kubernetes.io/serviceaccount/service-account.name"))
            .name("namespace", text("kubernetes.io/serviceaccount/namespace")),
        issuer => said.name("issued by", issuer.map(json::host)).name("for", audience.map(json::host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;

    fn token(head: &str, claims: &str, signature: usize) -> String {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{}", encode(head), encode(claims), "x".repeat(signature))
    }

    fn said(claims: &str) -> Evidence {
        check(&Seen::alone(token("{\"alg\":\"HS256\"}", claims, 43).as_bytes()))
    }

    #[test]
    fn who_made_it_for_whom_and_until_when() {
        let full = said(
            "{\"iss\":\"https://login.acme.test/x\",\"aud\":[\"api.acme.test\"],\"exp\":1700000000,\"sub\":\"me\"}",
        );
        assert_eq!(full.note().as_deref(), Some("issued by login.acme.test; for api.acme.test"));
        assert_eq!(full.worth.expires, Some(1_700_000_000));
        assert_eq!(said("{\"sub\":\"me\"}"), Evidence::unknown());
        let behind = format!("ghs_1_{}", token("{\"alg\":\"HS256\"}", "{\"iss\":\"GitHub\"}", 43));
        assert_eq!(check(&Seen::alone(behind.as_bytes())).note().as_deref(), Some("issued by GitHub"));
    }

    #[test]
    fn supabase_keys_by_their_role() {
        let key = |role: &str| {
            said(&format!("{{\"iss\":\"supabase\",\"ref\":\"abcdefghij\",\"role\":\"{role}\"}}"))
        };
        assert_eq!(key("anon").proof, Proof::Harmless);
        let service = key("service_role");
        assert_eq!((service.proof, service.worth.severity), (Proof::Unknown, Some(Severity::Critical)));
        assert_eq!(service.note().as_deref(), Some("of Supabase project abcdefghij; role service_role"));
    }

    #[test]
    fn examples_and_what_is_no_token_are_no_secrets() {
        for claims in [
            "{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}",
            "{\"name\":\"John Doe\",\"admin\":true,\"sub\":\"1234567890\"}",
            "{\"some\":\"payload\"}",
            "{\"confidence\":0.8}",
            "{}",
            "[\"a\"]",
            "{\"a\":",
        ] {
            assert_eq!(said(claims).proof, Proof::Harmless, "{claims}");
        }
        for text in [token("{\"alg\":\"none\"}", "{}", 43), token("{}", "{}", 43), "eyJ.eyJ".to_owned()] {
            assert_eq!(check(&Seen::alone(text.as_bytes())).proof, Proof::Harmless, "{text}");
        }
    }

    #[test]
    fn a_signature_has_the_length_of_its_algorithm() {
        for (algorithm, len) in [("HS256", 42), ("HS256", 86), ("ES256", 43), ("RS256", 86), ("HS512", 0)] {
            let text = token(&format!("{{\"alg\":\"{algorithm}\"}}"), "{}", len);
            assert_eq!(check(&Seen::alone(text.as_bytes())).proof, SHORT, "{algorithm} {len}");
        }
    }
}
