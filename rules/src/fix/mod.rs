//! How a finding is mended: plans as data, made by rules and applied by `ctl`. Pure: bytes in, edits out.
//!
//! A fix is declared beside its rule (`fix = { unset = true }` in a pack, `fix:` of a check). [`planner`] runs the same search
//! as a scan and turns what it finds into plans; a plan that would not do what it says is not offered.

pub(crate) mod append;
pub mod cells;
pub(crate) mod copies;
pub mod declared;
pub(crate) mod drafts;
pub mod edit;
mod git_helper;
mod hide;
mod indicator;
mod kept;
pub mod mender;
pub(crate) mod mode;
pub(crate) mod moves;
pub mod plan;
pub mod planner;
mod python_keyring;
pub mod redact;
pub mod redactions;
pub mod refuse;
pub mod section;
pub(crate) mod setting;

#[cfg(test)]
mod tests;
