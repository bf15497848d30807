//! The histories of a home's repositories, of which only what is new is searched. What a pack holds never changes, so
//! its name says whether it was searched; other objects are known by their ids.

use super::super::states;
use super::history::{ALL, Job, Searched, search};
use super::{Clean, SIGHTINGS, Shown};
use crate::ledger::{DirKey, Seen};
use crate::machine::git::Repository;
use crate::machine::git::objects::{self, Store};
use crate::machine::git::pack::{self, short};
use crate::record::Reason;
use crate::sweep::{Done, Scope};
use lapwing_rules::fingerprint::FindingId;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

/// Bytes of versions that one run searches: some seconds. The next run goes on where it has ended.
const BUDGET: i64 = 1 << 30;
/// As [`BUDGET`], of one repository where something was found that may be gone.
const AGAIN: i64 = 8 * BUDGET;

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
pub(crate) fn histories(
    scope: &Scope<'_>,
    met: &[Met],
    known: &dyn Known,
    clean: &Clean,
    mut each: impl FnMut(Done),
) {
    let budget = AtomicI64::new(if scope.largest == u64::MAX { i64::MAX } else { BUDGET });
    for one in met {
        let mut done = Done::default();
        history(scope, one, known, clean, &budget, &mut done);
        each(done);
    }
}

/// What there is to search in a repository.
struct Look {
    repository: Repository,
    /// How far it was searched before.
    before: Searched,
    /// How many packs and loose objects it has.
    count: usize,
    /// Everything once more: what was found may have been in what is gone.
    again: bool,
}

impl Look {
    /// `None` when nothing is to be done; what is known of it stays.
    fn new(scope: &Scope<'_>, met: &Met, key: &DirKey, known: &dyn Known, done: &mut Done) -> Option<Look> {
        let repository = Repository::at(met.path.clone(), None);
        let objects = repository.dir.join("objects");
        let indexes = pack::indexes(&objects);
        let size: u64 = indexes.iter().map(|i| size(&i.with_extension("pack"))).sum();
        if size > scope.history {
            let tree = met.shown.strip_suffix("/.git").unwrap_or(&met.shown);
            let why = format!("{} MiB packed: `lapwing scan --history {tree}` searches it", size >> 20);
            done.note(Reason::History, &met.shown, Some(why));
            return None;
        }
        let before = unpacked(&known.history(key).unwrap_or_default());
        let loose = objects::loose(&objects, repository.hash);
        let names = indexes.iter().map(|i| pack::name(i));
        let now: HashSet<u64> = names.chain(loose.iter().map(|id| short(id))).collect();
        let gone = before.is_empty() || before.keys().any(|k| !now.contains(k));
        let again = gone && scope.remembered.contains_key(&met.shown);
        let new = now.iter().any(|k| before.get(k) != Some(&ALL));
        (again || new).then_some(Look { repository, before, count: now.len(), again })
    }
}

fn history(
    scope: &Scope<'_>,
    met: &Met,
    known: &dyn Known,
    clean: &Clean,
    budget: &AtomicI64,
    done: &mut Done,
) {
    let shown = met.shown.as_str();
    let key = states::key(&met.path);
    done.kept.insert(shown.to_owned());
    let Some(look) = Look::new(scope, met, &key, known, done).filter(|_| !scope.stopped()) else { return };
    let left = budget.load(Ordering::Relaxed);
    if !look.again && left <= 0 {
        return done.note(Reason::History, shown, Some("left for the next run".to_owned()));
    }
    let nothing = Searched::new();
    let own = AtomicI64::new(if look.again { left.max(AGAIN) } else { left });
    let store = Store::open(&look.repository, scope.home.canonical());
    let before = if look.again { &nothing } else { &look.before };
    let job = Job { store: &store, among: store.own, known: before, clean, budget: &own };
    let name = Shown { repository: shown, tree: None };
    let (hits, searched) = search(scope, &look.repository, &job, &name, done);
    if scope.stopped() {
        return;
    }
    if !look.again {
        budget.store(own.into_inner(), Ordering::Relaxed);
    }
    if searched.len() < look.count || searched.values().any(|n| *n != ALL) {
        done.note(Reason::History, shown, Some("searched in part; the next run goes on".to_owned()));
    }
    done.batch.histories.push((key, packed(&searched)));
    hits.finish(scope, shown, done);
    // Versions are no files of the home.
    done.files = 0;
    let found = std::mem::take(&mut done.batch.files).into_iter().flat_map(|(_, seen)| seen);
    if look.again {
        done.kept.remove(shown);
        done.batch.files.push((shown.to_owned(), found.collect()));
    } else {
        let more = few(found, known.seen(shown));
        done.batch.more.extend((!more.is_empty()).then(|| (shown.to_owned(), more)));
    }
}

