//! Is the value behind a name such as `password` or `token` a secret? Names alone are worth little: half the source
//! code of the world assigns something to `token`. What the name ends with, how the value is dressed, which characters it
//! is made of and what kind of file it stands in decide together, and how sure they are is its grade.

use crate::rule::{Grade, Severity};
use crate::secrets::allow;
use crate::secrets::chosen;
use crate::secrets::entropy::shannon;
use crate::secrets::known::{Known, Name};
use crate::secrets::named::{Link, Value};
use crate::secrets::words::{mean, wordy};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What the file tells about an unquoted value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Setting {
    /// Configuration, environment, histories: `name=value` is a value.
    Config,
    /// Notes, logs, documentation: it may be a value, or the next word of a sentence.
    Text,
    /// Source code and anything else: an unquoted word is a variable.
    Code,
}

/// All of [`HARMLESS`] at once.
static HARMLESS_SET: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(HARMLESS).ok());

/// Where the bytes stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Around {
    pub(crate) setting: Setting,
    /// Among tests, examples or documentation.
    pub(crate) samples: bool,
}

impl Around {
    /// A file that a person or a program has set something in.
    pub(crate) const CONFIG: Around = Around { setting: Setting::Config, samples: false };

    /// How bad something is that is only guessed: a value in a setting is more than a word in prose or a test.
    pub(crate) fn milder(self, severity: Severity) -> Severity {
        let most =
            if self.setting == Setting::Config && !self.samples { Severity::Medium } else { Severity::Low };
        severity.min(most)
    }
}

/// Words after which a password (chosen by a person) rather than a token (made by a machine) follows.
const PASSWORDS: &[&str] = &["pass", "pasw", "pswd", "pwd", "psw"];
/// Last words of names that hold something about a secret, not the secret.
const ABOUT: &[&str] = &[
    "alg",
    "algorithm",
    "arn",
    "at",
    "audience",
    "bytes",
    "charset",
    "class",
    "count",
    "digest",
    "dir",
    "directory",
    "enabled",
    "endpoint",
    "env",
    "expiration",
    "expires",
    "expiry",
    "field",
    "file",
    "filename",
    "fingerprint",
    "format",
    "group",
    "hash",
    "header",
    "hint",
    "host",
    "id",
    "identifier",
    "ids",
    "index",
    "input",
    "issuer",
    "kind",
    "label",
    "len",
    "length",
    "limit",
    "location",
    "manager",
    "message",
    "method",
    "mode",
    "name",
    "names",
    "param",
    "path",
    "pattern",
    "placeholder",
    "policy",
    "port",
    "prefix",
    "prompt",
    "provider",
    "ref",
    "regex",
    "region",
    "role",
    "rule",
    "scheme",
    "scope",
    "selector",
    "service",
    "size",
    "source",
    "state",
    "status",
    "store",
    "suffix",
    "text",
    "title",
    "ttl",
    "type",
    "uri",
    "url",
    "usage",
    "user",
    "username",
    "validator",
    "version",
];
/// Parts of names, without separators, that make a value harmless wherever they stand.
const HARMLESS: &[&str] = &[
    "authorizationrule",
    "changetoken",
    "checksum",
    "clienttoken",
    "continuationtoken",
    "csrf",
    "fingerprint",
    "forgotpassword",
    "idempotency",
    "integrity",
    "locktoken",
    "maxtoken",
    "nexttoken",
    "pagetoken",
    "passwordfield",
    "passwordhash",
    "passwordlabel",
    "passwordmax",
    "passwordmin",
    "passwordpolicy",
    "passwordreset",
    "publickey",
    "publictoken",
    "publishable",
    "requesttoken",
    "secretkeyref",
    "sha256",
    "sitekey",
    "tokencount",
    "tokenizer",
    "tokenlimit",
    "updatetoken",
    "xsrf",
];

/// How sure it is that the value is a secret that a person would want to know of; `None` when it is not, or when a
/// vendor's own rules know better.
pub(crate) fn generic(bytes: &[u8], value: &Value, setting: Setting, known: &Known) -> Option<Grade> {
    let secret = &bytes[value.start..value.end];
    let name = &bytes[value.name_start..value.name_end];
    let plain_name = Name::new(name);
    let squeezed = &plain_name.squeezed;
    if HARMLESS_SET.as_ref().is_some_and(|set| set.is_match(squeezed))
        || about(name)
        || !plausible(secret, value, setting)
    {
        return None;
    }
    // The vendor, whose tokens nobody chooses.
    let bare = squeezed.replace("1password", "").replace("onepassword", "");
    let chosen = PASSWORDS.iter().any(|p| bare.contains(p));
    let plain = setting == Setting::Text && !dressed(value, setting);
    let grade = if chosen { password(secret, setting)? } else { token(secret, setting)? };
    // Last, because hundreds of names are compared.
    if !chosen && known.tells(secret, &plain_name) {
        return None;
    }
    match plain {
        // A piece of a connection string, whose own rules know which of its parts belong together, or of code.
        true if bytes.get(value.end) == Some(&b';') => None,
        true if (kinds(secret) < 3 && secret.len() < 24) || value.start > value.name_end + 4 => None,
        true => Some(Grade::Guessed),
        false => Some(grade),
    }
}

