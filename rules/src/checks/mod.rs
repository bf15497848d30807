//! Checks: rules that need code, one file each: page, run, tests.

use crate::facts::Facts;
use crate::finding::Location;
use crate::fix::plan::Draft;
use crate::rule::{Page, Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

/// A check: its page and what it runs on.
pub(crate) struct Check {
    /// Stable id, as in [`Page::id`].
    pub(crate) id: &'static str,
    /// See [`Page::title`].
    pub(crate) title: &'static str,
    /// See [`Page::severity`].
    pub(crate) severity: Severity,
    /// See [`Page::why`].
    pub(crate) why: &'static str,
    /// See [`Page::advice`].
    pub(crate) advice: &'static str,
    /// See [`Page::command`].
    pub(crate) command: Option<&'static str>,
    /// See [`Page::safety`].
    pub(crate) safety: Safety,
    /// See [`Page::profile`].
    pub(crate) profile: Profile,
    /// See [`Page::references`].
    pub(crate) references: &'static [&'static str],
    /// When it runs, and the code.
    pub(crate) run: Run,
    /// What mends what it finds.
    pub(crate) fix: Fix,
}

/// What mends what a check has found.
pub(crate) enum Fix {
    /// Nothing that a program should do.
    None,
    /// The entry that was found goes, as a setting rule's `unset` has it.
    Unset,
    /// The file or directory loses these permission bits.
    Close(u32),
    /// What it does, in words, and code that says how; `None` leaves the advice.
    Steps(&'static str, fn(&Case<'_>) -> Option<Draft>),
}

impl Fix {
    /// What it does, as a sentence of the page.
    pub(crate) fn words(&self) -> Option<String> {
        let words = match self {
            Fix::None => return None,
            Fix::Unset => "removes the setting",
            Fix::Close(_) => "takes the permission away",
            Fix::Steps(words, _) => words,
        };
        Some(words.to_owned())
    }
}

/// What a check has found, and where, for its fix.
pub(crate) struct Case<'a> {
    pub(crate) found: &'a Found,
    /// The file; `None` when the machine as a whole was looked at.
    pub(crate) target: Option<&'a Target<'a>>,
    /// What its reader has found.
    pub(crate) entries: &'a [Entry],
    pub(crate) facts: &'a dyn Facts,
}

/// When a check runs.
pub(crate) enum Run {
    /// Once a sweep, on the machine as a whole.
    Home(fn(&dyn Facts) -> Vec<Found>),
    /// On every file that is a place (with its mode), or whose content says that it is a key.
    File(fn(&Target<'_>, &dyn Facts) -> Vec<Found>),
    /// On every file that this reader has read, with its entries.
    Entries(&'static str, fn(&Target<'_>, &[Entry], &dyn Facts) -> Vec<Found>),
}

/// What a check has found.
#[derive(Default)]
pub(crate) struct Found {
    /// What identifies it within its scope: a key, a section; may be empty.
    pub(crate) key: String,
    /// The setting's key as its tool spells it, for commands that change it.
    pub(crate) setting: String,
    /// What identifies it everywhere, when it is the same thing in any file (a key's public half).
    pub(crate) same: Option<Vec<u8>>,
    /// The file, when it is not the target.
    pub(crate) path: Option<String>,
    /// Shown to the user. The engine masks secrets in it once more.
    pub(crate) preview: String,
    /// Where.
    pub(crate) at: Location,
    /// When it is not the page's.
    pub(crate) severity: Option<Severity>,
}

mod git;

include!(concat!(env!("OUT_DIR"), "/checks.rs"));

impl Check {
    /// The page in the form that all rules share.
    pub(crate) fn page(&self) -> Page {
        Page {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            severity: self.severity,
            why: self.why.to_owned(),
            advice: self.advice.to_owned(),
            command: self.command.map(str::to_owned),
            safety: self.safety,
            revoke: None,
            references: self.references.iter().map(|r| (*r).to_owned()).collect(),
            profile: self.profile,
            fix: self.fix.words(),
        }
    }
}

/// The entry that a check of entries has found.
pub(crate) fn entry<'a>(found: &Found, entries: &'a [Entry]) -> Option<(usize, &'a Entry)> {
    let named = |e: &Entry| found.key == e.key || found.key.ends_with(&format!(" / {}", e.key));
    entries.iter().enumerate().find(|(_, e)| at(e) == found.at && named(e))
}

/// Where an entry stands, for [`Found::at`].
pub(crate) fn at(entry: &Entry) -> Location {
    let (start, end) = entry.span;
    let span = (start < end).then_some((start as u64, end as u64));
    Location { line: entry.line, column: 0, span }
}
