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
    /// Whether this entry of a file at `place` is risky; the reader is the caller's to compare.
    pub(crate) fn fires(&self, place: Option<&str>, entry: &Entry) -> bool {
        let spec = &self.spec;
        (spec.places.is_empty() || place.is_some_and(|p| spec.places.iter().any(|id| id == p)))
            && spec.keys.iter().any(|k| wild(k, &entry.key))
            && !spec.except.iter().any(|k| wild(k, &entry.key))
            && (spec.scopes.is_empty() || spec.scopes.iter().any(|s| wild(s, &entry.scope)))
            && !self.excepted(&entry.scope)
            && spec.risky.iter().all(|p| p.holds(&entry.value))
    }

    /// Whether a block is only for names that are fine.
    fn excepted(&self, scope: &str) -> bool {
        let mut names = scope.split_ascii_whitespace().skip(1).peekable();
        let fine = |name: &str| self.spec.except_names.iter().any(|pattern| wild(pattern, name));
        names.peek().is_some() && names.all(fine)
    }
}
