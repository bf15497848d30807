//! Every version of every file that a repository keeps, each once: packed or not, of a branch, a tag, the stash, the
//! reflog, or of nothing any more.

use super::names::Names;
use super::{Clean, Hits, Version, commit, largest, place, vendored};
use crate::machine::git::Repository;
use crate::machine::git::objects::{Reader, Store};
use crate::machine::git::pack::{Broken, Kind, short};
use crate::record::Reason;
use crate::sweep::{Done, Scope, file};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Memory for objects that others are made of, all workers together.
const MEMORY: usize = 32 << 20;
/// Objects that a worker takes at once; those beside each other are often made of each other.
const STRETCH: usize = 128;

/// How people call what is found.
pub(crate) struct Shown<'s> {
    /// The repository.
    pub(crate) repository: &'s str,
    /// The top of its work tree, for those who look at one repository; `None` puts everything down to the repository.
    pub(crate) tree: Option<&'s Path>,
}

/// One object to search.
#[derive(Clone, Copy)]
enum Object {
    Packed(u32, u32),
    Loose(u32),
}

/// Searches every version of a file in a repository.
pub(crate) fn history(scope: &Scope<'_>, repository: &Repository, shown: &Shown<'_>, done: &mut Done) {
    let store = Store::open(repository, scope.home.canonical());
    let everything = (store.packs.len(), store.loose.len());
    let budget = AtomicI64::new(i64::MAX);
    let (known, clean) = (HashMap::new(), Clean::default());
    let job = Job { store: &store, among: everything, known: &known, clean: &clean, budget: &budget };
    let (hits, _) = search(scope, repository, &job, shown, done);
    hits.finish(scope, shown.repository, done);
}

/// What of a repository to search.
pub(super) struct Job<'j> {
    pub(super) store: &'j Store,
    /// How many of its packs and loose objects.
    pub(super) among: (usize, usize),
    /// How far it was searched before: see [`Searched`].
    pub(super) known: &'j Searched,
    /// What was searched in the work tree and holds nothing.
    pub(super) clean: &'j Clean,
    /// Bytes that may be searched; less than nothing when they are used up.
    pub(super) budget: &'j AtomicI64,
}

/// How many objects of each pack were searched, in the order of the pack, by the pack's name; [`ALL`] of one that needs no
/// second look. Loose objects by the beginning of their ids.
pub(super) type Searched = HashMap<u64, u64>;
pub(super) const ALL: u64 = u64::MAX;

/// Searches a repository as far as the budget goes. Returns what was found and how far it came.
pub(super) fn search(
    scope: &Scope<'_>,
    repository: &Repository,
    job: &Job<'_>,
    shown: &Shown<'_>,
    done: &mut Done,
) -> (Hits, Searched) {
    let (store, name) = (job.store, shown.repository);
    for (path, why) in &store.problems {
        done.note(reason(*why), &scope.home.shown(path), Some(words(*why).to_owned()));
    }
    for path in &store.outside {
        let why = "borrows objects from a repository outside of the home, which are not searched";
        done.note(Reason::Elsewhere, &scope.home.shown(path), Some(why.to_owned()));
    }
    if repository.shallow {
        let why = "shallow clone: commits before its oldest are not here";
        done.note(Reason::Elsewhere, name, Some(why.to_owned()));
    }
    let mut reader = store.reader(MEMORY, usize::try_from(largest(scope)).unwrap_or(usize::MAX));
    let mut work = Work { scope, store, job, shown, names: Names::default(), objects: Vec::new() };
    // Names may cost half of what there is, so that each run comes further.
    let half = job.budget.load(Ordering::Relaxed) / 2;
    let spent = |reader: &mut Reader<'_>| {
        let work = reader.work();
        job.budget.fetch_sub(work, Ordering::Relaxed).saturating_sub(work) <= half
    };
    let over = |reader: &mut Reader<'_>| scope.stopped() || spent(reader);
    work.sort_out(&mut reader, &over, done);
    let walked = work.names.walk(&mut reader, &over);
    drop(reader);
    if walked.broken > 0
        || (walked.missing > 0 && !repository.partial && !repository.shallow && store.outside.is_empty())
    {
        done.note(Reason::Unreadable, name, Some("some of its trees are damaged or not there".to_owned()));
    } else if walked.missing > 0 {
        let why = "partial clone: what has not been fetched is not here";
        done.note(Reason::Elsewhere, name, Some(why.to_owned()));
    }
    let (hits, count) = work.search(done);
    (hits, work.searched(count))
}

