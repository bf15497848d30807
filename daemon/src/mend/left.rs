//! Plans of a large file that nobody has asked for yet: it is searched once for all its findings, for as long as it stays as
//! it is.

use crate::machine::files::Identity;
use lapwing_rules::fix::planner::Planned;
use rustix::fs::Stat;
use std::collections::BTreeSet;

pub(super) struct Left {
    path: String,
    state: Identity,
    /// Findings that were asked for: their plans are not here any more.
    given: BTreeSet<String>,
    plans: Vec<Planned>,
}

impl Left {
    /// What is left of the plans of this file, as it was before it was read, once these were given out.
    pub(super) fn new(path: &str, stat: &Stat, given: &BTreeSet<&str>, plans: Vec<Planned>) -> Left {
        let given = given.iter().map(|id| (*id).to_owned()).collect();
        Left { path: path.to_owned(), state: Identity::of(stat), given, plans }
    }

    /// The plans for these findings of a file, `None` when it has to be read for them.
    pub(super) fn take(&mut self, path: &str, stat: &Stat, ids: &BTreeSet<&str>) -> Option<Vec<Planned>> {
        let again = ids.iter().any(|id| self.given.contains(*id));
        if again || self.path != path || self.state != Identity::of(stat) {
            return None;
        }
        self.given.extend(ids.iter().map(|id| (*id).to_owned()));
        let asked = |(finding, _): &mut Planned| ids.contains(&*finding.id.short());
        Some(self.plans.extract_if(.., asked).collect())
    }
}
