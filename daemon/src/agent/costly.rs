//! Files that take long to look at: a transcript of hundreds of megabytes grows line by line, and is read as a whole each
//! time. So it is looked at the less often the longer it takes, and never forgotten.

use crate::event::Moment;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file is left alone for so many times as long as a look at it has taken: five percent of a processor each.
const SHARE: u32 = 20;
/// Files that are remembered as costly, at most.
const MOST: usize = 1000;

/// See the module.
#[derive(Default)]
pub(super) struct Costly {
    /// Until when a file is left alone.
    until: HashMap<PathBuf, Moment>,
    /// Those that have changed meanwhile.
    waiting: BTreeSet<(Moment, PathBuf)>,
}

impl Costly {
    /// A look at a file has taken so long.
    pub(super) fn took(&mut self, path: PathBuf, time: Duration, now: Moment) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() < MOST {
            self.until.insert(path, now + time * SHARE);
        }
    }

    /// Whether a file that has changed has to wait.
    pub(super) fn puts_off(&mut self, path: &Path, now: Moment) -> bool {
        let Some(until) = self.until.get(path).copied().filter(|until| *until > now) else { return false };
        self.waiting.insert((until, path.to_owned()));
        true
    }

    /// Those that have waited long enough.
    pub(super) fn due(&mut self, now: Moment) -> Vec<PathBuf> {
        let mut due = Vec::new();
        while let Some((_, path)) = self.waiting.first().filter(|(at, _)| *at <= now).cloned() {
            self.waiting.pop_first();
            due.push(path);
        }
        due
    }

    /// When the next has.
    pub(super) fn next(&self) -> Option<Moment> {
        self.waiting.first().map(|(at, _)| *at)
    }
}
