//! Baselines in use: reading one, and leaving out of a run what it has. What one is: `rules/src/baseline.rs`.

use crate::examine::Error;
use crate::key;
use crate::machine::files;
use crate::record::Record;
use crate::text;
use lapwing_rules::baseline::{Baseline, Entry, Mark, Salt, numbered};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// An empty one, unlike any other.
#[must_use]
pub fn fresh() -> Baseline {
    let mut salt = [0; 16];
    salt.copy_from_slice(&key::random()[..16]);
    Baseline::new(Salt(salt))
}

/// Reads a baseline, `None` when there is no such file.
///
/// # Errors
/// When there is one that cannot be used.
pub fn read(path: &Path) -> Result<Option<Baseline>, Error> {
    let parse = |text: Option<String>| text.map(|t| Baseline::parse(&t)).transpose();
    files::read_config(path).and_then(parse).map_err(|why| Error::Baseline { path: text::path(path), why })
}

/// Takes the findings that the baseline has out of the records. Returns what a baseline of all of them would hold, and
/// how many were taken out. What has not been looked at in this run is in no baseline: it stays.
pub(crate) fn apply(
    baseline: &Baseline,
    records: &mut Vec<Record>,
    marks: &HashMap<String, Mark>,
    jobs: usize,
) -> (BTreeSet<Entry>, u64) {
    let mut known: Vec<&Record> = records.iter().filter(|r| marks.contains_key(&r.id)).collect();
    // Of several alike the first is the one that was there: in order of place, whoever's ids they are.
    known.sort_by_key(|r| r.sightings.first().map(|s| (s.path.clone(), s.line)));
    let numbered = numbered(known.iter().filter_map(|r| marks.get(&r.id).copied()));
    let entries = stretched(&baseline.salt, &numbered, jobs);
    let old: BTreeSet<String> = known
        .iter()
        .zip(&entries)
        .filter(|(_, entry)| entry.is_some_and(|e| baseline.entries.contains(&e)))
        .map(|(record, _)| record.id.clone())
        .collect();
    let before = records.len();
    records.retain(|r| !old.contains(&r.id));
    (entries.into_iter().flatten().collect(), (before - records.len()) as u64)
}

/// Each takes a while, by design: all processors share the work.
fn stretched(salt: &Salt, marks: &[(Mark, u32)], jobs: usize) -> Vec<Option<Entry>> {
    let mut entries = vec![None; marks.len()];
    let share = marks.len().div_ceil(jobs.max(1)).max(1);
    std::thread::scope(|threads| {
        for (marks, entries) in marks.chunks(share).zip(entries.chunks_mut(share)) {
            threads.spawn(move || {
                for (mark, entry) in marks.iter().zip(entries) {
                    *entry = Entry::of(salt, mark);
                }
            });
        }
    });
    entries
}
