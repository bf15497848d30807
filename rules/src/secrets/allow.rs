//! What only looks like a secret: placeholders, examples, references, test vectors.

use aho_corasick::AhoCorasick;
use memchr::memmem;
use std::sync::LazyLock;

/// Words that no machine-made secret contains and every README does.
const WORDS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "your_",
    "your-",
    "yourtoken",
    "insert",
    "replace",
    "dummy",
    "sample",
    "xxxx",
    "****",
    "....",
    "0000000",
    "1111111",
    "aaaaaaa",
    "todo",
    "fixme",
    "lorem",
    "foobar",
    "abcdefgh",
    "abcd1234",
    "deadbeef",
    "12345678",
    "87654321",
    "secret_here",
    "token_here",
    "key_here",
    "-here",
    "_here",
    "not-a-real",
    "notreal",
    "test-token",
    "fake",
];

/// All of [`WORDS`] at once.
static FOUND: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(WORDS).ok());

/// Why a token is not a secret, judged by itself; `None` when it may be one.
pub(crate) fn placeholder(secret: &[u8]) -> Option<&'static str> {
    let lower = secret.to_ascii_lowercase();
    if let Some(found) = FOUND.as_ref().and_then(|words| words.find(&lower)) {
        return WORDS.get(found.pattern().as_usize()).copied();
    }
    if distinct(secret) * 5 < secret.len().min(30) {
        return Some("too few different characters");
    }
    (run(&lower) >= 8 || sequence(&lower) >= 10).then_some("a keyboard or counting sequence")
}

/// Two sequences, one in the other: `1a2b3c4d5e6f`, `aB1cD2eF3gH4`.
pub(crate) fn woven(secret: &[u8]) -> bool {
    let lower = secret.to_ascii_lowercase();
    let only = |class: fn(&u8) -> bool| lower.iter().copied().filter(class).collect::<Vec<_>>();
    rising(&only(u8::is_ascii_alphabetic)) >= 6 && rising(&only(u8::is_ascii_digit)) >= 4
}

/// Whether a value is a reference to a secret kept elsewhere, or code, rather than the secret.
pub(crate) fn reference(value: &[u8]) -> bool {
    let v = value.trim_ascii();
    let starts = |p: &[u8]| v.starts_with(p);
    let has = |p: &[u8]| memmem::find(v, p).is_some();
    v.is_empty()
        || starts(b"$")
        || starts(b"\\$")
        || starts(b"%")
        || starts(b"<")
        || starts(b"{")
        || starts(b"@")
        || starts(b"op://")
        || starts(b"ENC[")
        || starts(b"enc:")
        || starts(b"vault:")
        || starts(b"file:")
        || starts(b"env:")
        || starts(b"!")
        || starts(b"`")
        || (v.contains(&b'{') && (has(b"${") || has(b"{{") || has(b"#{")))
        || (v.contains(&b'}') && has(b"}}"))
        || (v.contains(&b'(') && (has(b"$(") || has(b"%(")))
        || (v.contains(&b'.') && (has(b"process.env") || has(b"os.environ") || has(b"secrets.")))
        || has(b"getenv")
}

/// Hosts that are kept for documentation (RFC 2606): nobody can sign in there.
const DOCUMENTED: &[&[u8]] = &[b"example.com", b"example.net", b"example.org"];
/// How far from its scheme a secret may stand in an address.
const ADDRESS: usize = 256;

/// Whether a secret stands in an address of documentation: `https://dev:pw@git.example.com/`.
pub(crate) fn documented(bytes: &[u8], (start, end): (usize, usize)) -> bool {
    let before = &bytes[start.saturating_sub(ADDRESS)..start];
    let outside = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>');
    let word = &before[before.iter().rposition(outside).map_or(0, |i| i + 1)..];
    let Some(scheme) = memmem::rfind(word, b"://") else { return false };
    let host = match bytes.get(end) {
        Some(b'@') => &bytes[end + 1..],
        _ => {
            let behind = &word[scheme + 3..];
            let authority =
                behind.split(|b| matches!(b, b'/' | b'?' | b'#' | b';')).next().unwrap_or_default();
            authority.rsplit(|b| *b == b'@').next().unwrap_or_default()
        }
    };
    let ends = host.iter().position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'-'));
    let host = &host[..ends.unwrap_or(host.len())];
    let own =
        |name: &&[u8]| host.strip_suffix(*name).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"."));
    DOCUMENTED.iter().any(own)
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|b| seen[usize::from(*b)] = true);
    seen.iter().filter(|s| **s).count()
}

/// Longest run of one byte.
fn run(bytes: &[u8]) -> usize {
    longest(bytes, |a, b| a == b)
}

/// Longest stretch in which each byte follows the one before by one, up or down.
fn sequence(bytes: &[u8]) -> usize {
    rising(bytes).max(longest(bytes, |a, b| a.wrapping_sub(b) == 1))
}

/// Longest stretch in which each byte is the one after the one before.
fn rising(bytes: &[u8]) -> usize {
    longest(bytes, |a, b| b.wrapping_sub(a) == 1)
}

fn longest(bytes: &[u8], joined: impl Fn(u8, u8) -> bool) -> usize {
    let mut best = usize::from(!bytes.is_empty());
    let mut now = best;
    for pair in bytes.windows(2) {
        now = if joined(pair[0], pair[1]) { now + 1 } else { 1 };
        best = best.max(now);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        for p in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            "aaaabbbbaaaabbbb",
        ] {
            assert!(placeholder(p.as_bytes()).is_some(), "{p}");
        }
        for real in ["q9Xv2LmT7bRw4Zc8", "dGhpcyBpcyBub3Q"] {
            assert!(placeholder(real.as_bytes()).is_none(), "{real}");
        }
    }

    #[test]
    fn addresses_of_documentation() {
        // Spelled out here, it would be one more find in this repository.
        let stands = |text: &str| {
            let text = text.replace("PW", "hunter2");
            let start = text.find("hunter2").unwrap();
            documented(text.as_bytes(), (start, start + 7))
        };
        for text in [
            "https://dev:PW@example.com/x.git",
            "URL=ftp://dev:PW@files.example.org:22",
            "'https://api.example.net/v1?key=PW'",
            "jdbc:mysql://db.example.com:3306/app?user=app&password=PW",
        ] {
            assert!(stands(text), "{text}");
        }
        for text in [
            "https://dev:PW@acme.io/?next=https://example.com",
            "smtp://dev@example.com:PW@mail.acme.io",
            "https://dev:PW@myexample.com",
            "https://example.com password=PW",
            "me@example.com pw: PW",
            "https://example.com.acme.io/?key=PW",
        ] {
            assert!(!stands(text), "{text}");
        }
    }

    #[test]
    fn woven_sequences() {
        assert!(woven(b"SBX-1a2b3c4d-5e6f-9c0d") && woven(b"aB1cD2eF3gH4iJ5kL6mN7"));
        assert!(!woven(b"q9Xv2LmT7bRw4Zc8") && !woven(b"abcdefgh"));
    }

    #[test]
    fn references() {
        for r in [
            "${TOKEN}",
            "$TOKEN",
            "\\$TOKEN_OF_A_SCRIPT",
            "{{ token }}",
            // What is left of `{{a:b}}` behind its colon.
            "b}}",
            "op://vault/item",
            "process.env.TOKEN",
            "%TOKEN%",
            "<token>",
            "$(pass show x)",
            "`pass show x`",
            "",
        ] {
            assert!(reference(r.as_bytes()), "{r}");
        }
        assert!(!reference(b"hunter2-and-more"));
    }
}