/// What broken objects are in our words.
fn reason(why: Broken) -> Reason {
    match why {
        Broken::TooLarge => Reason::TooLarge,
        Broken::Unreadable | Broken::Damaged | Broken::Missing => Reason::Unreadable,
    }
}

fn words(why: Broken) -> &'static str {
    match why {
        Broken::TooLarge => "larger than the limit",
        Broken::Unreadable => "could not be read",
        Broken::Damaged => "is damaged; `git fsck` tells more",
        Broken::Missing => "rests on an object that is not there; `git fsck` tells more",
    }
}

struct Work<'w, 'a> {
    scope: &'w Scope<'a>,
    store: &'w Store,
    job: &'w Job<'w>,
    shown: &'w Shown<'w>,
    names: Names,
    objects: Vec<Object>,
}

impl Work<'_, '_> {
    /// Which objects are files, and which are commits that name them. Commits are read until it is `over`; files that
    /// none of them names are searched without a name.
    fn sort_out(&mut self, reader: &mut Reader<'_>, over: &dyn Fn(&mut Reader<'_>) -> bool, done: &mut Done) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut broken = 0;
        let (packs, loose) = self.job.among;
        for (n, pack) in self.store.packs.iter().enumerate().take(packs) {
            let from = self.job.known.get(&pack.name).copied().unwrap_or(0);
            if from == ALL {
                continue;
            }
            let kinds = pack.kinds(&mut |id| reader.kind(id));
            for (place, kind) in kinds.into_iter().enumerate() {
                match kind {
                    Some(Kind::Blob) if (place as u64) < from => {}
                    Some(Kind::Blob) => self.objects.push(Object::Packed(number(n), number(place))),
                    Some(Kind::Commit) if over(reader) => {}
                    Some(Kind::Commit) => match reader.packed(n, pack.offset(place)) {
                        Ok((_, bytes)) => drop(self.names.commit(pack.id(place), &bytes)),
                        Err(_) => broken += 1,
                    },
                    Some(Kind::Tree | Kind::Tag) => {}
                    None => broken += 1,
                }
            }
        }
        for (n, id) in self.store.loose.iter().enumerate().take(loose) {
            if self.job.known.contains_key(&short(id)) {
                continue;
            }
            match reader.kind(id) {
                Some(Kind::Blob) => self.objects.push(Object::Loose(number(n))),
                Some(Kind::Commit) if over(reader) => {}
                Some(Kind::Commit) => match reader.loose(id) {
                    Ok((_, bytes)) => drop(self.names.commit(id, &bytes)),
                    Err(_) => broken += 1,
                },
                Some(Kind::Tree | Kind::Tag) => {}
                None => broken += 1,
            }
        }
        if broken > 0 {
            let why = format!("{broken} of its objects are damaged; `git fsck` tells more");
            done.note(Reason::Unreadable, self.shown.repository, Some(why));
        }
    }

    /// How far the search has come when so many objects were searched.
    fn searched(&self, count: usize) -> Searched {
        let (packs, loose) = self.job.among;
        let packs = self.store.packs.iter().take(packs).map(|p| (p.name, ALL));
        let loose = self.store.loose.iter().take(loose).map(|id| (short(id), ALL));
        let mut searched: Searched = packs.chain(loose).collect();
        // Backwards, so that the first of each pack stays.
        for object in self.objects.get(count..).unwrap_or_default().iter().rev() {
            match object {
                Object::Packed(pack, place) => {
                    searched.insert(self.store.packs[*pack as usize].name, u64::from(*place));
                }
                Object::Loose(n) => drop(searched.remove(&short(&self.store.loose[*n as usize]))),
            }
        }
        searched
    }

    /// Searches the files with several threads. Returns how many of them were.
    fn search(&self, done: &mut Done) -> (Hits, usize) {
        let jobs = self.scope.jobs.clamp(1, self.objects.len().div_ceil(STRETCH).max(1));
        let (next, total) = (AtomicUsize::new(0), Mutex::new((Hits::default(), std::mem::take(done))));
        std::thread::scope(|threads| {
            for n in 1..jobs {
                let work = || self.worker(jobs, &next, &total);
                // One that cannot be started leaves its work to the others.
                let _ =
                    std::thread::Builder::new().name(format!("sweep-git-{n}")).spawn_scoped(threads, work);
            }
            self.worker(jobs, &next, &total);
        });
        let (hits, all) = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        *done = all;
        (hits, next.into_inner().min(self.objects.len()))
    }

    fn worker(&self, jobs: usize, next: &AtomicUsize, total: &Mutex<(Hits, Done)>) {
        let largest = usize::try_from(largest(self.scope)).unwrap_or(usize::MAX);
        let mut reader = self.store.reader(MEMORY / jobs, largest);
        let (mut hits, mut done) = (Hits::default(), Done::default());
        while !self.scope.stopped() {
            let from = next.fetch_add(STRETCH, Ordering::Relaxed);
            let Some(stretch) = self.objects.get(from..self.objects.len().min(from + STRETCH)) else { break };
            stretch.iter().for_each(|object| self.object(*object, &mut reader, &mut hits, &mut done));
            self.job.budget.fetch_sub(reader.work(), Ordering::Relaxed);
            // Asked at the end, so that every run comes further.
            if stretch.is_empty() || self.job.budget.load(Ordering::Relaxed) <= 0 {
                break;
            }
        }
        let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        total.0.add(hits);
        total.1.add(done);
    }

    /// Whether the same bytes were searched in the same way in the work tree, and hold nothing.
    fn is_clean(&self, id: &[u8], name: &str) -> bool {
        let manner = self.scope.engine.manner(name).filter(|_| !name.is_empty());
        manner.is_some_and(|manner| self.job.clean.has(manner, id)) && place(self.scope, name).is_none()
    }

    fn object(&self, object: Object, reader: &mut Reader<'_>, hits: &mut Hits, done: &mut Done) {
        let store = self.store;
        let id = match object {
            Object::Packed(pack, place) => store.packs[pack as usize].id(place as usize),
            Object::Loose(n) => &store.loose[n as usize],
        };
        let (order, inside, name) = match self.names.of(id) {
            Some((n, path)) if self.shown.tree.is_some() => (n, commit(&self.names.id(n)), path),
            Some((n, path)) => (n, format!("{} › {path}", commit(&self.names.id(n))), path),
            // Staged once, or left over from a commit that was changed and has been forgotten.
            None => (u32::MAX, format!("object {}", &crate::text::hex(id)[..10]), String::new()),
        };
        if vendored(self.scope, &name) || self.is_clean(id, &name) {
            return;
        }
        let path: Option<PathBuf> = self.shown.tree.filter(|_| !name.is_empty()).map(|tree| tree.join(&name));
        let path = path.as_deref().map(crate::text::path);
        let read = match object {
            Object::Packed(pack, place) => {
                reader.packed(pack as usize, store.packs[pack as usize].offset(place as usize))
            }
            Object::Loose(_) => reader.loose(id),
        };
        let (_, bytes) = match read {
            Ok(read) => read,
            Err(why) => {
                let what = format!("{} › {inside}", path.as_deref().unwrap_or(self.shown.repository));
                return done.note(reason(why), &what, Some(words(why).to_owned()));
            }
        };
        if !file::opaque(&bytes) {
            let version = Version { name: &name, path: path.as_deref(), inside: Some(&inside), order };
            hits.search(self.scope, &version, &bytes, &mut |_| true, done);
        }
    }
}