/// What does not add up with what is known to more than a few sightings of a finding.
fn few(found: impl Iterator<Item = Seen>, mut count: HashMap<FindingId, usize>) -> Vec<Seen> {
    let first = |s: &Seen| {
        let count = count.entry(s.id).or_default();
        *count += 1;
        *count <= SIGHTINGS
    };
    found.filter(first).collect()
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
mod tests {
    use super::*;
    use crate::sweep::scene::Scene;
    use lapwing_rules::testing::fill;
    use std::path::Path;
    use std::process::Command;

    /// What a ledger would know.
    #[derive(Default)]
    struct Memory(HashMap<DirKey, Vec<u8>>);

    impl Known for Memory {
        fn history(&self, key: &DirKey) -> Option<Vec<u8>> {
            self.0.get(key).cloned()
        }

        fn seen(&self, _: &str) -> HashMap<FindingId, usize> {
            HashMap::new()
        }
    }

    fn git(dir: &Path, args: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args).current_dir(dir);
        assert!(command.output().unwrap().status.success(), "{args:?}");
    }

    fn repository(dir: &Path) {
        let git = |args: &[&str]| git(dir, args);
        git(&["init", "-q"]);
        for n in 0..400 {
            let token = fill("token: dop_v1_{{hex:64}}\n", &n.to_string());
            let text = if n % 100 == 0 { token } else { format!("number: {n}\n") };
            std::fs::write(dir.join(format!("{n}.yml")), text).unwrap();
        }
        git(&["add", "."]);
        git(&["commit", "-qm", "x"]);
        git(&["gc", "-q"]);
    }

    #[test]
    fn a_run_goes_on_where_the_one_before_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        repository(dir.path());
        let scene = Scene::new(dir.path());
        let scope = Scope { largest: 1 << 20, all: false, history: u64::MAX, ..scene.scope() };
        let met = Met { path: scene.home.root().join(".git"), shown: "~/.git".to_owned() };
        let clean = Clean::default();
        let (mut memory, mut found, mut runs) = (Memory::default(), HashSet::new(), 0);
        loop {
            let mut done = Done::default();
            // Enough to begin with.
            history(&scope, &met, &memory, &clean, &AtomicI64::new(BUDGET.min(2 + runs)), &mut done);
            memory.0.extend(done.batch.histories);
            found.extend(done.batch.more.into_iter().flat_map(|(_, seen)| seen).map(|s| s.id));
            runs += 1;
            if !done.missed.contains_key(&Reason::History) {
                break;
            }
            assert!(runs < 50, "it comes no further");
        }
        assert!(runs > 1, "one run was enough");
        assert_eq!(found.len(), 4);
        let mut done = Done::default();
        history(&scope, &met, &memory, &clean, &AtomicI64::new(BUDGET), &mut done);
        assert_eq!((done.bytes, done.kept.len(), done.batch.histories.len()), (0, 1, 0));
    }

    #[test]
    fn commits_are_read_within_the_budget() {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "-q"]);
        let token = fill("token: dop_v1_{{hex:64}}\n", "budget");
        std::fs::write(dir.path().join("a.yml"), token).unwrap();
        git(dir.path(), &["add", "."]);
        for n in 0..40 {
            let long = format!("{n} of many words\n").repeat(4000);
            git(dir.path(), &["commit", "-q", "--allow-empty", "-m", &long]);
        }
        for packed in [false, true] {
            if packed {
                git(dir.path(), &["gc", "-q"]);
            }
            let scene = Scene::new(dir.path());
            let scope = Scope { largest: 1 << 20, all: false, history: u64::MAX, ..scene.scope() };
            let met = Met { path: scene.home.root().join(".git"), shown: "~/.git".to_owned() };
            let (budget, mut done) = (AtomicI64::new(200_000), Done::default());
            history(&scope, &met, &Memory::default(), &Clean::default(), &budget, &mut done);
            let found = done.batch.more.iter().flat_map(|(_, seen)| seen).count();
            // Half of it, and the commit with which that was used up.
            assert_eq!((found, done.missed.contains_key(&Reason::History)), (1, false), "{packed}");
            assert!((0..100_000).contains(&budget.into_inner()), "{packed}");
        }
    }

    #[test]
    fn what_the_work_tree_has_clean_is_not_searched_twice_and_nothing_else_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        repository(dir.path());
        let scene = Scene::new(dir.path());
        let scope = Scope { largest: 1 << 20, all: false, history: u64::MAX, ..scene.scope() };
        // One secret is in the history only, and one was silenced where it stands.
        std::fs::write(dir.path().join("0.yml"), "nothing\n").unwrap();
        let token = fill("token: dop_v1_{{hex:64}}", "100");
        std::fs::write(dir.path().join("100.yml"), format!("{token} # lapwing:ignore\n")).unwrap();
        let mut walked = Done::default();
        super::super::super::walk(
            &scope,
            scene.home.root(),
            ("~", "~"),
            &HashSet::new(),
            Vec::new(),
            |done| {
                walked.add(done);
            },
        );
        let met = walked.repositories.pop().unwrap();
        let search = |clean: &Clean| {
            let mut done = Done::default();
            history(&scope, &met, &Memory::default(), clean, &AtomicI64::new(BUDGET), &mut done);
            let found = done.batch.more.into_iter().flat_map(|(_, seen)| seen).map(|s| s.id);
            (found.collect::<HashSet<_>>(), done.bytes)
        };
        let (all, whole) = search(&Clean::default());
        let (same, rest) = search(&walked.clean);
        assert_eq!((all.len(), &all), (4, &same));
        assert!(rest * 10 < whole * 9, "{rest} of {whole} bytes");
    }

    #[test]
    fn what_is_remembered_is_read_back() {
        let searched = Searched::from([(1, ALL), (u64::MAX, 7)]);
        assert_eq!(unpacked(&packed(&searched)), searched);
        assert!(unpacked(&[1; 15]).is_empty());
    }
}
