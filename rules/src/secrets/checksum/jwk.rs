//! Private keys as JSON (RFC 7517): the private number is found, the object around it says what it is a part of. The
//! numbers of an RSA key must fit together, those of a curve have its length.

use super::kit::base64;
use super::kit::json::{self, Object};
use super::{Checksum, Evidence, Mend, Proof, Seen};
use crate::keys;
use zeroize::Zeroizing;

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

/// The object that the number stands in.
fn object(seen: &Seen<'_>) -> Option<Object> {
    let (before, after) = (seen.before(), seen.after());
    let start = memchr::memrchr(b'{', before)?;
    let end = memchr::memchr(b'}', after)?;
    let text = Zeroizing::new([&before[start..], seen.secret(), &after[..=end]].concat());
    serde_json::from_slice(&text).ok()
}

fn check(seen: &Seen<'_>) -> Evidence {
    let Some(object) = object(seen) else { return Proof::Harmless.into() };
    let number = |key: &str| json::text(&object, key).and_then(|v| base64::decode(v.as_bytes()));
    let curve = json::text(&object, "crv");
    let said = match (json::text(&object, "kty"), number("n"), number("p"), number("q")) {
        (Some("RSA"), Some(n), Some(p), Some(q)) => {
            let fits = keys::product(&n, &p, &q);
            let proof = if fits { Proof::Holds("its numbers fit together") } else { Proof::BROKEN };
            Evidence::from(proof).tell(format!("RSA, {} bits", n.len() * 8))
        }
        (Some("EC" | "OKP"), ..) => {
            let len = size(curve);
            let same = |key: &str| number(key).is_some_and(|n| Some(n.len()) == len);
            let proof = if same("x") && same("d") { Proof::Unknown } else { Proof::BROKEN };
            Evidence::from(proof).name("curve", curve)
        }
        // Without its primes a key can be used, but not examined.
        (Some("RSA"), Some(_), ..) => Evidence::unknown(),
        _ => return Proof::Harmless.into(),
    };
    said.name("key id", json::text(&object, "kid"))
}

/// Bytes of a number of this curve.
fn size(curve: Option<&str>) -> Option<usize> {
    Some(match curve? {
        "P-256" | "secp256k1" | "Ed25519" | "X25519" => 32,
        "P-384" => 48,
        "P-521" => 66,
        "X448" => 56,
        "Ed448" => 57,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;

    fn said(text: &str) -> Evidence {
        let at = text.find("\"d\":\"").unwrap() + 5;
        let end = at + text[at..].find('"').unwrap();
        check(&Seen::new(text.as_bytes(), (at, end)))
    }

    fn rsa(n: u64) -> String {
        let number = |n: u64| BASE64URL_NOPAD.encode(&n.to_be_bytes());
        let (p, q) = (number(4_294_967_291), number(4_294_967_279));
        format!("{{\"kty\":\"RSA\",\"d\":\"AAAA\",\"n\":\"{}\",\"p\":\"{p}\",\"q\":\"{q}\"}}", number(n))
    }

    #[test]
    fn numbers_that_fit_and_numbers_that_do_not() {
        let n = 4_294_967_291 * 4_294_967_279u64;
        assert_eq!(said(&rsa(n)).note().as_deref(), Some("its numbers fit together; RSA, 64 bits"));
        assert_eq!(said(&rsa(n + 2)).proof, Proof::BROKEN);
        assert_eq!(said(&format!("{{\"keys\":[{}]}}", rsa(n))).proof, said(&rsa(n)).proof);
    }

    #[test]
    fn curves_by_their_length() {
        let key = |len: usize| {
            let x = BASE64URL_NOPAD.encode(&[7; 32]);
            let d = BASE64URL_NOPAD.encode(&vec![7; len]);
            said(&format!(
                "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k1\",\"x\":\"{x}\",\"d\":\"{d}\"}}"
            ))
        };
        assert_eq!(key(32).proof, Proof::Unknown);
        assert_eq!(key(32).note().as_deref(), Some("curve Ed25519; key id k1"));
        assert_eq!(key(31).proof, Proof::BROKEN);
    }

    #[test]
    fn other_objects_are_no_keys() {
        for text in [
            "{\"d\":\"M0 0h24v24\"}",
            "\"d\":\"x\"",
            "{\"d\":\"x\",\"kty\":\"oct\"}",
            "{\"d\":\"x\"",
            "{,\"d\":\"x\"}",
        ] {
            assert_eq!(said(text).proof, Proof::Harmless, "{text}");
        }
    }
}
