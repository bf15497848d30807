//! Setting rules over entries.

use crate::pack::SettingSpec;
use crate::place::wild;
use crate::rule::Page;
use crate::settings::entry::Entry;
use std::sync::Arc;

/// A compiled setting rule.
pub(crate) struct SettingRule {
    pub(crate) page: Arc<Page>,
    pub(crate) spec: SettingSpec,
}

impl SettingRule {
    /// Whether this entry, read by `reader` at `place`, is risky.
    pub(crate) fn fires(&self, reader: &str, place: Option<&str>, entry: &Entry) -> bool {
        let spec = &self.spec;
        spec.reader == reader
            && (spec.places.is_empty() || place.is_some_and(|p| spec.places.iter().any(|id| id == p)))
            && spec.keys.iter().any(|k| wild(k, &entry.key))
            && !spec.except.iter().any(|k| wild(k, &entry.key))
            && (spec.scopes.is_empty() || spec.scopes.iter().any(|s| wild(s, &entry.scope)))
            && spec.risky.iter().all(|p| p.holds(&entry.value))
    }
}
