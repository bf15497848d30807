//! Moves of credentials from a file to where their tool keeps them encrypted, one kind a file. Pure: they say what to do.

use super::plan::Draft;
use crate::facts::Facts;
use crate::settings::entry::Entry;
use crate::target::Target;

/// A kind of move.
pub(crate) struct Mover {
    /// What moves one credential; `None` when it cannot be moved here, which leaves the rule's advice.
    pub(crate) plan: fn(&Moving<'_>) -> Option<Draft>,
}

/// A credential that is to move.
#[allow(
    dead_code,
    reason = "what a move may need to know; which of it is read depends on the moves that there are"
)]
pub(crate) struct Moving<'a> {
    /// The file.
    pub(crate) target: &'a Target<'a>,
    /// What its reader has found.
    pub(crate) entries: &'a [Entry],
    /// The entry that holds the credential.
    pub(crate) entry: &'a Entry,
    /// The credential's bytes in the file, or those that hold it where it is encoded.
    pub(crate) at: (usize, usize),
    /// The credential.
    pub(crate) secret: &'a [u8],
    /// Answers about the machine.
    pub(crate) facts: &'a dyn Facts,
}

include!(concat!(env!("OUT_DIR"), "/moves.rs"));

/// The mover of this name: the stem of its file.
pub(crate) fn mover(name: &str) -> Option<&'static Mover> {
    ALL.iter().find(|(stem, _)| *stem == name).map(|(_, mover)| *mover)
}
