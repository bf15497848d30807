//! One immutable snapshot of a file.

use crate::facts::Meta;
use crate::place::Place;

/// What a rule judges: bytes and metadata, read by somebody else.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// `~/…` inside the examined home, absolute elsewhere, or as given on the command line.
    pub path: &'a str,
    /// What the path is; `None` for an ordinary file.
    pub place: Option<&'a Place>,
    /// The whole content.
    pub bytes: &'a [u8],
    /// Mode and owner; `None` when there is no file (standard input).
    pub meta: Option<Meta>,
}
