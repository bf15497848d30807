//! Pure: which directories are watched, within the budget that the kernel gives, and which are only swept.
//!
//! Directories, because tools replace files; each by itself, because all of a home would cost more than it tells. What is
//! not watched is not unexamined: sweeps take it, later.

mod places;
#[cfg(test)]
mod tests;

use lapwing_rules::place::{Paths, Place};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the kernel permits a user, all programs together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// `max_user_watches`.
    pub(crate) watches: usize,
    /// `max_user_instances`; we take one.
    pub(crate) instances: usize,
    /// `max_queued_events`.
    pub(crate) queue: usize,
}

/// Most directories watched unless the configuration says otherwise: what tests plan with.
#[cfg(test)]
pub(crate) const CAP: usize = 20_000;

/// How many directories may be watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Budget {
    /// All of them.
    pub(crate) all: usize,
    /// Of these, for places and repositories alone.
    pub(crate) kept: usize,
}

impl Budget {
    /// A quarter of what the user may have, at most `cap`: editors and file managers need theirs.
    pub(crate) fn of(limits: Limits, cap: usize) -> Budget {
        let all = if limits.instances == 0 { 0 } else { (limits.watches / 4).min(cap) };
        Budget { all, kept: (all / 8).min(512) }
    }
}

/// What a path is on this machine, no link followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A directory that may be watched.
    Dir,
    /// One on a file system that somebody else serves.
    Remote,
    /// A link, or something behind one.
    Link,
    /// Anything else.
    Other,
    /// Nothing.
    Absent,
}

/// What planning asks of the machine.
pub(crate) trait Ground {
    fn kind(&self, path: &Path) -> Kind;
    /// Where a link leads, all links resolved.
    fn real(&self, path: &Path) -> Option<PathBuf>;
    /// Names in a directory, sorted.
    fn names(&self, dir: &Path) -> Vec<OsString>;
}

/// What stays the same from plan to plan while the configuration does.
pub(crate) struct Terms {
    /// The home, all links resolved: watching follows none.
    pub(crate) home: PathBuf,
    /// Where we write ourselves.
    pub(crate) state: PathBuf,
    /// Directories left out by sweeps.
    pub(crate) skip: Paths<()>,
    pub(crate) budget: Budget,
}

/// An ordinary directory, as the last sweep has met it.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) dir: PathBuf,
    /// When it or a file in it last changed, in seconds since 1970.
    pub(crate) changed: u64,
}

/// What one would like to watch.
#[derive(Default)]
pub(crate) struct Wishes<'a> {
    pub(crate) places: &'a [Place],
    /// Files at places that variables of the environment have moved.
    pub(crate) moved: &'a [PathBuf],
    /// Repositories' own directories: `.git`, or the whole of a bare one.
    pub(crate) repositories: &'a [PathBuf],
    pub(crate) met: &'a [Met],
}

/// Why a directory is only swept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Why {
    /// There are more than may be watched.
    Budget,
    /// Somebody else serves it.
    Mount,
    /// Tools fill it with other people's files.
    Vendored,
    /// It is our own.
    Own,
}

/// What is left to sweeps for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Left {
    pub(crate) count: usize,
    /// Some of them.
    pub(crate) dirs: Vec<PathBuf>,
}

/// Whether to watch a directory that has just come into being.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Watch,
    Sweep(Why),
}

/// Which directories are watched.
pub(crate) struct Plan {
    terms: Arc<Terms>,
    /// In this order, should there be less room than was thought.
    pub(crate) watch: Vec<PathBuf>,
    /// What is not, as coverage.
    pub(crate) left: BTreeMap<Why, Left>,
    /// Directories that places are in, existing or not, and whether they may be anywhere.
    ways: Paths<bool>,
    /// Real directories and files that places are links to, with the place.
    links: HashMap<PathBuf, PathBuf>,
    watched: BTreeSet<PathBuf>,
}

/// Most directories listed for one reason.
const LISTED: usize = 20;
/// A level of depth makes a directory as much less useful as half a week without a change.
const LEVEL: u64 = 302_400;
/// Directories of a repository that decide what runs in it, from its root.
const IN_REPOSITORY: &[&str] =
    &[".vscode", ".claude", ".cursor", ".devcontainer", ".gemini", ".github", ".husky", ".idea"];
/// Directories of a repository that decide what runs in it, from its own.
const IN_GIT: &[&str] = &["", "hooks", "info"];

impl Terms {
    /// Whether a path is our own state, of which no event is news.
    pub(crate) fn own(&self, path: &Path) -> bool {
        !self.state.as_os_str().is_empty() && path.starts_with(&self.state)
    }

    /// A path as patterns name it.
    fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(below) if below.as_os_str().is_empty() => "~".to_owned(),
            Ok(below) => format!("~/{}", crate::text::path(below)),
            Err(_) => crate::text::path(path),
        }
    }

    /// Whether sweeps leave a directory out, or one that it is in.
    fn skipped(&self, dir: &Path) -> bool {
        dir.ancestors().take_while(|d| *d != self.home).any(|d| self.skip.find(&self.shown(d)).is_some())
    }
}

