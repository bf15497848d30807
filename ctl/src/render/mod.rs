//! What people and programs read.

pub(crate) mod coverage;
pub(crate) mod detail;
pub(crate) mod json;
pub(crate) mod out;
pub(crate) mod page;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod sarif;
pub(crate) mod text;
pub(crate) mod words;
