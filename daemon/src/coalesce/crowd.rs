//! How much waits below each directory, and which directory a burst is in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a path counts.
pub(super) const ONE: u32 = 1;
/// What a directory counts that is itself the scene of a burst: so many of them make their parent one.
pub(super) const TREE: u32 = 8;
/// So much directly in a directory is a burst; four times as much a level higher, and so on: work in many places at once
/// is no reason to sweep what is around all of them.
const DIRECT: u32 = 64;
/// How many levels up a burst is looked for.
const LEVELS: u32 = 8;

pub(super) struct Crowd {
    home: PathBuf,
    below: HashMap<PathBuf, u32>,
}

impl Crowd {
    pub(super) fn new(home: PathBuf) -> Crowd {
        Crowd { home, below: HashMap::new() }
    }

    /// Whether a directory may be the scene of a burst: the home may not, nor what it is in.
    pub(super) fn may(&self, dir: &Path) -> bool {
        !self.home.starts_with(dir)
    }

    /// The directories above a path that count, the nearest first.
    fn above<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        path.ancestors().skip(1).take_while(|dir| self.may(dir))
    }

    pub(super) fn add(&mut self, path: &Path, weight: u32) {
        let home = &self.home;
        for dir in path.ancestors().skip(1).take_while(|dir| !home.starts_with(dir)) {
            match self.below.get_mut(dir) {
                Some(sum) => *sum += weight,
                None => {
                    self.below.insert(dir.to_owned(), weight);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, path: &Path, weight: u32) {
        let home = &self.home;
        for dir in path.ancestors().skip(1).take_while(|dir| !home.starts_with(dir)) {
            let left = self.below.get_mut(dir).map_or(0, |sum| {
                *sum = sum.saturating_sub(weight);
                *sum
            });
            if left == 0 {
                self.below.remove(dir);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.below.clear();
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.below.is_empty()
    }

    /// Whether anything waits below a directory. Of the home and what is above it nothing is counted.
    pub(super) fn any_below(&self, dir: &Path) -> bool {
        !self.may(dir) || self.below.contains_key(dir)
    }

    /// The directory of the burst that a path has just been the last drop of, if there is one.
    pub(super) fn scene(&self, path: &Path) -> Option<PathBuf> {
        let levels = self.above(path).zip(0..LEVELS);
        let full = |(dir, level): &(&Path, u32)| self.sum(dir) >= DIRECT << (2 * level);
        levels.into_iter().find(full).map(|(dir, _)| self.common(dir))
    }

    /// Where nothing narrower is full, what most is below, if it is worth a sweep.
    pub(super) fn heaviest(&self) -> Option<PathBuf> {
        // What is highest counts the most, and nothing above it counts at all.
        let top = self.below.iter().filter(|(_, sum)| **sum >= DIRECT);
        let (dir, _) =
            top.max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.as_os_str().len().cmp(&a.0.as_os_str().len())))?;
        Some(self.common(dir))
    }

    /// Down from a directory for as long as one in it holds three quarters of what waits.
    fn common(&self, dir: &Path) -> PathBuf {
        let mut dir = dir.to_owned();
        loop {
            let most = self.sum(&dir) / 4 * 3;
            let inner = self.below.iter().filter(|(d, _)| d.parent() == Some(&dir));
            match inner.max_by_key(|(_, sum)| **sum).filter(|(_, sum)| **sum >= most.max(TREE + 1)) {
                Some((inner, _)) => dir = inner.clone(),
                None => return dir,
            }
        }
    }

    fn sum(&self, dir: &Path) -> u32 {
        self.below.get(dir).copied().unwrap_or_default()
    }
}
