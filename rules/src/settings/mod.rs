//! Setting rules: typed readers yield entries, data decides which values are risky.

pub mod entry;
pub(crate) mod include;
pub mod part;
pub mod predicate;
pub(crate) mod readers;
pub(crate) mod rules;
pub(crate) mod tree;

pub use readers::{Reader, reader};
