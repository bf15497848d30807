//! Versions of files that git keeps: what is staged, what commits have added, and every object of a repository.

mod clean;
mod history;
mod names;
mod remembered;

pub(crate) use clean::Clean;
pub(crate) use history::{Shown, history};
pub(crate) use remembered::{Known, Met, histories};

use super::file::{self, MOST, finish, guarded};
use super::{Done, Scope};
use crate::machine::files::Buffer;
use crate::machine::git::tool::{Blob, Blobs, Change, Tool};
use crate::record::Reason;
use crate::text;
use lapwing_rules::finding::{Finding, Location, Problem, Report};
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::place::Place;
use lapwing_rules::target::Target;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Largest version of a file that is examined unless `--all`; it is in memory as a whole.
const LARGEST: u64 = 8 << 20;
/// As [`LARGEST`], with `--all`.
const LARGEST_OF_ALL: u64 = 64 << 20;
/// Sightings of one secret in one repository: the first commits that have it.
const SIGHTINGS: usize = 3;

/// What a commit is called.
fn commit(id: &str) -> String {
    format!("commit {}", &id[..id.len().min(10)])
}

fn largest(scope: &Scope<'_>) -> u64 {
    if scope.largest == u64::MAX { LARGEST_OF_ALL } else { LARGEST.min(scope.largest) }
}

/// Whether a file is in a directory that is left out.
fn vendored(scope: &Scope<'_>, path: &str) -> bool {
    let path = format!("./{path}");
    path.match_indices('/').skip(1).any(|(at, _)| scope.skip.find(&path[..at]).is_some())
}

/// A version of a file.
struct Version<'v> {
    /// Its name in the repository.
    name: &'v str,
    /// Where people find it; `None` when that is the repository.
    path: Option<&'v str>,
    /// Which version: `commit 1a2b3c4d5e`, or `commit 1a2b3c4d5e › src/app.py` of a repository.
    inside: Option<&'v str>,
    /// Of the same secret, the lowest are listed.
    order: u32,
}

/// What a name in a repository is: that may keep a home, or a part of one.
fn place<'s>(scope: &Scope<'s>, name: &str) -> Option<&'s Place> {
    let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
    starts.take(16).find_map(|at| scope.engine.places().classify(&format!("~/{}", &name[at..])))
}

/// What is found in the versions of one repository.
#[derive(Default)]
struct Hits {
    found: HashMap<FindingId, Vec<(u32, Finding)>>,
    problems: Vec<Problem>,
    silenced: u64,
    full: bool,
}

impl Hits {
    /// Searches a version. What `news` says no to has been seen before.
    fn search(
        &mut self,
        scope: &Scope<'_>,
        version: &Version<'_>,
        bytes: &[u8],
        news: &mut dyn FnMut(&Finding) -> bool,
        done: &mut Done,
    ) {
        scope.watch.files.fetch_add(1, Ordering::Relaxed);
        scope.watch.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        done.files += 1;
        done.bytes += bytes.len() as u64;
        let place = place(scope, version.name);
        let target = Target { path: version.name, place, bytes, meta: None };
        let Some(report) = guarded(|| scope.engine.secrets_of(&target, &scope.cx())) else {
            let why = format!("a rule broke on {}; please report it", version.name);
            return self.problems.push(Problem { what: version.path.unwrap_or_default().to_owned(), why });
        };
        self.silenced += report.silenced;
        for found in report.findings {
            if news(&found) {
                let (path, inside) = (version.path.map(str::to_owned), version.inside.map(str::to_owned));
                let at = Location { span: None, ..found.at };
                self.take(version.order, Finding { at, path, inside, ..found });
            }
        }
    }

    fn take(&mut self, order: u32, found: Finding) {
        if self.found.len() >= MOST && !self.found.contains_key(&found.id) {
            self.full = true;
            return;
        }
        let known = self.found.entry(found.id).or_default();
        if known.len() == SIGHTINGS && known.last().is_some_and(|(last, _)| *last <= order) {
            return;
        }
        let at = known.partition_point(|(other, _)| *other <= order);
        known.insert(at, (order, found));
        known.truncate(SIGHTINGS);
    }

    fn add(&mut self, other: Hits) {
        for (order, found) in other.found.into_values().flatten() {
            self.take(order, found);
        }
        self.problems.extend(other.problems);
        self.silenced += other.silenced;
        self.full |= other.full;
    }

    /// Hands over what was found in a repository that people call so.
    fn finish(self, scope: &Scope<'_>, shown: &str, done: &mut Done) {
        if self.full {
            let why = format!("more than {MOST} different findings; the first {MOST} are listed");
            done.note(Reason::TooMany, shown, Some(why));
        }
        let mut found: Vec<(u32, Finding)> = self.found.into_values().flatten().collect();
        found.sort_by_key(|(order, _)| *order);
        let mut problems = self.problems;
        problems.iter_mut().filter(|p| p.what.is_empty()).for_each(|p| shown.clone_into(&mut p.what));
        let mut left: Vec<Finding> = found.into_iter().map(|(_, f)| f).collect();
        let mut silenced = self.silenced;
        // A file may have no more than so many findings; here each has some sightings.
        while !left.is_empty() || silenced > 0 || !problems.is_empty() {
            let findings = left.drain(..left.len().min(MOST)).collect();
            let report =
                Report { findings, problems: std::mem::take(&mut problems), silenced, ..Report::default() };
            silenced = 0;
            finish(scope, shown, Some(report), done);
        }
    }
}

