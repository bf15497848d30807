//! An indicator as written.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What a worm leaves. At least one of `paths`, `units`, `programs`, `contents` says where to look.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndicatorSpec {
    /// The campaign that it is known from, with its date.
    pub campaign: String,
    /// Files and directories that nothing else makes: `~/…` or absolute, or `**/…` for what lies in projects; `*` within
    /// a segment.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Units of the user's service manager, with their ending.
    #[serde(default)]
    pub units: Vec<String>,
    /// Programs, or the scripts that interpreters run: the last segments of the path.
    #[serde(default)]
    pub programs: Vec<String>,
    /// What it writes into files that others have too.
    #[serde(default)]
    pub contents: Vec<Content>,
    /// Homes in which it must be found.
    #[serde(default)]
    pub examples: Vec<Example>,
    /// Homes in which it must not.
    #[serde(default)]
    pub counter_examples: Vec<Example>,
}

/// What is written into a file that is no indicator by itself.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// As [`IndicatorSpec::paths`].
    pub paths: Vec<String>,
    /// A regular expression on its bytes.
    pub matches: String,
}

/// A home, as far as an indicator looks at it.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// Files by path. The home is `/home/dev` where an absolute path is needed.
    pub files: BTreeMap<String, String>,
    /// Command lines that run, words apart by one blank.
    pub programs: Vec<String>,
}
