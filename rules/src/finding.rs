//! What the engine yields: findings, each with one sighting, and problems.

use crate::fingerprint::FindingId;
use crate::rule::{Grade, Kind, Page, Severity};
use std::sync::Arc;

/// Where in a file something was seen. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Location {
    /// Line, from 1; 0 when the finding is about the whole file.
    pub line: u64,
    /// Column in bytes, from 1; 0 when unknown.
    pub column: u64,
    /// First byte and one past the last, `None` where decoding makes offsets meaningless.
    pub span: Option<(u64, u64)>,
}

/// One thing found at one place.
#[derive(Clone)]
pub struct Finding {
    /// Keyed identity: the same secret anywhere, or the same rule on the same key, has the same id.
    pub id: FindingId,
    /// The rule's page.
    pub page: Arc<Page>,
    /// What the rule looks at.
    pub kind: Kind,
    /// How bad here; usually the page's severity.
    pub severity: Severity,
    /// How sure; `None` for settings and checks, which are facts.
    pub grade: Option<Grade>,
    /// Masked: never holds a secret.
    pub preview: String,
    /// The setting's key, for commands that change it; empty for other kinds.
    pub key: String,
    /// Evidence in words, for example `checksum holds` or `the checksum does not hold`.
    pub note: Option<String>,
    /// The file, when it is not the target itself (an included file), as `~/…`.
    pub path: Option<String>,
    /// The part of the file that `at` counts in, when it is not the file's own bytes: the member of an archive, the cell
    /// of a database, the commit of a repository.
    pub inside: Option<String>,
    /// Where in the file.
    pub at: Location,
}

/// Severity and note of a finding of earlier, as they are at this time (seconds since 1970): a token whose end was still
/// to come when it was found alarms nobody once that has come.
#[must_use]
pub fn lapsed(severity: Severity, note: Option<&str>, now: i64) -> (Severity, Option<String>) {
    crate::secrets::checksum::lapsed(severity, note, now)
}

/// Something that could not be examined, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file, as `~/…`, or the rule or place it is about.
    pub what: String,
    /// One line, lower case, no full stop.
    pub why: String,
}

/// What came of one target.
#[derive(Default)]
pub struct Report {
    /// Findings, in order of place.
    pub findings: Vec<Finding>,
    /// What could not be examined.
    pub problems: Vec<Problem>,
    /// What was found depends on other files too (includes): the file must be judged again even when unchanged.
    pub depends: bool,
    /// Those files, whether they are there or not: as `~/…` or absolute.
    pub included: Vec<String>,
    /// How many findings inline markers silenced.
    pub silenced: u64,
}

impl Report {
    /// Whether there is nothing to say of the file, and nothing was kept quiet.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.findings.is_empty() && self.problems.is_empty() && self.silenced == 0 && !self.depends
    }

    /// Takes over what came of an included file.
    pub(crate) fn include(&mut self, below: Report, path: &str) {
        let named = below
            .findings
            .into_iter()
            .map(|f| Finding { path: f.path.or_else(|| Some(path.to_owned())), ..f });
        self.findings.extend(named);
        self.problems.extend(below.problems);
        self.silenced += below.silenced;
        self.included.extend(below.included);
    }
}
