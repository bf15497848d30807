//! What people and programs read.

pub(crate) mod coverage;
pub(crate) mod csv;
pub(crate) mod detail;
pub(crate) mod diff;
pub(crate) mod gitlab;
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod live;
pub(crate) mod out;
pub(crate) mod page;
pub(crate) mod rotation;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod sarif;
pub(crate) mod stable;
pub(crate) mod status;
pub(crate) mod text;
pub(crate) mod words;
