//! The directories that places are in.

use super::{Ground, Kind, Terms, Wishes};
use lapwing_rules::place::{Paths, Place, wild};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// How deep `**` is followed, and to how many directories.
const DEEP: usize = 3;
const MANY: usize = 256;

#[derive(Default)]
pub(super) struct Found {
    /// Directories, those above before those in them.
    pub(super) dirs: Vec<PathBuf>,
    /// Directories that somebody else serves.
    pub(super) remote: Vec<PathBuf>,
    /// What links lead to, with the link's path.
    pub(super) links: HashMap<PathBuf, PathBuf>,
}

struct Search<'a> {
    terms: &'a Terms,
    ground: &'a dyn Ground,
    found: Found,
    seen: HashMap<PathBuf, bool>,
    /// Directories that a place is directly in.
    own: HashSet<PathBuf>,
}

/// The directories that places are in and that exist, with those on the way to them: what does not exist yet is seen to
/// come from there.
pub(super) fn find(terms: &Terms, wishes: &Wishes<'_>, ground: &dyn Ground) -> Found {
    let mut search =
        Search { terms, ground, found: Found::default(), seen: HashMap::new(), own: HashSet::new() };
    search.dir(&terms.home);
    for pattern in wishes.places.iter().flat_map(|place| &place.paths) {
        match (pattern.strip_prefix("~/"), pattern.strip_prefix('/')) {
            (Some(below), _) => search.follow(&terms.home, below),
            (_, Some(below)) => search.follow(Path::new("/"), below),
            // `**/name` may be anywhere.
            (None, None) => {}
        }
    }
    for file in wishes.moved {
        search.file(file);
        let Some(own) = file.parent() else { continue };
        let mut above: Vec<_> = own.ancestors().take_while(|d| d.starts_with(&terms.home)).collect();
        if above.is_empty() {
            above.push(own);
        }
        above.into_iter().rev().take_while(|dir| search.dir(dir)).for_each(drop);
        search.own.insert(own.to_owned());
    }
    // On the way to places outside of the home there is much that is no business of ours.
    let Search { mut found, own, .. } = search;
    found.dirs.retain(|dir| dir.starts_with(&terms.home) || own.contains(dir));
    found
}

impl Search<'_> {
    /// Follows a pattern below a directory that exists, as far as there are directories.
    fn follow(&mut self, base: &Path, pattern: &str) {
        let (segment, rest) = pattern.split_once('/').unwrap_or((pattern, ""));
        if rest.is_empty() && segment != "**" {
            self.own.insert(base.to_owned());
            if !segment.contains('*') {
                self.file(&base.join(segment));
            }
            return;
        }
        if segment == "**" {
            self.deep(base, DEEP);
        } else if segment.contains('*') {
            for name in self.ground.names(base) {
                if wild(segment, &name.to_string_lossy()) && self.dir(&base.join(&name)) {
                    self.follow(&base.join(&name), rest);
                }
            }
        } else if self.dir(&base.join(segment)) {
            self.follow(&base.join(segment), rest);
        }
    }

    /// All directories below one, within reason.
    fn deep(&mut self, base: &Path, levels: usize) {
        if levels == 0 {
            return;
        }
        let before = self.found.dirs.len();
        for name in self.ground.names(base) {
            let dir = base.join(name);
            if self.found.dirs.len() > before + MANY {
                return;
            }
            if !self.terms.skipped(&dir) && self.dir(&dir) {
                self.deep(&dir, levels - 1);
            }
        }
    }

    /// Takes a directory if it may be watched; whether to go on below it.
    fn dir(&mut self, dir: &Path) -> bool {
        if let Some(known) = self.seen.get(dir) {
            return *known;
        }
        let kind = self.ground.kind(dir);
        match kind {
            Kind::Dir => self.found.dirs.push(dir.to_owned()),
            Kind::Remote => self.found.remote.push(dir.to_owned()),
            Kind::Link => self.link(dir),
            Kind::Other | Kind::Absent => {}
        }
        let go_on = matches!(kind, Kind::Dir | Kind::Link);
        self.seen.insert(dir.to_owned(), go_on);
        go_on
    }

    /// A file at a place may be a link into a directory where somebody keeps their dotfiles.
    fn file(&mut self, path: &Path) {
        if self.ground.kind(path) == Kind::Link {
            self.link(path);
        }
    }

    fn link(&mut self, path: &Path) {
        let Some(real) = self.ground.real(path).filter(|real| real.starts_with(&self.terms.home)) else {
            return;
        };
        // What is reached over a link already is no link of its own.
        if path.parent().is_some_and(|dir| self.ground.kind(dir) == Kind::Link) {
            return;
        }
        let dir = if self.ground.kind(&real) == Kind::Dir { Some(real.as_path()) } else { real.parent() };
        if let Some(dir) = dir.filter(|dir| **dir != *path && **dir != self.terms.home) {
            self.dir(dir);
        }
        self.found.links.insert(real, path.to_owned());
    }
}

/// Patterns of the directories on the way to each place, and whether that may be anywhere.
pub(super) fn ways(places: &[Place]) -> Paths<bool> {
    let mut known = HashSet::new();
    let mut ways = Paths::default();
    for pattern in places.iter().flat_map(|place| &place.paths) {
        let mut way = pattern.as_str();
        while let Some((dir, _)) = way.rsplit_once('/') {
            way = dir;
            // Neither the home nor every directory there is.
            let says = !matches!(dir, "" | "~" | "**");
            if says && known.insert(dir) {
                ways.add(dir, dir.starts_with("**"));
            }
        }
    }
    ways
}
