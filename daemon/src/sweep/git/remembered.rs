//! The histories of a home's repositories, of which only what is new is searched. What a pack holds never changes, so
//! its name says whether it was searched; other objects are known by their ids.

use super::super::states;
use super::Shown;
use super::history::{ALL, Job, Searched, search};
use crate::ledger::{DirKey, Seen};
use crate::machine::git::Repository;
use crate::machine::git::objects::{self, Store};
use crate::machine::git::pack::{self, short};
use crate::record::Reason;
use crate::sweep::{Done, Scope};
use lapwing_rules::fingerprint::FindingId;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

/// Bytes of versions that one run searches: some seconds. The next run goes on where it has ended.
const BUDGET: i64 = 1 << 30;
/// As [`BUDGET`], of one repository where something was found that may be gone.
const AGAIN: i64 = 8 * BUDGET;
/// As [`super::SIGHTINGS`], over all runs.
const SIGHTINGS: usize = super::SIGHTINGS;

/// A repository that a walk has met.
pub(crate) struct Met {
    pub(crate) path: PathBuf,
    pub(crate) shown: String,
}

/// What is known of histories from earlier runs.
pub(crate) trait Known {
    /// How far a repository was searched, packed.
    fn history(&self, key: &DirKey) -> Option<Vec<u8>>;
    /// How often each finding was seen in a repository.
    fn seen(&self, shown: &str) -> HashMap<FindingId, usize>;
}

/// Searches what is new in the histories of these repositories. `each` takes what came of one.
pub(crate) fn histories(scope: &Scope<'_>, met: &[Met], known: &dyn Known, mut each: impl FnMut(Done)) {
    let budget = AtomicI64::new(if scope.largest == u64::MAX { i64::MAX } else { BUDGET });
    for one in met {
        let mut done = Done::default();
        history(scope, one, known, &budget, &mut done);
        each(done);
    }
}

fn history(scope: &Scope<'_>, met: &Met, known: &dyn Known, budget: &AtomicI64, done: &mut Done) {
    let shown = met.shown.as_str();
    let keep = |done: &mut Done| {
        done.kept.insert(shown.to_owned());
    };
    if scope.stopped() {
        return keep(done);
    }
    let repository = Repository::at(met.path.clone(), None);
    let objects = repository.dir.join("objects");
    let indexes = pack::indexes(&objects);
    let size: u64 = indexes.iter().map(|i| size(&i.with_extension("pack"))).sum();
    if size > scope.history {
        let tree = shown.strip_suffix("/.git").unwrap_or(shown);
        let why = format!("{} MiB packed: `lapwing scan --history {tree}` searches it", size >> 20);
        keep(done);
        return done.note(Reason::History, shown, Some(why));
    }
    let key = states::key(&met.path);
    let before = unpacked(&known.history(&key).unwrap_or_default());
    let names = indexes.iter().map(|i| pack::name(i));
    let loose = objects::loose(&objects, repository.hash);
    let now: Searched = names.chain(loose.iter().map(|id| short(id))).map(|n| (n, 0)).collect();
    let remembered = scope.remembered.contains_key(shown);
    // What was found may have been in what is gone: only a look at everything can tell.
    let again = remembered && (before.is_empty() || before.keys().any(|k| !now.contains_key(k)));
    if !again && now.keys().all(|k| before.get(k) == Some(&ALL)) {
        return keep(done);
    }
    let left = budget.load(Ordering::Relaxed);
    if !again && left <= 0 {
        keep(done);
        return done.note(Reason::History, shown, Some("left for the next run".to_owned()));
    }
    let nothing = Searched::new();
    let own = AtomicI64::new(if again { left.max(AGAIN) } else { left });
    let store = Store::open(&repository, scope.home.canonical());
    let job =
        Job { store: &store, among: store.own, known: if again { &nothing } else { &before }, budget: &own };
    let (hits, searched) = search(scope, &repository, &job, &Shown { repository: shown, tree: None }, done);
    if scope.stopped() {
        return keep(done);
    }
    if !again {
        budget.store(own.into_inner(), Ordering::Relaxed);
    }
    if searched.len() < now.len() || searched.values().any(|n| *n != ALL) {
        done.note(Reason::History, shown, Some("searched in part; the next run goes on".to_owned()));
    }
    done.batch.histories.push((key, packed(&searched)));
    hits.finish(scope, shown, done);
    // Versions are no files of the home.
    done.files = 0;
    let seen: Vec<Seen> =
        std::mem::take(&mut done.batch.files).into_iter().flat_map(|(_, seen)| seen).collect();
    if again {
        done.batch.files.push((shown.to_owned(), seen));
    } else {
        keep(done);
        let mut count = known.seen(shown);
        let few = |s: &Seen| {
            let count = count.entry(s.id).or_default();
            *count += 1;
            *count <= SIGHTINGS
        };
        let mut seen = seen;
        seen.retain(few);
        if !seen.is_empty() {
            done.batch.more.push((shown.to_owned(), seen));
        }
    }
}

fn size(path: &std::path::Path) -> u64 {
    rustix::fs::stat(path).map_or(0, |s| u64::try_from(s.st_size).unwrap_or_default())
}

/// Sorted, so that the same state is the same bytes.
fn packed(searched: &Searched) -> Vec<u8> {
    let mut pairs: Vec<_> = searched.iter().collect();
    pairs.sort_unstable();
    pairs.into_iter().flat_map(|(name, upto)| [name.to_le_bytes(), upto.to_le_bytes()]).flatten().collect()
}

fn unpacked(blob: &[u8]) -> Searched {
    let word = |b: &[u8]| b.iter().rev().fold(0u64, |acc, b| (acc << 8) | u64::from(*b));
    blob.chunks_exact(16).map(|c| (word(&c[..8]), word(&c[8..]))).collect()
}
