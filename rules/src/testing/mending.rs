//! The convergence harness: what every fix must do.

use super::{Home, ids, strict};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::facts::{FileKind, Meta};
use crate::finding::Finding;
use crate::fingerprint::FindingId;
use crate::fix::edit::{apply, check, digest, invert};
use crate::fix::plan::{Edit, Plan, Step};
use crate::fix::planner::Planned;
use crate::place::Place;
use crate::rule::Safety;
use crate::target::Target;
use std::collections::BTreeSet;

/// What is looked at: a file at a place, or the machine as a whole.
#[derive(Clone, Copy)]
pub enum Looked<'a> {
    /// This file, as this place.
    File(&'a str, Option<&'a Place>),
    /// Checks of the machine as a whole.
    Home,
}

/// More plans than this for one rule do not converge.
const TURNS: usize = 64;

impl Home {
    /// A file's bytes.
    #[must_use]
    pub fn bytes(&self, path: &str) -> &[u8] {
        self.files.get(path).map_or(&[], |(bytes, _)| bytes)
    }

    /// The home after a plan's steps.
    ///
    /// # Errors
    /// What is wrong with a step.
    pub fn mended(&self, plan: &Plan) -> Result<Home, String> {
        let mut home = self.clone();
        for step in &plan.steps {
            home.step(step)?;
        }
        Ok(home)
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Edit { path, guard, edits } => {
                let (bytes, _) = self.files.get_mut(path).ok_or_else(|| format!("no file {path}"))?;
                if digest(bytes) != *guard {
                    return Err("the guard is of other bytes".to_owned());
                }
                turned(bytes, edits)?;
                *bytes = apply(bytes, edits).map_err(|e| e.to_string())?;
            }
            Step::Create { path, bytes, mode } => {
                if self.files.insert(path.clone(), (bytes.clone(), *mode)).is_some() {
                    return Err(format!("{path} is there already"));
                }
            }
            Step::Mode { path, was, mode } => {
                let name = if self.files.contains_key(path) { path.clone() } else { format!("{path}/") };
                let (_, now) = self.files.get_mut(&name).ok_or_else(|| format!("no file {path}"))?;
                if now != was {
                    return Err("the mode is another".to_owned());
                }
                *now = *mode;
            }
            Step::Quarantine { path } | Step::Remove { path, .. } => {
                self.files.remove(path).ok_or_else(|| format!("no file {path}"))?;
            }
            Step::Keep { .. }
            | Step::Cells { .. }
            | Step::StopUnit { .. }
            | Step::Gone { .. }
            | Step::Guide { .. } => {}
        }
        Ok(())
    }

    fn findings(&self, engine: &Engine, looked: Looked<'_>) -> Vec<Finding> {
        let (ids, policy) = (ids(), strict());
        let cx = Cx { ids: &ids, facts: self, policy: &policy };
        match looked {
            Looked::Home => engine.scan_home(&cx).findings,
            Looked::File(path, place) => engine.scan(&self.target(path, place), &cx).findings,
        }
    }

    fn planned(&self, engine: &Engine, looked: Looked<'_>) -> Vec<Planned> {
        let (ids, policy) = (ids(), strict());
        let cx = Cx { ids: &ids, facts: self, policy: &policy };
        match looked {
            Looked::Home => engine.plans_home(&cx),
            Looked::File(path, place) => engine.plans(&self.target(path, place), &cx),
        }
    }

    fn target<'a>(&'a self, path: &'a str, place: Option<&'a Place>) -> Target<'a> {
        let (bytes, mode) = self.files.get(path).map_or((&[][..], 0), |(bytes, mode)| (&bytes[..], *mode));
        let meta = self.files.contains_key(path).then_some(Meta {
            mode,
            own: path.starts_with('~'),
            root: !path.starts_with('~'),
            kind: FileKind::File,
            size: bytes.len() as u64,
        });
        Target { path, place, bytes, meta }
    }
}

/// Whether edits turned round bring back all but what was secret.
fn turned(before: &[u8], edits: &[Edit]) -> Result<(), String> {
    check(edits, before.len()).map_err(|e| e.to_string())?;
    let after = apply(before, edits).map_err(|e| e.to_string())?;
    let back = invert(before, edits).map_err(|e| e.to_string())?;
    let back = apply(&after, &back).map_err(|e| e.to_string())?;
    let secret: Vec<Edit> = edits.iter().filter(|e| e.secret).cloned().collect();
    let want = apply(before, &secret).map_err(|e| e.to_string())?;
    if back == want { Ok(()) } else { Err("undo does not bring back what was there".to_owned()) }
}

fn set(findings: &[Finding]) -> BTreeSet<FindingId> {
    findings.iter().map(|f| f.id).collect()
}

/// Mends all that a rule has found, one plan after the other, and says what the home is then.
///
/// # Errors
/// When a plan does not do what plans must: the finding is there before and gone after, nothing else is found than before, no
/// plan is left, and undo brings back every byte but a secret's.
pub fn check_fix(engine: &Engine, home: &Home, looked: Looked<'_>, rule: &str) -> Result<Home, String> {
    if !home.findings(engine, looked).iter().any(|f| f.page.id == rule) {
        return Err("not found".to_owned());
    }
    let mut now = home.clone();
    for turn in 0..TURNS {
        let plans = now.planned(engine, looked);
        let found = now.findings(engine, looked);
        let known = set(&found);
        if set(&plans.iter().map(|(f, _)| f.clone()).collect::<Vec<_>>()) != known {
            return Err("plans are not for what is found".to_owned());
        }
        let mut own = plans.iter().filter(|(f, plan)| f.page.id == rule && !plan.steps.is_empty());
        let Some((finding, plan)) = own.next() else {
            return if turn == 0 { Err("no plan".to_owned()) } else { Ok(now) };
        };
        if plans.iter().any(|(_, plan)| (plan.safety == Safety::Manual) != plan.steps.is_empty()) {
            return Err("a plan without steps is a person's, and no other".to_owned());
        }
        if plan.safety == Safety::Manual || (plan.safety == Safety::Safe && plan.credential) {
            return Err("its safety is not what its steps are".to_owned());
        }
        let next = now.mended(plan)?;
        let after = set(&next.findings(engine, looked));
        if after.contains(&finding.id) {
            return Err("still found after the plan".to_owned());
        }
        if let Some(new) = next.findings(engine, looked).iter().find(|f| !known.contains(&f.id)) {
            return Err(format!("after the plan something else is found: {}", new.page.id));
        }
        now = next;
    }
    Err("does not come to an end".to_owned())
}
