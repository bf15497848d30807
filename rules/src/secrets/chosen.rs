//! Passwords that a person chose, on a command line or in a URL: short, so that neither length nor entropy tells them from
//! the words that manuals put in their place. What manuals write, everybody's defaults, and code are not secrets.

/// Words of which stand-ins are made, alone or joined: `my-secret-pw`, `DB_PASSWORD`, `yourpassword`.
const WORDS: &[&str] = &[
    "a",
    "abc",
    "access",
    "account",
    "admin",
    "administrator",
    "amqp",
    "any",
    "api",
    "app",
    "auth",
    "bar",
    "basic",
    "baz",
    "bearer",
    "bob",
    "changeit",
    "client",
    "code",
    "correct",
    "credential",
    "credentials",
    "data",
    "database",
    "db",
    "default",
    "demo",
    "dev",
    "development",
    "docker",
    "elastic",
    "email",
    "empty",
    "false",
    "foo",
    "for",
    "github",
    "gitlab",
    "guest",
    "hello",
    "here",
    "host",
    "hostname",
    "hub",
    "id",
    "in",
    "is",
    "it",
    "jwt",
    "key",
    "ldap",
    "local",
    "localhost",
    "login",
    "mail",
    "mariadb",
    "me",
    "mongo",
    "mongodb",
    "my",
    "mypass",
    "mysql",
    "name",
    "new",
    "nil",
    "none",
    "npm",
    "null",
    "oauth",
    "of",
    "old",
    "or",
    "oracle",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "personal",
    "pg",
    "placeholder",
    "port",
    "postgres",
    "postgresql",
    "private",
    "prod",
    "production",
    "proxy",
    "pw",
    "pwd",
    "rabbit",
    "rabbitmq",
    "redis",
    "registry",
    "remote",
    "root",
    "sa",
    "safe",
    "secret",
    "secure",
    "server",
    "service",
    "session",
    "some",
    "sql",
    "string",
    "strong",
    "super",
    "test",
    "tester",
    "testing",
    "text",
    "the",
    "this",
    "to",
    "token",
    "true",
    "tutorial",
    "url",
    "user",
    "username",
    "usr",
    "value",
    "var",
    "variable",
    "word",
    "world",
    "x",
    "your",
];

/// Longer than any stand-in.
const LONGEST: usize = 64;

/// Whether the text stands in for a password, or is code.
pub(crate) fn stand_in(secret: &[u8]) -> bool {
    let edge = |b: &u8| b.is_ascii_punctuation();
    let start = secret.iter().position(|b| !edge(b)).unwrap_or(secret.len());
    let core = &secret[start..];
    let core = &core[..core.iter().rposition(|b| !edge(b)).map_or(0, |i| i + 1)];
    core.len() < 2
        || few(core)
        || code(secret)
        || port(secret)
        || path(secret)
        || constant(core)
        || words(core)
}

/// `xxxx`, `abab`.
fn few(core: &[u8]) -> bool {
    let mut seen: Vec<u8> = core.to_vec();
    seen.sort_unstable();
    seen.dedup();
    seen.len() <= 2
}

/// Calls, templates, and variables that a shell would fill in.
fn code(secret: &[u8]) -> bool {
    let has = |b: u8| memchr::memchr(b, secret).is_some();
    let variable =
        |w: &[u8]| w[0] == b'$' && (w[1].is_ascii_uppercase() || matches!(w[1], b'_' | b'{' | b'('));
    has(b'(') || has(b')') || (has(b'{') && has(b'}')) || secret.windows(2).any(variable)
}

/// `8080`, `127.0.0.1:3306:3306`.
fn port(secret: &[u8]) -> bool {
    let digits = secret.iter().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'/' | b'-'));
    digits && (secret.len() <= 5 || secret.contains(&b':'))
}

fn path(secret: &[u8]) -> bool {
    [&b"/"[..], b"./", b"../", b"~/"].iter().any(|start| secret.starts_with(start))
}

/// `GITLAB_BOT_PW`: the name of a variable.
fn constant(core: &[u8]) -> bool {
    core.contains(&b'_') && core.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')
}

/// Whether the text is made of [`WORDS`] and separators only.
fn words(core: &[u8]) -> bool {
    if core.len() > LONGEST {
        return false;
    }
    let lower = core.to_ascii_lowercase();
    // reached[i]: the first `i` bytes are words.
    let mut reached = vec![false; lower.len() + 1];
    reached[0] = true;
    for i in 0..lower.len() {
        if !reached[i] {
            continue;
        }
        if !lower[i].is_ascii_alphanumeric() {
            reached[i + 1] = true;
        }
        let first = WORDS.partition_point(|w| w.as_bytes()[0] < lower[i]);
        let alike = WORDS[first..].iter().take_while(|w| w.as_bytes()[0] == lower[i]);
        for word in alike.filter(|w| lower[i..].starts_with(w.as_bytes())) {
            reached[i + word.len()] = true;
        }
    }
    reached[lower.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order() {
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn stand_ins() {
        for text in [
            "password",
            "my-secret-pw",
            "DB_PASSWORD",
            "yourPassword",
            "xxx",
            "[password]",
            "...",
            "8080",
            "3306:3306",
            "getpass()",
            "pre$SUFFIX",
            "a{name}b",
            "/run/secrets/pw",
            "CI_BOT",
            "ab",
            "*****",
            "root",
            "",
            "postgres",
        ] {
            assert!(stand_in(text.as_bytes()), "{text}");
        }
        assert!(stand_in(&b"a".repeat(10_000)));
    }

    #[test]
    fn passwords() {
        for text in
            ["s3cr3t", "Tr0ub4dor", "secret123", "sommer", "P@ss$1w", "123456", "a1b2c3", "rootless7", "é!ab"]
        {
            assert!(!stand_in(text.as_bytes()), "{text}");
        }
    }
}
