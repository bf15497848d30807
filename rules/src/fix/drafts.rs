//! From what a fix proposes to the plan that people see: how safe it is, what it leaves, one for each finding.

use super::edit::merge;
use super::plan::{Draft, Plan, Step};
use super::planner::Planned;
use super::redact::MARKER;
use super::setting;
use crate::facts::Meta;
use crate::finding::Finding;
use crate::fingerprint::FindingId;
use crate::place::Place;
use crate::rule::{Page, Safety};
use crate::secrets::decode::utf16;
use crate::settings::entry::Entry;
use crate::target::Target;
use std::collections::BTreeMap;

/// Whether a file only records what was.
pub(super) fn records(place: Option<&Place>, path: &str) -> bool {
    match place {
        Some(place) => place.record,
        None => path.rsplit('/').next().unwrap_or(path).ends_with(".log"),
    }
}

/// Whether lengths and checksums may depend on every byte of a file.
pub(super) fn binary(bytes: &[u8]) -> bool {
    utf16::detect(bytes).is_none() && memchr::memchr(0, &bytes[..bytes.len().min(64 << 10)]).is_some()
}

/// Why a binary file is left alone.
pub(super) fn counted(place: Option<&Place>) -> String {
    let tool = place.map_or("its program", |p| p.tool.as_str());
    format!("the file is binary, and lengths in it count every byte: delete the entry in {tool}")
}

/// The draft that takes out a secret which stands on these lines.
pub(super) fn redaction(finding: &Finding, step: Step, lines: &[u64]) -> Draft {
    let summary = format!("{} becomes {MARKER} {}", finding.preview, on_lines(lines));
    let mut draft = Draft::new(summary, vec![step]);
    draft.left.push("copies in other files, and whatever has been read or copied before".to_owned());
    draft
}

/// `on line 4`, `on lines 4 and 9`, `on 12 lines from 4 to 80`.
fn on_lines(lines: &[u64]) -> String {
    let mut lines = lines.to_vec();
    lines.sort_unstable();
    lines.dedup();
    match lines[..] {
        [] => String::new(),
        [one] => format!("on line {one}"),
        [one, two] => format!("on lines {one} and {two}"),
        [first, .., last] => format!("on {} lines from {first} to {last}", lines.len()),
    }
}

pub(super) fn summary(entry: &Entry, change: &setting::Change, hide: bool) -> String {
    let (key, line) = (&entry.key, entry.line);
    match change {
        setting::Change::Unset => format!("removes `{key}` (line {line})"),
        setting::Change::Comment => format!("turns `{key}` into a comment (line {line})"),
        setting::Change::Value(_) if hide => format!("changes `{key}` (line {line})"),
        setting::Change::Value(new) => format!("sets `{key}` to `{new}` (line {line})"),
    }
}

/// One plan for each finding: a setting that is said several times is one.
pub(super) fn together(plans: Vec<Planned>) -> Vec<Planned> {
    let mut known: BTreeMap<(FindingId, String), usize> = BTreeMap::new();
    let mut out: Vec<Planned> = Vec::new();
    for (finding, plan) in plans {
        let key = (finding.id, finding.page.id.clone());
        match known.get(&key) {
            Some(index) => join(&mut out[*index].1, plan),
            None => {
                known.insert(key, out.len());
                out.push((finding, plan));
            }
        }
    }
    out
}

/// Puts the edits of a plan for the same bytes into another. Where one is left to a person, so is all.
fn join(plan: &mut Plan, more: Plan) {
    let steps = (&mut plan.steps[..], more.steps);
    let joined = match steps {
        ([Step::Edit { edits, .. }], mut steps) if steps.len() == 1 => match steps.pop() {
            Some(Step::Edit { edits: added, .. }) => {
                let (merged, left_out) = merge(vec![std::mem::take(edits), added]);
                *edits = merged;
                left_out.is_empty()
            }
            _ => false,
        },
        // The same step for the same thing.
        ([_, ..], steps) => !steps.is_empty(),
        ([], _) => false,
    };
    if joined {
        plan.credential |= more.credential;
        plan.summary = format!("{}; {}", plan.summary, more.summary);
        if plan.credential && plan.safety == Safety::Safe {
            plan.safety = Safety::Review;
        }
    } else {
        plan.steps.clear();
        plan.safety = Safety::Manual;
        plan.credential = false;
    }
}

/// A plan that leaves everything to a person, and why.
pub(super) fn manual(finding: Finding, why: &str) -> Planned {
    let (finding, mut plan) = planned(finding, None);
    plan.left.push(why.to_owned());
    (finding, plan)
}

/// A draft with what its rule's page says.
pub(super) fn planned(finding: Finding, draft: Option<Draft>) -> Planned {
    let page: &Page = &finding.page;
    let by_hand = page.advice.split_inclusive(". ").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let advised = || Draft::new(format!("left to you: {by_hand}"), Vec::new());
    let mut draft =
        draft.filter(|d| !d.steps.is_empty() || d.safety == Some(Safety::Manual)).unwrap_or_else(advised);
    if draft.summary.is_empty() {
        draft.summary = advised().summary;
    }
    let secret = draft.steps.iter().any(Step::secret);
    let safety = match draft.safety.unwrap_or(page.safety) {
        _ if draft.steps.is_empty() => Safety::Manual,
        // What takes a secret out cannot be undone, and a page's `manual` is about its command.
        Safety::Safe if secret => Safety::Review,
        Safety::Manual => Safety::Review,
        said => said,
    };
    let plan = Plan {
        finding: finding.id,
        rule: page.id.clone(),
        safety,
        summary: draft.summary,
        steps: draft.steps,
        left: draft.left,
        advice: draft.advice.unwrap_or_else(|| page.advice.clone()),
        revoke: page.revoke.clone(),
        credential: draft.credential || secret,
    };
    (finding, plan)
}

/// A file of the system is not changed in the user's name.
pub(super) fn root_owned(target: &Target<'_>, plan: &mut Plan) {
    let root = |meta: Meta| meta.root && !meta.own;
    if !plan.steps.is_empty() && target.path.starts_with('/') && target.meta.is_some_and(root) {
        plan.steps.clear();
        plan.safety = Safety::Manual;
        plan.credential = false;
        plan.left.push("the file belongs to root: change it as root".to_owned());
    }
}
