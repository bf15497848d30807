//! Places with a fixed path: a few hundred small files that hold most of what matters, examined on every run.

use super::file::{self, File, Outcome};
use super::{Done, Scope};
use crate::machine::files::{self, Buffer};
use crate::record::Reason;
use lapwing_rules::engine::READABLE;
use lapwing_rules::place::{Place, wild};
use rustix::fs::FileType;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Examines every place that has a path of its own. Returns the files that need no second look.
pub(super) fn sweep(scope: &Scope<'_>, done: &mut Done) -> HashSet<PathBuf> {
    let mut dealt = HashSet::new();
    let mut buffer = Buffer::new();
    for place in scope.engine.places().all() {
        for path in candidates(scope, place) {
            if scope.stopped() {
                return dealt;
            }
            // Two patterns of different places may match one file: the first that claims it is what it is.
            let shown = scope.home.shown(&path);
            let claimed = scope.engine.places().classify(&shown).is_none_or(|p| p.id == place.id);
            if claimed && !dealt.contains(&path) {
                one(scope, place, &path, &shown, &mut buffer, &mut dealt, done);
            }
        }
    }
    dealt
}

/// Paths that the place's patterns and variables name on this machine; they need not exist.
fn candidates(scope: &Scope<'_>, place: &Place) -> Vec<PathBuf> {
    let own = scope.home.is_own();
    let mut paths = Vec::new();
    for pattern in place.paths.iter().filter(|p| !p.contains("**")) {
        match pattern.strip_prefix("~/") {
            Some(below) => expand(scope.home.root().to_owned(), below, &mut paths),
            None if own && pattern.starts_with('/') => expand(PathBuf::from("/"), &pattern[1..], &mut paths),
            None => {}
        }
    }
    if own {
        paths.extend(moved(place));
    }
    paths
}

/// Where variables of the environment have moved a place.
pub(super) fn moved(place: &Place) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for moved in &place.relocate {
        let Some(value) = std::env::var_os(&moved.env).filter(|v| !v.is_empty()) else { continue };
        let values =
            if moved.list { std::env::split_paths(&value).collect() } else { vec![PathBuf::from(value)] };
        let joined = values.into_iter().map(|v| moved.join.as_ref().map_or_else(|| v.clone(), |j| v.join(j)));
        paths.extend(joined.filter(|p| p.is_absolute()));
    }
    paths
}

/// Follows a pattern segment by segment, listing directories only where it has a `*`.
fn expand(base: PathBuf, pattern: &str, into: &mut Vec<PathBuf>) {
    let (segment, rest) = pattern.split_once('/').unwrap_or((pattern, ""));
    if !segment.contains('*') {
        let path = base.join(segment);
        return if rest.is_empty() { into.push(path) } else { expand(path, rest, into) };
    }
    let mut names = files::list(&base).unwrap_or_default();
    names.sort();
    for path in names {
        let matches = path.file_name().is_some_and(|n| wild(segment, &n.to_string_lossy()));
        match (matches, rest.is_empty()) {
            (true, true) => into.push(path),
            (true, false) => expand(path, rest, into),
            (false, _) => {}
        }
    }
}

/// Whether the walk leaves out a directory above this path.
fn skipped(scope: &Scope<'_>, path: &Path) -> bool {
    path.ancestors().skip(1).any(|dir| scope.skip.find(&scope.home.shown(dir)).is_some())
}

pub(super) fn one(
    scope: &Scope<'_>,
    place: &Place,
    path: &Path,
    shown: &str,
    buffer: &mut Buffer,
    dealt: &mut HashSet<PathBuf>,
    done: &mut Done,
) {
    let Ok(link) = rustix::fs::lstat(path) else { return };
    let inside = path.starts_with(scope.home.root());
    let real = if files::kind(&link) == FileType::Symlink {
        std::fs::canonicalize(path).ok()
    } else {
        Some(path.to_owned())
    };
    // A link to nowhere holds nothing.
    let Some(real) = real else { return };
    if inside && !real.starts_with(scope.home.canonical()) && !real.starts_with(scope.home.root()) {
        return done.note(Reason::LinkOut, shown, None);
    }
    let Ok(stat) = rustix::fs::lstat(&real) else { return };
    let regular = files::kind(&stat) == FileType::RegularFile;
    // The walk meets what is in the home and is large (and knows whether it has changed), or is no file (and says so).
    if !regular && !inside && files::kind(&stat) != FileType::Directory {
        return done.note(Reason::Special, shown, None);
    }
    let large = usize::try_from(stat.st_size).is_ok_and(|s| s > READABLE);
    if !regular || (large && real == path && !skipped(scope, path)) {
        return;
    }
    done.files += 1;
    match files::open_path(&real, &stat) {
        Ok(fd) => {
            let file = File {
                fd: &fd,
                stat: &stat,
                path: &real,
                shown,
                tilde: Some(shown),
                place: Some(place),
                tree: false,
            };
            let outcome = file::examine(scope, &file, buffer, done);
            if real != path {
                done.land.also.push((real.clone(), path.to_owned()));
            }
            if !matches!(outcome, Outcome::Incomplete) {
                dealt.insert(path.to_owned());
                dealt.insert(real);
            }
        }
        Err(reason) => {
            dealt.insert(path.to_owned());
            done.note(reason, shown, None);
        }
    }
}