/// Plans what to watch: places first, then repositories, then the rest by usefulness.
pub(crate) fn plan(terms: &Arc<Terms>, wishes: &Wishes<'_>, ground: &dyn Ground) -> Plan {
    let mut found = places::find(terms, wishes, ground);
    let mut plan = Plan {
        terms: Arc::clone(terms),
        watch: Vec::new(),
        left: BTreeMap::new(),
        ways: places::ways(wishes.places),
        links: std::mem::take(&mut found.links),
        watched: BTreeSet::new(),
    };
    found.remote.drain(..).for_each(|dir| plan.leave(Why::Mount, &dir));
    // What is nearer to the home is worth more: `~/.ssh` before the fifth directory of some browser.
    found.dirs.sort_by_key(|dir| dir.components().count());
    found.dirs.into_iter().for_each(|dir| plan.add(dir, 0));
    for git in wishes.repositories {
        // From above it is seen to be moved.
        let above = git.ancestors().skip(1).take_while(|dir| dir.starts_with(&terms.home));
        let dirs = repository(git).into_iter().chain(above.map(Path::to_owned));
        dirs.filter(|dir| ground.kind(dir) == Kind::Dir).for_each(|dir| plan.add(dir, 0));
    }
    let depth = |dir: &Path| dir.components().count() as u64;
    let mut met: Vec<&Met> = wishes.met.iter().collect();
    met.sort_by_cached_key(|m| {
        (std::cmp::Reverse(m.changed.saturating_sub(LEVEL * depth(&m.dir))), m.dir.clone())
    });
    met.dedup_by(|a, b| a.dir == b.dir);
    let kept = terms.budget.kept;
    met.into_iter().for_each(|m| match terms.skipped(&m.dir) {
        true => plan.leave(Why::Vendored, &m.dir),
        false => plan.add(m.dir.clone(), kept),
    });
    plan
}

/// What of a repository is worth watching, the most telling first.
fn repository(git: &Path) -> Vec<PathBuf> {
    let mut dirs: Vec<_> = IN_GIT.iter().map(|below| git.join(below)).collect();
    // `join("")` leaves a slash at the end.
    dirs[0] = git.to_owned();
    if let Some(root) = git.parent().filter(|_| git.ends_with(".git")) {
        dirs.push(root.to_owned());
        dirs.extend(IN_REPOSITORY.iter().map(|below| root.join(below)));
    }
    dirs
}

impl Plan {
    /// Whether to watch a directory that has just come into being.
    pub(crate) fn admit(&self, dir: &Path) -> Verdict {
        if self.terms.own(dir) {
            return Verdict::Sweep(Why::Own);
        }
        let special = self.special(dir);
        if !special && self.terms.skipped(dir) {
            return Verdict::Sweep(Why::Vendored);
        }
        let kept = if special { 0 } else { self.terms.budget.kept };
        let room = self.watched.contains(dir) || self.watched.len() + kept < self.terms.budget.all;
        if room { Verdict::Watch } else { Verdict::Sweep(Why::Budget) }
    }

    /// Whether a directory is watched, or any below it.
    pub(crate) fn watches(&self, dir: &Path) -> bool {
        self.below(dir).next().is_some()
    }

    /// What is watched now, also what has joined since: to be planned for again.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &Path> {
        self.watched.iter().map(PathBuf::as_path)
    }

    fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let from = (Bound::Included(dir), Bound::Unbounded);
        self.watched.range::<Path, _>(from).take_while(move |watched| watched.starts_with(dir))
    }

    /// Counts a directory that is watched now.
    pub(crate) fn joined(&mut self, dir: PathBuf) {
        self.watched.insert(dir);
    }

    /// Counts directories that went away, with all below them.
    pub(crate) fn gone(&mut self, dir: &Path) {
        for dir in self.below(dir).cloned().collect::<Vec<_>>() {
            self.watched.remove(&dir);
        }
    }

    /// The path of a place that a path is the target of, over a link to it or to a directory that it is in.
    pub(crate) fn place_of(&self, path: &Path) -> Option<PathBuf> {
        if self.links.is_empty() {
            return None;
        }
        path.ancestors().find_map(|real| {
            let place = self.links.get(real)?;
            let below = path.strip_prefix(real).ok()?;
            Some(if below.as_os_str().is_empty() { place.clone() } else { place.join(below) })
        })
    }

    /// Whether a place or a repository's settings are in a directory.
    fn special(&self, dir: &Path) -> bool {
        let named = |name: &str| name == ".git" || IN_REPOSITORY.contains(&name);
        let repository = dir.file_name().and_then(|n| n.to_str()).is_some_and(named)
            || dir.parent().is_some_and(|git| {
                git.ends_with(".git") && IN_GIT.iter().any(|below| !below.is_empty() && dir.ends_with(below))
            });
        let anywhere = self.ways.find(&self.terms.shown(dir)).or(repository.then_some(true));
        anywhere.is_some_and(|anywhere| !anywhere || !self.terms.skipped(dir))
    }

    fn add(&mut self, dir: PathBuf, kept: usize) {
        if self.terms.own(&dir) || self.watched.contains(&dir) {
            return;
        }
        if self.watch.len() + kept >= self.terms.budget.all {
            return self.leave(Why::Budget, &dir);
        }
        self.watched.insert(dir.clone());
        self.watch.push(dir);
    }

    fn leave(&mut self, why: Why, dir: &Path) {
        let left = self.left.entry(why).or_default();
        left.count += 1;
        if left.dirs.len() < LISTED {
            left.dirs.push(dir.to_owned());
        }
    }
}

/// What to watch and what to leave to get from what is watched to a new plan, in the plan's order.
pub(crate) fn changes(old: &Plan, new: &Plan) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let add = new.watch.iter().filter(|dir| !old.watched.contains(*dir)).cloned().collect();
    let remove = old.watched.iter().filter(|dir| !new.watched.contains(*dir)).cloned().collect();
    (add, remove)
}
