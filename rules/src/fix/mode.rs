//! Permission bits.

use super::plan::{Draft, Step};
use crate::facts::Meta;

/// Takes bits from a file or directory of the user's own; that of another is not the user's to change.
pub(crate) fn close(path: String, meta: Meta, bits: u32) -> Option<Draft> {
    let mode = meta.mode & !bits;
    if mode == meta.mode || !meta.own {
        return None;
    }
    let summary = format!("mode {:04o} becomes {mode:04o}", meta.mode);
    Some(Draft::new(summary, vec![Step::Mode { path, was: meta.mode, mode }]))
}
