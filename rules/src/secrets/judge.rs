//! Is the value behind a name such as `password` or `token` a secret? Names alone are worth little: half the source
//! code of the world assigns something to `token`.

use crate::secrets::allow;
use crate::secrets::entropy::shannon;
use crate::secrets::named::{Link, Value};

/// What the file tells about an unquoted value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Configuration, environment, histories: `name=value` is a value.
    Config,
    /// Source code and anything else: an unquoted word is a variable.
    Code,
}

/// Words after which a password (chosen by a person) rather than a token (made by a machine) follows.
const PASSWORDS: &[&str] = &["passw", "pwd", "passphrase", "pass"];
/// Names that contain a telling word and never hold a secret.
const HARMLESS: &[&str] = &[
    "token_type",
    "tokentype",
    "token_url",
    "tokenurl",
    "token_uri",
    "tokenizer",
    "max_tokens",
    "maxtokens",
    "token_limit",
    "secret_name",
    "secretname",
    "secretkeyref",
    "password_hash",
    "passwordhash",
    "public_key",
    "publickey",
    "token_endpoint",
    "key_id",
    "keyid",
    "key_name",
    "keyname",
    "token_count",
    "password_field",
    "password_label",
    "csrf",
    "token_expir",
    "token_ttl",
    "secret_id",
    "secretid",
    "password_policy",
    "password_min",
    "password_max",
    "password_reset",
    "forgot_password",
    "forgotpassword",
    "file",
    "path",
    "_dir",
    "pattern",
    "regex",
    "nexttoken",
    "next_token",
    "pagetoken",
    "page_token",
    "continuationtoken",
    "continuation_token",
    "clienttoken",
    "client_token",
    "requesttoken",
    "request_token",
    "locktoken",
    "changetoken",
    "updatetoken",
    "authorizationrule",
    "_arn",
    "keyarn",
    "secretarn",
    "sha256",
    "checksum",
    "fingerprint",
];

/// Whether the value is worth telling a person about.
pub(crate) fn generic(bytes: &[u8], value: &Value, setting: Setting) -> bool {
    let secret = &bytes[value.start..value.end];
    let name = String::from_utf8_lossy(&bytes[value.name_start..value.name_end]).to_ascii_lowercase();
    let plain = name.replace('-', "_");
    if HARMLESS.iter().any(|h| plain.contains(h)) || !plausible(secret, value, setting) {
        return false;
    }
    let chosen = PASSWORDS.iter().any(|p| plain.contains(p));
    if chosen { password(secret, setting) } else { token(secret) }
}

/// Rules out code, references, placeholders and prose.
fn plausible(secret: &[u8], value: &Value, setting: Setting) -> bool {
    let link = match value.link {
        Link::Assign | Link::Comma | Link::Tag | Link::ValueLine => true,
        Link::Flag => setting == Setting::Config,
    };
    let dressed = value.quoted || value.link == Link::Tag || setting == Setting::Config;
    link && dressed
        && secret.is_ascii()
        && !secret.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control())
        && !allow::reference(secret)
        && allow::placeholder(secret).is_none()
        && !code(secret)
}

/// Paths, URLs, calls, member access, hashes with their algorithm.
fn code(secret: &[u8]) -> bool {
    let has = |b: u8| memchr::memchr(b, secret).is_some();
    let url = memchr::memmem::find(secret, b"://").is_some();
    let path = secret.starts_with(b"/")
        || secret.starts_with(b"./")
        || secret.starts_with(b"~/")
        || secret.starts_with(b"..");
    let call = has(b'(') || has(b'[') || has(b'{') || has(b'<');
    let member = !secret.iter().any(u8::is_ascii_digit)
        && (has(b'.') || memchr::memmem::find(secret, b"::").is_some());
    url || path || call || member || secret.starts_with(b"sha256:") || secret.starts_with(b"$2")
}

fn classes(secret: &[u8]) -> (bool, bool, bool, bool) {
    let any = |f: fn(&u8) -> bool| secret.iter().any(f);
    (
        any(u8::is_ascii_lowercase),
        any(u8::is_ascii_uppercase),
        any(u8::is_ascii_digit),
        any(u8::is_ascii_punctuation),
    )
}

/// A password that a person chose: short, but not a word.
fn password(secret: &[u8], setting: Setting) -> bool {
    let (lower, upper, digit, mark) = classes(secret);
    let kinds = usize::from(lower) + usize::from(upper) + usize::from(digit) + usize::from(mark);
    let least = if setting == Setting::Config { 6 } else { 8 };
    secret.len() >= least
        && secret.len() <= 128
        && kinds >= 2
        && (digit || mark)
        && !words(secret)
        && shannon(secret) >= 2.3
}

/// `my_password`, `user-pass`, `PASSWORD_FIELD`: words with separators only.
fn words(secret: &[u8]) -> bool {
    secret.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
        && (secret.iter().all(|b| !b.is_ascii_uppercase())
            || secret.iter().all(|b| !b.is_ascii_lowercase())
            || secret.len() < 24)
}

/// A token that a machine made: long, mixed, random.
fn token(secret: &[u8]) -> bool {
    let (lower, upper, digit, _) = classes(secret);
    let hex = secret.iter().all(u8::is_ascii_hexdigit);
    let floor = if hex { 3.0 } else { 3.5 };
    (16..=512).contains(&secret.len())
        && digit
        && (lower || upper)
        && !words(secret)
        && shannon(secret) >= floor
        && digits(secret) >= 3
}

fn digits(secret: &[u8]) -> usize {
    secret.iter().filter(|b| b.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::named;

    fn judged(text: &str, word: &str, setting: Setting) -> bool {
        let at = text.to_ascii_lowercase().find(word).unwrap();
        let value = named::value(text.as_bytes(), at, at + word.len(), &mut (0, 0));
        value.is_some_and(|v| generic(text.as_bytes(), &v, setting))
    }

    #[test]
    fn secrets_are_told() {
        assert!(judged("DB_PASSWORD=hunter2!x", "password", Setting::Config));
        let made = |text: &str| crate::testing::fill(text, "judge");
        assert!(judged(&made("password = \"{{alnum:9}}7\""), "password", Setting::Code));
        assert!(judged(&made("api_token: \"{{alnum:20}}42\""), "token", Setting::Code));
    }

    #[test]
    fn code_and_placeholders_are_not() {
        for text in [
            "token = get_token(user)",
            "token = self.token",
            "password = \"${PASSWORD}\"",
            "password: \"password\"",
            "token = \"changeme-please-1\"",
            "max_tokens = 4096000000000000",
            "password=args.password1",
            "token_type = \"Bearer1234567890abc\"",
            "password = \"your-password-1\"",
            "token: 12345678",
            "token=$TOKEN",
            "password_file = \"/run/secrets/pw1\"",
        ] {
            let word = if text.contains("password") { "password" } else { "token" };
            assert!(!judged(text, word, Setting::Code), "{text}");
        }
    }
}
