//! What leaves the agent: the document that `lapwing` prints and other programs read. Versioned on its own; nothing
//! here ever holds a secret.

use lapwing_rules::baseline::Entry;
use lapwing_rules::rule::{Grade, Kind, Safety, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Version of the document. Fields may be added under the same number; none changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Everything a run has to say.
#[derive(Clone, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Worst and surest first.
    pub findings: Vec<Record>,
    /// What was not examined, and why.
    pub coverage: Vec<Gap>,
    /// Counts.
    pub summary: Summary,
}

/// One finding with every place where it was seen.
#[derive(Clone, Serialize, Deserialize)]
pub struct Record {
    /// For example `F-7K3Q2MAB`.
    pub id: String,
    /// Rule id.
    pub rule: String,
    /// What the rule looks at.
    pub kind: Kind,
    /// How bad.
    pub severity: Severity,
    /// How sure; `null` for settings and checks, which are facts.
    pub grade: Option<Grade>,
    /// One line naming the problem.
    pub title: String,
    /// Masked evidence.
    pub preview: String,
    /// What a proof said, in words.
    pub note: Option<String>,
    /// Where it was seen.
    pub sightings: Vec<Sighting>,
    /// What to do.
    pub fix: Fix,
    /// Where it is in its life.
    pub state: State,
    /// When it was first seen, seconds since 1970; `null` when nothing is remembered.
    pub first_seen: Option<i64>,
}

/// One place. `start` and `end` are byte offsets into the file, `null` where decoding makes them meaningless.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// `~/…` in the home, as given on the command line otherwise.
    pub path: String,
    /// The part of the file that line and column count in, when it is not the file's own bytes: the member of an archive,
    /// the cell of a database, the commit of a repository.
    #[serde(default)]
    pub inside: Option<String>,
    /// From 1; `null` when the finding is about the whole file.
    pub line: Option<u64>,
    /// In bytes, from 1; `null` when unknown.
    pub column: Option<u64>,
    /// First byte.
    pub start: Option<u64>,
    /// One past the last byte.
    pub end: Option<u64>,
}

/// What to do about a finding.
#[derive(Clone, Serialize, Deserialize)]
pub struct Fix {
    /// Whether a machine may do it.
    pub safety: Safety,
    /// What to do, in order.
    pub advice: String,
    /// One command to run next.
    pub command: Option<String>,
    /// Where to revoke or rotate it.
    pub revoke: Option<String>,
}

/// The life of a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is")]
pub enum State {
    /// Seen and not dealt with.
    Open,
    /// Somebody has decided to live with it.
    Ignored {
        /// Why.
        reason: String,
        /// Until when, seconds since 1970; `null` is for ever.
        until: Option<i64>,
    },
    /// Not there any more.
    Resolved {
        /// When, seconds since 1970.
        at: i64,
    },
}

/// Why something was not examined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No permission, or a read error.
    Unreadable,
    /// It went away or changed while it was read.
    Vanished,
    /// A reader or a rule could not make sense of it.
    Unparsable,
    /// A rule of a pack could not be used.
    BadRule,
    /// The run was stopped.
    Interrupted,
    /// More findings in one file than are listed.
    TooMany,
    /// What was found could not be remembered.
    Ledger,
    /// A link that leaves the home.
    LinkOut,
    /// FIFO, socket or device: never opened.
    Special,
    /// A network or FUSE mount: not entered.
    Mount,
    /// Vendored tree or cache: left out unless asked for.
    Vendored,
    /// Larger than the limit: left out unless asked for.
    TooLarge,
    /// Media, or compressed in a way that is not unpacked: nothing to read.
    Opaque,
    /// An archive of which damage, encryption, a limit or an unknown method kept something back; the rest was examined.
    PartlyUnpacked,
    /// Part of a repository's history that is kept elsewhere: a shallow or partial clone, borrowed objects.
    Elsewhere,
    /// A repository's history that is large: left out, or not searched to its end in one run.
    History,
    /// A directory in which the agent notices changes by sweeps only.
    Unwatched,
}

/// What of the home was not examined for one reason.
#[derive(Clone, Serialize, Deserialize)]
pub struct Gap {
    /// Why.
    pub reason: Reason,
    /// Left out on purpose; otherwise the run is incomplete.
    pub policy: bool,
    /// How many files or directories.
    pub count: u64,
    /// Some of them: at most twenty.
    pub paths: Vec<String>,
    /// One line for people, about the first of them or about all.
    pub why: String,
}

/// Counts of a run.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Open findings, by severity.
    pub critical: u64,
    /// See [`Summary::critical`].
    pub high: u64,
    /// See [`Summary::critical`].
    pub medium: u64,
    /// See [`Summary::critical`].
    pub low: u64,
    /// See [`Summary::critical`].
    pub info: u64,
    /// Findings that somebody has decided to live with.
    pub ignored: u64,
    /// Findings silenced by markers in files.
    pub silenced: u64,
    /// Findings left out because a baseline has them.
    #[serde(default)]
    pub baselined: u64,
    /// Files examined, unchanged ones included.
    pub files: u64,
    /// Of these, files that had not changed since they were last examined.
    pub unchanged: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether everything that policy asks for was examined.
    pub complete: bool,
    /// Milliseconds from start to end.
    pub millis: u64,
    /// Things worth telling that are no gap, one line each.
    pub notes: Vec<String>,
    /// Ignores that matched nothing: what they say and where they stand.
    pub unused_ignores: Vec<String>,
    /// What a baseline of this run would hold. Never printed.
    #[serde(skip)]
    pub entries: BTreeSet<Entry>,
}

impl Reason {
    /// Whether something is left out on purpose for this reason, so that the run still counts as complete.
    #[must_use]
    pub fn policy(self) -> bool {
        matches!(
            self,
            Reason::LinkOut
                | Reason::Special
                | Reason::Mount
                | Reason::Vendored
                | Reason::TooLarge
                | Reason::Opaque
                | Reason::PartlyUnpacked
                | Reason::Elsewhere
                | Reason::History
                | Reason::Unwatched
        )
    }

    /// One line for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Reason::Unreadable => "could not be read",
            Reason::Vanished => "went away while it was read",
            Reason::Unparsable => "could not be understood",
            Reason::BadRule => "rule could not be used",
            Reason::Interrupted => "the run was stopped before the end",
            Reason::TooMany => "more findings than are listed",
            Reason::Ledger => "what was found could not be remembered",
            Reason::LinkOut => "link that leaves the home",
            Reason::Special => "FIFO, socket or device",
            Reason::Mount => "network mount",
            Reason::Vendored => "vendored tree or cache",
            Reason::TooLarge => "larger than the limit",
            Reason::Opaque => "media, or not unpacked",
            Reason::PartlyUnpacked => "archive not unpacked to its end",
            Reason::Elsewhere => "history that is kept elsewhere",
            Reason::History => "history of a repository",
            Reason::Unwatched => "changes are found by sweeps only",
        }
    }
}
