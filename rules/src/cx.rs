//! What judging a target takes besides the target itself.

use crate::facts::Facts;
use crate::fingerprint::Fingerprinter;
use crate::policy::Policy;
use crate::rule::Page;

/// What a scan needs besides the target.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// Makes ids.
    pub ids: &'a Fingerprinter,
    /// Answers about the machine.
    pub facts: &'a dyn Facts,
    /// Which rules are on.
    pub policy: &'a Policy,
}

impl Cx<'_> {
    pub(crate) fn switched_off(&self, page: &Page) -> bool {
        !self.policy.allows(page)
    }
}
