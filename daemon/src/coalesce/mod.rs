//! Pure: many events of a path become one look at it, and a burst below a directory one sweep of that. Time comes in as
//! an argument; memory is bounded whatever comes.

mod crowd;
mod policy;
#[cfg(test)]
mod tests;

pub(crate) use policy::{Class, Look, Policy};

use crate::event::{FileEvent, Moment};
use crowd::Crowd;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// So many events or paths are a burst.
const BURST: u32 = 64;
/// A directory that was busy is so still when as many events came since the last sweep of it.
const GOES_ON: u32 = 16;
/// Most paths that wait at a time.
const WAITING: usize = 4096;
/// Most directories that are remembered one by one until they are watched.
const GROWN: usize = 256;
/// Most directories remembered as busy.
const BUSY: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Changed(Class),
    Gone,
    Tree,
}

/// A path that waits.
struct Entry {
    kind: Kind,
    first: Moment,
    last: Moment,
    events: u32,
    /// Whether so much happens below it that it waits for the end of that.
    burst: bool,
    /// Directories that have come below it, and that nobody watches yet.
    grown: Vec<PathBuf>,
    /// How often in a row it was swept before.
    round: u32,
    due: Moment,
    id: u64,
}

/// What is left of entries that a wider one takes the place of.
struct Swallowed {
    first: Moment,
    round: u32,
    grown: Vec<PathBuf>,
}

/// A directory that was swept and is busy still, perhaps.
#[derive(Clone, Copy)]
struct Busy {
    until: Moment,
    round: u32,
}

/// Events in, looks out.
pub(crate) struct Coalescer {
    policy: Policy,
    waiting: HashMap<Arc<Path>, Entry>,
    queue: BTreeMap<(Moment, u64), Arc<Path>>,
    crowd: Crowd,
    busy: HashMap<PathBuf, Busy>,
    /// A sweep of everything that waits, and when the last one was given out.
    everything: Option<Entry>,
    after: Option<Busy>,
    trees: usize,
    ids: u64,
}

impl Coalescer {
    pub(crate) fn new(policy: Policy) -> Coalescer {
        Coalescer {
            crowd: Crowd::new(policy.home.clone()),
            policy,
            waiting: HashMap::new(),
            queue: BTreeMap::new(),
            busy: HashMap::new(),
            everything: None,
            after: None,
            trees: 0,
            ids: 0,
        }
    }

    /// Takes an event; `class` is what its path is. Whether a directory that has come is to be watched at once: in the middle
    /// of a burst it is not, because each of its files would be told of for nothing. It is when the burst is swept.
    pub(crate) fn push(&mut self, event: FileEvent, class: Class, now: Moment) -> bool {
        let (path, kind) = match event {
            FileEvent::Changed(path) => (path, Kind::Changed(class)),
            FileEvent::Gone(path) => (path, Kind::Gone),
            FileEvent::NewDir(path) => {
                self.take_in(&path, Kind::Tree, now);
                return !self.grows(&path, false);
            }
            FileEvent::Lost(Some(path)) => {
                self.take_in(&path, Kind::Tree, now);
                self.grows(&path, true);
                return false;
            }
            FileEvent::Lost(None) => {
                self.everything(now);
                return false;
            }
        };
        self.take_in(&path, kind, now);
        false
    }

    fn take_in(&mut self, path: &Path, kind: Kind, now: Moment) {
        if kind == Kind::Tree && !self.crowd.may(path) {
            return self.everything(now);
        }
        if self.waiting.contains_key(path) {
            return self.again(path, kind, now);
        }
        if let Some(tree) = self.above(path, now) {
            return self.absorb(&tree, now);
        }
        // What has gone or is to be swept as a whole has nothing in it that is to be looked at by itself.
        let swallowed = if let Kind::Changed(_) = kind { None } else { self.swallow(path) };
        let grown = swallowed.filter(|_| kind == Kind::Tree).map(|s| s.grown).unwrap_or_default();
        self.add(path, Entry { grown, ..Entry::new(kind, now) });
        self.crowded(path, now);
    }

    /// Notes that a directory has come, or what is in one, where a burst is waiting to be swept (any sweep, if `any`); whether
    /// there is one.
    fn grows(&mut self, path: &Path, any: bool) -> bool {
        for dir in path.ancestors() {
            if let Some(entry) = self.waiting.get_mut(dir).filter(|e| e.kind == Kind::Tree) {
                let later = any || entry.burst;
                if later {
                    more(&mut entry.grown, vec![path.to_owned()], dir);
                }
                return later;
            }
        }
        false
    }

