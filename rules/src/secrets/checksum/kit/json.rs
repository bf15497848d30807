//! Objects that tokens carry in base64.

use super::base64;
use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The object that base64 holds; the parser limits its depth.
pub(crate) fn object(encoded: &[u8]) -> Option<Object> {
    serde_json::from_slice(&base64::decode(encoded)?).ok()
}

/// A text field.
pub(crate) fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// A time: whole or broken seconds since 1970, as a number.
pub(crate) fn seconds(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    // A fraction is cut off; what is no time is sorted out where days are made of it.
    value.as_i64().or_else(|| value.as_f64().map(|s| s as i64))
}

/// The host of an address, or the text itself.
pub(crate) fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // A password in an address is nobody's business.
    authority.rsplit('@').next().unwrap_or(authority)
}

/// An object as base64 without padding, for examples. `…` in it is replaced by letters that depend on the token.
pub(crate) fn made(template: &str, token: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let noise = data_encoding::HEXLOWER.encode(&Sha256::digest(token));
    data_encoding::BASE64_NOPAD.encode(template.replace('…', &noise[..40]).as_bytes()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;

    #[test]
    fn objects_only() {
        let encoded = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let read = |text: &str| object(encoded(text).as_bytes());
        assert_eq!(text(&read("{\"a\":\"b\"}").unwrap(), "a"), Some("b"));
        for text in ["[1]", "1", "", "{\"a\":", "null"] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&"[".repeat(9000)).is_none());
    }

    #[test]
    fn hosts_and_times() {
        assert_eq!(host("https://me:pw@login.acme.test/realm?x"), "login.acme.test");
        assert_eq!(host("kubernetes/serviceaccount"), "kubernetes");
        assert_eq!(host(""), "");
        let value: Value = serde_json::from_str("[1700000000, 1700000000.7, \"1700000000\", 1e300]").unwrap();
        let times: Vec<_> = (0..4).map(|i| seconds(value.get(i))).collect();
        assert_eq!(times, [Some(1_700_000_000), Some(1_700_000_000), None, Some(i64::MAX)]);
    }
}
