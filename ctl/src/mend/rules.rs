//! What applying asks of the rules, answered by the agent's workshop.

use crate::apply::step::{Content, Rules};
use lapwing_agent::mend::{Wanted, Workshop};
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::plan::Step;
use lapwing_rules::place::Place;
use rustix::fs::Stat;
use std::os::fd::AsFd as _;

/// The rules as the workshop has them.
pub(crate) struct ByWorkshop<'a>(pub(crate) &'a Workshop);

impl Rules for ByWorkshop<'_> {
    fn place(&self, shown: &str) -> Option<&Place> {
        self.0.engine().places().classify(shown)
    }

    fn judge(&self, shown: &str, content: Content<'_>, stat: &Stat) -> Result<Vec<FindingId>, String> {
        match content {
            Content::Bytes(bytes) => Ok(self.0.judge(shown, bytes, stat)),
            Content::Edited(file, length, edits) => self.0.judge_edited(shown, file.as_fd(), length, edits),
        }
    }

    fn holds(&self, wanted: &[(FindingId, Vec<String>)]) -> Vec<FindingId> {
        let each = |(id, paths): &(FindingId, Vec<String>)| {
            let id = id.short();
            let none = paths.is_empty().then(String::new);
            paths.clone().into_iter().chain(none).map(move |path| Wanted { id: id.clone(), path })
        };
        let asked: Vec<Wanted> = wanted.iter().flat_map(each).collect();
        let there = self.0.plans(&asked).plans;
        let still = |(id, paths): &&(FindingId, Vec<String>)| {
            there.iter().any(|(finding, plan)| {
                let touched: Vec<&str> = plan.steps.iter().filter_map(Step::path).collect();
                let here = |path: &String| touched.contains(&path.as_str());
                finding.id == *id && (touched.is_empty() || paths.is_empty() || paths.iter().any(here))
            })
        };
        // A program that was to mend a file may have written it anew, and with that another finding of the same kind.
        let guided = |path: &String| {
            let asks = |step: &Step| matches!(step, Step::Guide { argv, .. } if argv.contains(path));
            self.0.file(path).plans.iter().any(|(_, plan)| plan.steps.iter().any(asks))
        };
        let holds = |one: &&(FindingId, Vec<String>)| still(one) || one.1.iter().any(guided);
        wanted.iter().filter(holds).map(|(id, _)| *id).collect()
    }

    fn secret(&self, shown: &str, bytes: &[u8]) -> bool {
        self.0.hide(shown, bytes) != bytes
    }
}
