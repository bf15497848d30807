//! The conversation around a fix: which findings, what would change, what people say to it, and what came of it.
//! Nothing here touches a file; `apply` does.

pub(crate) mod ask;
pub(crate) mod hold;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod show;
