//! What a run knows from earlier ones and adds to it: the ledger while it can be used, and what is found either way.

use crate::home::Home;
use crate::key::Trouble;
use crate::ledger::{DirKey, Generation, Index, Ledger, Life, Seen};
use crate::record::Reason;
use crate::sweep::git::{Known, histories};
use crate::sweep::{self, Done, Scope};
use lapwing_rules::fingerprint::FindingId;
use std::collections::{HashMap, HashSet};

/// What is remembered during a run, with the ledger while that can be used.
pub(crate) struct Memory {
    ledger: Option<Ledger>,
    before: Vec<Seen>,
    /// The ledger as it was when `before` was read.
    state: Generation,
    fresh: HashMap<String, Vec<Seen>>,
    note: Option<String>,
    failed: Option<String>,
}

impl Memory {
    pub(crate) fn open(home: &Home, version: &str) -> Memory {
        let mut memory = Memory {
            ledger: None,
            before: Vec::new(),
            state: 0,
            fresh: HashMap::new(),
            note: None,
            failed: None,
        };
        let opened = Ledger::open(&home.ledger()).and_then(|(ledger, note)| {
            ledger.index_for(version)?;
            (memory.before, memory.state) = ledger.snapshot()?;
            memory.note = note;
            Ok(ledger)
        });
        match opened {
            Ok(ledger) => memory.ledger = Some(ledger),
            Err(e) => memory.failed = Some(format!("{}: {e}", home.shown(&home.ledger()))),
        }
        memory
    }

    /// Paths at which something is remembered, and whether any of it is not a secret: what makes a setting risky may
    /// lie in another file, so those are judged again even when unchanged.
    pub(crate) fn remembered(&self) -> HashMap<String, bool> {
        let mut paths = HashMap::new();
        for s in &self.before {
            *paths.entry(s.path.clone()).or_default() |= s.kind != lapwing_rules::rule::Kind::Secret;
        }
        paths
    }

    /// What is remembered of a file.
    pub(crate) fn seen_in<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Seen> {
        self.before.iter().filter(move |s| s.path == path)
    }

    /// A connection for each worker to look up unchanged files.
    pub(crate) fn indexes(&self, jobs: usize) -> Vec<Index> {
        let open = |l: &Ledger| (0..jobs).filter_map(|_| Index::open(l.path(), self.state)).collect();
        self.ledger.as_ref().map(open).unwrap_or_default()
    }

    /// Takes the batch over and writes it. After the first failure nothing more is written: half a sweep must not look
    /// like a whole one.
    pub(crate) fn commit(&mut self, total: &mut Done, trouble: &Trouble) {
        let batch = std::mem::take(&mut total.batch);
        if self.failed.is_none() {
            self.failed = trouble.get().cloned();
        }
        if let (Some(ledger), None) = (&mut self.ledger, &self.failed) {
            self.failed = ledger.commit(&batch, crate::text::now()).err().map(|e| e.to_string());
        }
        self.fresh.extend(batch.files);
        for (path, seen) in batch.more {
            self.fresh.entry(path).or_default().extend(seen);
        }
    }

    /// Searches what is new in the histories of the repositories that were met.
    pub(crate) fn histories(&mut self, scope: &Scope<'_>, total: &mut Done, trouble: &Trouble) {
        let mut met = std::mem::take(&mut total.repositories);
        met.sort_by(|a, b| a.shown.cmp(&b.shown));
        let mut found = Vec::new();
        let clean = std::mem::take(&mut total.clean);
        histories(scope, &met, self, &clean, |done| found.push(done));
        for done in found {
            total.add(done);
        }
        self.commit(total, trouble);
    }

    /// Looks after remembered paths that the sweep has not met: gone, moved out of the way, or left out since.
    /// Nor have the places, which have their own results.
    pub(crate) fn revisit(&self, scope: &Scope<'_>, places: &Done, total: &mut Done) {
        let judged: HashSet<&str> = places.batch.files.iter().map(|(path, _)| path.as_str()).collect();
        for path in scope.remembered.keys() {
            // What is in no file was examined with the places.
            let met = path.starts_with('(') || judged.contains(path.as_str());
            if met || total.kept.contains(path) || self.fresh.contains_key(path) {
                continue;
            }
            total.add(sweep::again(scope, path));
        }
    }

    pub(crate) fn close(
        &mut self,
        whole: bool,
        total: &mut Done,
        trouble: &Trouble,
    ) -> HashMap<FindingId, Life> {
        self.failed = self.failed.take().or_else(|| trouble.get().cloned());
        let settled = match (&self.ledger, &self.failed) {
            (Some(ledger), None) if whole => ledger.settle(crate::text::now()).and_then(|()| ledger.lives()),
            (Some(ledger), _) => ledger.lives(),
            (None, _) => Ok(HashMap::new()),
        };
        total.notes.extend(self.note.take());
        let (lives, why) =
            settled.map_or_else(|e| (HashMap::new(), Some(e.to_string())), |lives| (lives, None));
        if let Some(why) = self.failed.take().or(why) {
            total.note(Reason::Ledger, "", Some(format!("what was found could not be remembered: {why}")));
        }
        lives
    }

    /// Notes that a whole pass over the home has come to its end; one that is cut short is made again at the next start.
    pub(crate) fn swept(&self) {
        if let Some(Err(e)) = self.ledger.as_ref().map(|ledger| ledger.swept(crate::text::now())) {
            tracing::debug!("the end of a sweep could not be noted: {e}");
        }
    }

    /// What is there now: fresh results, and what is remembered of unchanged files.
    pub(crate) fn result(&mut self, total: &Done, whole: bool) -> Vec<Seen> {
        let fresh = std::mem::take(&mut self.fresh);
        let before = std::mem::take(&mut self.before);
        let still = before
            .into_iter()
            .filter(|s| total.kept.contains(&s.path) || (!whole && !fresh.contains_key(&s.path)));
        let mut seen: Vec<Seen> = still.chain(fresh.values().flatten().cloned()).collect();
        // The order in which the ledger tells them, so that the next run says the same.
        seen.sort_by(|a, b| {
            (&a.path, &a.inside, a.at.line, a.at.span).cmp(&(&b.path, &b.inside, b.at.line, b.at.span))
        });
        seen
    }
}

impl Known for Memory {
    fn history(&self, key: &DirKey) -> Option<Vec<u8>> {
        self.ledger.as_ref()?.history(key)
    }

    fn seen(&self, shown: &str) -> HashMap<FindingId, usize> {
        let mut count = HashMap::new();
        for s in self.before.iter().filter(|s| s.path == shown) {
            *count.entry(s.id).or_default() += 1;
        }
        count
    }
}
