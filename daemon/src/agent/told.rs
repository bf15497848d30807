//! What the agent says of itself.

use super::Agent;
use crate::client::{Doing, Status};
use crate::event::Pass;
use crate::record::Gap;
use std::collections::BTreeMap;

impl Agent {
    /// Fills in what the agent knows of how it is.
    pub(crate) fn describe(&self, status: &mut Status) {
        status.state = self.doing();
        status.last_sweep = self.last.clone();
        status.findings = self.totals.open.clone();
        status.ignored = self.totals.ignored;
        (status.watched, status.unwatched) =
            self.watching.as_ref().map_or((0, 0), |w| (w.watched, w.unwatched));
        status.problems =
            self.problems.iter().map(|(source, why)| format!("{}: {why}", source.word())).collect();
    }

    /// Until when it looks away; `Some(None)` is until it is told to go on.
    pub(crate) fn paused(&self) -> Option<Option<crate::event::Moment>> {
        self.paused
    }

    fn doing(&self) -> Doing {
        match (&self.pass, self.paused) {
            _ if self.stopping => Doing::Stopping,
            (_, Some(_)) => Doing::Paused,
            (Some(Pass::Home), _) => Doing::Sweeping,
            _ if self.watching.is_none() => Doing::Starting,
            _ => Doing::Watching,
        }
    }

    /// What was not examined, or is not watched, and why.
    pub(super) fn coverage(&self) -> Vec<Gap> {
        let mut gaps = self.coverage.clone();
        gaps.extend(self.watching.iter().flat_map(|w| w.gaps.iter().cloned()));
        let mut late: BTreeMap<_, Gap> = BTreeMap::new();
        for (path, (reason, why)) in &self.late {
            let words = || why.clone().unwrap_or_else(|| reason.words().to_owned());
            let gap = late.entry(*reason).or_insert_with(|| Gap {
                reason: *reason,
                policy: reason.policy(),
                count: 0,
                paths: Vec::new(),
                why: words(),
            });
            gap.count += 1;
            if gap.paths.len() < 20 {
                gap.paths.push(path.clone());
            }
        }
        gaps.extend(late.into_values());
        gaps
    }
}
