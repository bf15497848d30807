//! Secrets in the cells of a database that only records what was.

use super::drafts::{planned, records};
use super::mender::Mender;
use super::plan::{Draft, Step};
use super::planner::Planned;
use super::redact::MARKER;
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::Finding;
use crate::fingerprint::FindingId;
use crate::place::Place;
use crate::secret::Secret;
use std::collections::HashMap;

/// Gathers what is found in the cells of one database into plans.
pub struct Cells<'a> {
    engine: &'a Engine,
    path: String,
    place: Option<&'a Place>,
    found: Vec<Kept>,
    known: HashMap<FindingId, usize>,
}

struct Kept {
    finding: Finding,
    /// How it is written in the cells: more than one way where some are encoded.
    written: Vec<Secret>,
    cells: usize,
}

impl<'a> Cells<'a> {
    /// For the database at this path.
    #[must_use]
    pub fn new(engine: &'a Engine, path: &str, place: Option<&'a Place>) -> Cells<'a> {
        Cells { engine, path: path.to_owned(), place, found: Vec::new(), known: HashMap::new() }
    }

    /// Searches a cell, as [`Engine::stream`] would; `inside` is what it is called.
    pub fn cell(&mut self, bytes: &[u8], inside: &str, cx: &Cx<'_>) {
        let (found, known) = (&mut self.found, &mut self.known);
        let mut mender = Mender::new(self.engine, &self.path, self.place);
        mender.each(bytes, true, cx, |_| Vec::new(), &mut |seen| {
            let index = *known.entry(seen.finding.id).or_insert(found.len());
            if index == found.len() {
                let finding = Finding { inside: Some(inside.to_owned()), ..seen.finding };
                found.push(Kept { finding, written: Vec::new(), cells: 0 });
            }
            let kept = &mut found[index];
            kept.cells += 1;
            for edit in &seen.edits {
                let raw = bytes.get(edit.start..edit.end).unwrap_or_default();
                if !raw.is_empty() && !kept.written.iter().any(|known| known.expose() == raw) {
                    kept.written.push(Secret::new(raw.to_vec()));
                }
            }
        });
    }

    /// The plans.
    #[must_use]
    pub fn plans(self) -> Vec<Planned> {
        let record = records(self.place, &self.path);
        let path = self.path;
        let plan = |kept: Kept| {
            let cells = if kept.cells == 1 { "one cell".to_owned() } else { format!("{} cells", kept.cells) };
            let step = |secret| Step::Cells { path: path.clone(), secret };
            let steps: Vec<Step> = kept.written.into_iter().filter(|_| record).map(step).collect();
            let draft = (!steps.is_empty()).then(|| {
                let mut draft =
                    Draft::new(format!("{} becomes {MARKER} in {cells}", kept.finding.preview), steps);
                draft
                    .left
                    .push("copies in other files, and whatever has been read or copied before".to_owned());
                draft
            });
            planned(kept.finding, draft)
        };
        self.found.into_iter().map(plan).collect()
    }
}