/// Whether the last word of a name says that the value is about a secret: `tokenType`, `SECRET_NAME`, `key-id`.
fn about(name: &[u8]) -> bool {
    let end = name.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |i| i + 1);
    let name = &name[..end];
    let upper = |i: usize| name[i].is_ascii_uppercase();
    let start = (1..end).rev().find(|i| {
        !name[i - 1].is_ascii_alphabetic()
            || (upper(*i) && !upper(i - 1))
            || (upper(*i) && *i + 1 < end && !upper(i + 1))
    });
    let last = name[start.unwrap_or(0)..].to_ascii_lowercase();
    ABOUT.binary_search_by(|w| w.as_bytes().cmp(&last)).is_ok()
}

/// Quoted, between tags, or in a file in which a bare word is a value.
fn dressed(value: &Value, setting: Setting) -> bool {
    value.quoted || value.link == Link::Tag || setting == Setting::Config
}

/// Rules out code, references, placeholders and prose.
fn plausible(secret: &[u8], value: &Value, setting: Setting) -> bool {
    let link = match value.link {
        Link::Assign | Link::Comma | Link::Tag | Link::ValueLine | Link::Default => true,
        Link::Flag => setting == Setting::Config,
    };
    link && (dressed(value, setting) || setting == Setting::Text)
        && secret.is_ascii()
        && !secret.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control())
        && !allow::reference(secret)
        && allow::placeholder(secret).is_none()
        && !allow::woven(secret)
        && !code(secret)
}

/// Paths, URLs, calls, member access, selectors, hashes with their algorithm.
fn code(secret: &[u8]) -> bool {
    let has = |b: u8| memchr::memchr(b, secret).is_some();
    let part = |p: &[u8]| memchr::memmem::find(secret, p).is_some();
    let path = [&b"/"[..], b"./", b"~/", b"..", b"urn:"].iter().any(|p| secret.starts_with(p));
    let call = has(b'(') || has(b'[') || has(b'{') || has(b'<');
    let member = !secret.iter().any(u8::is_ascii_digit) && has(b'.');
    let selector = matches!(secret.first(), Some(b'#' | b'.')) && words(&secret[1..]);
    part(b"://")
        || part(b"::")
        || path
        || call
        || member
        || selector
        || secret.starts_with(b"sha256:")
        || crypt(secret)
}

/// A hash of a password, as `crypt(3)` writes it.
fn crypt(secret: &[u8]) -> bool {
    [&b"$1$"[..], b"$2", b"$5$", b"$6$", b"$y$", b"$apr1$", b"$argon2"].iter().any(|p| secret.starts_with(p))
}

/// As [`kinds`], but `_` and `-` are no kind: identifiers have them too.
fn classes(secret: &[u8]) -> usize {
    let bare: Vec<u8> = secret.iter().copied().filter(|b| !matches!(b, b'_' | b'-')).collect();
    kinds(&bare)
}

fn kinds(secret: &[u8]) -> usize {
    let any = |f: fn(&u8) -> bool| usize::from(secret.iter().any(f));
    any(u8::is_ascii_lowercase)
        + any(u8::is_ascii_uppercase)
        + any(u8::is_ascii_digit)
        + any(u8::is_ascii_punctuation)
}

/// Whether a text by itself, behind the shortest of names (`pw:`), can only be a password.
pub(crate) fn unmistakable(secret: &[u8]) -> bool {
    let chosen = kinds(secret) >= 3 && password(secret, Setting::Text).is_some();
    (chosen || token(secret, Setting::Text) == Some(Grade::Named))
        && !code(secret)
        && !allow::reference(secret)
}

/// A password that a person chose: short, but not a word.
fn password(secret: &[u8], setting: Setting) -> Option<Grade> {
    let least = if setting == Setting::Config { 6 } else { 7 };
    let telling = secret.iter().any(|b| b.is_ascii_digit() || b.is_ascii_punctuation());
    let shaped = (least..=128).contains(&secret.len()) && kinds(secret) >= 2 && telling;
    if !shaped || words(secret) || shannon(secret) < 2.3 {
        return None;
    }
    match (weak(secret), setting) {
        (false, _) => Some(Grade::Named),
        (true, Setting::Config) => Some(Grade::Guessed),
        (true, _) => None,
    }
}

