//! The only writer of a user's files: guarded, all at once or not at all, and convergent.
//!
//! `step/` has the kinds of steps, one a file: prepared, written into the receipt, committed, then settled or taken
//! back. `rewrite` is the one that matters. Below it: `spot` (a file by its open directory), `fresh` (a new file that
//! takes a place), `dress` (what it looks like), `lock` (the tools' own locks), `busy` (who uses it), `splice` and
//! `inverse` (edits, pure). `receipt` is what is written down, `undo` takes it back, `repair` ends what a crash has
//! left in the middle.

pub(crate) mod busy;
pub(crate) mod dress;
pub(crate) mod fresh;
pub(crate) mod guide;
pub(crate) mod inverse;
pub(crate) mod job;
pub(crate) mod keep;
pub(crate) mod lock;
pub(crate) mod programs;
pub(crate) mod quarantine;
pub(crate) mod receipt;
pub(crate) mod refused;
pub(crate) mod repair;
pub(crate) mod splice;
pub(crate) mod spot;
pub(crate) mod step;
pub(crate) mod transfer;
pub(crate) mod turn;
pub(crate) mod undo;
pub(crate) mod unit;
