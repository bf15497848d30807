//! Secret rules: prefilter, match, judge, grade. Decoders turn encoded stretches into further views.

pub(crate) mod allow;
pub(crate) mod checksum;
pub(crate) mod chosen;
pub(crate) mod companion;
pub(crate) mod decode;
pub(crate) mod edges;
pub(crate) mod effort;
pub(crate) mod entropy;
pub(crate) mod foreign;
pub(crate) mod judge;
pub(crate) mod known;
pub(crate) mod matcher;
pub(crate) mod named;
pub(crate) mod prefilter;
pub(crate) mod published;
pub(crate) mod quick;
pub(crate) mod rules;
pub(crate) mod section;
pub(crate) mod settle;
pub mod stream;
pub(crate) mod telling;
mod words;