/// `password1`, `Test123!`, `knextest`: what examples say, and what careless people use.
pub(crate) fn weak(secret: &[u8]) -> bool {
    let letters: Vec<u8> = secret.iter().copied().filter(u8::is_ascii_alphabetic).collect();
    chosen::stand_in(&letters) || mean(secret, 5).is_some_and(|m| m > 8)
}

/// `my_password`, `user-pass`, `PASSWORD_FIELD`: words with separators only.
fn words(secret: &[u8]) -> bool {
    secret.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
        && (secret.iter().all(|b| !b.is_ascii_uppercase())
            || secret.iter().all(|b| !b.is_ascii_lowercase())
            || secret.len() < 24)
}

/// A token that a machine made: long, mixed, random.
fn token(secret: &[u8], setting: Setting) -> Option<Grade> {
    let hex = secret.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let floor = if hex { 3.0 } else { 3.5 };
    let digits = secret.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = secret.iter().any(u8::is_ascii_alphabetic);
    let random =
        digits >= 3 && letters && !words(secret) && shannon(secret) >= floor && (hex || !wordy(secret));
    match secret.len() {
        20..=512 if random => Some(Grade::Named),
        // Short ones must be mixed through and through.
        12..=19 if random && classes(secret) >= 3 => Some(Grade::Guessed),
        16..=19 if random && setting == Setting::Config => Some(Grade::Guessed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::named;
    use crate::testing::fill;

    fn judged(text: &str, word: &str, setting: Setting) -> Option<Grade> {
        let at = text.to_ascii_lowercase().find(word).unwrap();
        let value = named::value(text.as_bytes(), at, at + word.len(), &mut named::Met::default());
        value.and_then(|v| generic(text.as_bytes(), &v, setting, &known()))
    }

    fn known() -> Known {
        Known {
            names: vec!["acme".to_owned()],
            aliases: vec!["zptoken".to_owned()],
            prefixes: vec!["zap_".to_owned()],
        }
    }

    #[test]
    fn secrets_are_told() {
        assert_eq!(judged("DB_PASSWORD=hunter2!x", "password", Setting::Config), Some(Grade::Guessed));
        let made = |text: &str| fill(text, "judge");
        assert_eq!(
            judged(&made("password = \"{{alnum:9}}7\""), "password", Setting::Code),
            Some(Grade::Named)
        );
        assert_eq!(
            judged(&made("api_token: \"{{alnum:20}}42\""), "token", Setting::Code),
            Some(Grade::Named)
        );
        assert_eq!(judged(&made("token: {{alnum:20}}aB4"), "token", Setting::Text), Some(Grade::Guessed));
        assert_eq!(judged(&made("token: {{alnum:20}}aB4"), "token", Setting::Code), None);
    }

    #[test]
    fn a_vendor_knows_its_own_tokens() {
        let token = fill("acme_token: \"{{alnum:32}}\"", "judge");
        assert_eq!(judged(&token, "token", Setting::Code), None);
        assert_eq!(judged(&fill("token: \"zap_{{alnum:32}}\"", "judge"), "token", Setting::Code), None);
        for name in ["ZP_TOKEN", "myZpToken", "zp.token-2"] {
            let text = fill(&format!("{name}: \"{{{{alnum:32}}}}\""), "judge");
            assert_eq!(judged(&text, "token", Setting::Code), None, "{name}");
        }
        let other = fill("zzp_token: \"{{alnum:32}}\"", "judge");
        assert_eq!(judged(&other, "token", Setting::Code), Some(Grade::Named));
        let password = fill("acme_password: \"{{alnum:12}}7\"", "judge");
        assert_eq!(judged(&password, "password", Setting::Code), Some(Grade::Named));
    }

    #[test]
    fn names_about_secrets_are_not_their_names() {
        for name in [
            "tokenType",
            "SECRET_NAME",
            "key-id",
            "apiKeyID",
            "token.url",
            "passwordField",
            "tokenURL",
            "secret_id",
        ] {
            assert!(about(name.as_bytes()), "{name}");
        }
        for name in ["token", "API_KEY", "dbPassword", "secret", "tokenV2", "ID_TOKEN", ""] {
            assert!(!about(name.as_bytes()), "{name}");
        }
        assert!(ABOUT.is_sorted());
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
            "password = \"password1\"",
            "token: 12345678",
            "token=$TOKEN",
            "password_file = \"/run/secrets/pw1\"",
            "addPassword = '#add-password'",
            "token: Ed25519::from4567890",
            "token = \"AgencyIdentificationCode123\"",
            "lock-token: 'urn:uuid:a515cfa4-5da4-22e1-f5b5-00a0451e6bf7'",
        ] {
            let word = if text.to_ascii_lowercase().contains("password") { "password" } else { "token" };
            assert_eq!(judged(text, word, Setting::Code), None, "{text}");
        }
    }
}