    /// What is due by now, in the order in which it became so.
    pub(crate) fn due(&mut self, now: Moment) -> Vec<Look> {
        self.busy.retain(|_, busy| busy.until > now);
        let mut looks = Vec::new();
        while let Some(first) = self.queue.first_entry().filter(|e| e.key().0 <= now) {
            let path = Arc::clone(first.get());
            let Some(entry) = self.take(&path) else { continue };
            looks.push(match entry.kind {
                Kind::Changed(_) => Look::File(path.to_path_buf()),
                Kind::Gone => Look::Gone(path.to_path_buf()),
                Kind::Tree => {
                    if entry.burst && entry.events >= GOES_ON && self.busy.len() < BUSY {
                        self.busy.insert(path.to_path_buf(), entry.swept(now, self.policy.cool));
                    }
                    match entry.grown.is_empty() {
                        true => Look::Below(path.to_path_buf()),
                        false => Look::Grown(path.to_path_buf(), entry.grown),
                    }
                }
            });
        }
        if let Some(entry) = self.everything.take_if(|e| e.due <= now) {
            self.after = Some(entry.swept(now, self.policy.longest));
            looks.push(Look::Everything);
        }
        looks
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Moment> {
        let first = self.queue.first_key_value().map(|((due, _), _)| *due);
        first.into_iter().chain(self.everything.as_ref().map(|e| e.due)).min()
    }

    /// How many paths wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Another event of a path that waits.
    fn again(&mut self, path: &Path, kind: Kind, now: Moment) {
        let Some(was) = self.waiting.get(path).map(|e| e.kind) else { return };
        match (was, kind) {
            // Below it all is looked at anyway.
            (Kind::Tree, Kind::Changed(_) | Kind::Tree) => self.absorb(&Arc::from(path), now),
            (Kind::Changed(_) | Kind::Gone, Kind::Changed(_)) => {
                self.touch(path, |e| e.kind = kind, now);
            }
            (_, Kind::Gone | Kind::Tree) => {
                let swallowed = self.swallow(path).filter(|_| kind == Kind::Tree);
                let grown = swallowed.map(|s| s.grown).unwrap_or_default();
                let Some(old) = self.take(path) else { return };
                self.add(path, Entry { first: old.first, grown, ..Entry::new(kind, now) });
            }
        }
    }

    /// Another event below a directory that waits to be swept.
    fn absorb(&mut self, tree: &Arc<Path>, now: Moment) {
        let mut began = false;
        self.touch(
            tree,
            |e| {
                began = !e.burst && e.events >= BURST;
                e.burst |= began;
            },
            now,
        );
        if began {
            self.crowd.add(tree, crowd::TREE - crowd::ONE);
            self.crowded(tree, now);
        }
    }

    fn touch(&mut self, path: &Path, change: impl FnOnce(&mut Entry), now: Moment) {
        let Some(path) = self.waiting.get_key_value(path).map(|(path, _)| Arc::clone(path)) else { return };
        let Some(entry) = self.waiting.get_mut(&path) else { return };
        self.queue.remove(&(entry.due, entry.id));
        entry.last = now;
        entry.events = entry.events.saturating_add(1);
        change(entry);
        entry.due = entry.due(&self.policy);
        self.queue.insert((entry.due, entry.id), path);
    }

    /// The directory above a path that waits to be swept, or is busy still and so waits again.
    fn above(&mut self, path: &Path, now: Moment) -> Option<Arc<Path>> {
        if self.trees == 0 && self.busy.is_empty() {
            return None;
        }
        let tree = |dir| self.waiting.get_key_value(dir).filter(|(_, e)| e.kind == Kind::Tree);
        if let Some((tree, _)) = path.ancestors().skip(1).find_map(tree) {
            return Some(Arc::clone(tree));
        }
        let busy =
            |dir: &Path| self.busy.get(dir).filter(|b| b.until > now).map(|b| (dir.to_owned(), b.round));
        let (dir, round) = path.ancestors().skip(1).find_map(busy)?;
        let mut grown = self.swallow(&dir).map(|s| s.grown).unwrap_or_default();
        more(&mut grown, self.take(&dir).map(|e| e.grown).unwrap_or_default(), &dir);
        self.add(&dir, Entry { burst: true, grown, round, events: 0, ..Entry::new(Kind::Tree, now) });
        // That may have been the last drop for what is around it.
        self.crowded(&dir, now);
        self.above(path, now)
    }

    fn add(&mut self, path: &Path, mut entry: Entry) {
        let path: Arc<Path> = Arc::from(path);
        self.ids += 1;
        entry.id = self.ids;
        entry.due = entry.due(&self.policy);
        self.trees += usize::from(entry.kind == Kind::Tree);
        self.crowd.add(&path, entry.weight());
        self.queue.insert((entry.due, entry.id), Arc::clone(&path));
        self.waiting.insert(path, entry);
    }

    fn take(&mut self, path: &Path) -> Option<Entry> {
        let entry = self.waiting.remove(path)?;
        self.queue.remove(&(entry.due, entry.id));
        self.trees -= usize::from(entry.kind == Kind::Tree);
        self.crowd.remove(path, entry.weight());
        Some(entry)
    }

    /// Takes out what waits below a directory.
    fn swallow(&mut self, dir: &Path) -> Option<Swallowed> {
        if !self.crowd.any_below(dir) {
            return None;
        }
        let below: Vec<_> =
            self.waiting.keys().filter(|p| p.starts_with(dir) && ***p != *dir).cloned().collect();
        let taken = below.iter().filter_map(|path| self.take(path));
        let taken = taken.map(|e| Swallowed { first: e.first, round: e.round, grown: e.grown });
        taken.reduce(|mut a, b| {
            more(&mut a.grown, b.grown, dir);
            Swallowed { first: a.first.min(b.first), round: a.round.max(b.round), ..a }
        })
    }

    /// Makes one sweep of a directory below which too much waits; and of all when nothing else bounds what waits.
    fn crowded(&mut self, path: &Path, now: Moment) {
        while let Some(dir) = self.crowd.scene(path) {
            self.collapse(&dir, now);
        }
        while self.waiting.len() > WAITING {
            match self.crowd.heaviest() {
                Some(dir) => self.collapse(&dir, now),
                None => {
                    self.clear();
                    self.everything(now);
                }
            }
        }
    }

    fn collapse(&mut self, dir: &Path, now: Moment) {
        let own = self.take(dir);
        let mut below = self.swallow(dir).unwrap_or(Swallowed { first: now, round: 0, grown: Vec::new() });
        self.busy.retain(|busy, _| !busy.starts_with(dir));
        let first = own.as_ref().map_or(below.first, |e| e.first.min(below.first));
        more(&mut below.grown, own.map(|e| e.grown).unwrap_or_default(), dir);
        let Swallowed { round, grown, .. } = below;
        self.add(
            dir,
            Entry { first, round, grown, burst: true, events: BURST, ..Entry::new(Kind::Tree, now) },
        );
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.queue.clear();
        self.crowd.clear();
        self.trees = 0;
    }

    /// Single paths are looked at all the same: a sweep of everything takes its time.
    fn everything(&mut self, now: Moment) {
        let round = self.after.filter(|a| a.until > now).map_or(0, |a| a.round);
        let entry = self.everything.get_or_insert_with(|| Entry {
            burst: true,
            round,
            ..Entry::new(Kind::Tree, now)
        });
        entry.last = now;
        entry.due = entry.due(&self.policy);
        // Soon after another one it waits the whole time: it costs too much to be made on every overflow.
        if entry.round > 0 {
            entry.due = entry.first + self.policy.limit(entry.round);
        }
    }
}

/// Adds directories that nobody watches yet; of many it is the one that they are all below.
fn more(grown: &mut Vec<PathBuf>, other: Vec<PathBuf>, tree: &Path) {
    grown.extend(other);
    if grown.len() > GROWN {
        *grown = vec![tree.to_owned()];
    }
}

impl Entry {
    fn new(kind: Kind, now: Moment) -> Entry {
        let (burst, grown) = (false, Vec::new());
        Entry { kind, first: now, last: now, events: 1, burst, grown, round: 0, due: now, id: 0 }
    }

    fn due(&self, policy: &Policy) -> Moment {
        let quiet = match self.kind {
            Kind::Changed(Class::History) => policy.history,
            Kind::Tree if self.burst => policy.burst,
            Kind::Changed(Class::File) | Kind::Gone | Kind::Tree => policy.file,
        };
        (self.last + quiet).min(self.first + policy.limit(self.round))
    }

    fn weight(&self) -> u32 {
        if self.burst { crowd::TREE } else { crowd::ONE }
    }

    fn swept(&self, now: Moment, cool: Duration) -> Busy {
        Busy { until: now + cool, round: self.round + 1 }
    }
}
