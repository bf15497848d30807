//! The only reader of the operating system. Regular files only, no links out of the home, everything capped.

pub(crate) mod ask;
pub(crate) mod cells;
pub(crate) mod facts;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod process;
pub(crate) mod slack;
pub(crate) mod sqlite;