/// Where in the history to look.
pub(crate) enum What<'w> {
    /// What the next commit changes.
    Staged,
    /// What the commits of `HEAD` change that the one with this id does not have.
    Since(&'w str),
}

/// Searches what is staged, or what commits have added. Lines that were there before are no news.
pub(crate) fn changes(scope: &Scope<'_>, tool: &Tool, what: &What<'_>, root: &Path, done: &mut Done) {
    let shown = text::path(root);
    let shown = if shown.is_empty() { "." } else { &shown };
    let mut work = match tool.blobs() {
        Ok(blobs) => Changes {
            scope,
            root,
            blobs,
            new: Buffer::new(),
            old: Buffer::new(),
            hits: Hits::default(),
            seen: 0,
            lost: false,
            met: HashSet::new(),
        },
        Err(why) => return done.note(Reason::Unreadable, shown, Some(why)),
    };
    let each = |change: Change| work.one(&change, done);
    let told = match what {
        What::Staged => tool.staged(each),
        What::Since(from) => tool.since(from, each),
    };
    work.hits.finish(scope, shown, done);
    if let Err(why) = told {
        done.note(Reason::Unreadable, shown, Some(why));
    }
}

struct Changes<'s, 'a> {
    scope: &'s Scope<'a>,
    /// The top of the work tree, as people call it.
    root: &'s Path,
    blobs: Blobs,
    new: Buffer<'static>,
    old: Buffer<'static>,
    hits: Hits,
    seen: u32,
    /// The process that hands out objects has ended.
    lost: bool,
    /// Names of versions that were searched: a branch and what it was merged from have many in common.
    met: HashSet<(String, String)>,
}

impl Changes<'_, '_> {
    fn one(&mut self, change: &Change, done: &mut Done) {
        if self.lost || self.scope.stopped() {
            return;
        }
        self.seen += 1;
        let name = text::path(&change.path);
        let shown = text::path(&self.root.join(&change.path));
        if vendored(self.scope, &name) {
            return done.note(Reason::Vendored, &shown, None);
        }
        let old = change.old.join(" ");
        if change.commit.is_some() && !self.met.insert((old, change.new.clone())) {
            return;
        }
        match self.blobs.read(&change.new, &mut self.new, largest(self.scope)) {
            Ok(Blob::Read) => {}
            Ok(Blob::TooLarge) => return done.note(Reason::TooLarge, &shown, None),
            Ok(Blob::Missing) => {
                return done.note(Reason::Unreadable, &shown, Some("its object is not here".to_owned()));
            }
            Err(_) => return self.lose(&shown, done),
        }
        if file::opaque(self.new.get()) {
            return done.note(Reason::Opaque, &shown, None);
        }
        let inside = change.commit.as_deref().map(commit);
        let version =
            Version { name: &name, path: Some(&shown), inside: inside.as_deref(), order: self.seen };
        let (new, old, blobs) = (self.new.get(), &mut self.old, &mut self.blobs);
        let mut lines: Option<News> = None;
        let mut news =
            |found: &Finding| lines.get_or_insert_with(|| News::new(new, &change.old, blobs, old)).is(found);
        self.hits.search(self.scope, &version, new, &mut news, done);
    }

    fn lose(&mut self, shown: &str, done: &mut Done) {
        self.lost = true;
        done.note(Reason::Unreadable, shown, Some("git ended before it had told everything".to_owned()));
    }
}

/// Which lines of a version are in none of the versions before it.
struct News<'n> {
    bytes: &'n [u8],
    fresh: Vec<bool>,
}

impl<'n> News<'n> {
    fn new(bytes: &'n [u8], before: &[String], blobs: &mut Blobs, buffer: &mut Buffer) -> News<'n> {
        let state = RandomState::new();
        let hash = |line: &[u8]| state.hash_one(line.strip_suffix(b"\r").unwrap_or(line));
        let mut known = HashSet::new();
        // What a version before was and is not here, or is too large, leaves everything new.
        for id in before.iter().filter(|id| id.bytes().any(|b| b != b'0')) {
            if let Ok(Blob::Read) = blobs.read(id, buffer, LARGEST_OF_ALL) {
                known.extend(buffer.get().split(|b| *b == b'\n').map(hash));
            }
        }
        let fresh = bytes.split(|b| *b == b'\n').map(|line| !known.contains(&hash(line))).collect();
        News { bytes, fresh }
    }

    fn is(&self, found: &Finding) -> bool {
        let span =
            found.at.span.map(|(a, b)| usize::try_from(a).unwrap_or(0)..usize::try_from(b).unwrap_or(0));
        let more =
            span.and_then(|s| self.bytes.get(s)).map_or(0, |s| s.iter().filter(|b| **b == b'\n').count());
        let first = usize::try_from(found.at.line).unwrap_or_default().max(1) - 1;
        let last = (first + more).min(self.fresh.len().saturating_sub(1));
        self.fresh.get(first..=last).is_none_or(|lines| lines.contains(&true))
    }
}
