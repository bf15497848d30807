//! What every rule has, whatever its kind: an id, a page for people, a severity.

use serde::{Deserialize, Serialize};

/// What a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A credential found in bytes.
    Secret,
    /// A key of a configuration file whose value is risky.
    Setting,
    /// Anything that needs code: modes, key files, search paths.
    Check,
}

/// How bad it is when the finding is true.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; never makes a run fail by default.
    Info,
    /// Hardening.
    Low,
    /// Helps an attacker who is already near.
    Medium,
    /// Gives away an account, a key or code execution under some condition.
    High,
    /// Gives away something valuable to whoever reads the file.
    Critical,
}

/// How sure a secret finding is. Ordered: later is surer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Looks random; nothing names it, or a proof of it failed.
    Guessed,
    /// An assignment, an option or a place names it.
    Named,
    /// It has a vendor's fixed format.
    Shaped,
    /// A checksum or a full parse holds.
    Proved,
}

/// Which profile switches a rule on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// On for everybody: a home without mistakes yields nothing.
    #[default]
    Default,
    /// Asks for hardening that most people have not set; on when policy says so.
    Strict,
}

/// How a fix may be applied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Reversible and destroys nothing.
    Safe,
    /// Wants a look at the change first.
    Review,
    /// A person must act, often elsewhere (revoke, rotate).
    #[default]
    Manual,
}

/// What a person needs to know about a rule: the text of `lapwing explain`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Stable name, for example `git.tls-verify-off`. Lower case, digits, `.`, `-`.
    pub id: String,
    /// One line naming the problem, no full stop.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Why it matters: what somebody could do with it.
    pub why: String,
    /// What to do about it, in the order to do it.
    pub advice: String,
    /// One command to run next. `{path}` is the file, `{key}` the setting, `{value}` never a secret.
    #[serde(default)]
    pub command: Option<String>,
    /// Whether the command is safe to run without a look.
    #[serde(default)]
    pub safety: Safety,
    /// Where to revoke or rotate it.
    #[serde(default)]
    pub revoke: Option<String>,
    /// Where the facts come from.
    #[serde(default)]
    pub references: Vec<String>,
    /// Which profile switches it on.
    #[serde(default)]
    pub profile: Profile,
    /// What `lapwing fix` does about it; nothing when only a person can do something. Derived from the rule's fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The word used in every output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Reads the word used in every output.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|s| s.word() == word)
    }
}

impl Grade {
    /// The word used in every output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Grade::Guessed => "guessed",
            Grade::Named => "named",
            Grade::Shaped => "shaped",
            Grade::Proved => "proved",
        }
    }

    /// Reads the word used in every output.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Grade> {
        [Grade::Guessed, Grade::Named, Grade::Shaped, Grade::Proved].into_iter().find(|g| g.word() == word)
    }
}

impl Kind {
    /// The word used in every output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Secret => "secret",
            Kind::Setting => "setting",
            Kind::Check => "check",
        }
    }

    /// Reads the word used in every output.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Kind> {
        [Kind::Secret, Kind::Setting, Kind::Check].into_iter().find(|k| k.word() == word)
    }
}

impl Page {
    /// With what `lapwing fix` does.
    #[must_use]
    pub(crate) fn mended(self, words: impl Into<String>) -> Page {
        Page { fix: Some(words.into()), ..self }
    }
}

/// Whether a rule id is well formed.
#[must_use]
pub fn valid_id(id: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    edge(id.as_bytes().first())
        && edge(id.as_bytes().last())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
}
