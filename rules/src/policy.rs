//! Which rules are on. Layers (the machine's, then the user's) are merged by who reads the files.

use crate::place::wild;
use crate::rule::{Page, Profile};
use serde::{Deserialize, Serialize};

/// The rules part of a configuration.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// `strict` adds hardening rules that most homes do not follow.
    pub profile: Profile,
    /// Rule ids or patterns with `*` to switch off.
    pub off: Vec<String>,
    /// Rule ids or patterns with `*` to switch on although their profile is not.
    pub on: Vec<String>,
}

impl Policy {
    /// Whether a rule is on: `on` wins over `off`, `off` over the profile.
    #[must_use]
    pub fn allows(&self, page: &Page) -> bool {
        let listed = |list: &[String]| list.iter().any(|p| wild(p, &page.id));
        listed(&self.on)
            || (!listed(&self.off) && (page.profile == Profile::Default || self.profile == Profile::Strict))
    }
}
