//! The kinds of steps, one a file. Each is first prepared, which changes nothing that anybody sees; then written into
//! the receipt; then committed; and in the end either settled or taken back.

pub(crate) mod cells;
pub(crate) mod create;
pub(crate) mod keep;
pub(crate) mod mode;
pub(crate) mod outside;
pub(crate) mod quarantine;
pub(crate) mod remove;
pub(crate) mod rewrite;

use super::busy::{Running, Written};
use super::receipt::Change;
use super::refused::Refused;
use lapwing_agent::home::Home;
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::plan::Edit;
use lapwing_rules::place::Place;
use rustix::fs::Stat;
use std::collections::{HashMap, HashSet};
use std::fs::File;

/// A step that is ready to be done.
pub(crate) trait Pending {
    /// What the receipt says of it.
    fn change(&self) -> Change;
    /// Does it: all of it, or nothing. What was there before is still at hand.
    fn commit(&mut self) -> Result<(), Refused>;
    /// Takes it back. After a step that was not committed there is nothing to do.
    fn revert(&mut self) -> Result<(), Refused>;
    /// Whether it is still done because it could not be taken back.
    fn stays(&self) -> bool {
        false
    }
    /// Lets go of what was there before. `running` is what ran after the commit.
    fn settle(&mut self, running: &Running) -> Result<(), Refused>;
}

/// What steps need to know, and nobody but the rules can tell.
pub(crate) trait Rules {
    /// The place that a path is.
    fn place(&self, shown: &str) -> Option<&Place>;
    /// What would be found in a file with this content.
    fn judge(&self, shown: &str, content: Content<'_>, stat: &Stat) -> Result<Vec<FindingId>, String>;
    /// Which of these findings are still where they were.
    fn holds(&self, wanted: &[(FindingId, Vec<String>)]) -> Vec<FindingId>;
    /// Whether a stretch of text holds something secret.
    fn secret(&self, shown: &str, bytes: &[u8]) -> bool;
}

/// Content of a file.
pub(crate) enum Content<'a> {
    /// Of a small one.
    Bytes(&'a [u8]),
    /// Of a large one, of this length after these edits.
    Edited(&'a File, usize, &'a [Edit]),
}

/// What every step has at hand.
pub(crate) struct Bench<'a> {
    /// The home.
    pub(crate) home: &'a Home,
    /// The receipt's name.
    pub(crate) receipt: &'a str,
    /// What runs.
    pub(crate) running: &'a Running,
    /// The rules.
    pub(crate) rules: &'a dyn Rules,
    /// What files were when the change was shown: mode and owner must still be so.
    pub(crate) seen: &'a HashMap<String, Stat>,
    /// Files as this run has left them.
    pub(crate) ours: &'a HashSet<Written>,
}

impl Bench<'_> {
    /// Refuses a file that is not what it was when the change was shown, or is somebody else's.
    pub(crate) fn guard(&self, shown: &str, stat: &Stat) -> Result<(), Refused> {
        own(stat)?;
        match self.seen.get(shown) {
            Some(seen) if seen.st_mode != stat.st_mode => Err(Refused::Changed("mode")),
            Some(seen) if (seen.st_uid, seen.st_gid) != (stat.st_uid, stat.st_gid) => {
                Err(Refused::Changed("owner"))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses what belongs to somebody else. Root may mend what is not its own: the owner is kept.
pub(crate) fn own(stat: &Stat) -> Result<(), Refused> {
    let me = rustix::process::geteuid();
    if me.is_root() || me.as_raw() == stat.st_uid { Ok(()) } else { Err(Refused::Foreign) }
}
