//! What came of `fix`, for programs (`ctl/FORMATS.md`) and for the summary at the end.

use crate::apply::job::Outcome;
use crate::apply::refused::Refused;
use crate::exit::Exit;
use lapwing_rules::finding::Finding;
use lapwing_rules::fix::plan::{Plan, Step};
use lapwing_rules::rule::Safety;
use serde::Serialize;

/// Version of the form.
const SCHEMA: u32 = 1;

/// Everything that `fix` has to say.
#[derive(Serialize)]
pub(crate) struct Report {
    schema: u32,
    /// Nothing was changed, by wish.
    pub(crate) dry_run: bool,
    /// What `lapwing undo` takes back; `null` when nothing was changed.
    pub(crate) receipt: Option<String>,
    /// One for each finding and file, in the order in which they were dealt with.
    pub(crate) results: Vec<Item>,
    /// What could not be read.
    pub(crate) problems: Vec<Trouble>,
}

/// What came of a finding in one file.
#[derive(Clone, Serialize)]
pub(crate) struct Item {
    /// The finding.
    pub(crate) id: String,
    /// Its rule.
    pub(crate) rule: String,
    /// One line naming the problem.
    pub(crate) title: String,
    /// Files that the plan changes.
    pub(crate) paths: Vec<String>,
    /// What came of it.
    pub(crate) status: Status,
    /// How the plan may be applied.
    pub(crate) safety: Safety,
    /// What changes, one line.
    pub(crate) summary: String,
    /// What does not.
    pub(crate) left: Vec<String>,
    /// What a person must do besides.
    pub(crate) advice: String,
    /// Where to revoke or replace the credential.
    pub(crate) revoke: Option<String>,
    /// Why it was not applied.
    pub(crate) reason: Option<Reason>,
}

/// Why something was not applied.
#[derive(Clone, Serialize)]
pub(crate) struct Reason {
    /// For programs.
    pub(crate) word: &'static str,
    /// The file it is about; empty when it is about none.
    pub(crate) path: String,
    /// For people.
    pub(crate) text: String,
}

/// Something that could not be read.
#[derive(Serialize)]
pub(crate) struct Trouble {
    /// The file.
    pub(crate) path: String,
    /// One line.
    pub(crate) why: String,
}

/// What came of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It was changed, and the finding is gone.
    Mended,
    /// It would be changed (`--dry-run`).
    Planned,
    /// It was gone already.
    Gone,
    /// It was not changed, for a reason that is likely to pass by itself.
    Deferred,
    /// It was not changed.
    Refused,
    /// A person must act.
    Manual,
    /// The user did not want it now.
    Skipped,
    /// The user decided to live with it.
    Ignored,
}

impl Report {
    /// With nothing in it yet.
    pub(crate) fn new(dry_run: bool) -> Report {
        Report { schema: SCHEMA, dry_run, receipt: None, results: Vec::new(), problems: Vec::new() }
    }

    /// How many there are of a kind.
    pub(crate) fn count(&self, status: Status) -> u64 {
        self.results.iter().filter(|item| item.status == status).count() as u64
    }

    /// What it means for the exit code: whether anything that was asked for is still open.
    pub(crate) fn verdict(&self) -> Exit {
        let over = |s: Status| matches!(s, Status::Mended | Status::Gone | Status::Ignored);
        if self.results.iter().any(|item| !over(item.status)) {
            Exit::Findings
        } else if self.problems.is_empty() {
            Exit::Clean
        } else {
            Exit::Incomplete
        }
    }
}

impl Item {
    /// For a plan.
    pub(crate) fn new(finding: &Finding, plan: &Plan, status: Status) -> Item {
        Item { title: finding.page.title.clone(), ..Item::of(plan, status) }
    }

    fn of(plan: &Plan, status: Status) -> Item {
        let mut paths: Vec<String> = plan.steps.iter().filter_map(Step::path).map(str::to_owned).collect();
        paths.dedup();
        Item {
            id: plan.finding.short(),
            rule: plan.rule.clone(),
            title: String::new(),
            paths,
            status,
            safety: plan.safety,
            summary: plan.summary.clone(),
            left: plan.left.clone(),
            advice: plan.advice.clone(),
            revoke: plan.revoke.clone(),
            reason: None,
        }
    }

    /// Not applied, for this reason.
    pub(crate) fn because(self, status: Status, word: &'static str, path: &str, text: &str) -> Item {
        Item { status, reason: Some(Reason { word, path: path.to_owned(), text: text.to_owned() }), ..self }
    }

    /// What came of applying a plan.
    pub(crate) fn applied(title: &str, outcome: &Outcome) -> Item {
        let item = Item { title: title.to_owned(), ..Item::of(&outcome.plan, Status::Mended) };
        match &outcome.result {
            Ok(()) => item,
            Err((path, why)) => item.because(status(why), why.word(), path, &why.to_string()),
        }
    }
}

fn status(why: &Refused) -> Status {
    if why.later() { Status::Deferred } else { Status::Refused }
}
