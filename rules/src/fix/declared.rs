//! Fixes as packs declare them, beside the rule: a closed set.

use crate::settings::predicate::Pattern;
use serde::Deserialize;

/// What mends a risky setting.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingFix {
    /// The entry goes, with its line, and with its section where nothing else stands in that.
    Unset(Yes),
    /// The value becomes this one.
    Set(String),
    /// Every match is taken out of the value, but for what its groups hold; an entry of which nothing stays is unset.
    Drop(Pattern),
    /// The first match becomes this text, in which `$1` stands for a group.
    Rewrite(Pattern, String),
    /// The entry stays in the file to be looked at, as a comment that says so. Where a comment cannot stand it is unset.
    Comment(Yes),
    /// As the file of `fix/moves/` of this name says.
    Move(String),
}

/// What mends a secret that a place gives away, or that stands in such an entry.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretFix {
    /// A marker takes the place of the secret. For files that only record what was: nothing needs it there.
    Redact(Yes),
    /// The credential moves to where its tool keeps it encrypted: a file of `fix/moves/`.
    Move(String),
}

/// What can only be `true`: saying `false` would be another way to say nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "bool")]
pub struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;

    fn try_from(said: bool) -> Result<Yes, &'static str> {
        if said { Ok(Yes) } else { Err("field `fix`: write `true`, or leave it out") }
    }
}

impl SettingFix {
    /// What is wrong with it, for `rules check`.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        match self {
            SettingFix::Drop(pattern) | SettingFix::Rewrite(pattern, _) => {
                pattern.error().map(|e| e.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            SettingFix::Set(value) if value.trim() != value || value.contains(['\n', '"', '\\', '\'']) => {
                Some("`set`: a value without quotes, backslashes, line ends or blanks around it".to_owned())
            }
            SettingFix::Move(name) => unknown(name),
            SettingFix::Unset(_) | SettingFix::Set(_) | SettingFix::Comment(_) => None,
        }
    }

    /// What it does, as a sentence of a rule's page.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            SettingFix::Unset(_) => "removes the setting".to_owned(),
            SettingFix::Set(value) => format!("sets it to `{value}`"),
            SettingFix::Drop(_) => "takes the risky part out of the value".to_owned(),
            SettingFix::Rewrite(_, _) => "rewrites the value".to_owned(),
            SettingFix::Comment(_) => "turns the line into a comment, for you to look at".to_owned(),
            SettingFix::Move(_) => "has the tool keep its credentials in your keyring".to_owned(),
        }
    }
}

impl SecretFix {
    /// What is wrong with it, for `rules check`.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        match self {
            SecretFix::Redact(_) => None,
            SecretFix::Move(name) => unknown(name),
        }
    }

    /// What it does, as a sentence of a rule's page.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            SecretFix::Redact(_) => "puts a marker in its place",
            SecretFix::Move(_) => "moves it to where the tool keeps it encrypted, if that is there",
        }
    }
}

/// What `lapwing fix` does with a secret that stands where nothing needs it.
pub const RECORDS: &str = "puts a marker in its place in histories, transcripts and logs";

fn unknown(name: &str) -> Option<String> {
    super::moves::mover(name).is_none().then(|| format!("`move`: there is no `{name}` in `fix/moves/`"))
}
