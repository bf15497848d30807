//! What a run tells while it goes on, and how it is stopped.

use lapwing_rules::finding::Finding;
use lapwing_rules::rule::Severity;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shared with whoever shows progress or stops a run.
#[derive(Default)]
pub struct Watch {
    /// Set to stop: what is known so far is reported as incomplete.
    pub stop: AtomicBool,
    /// Files looked at so far.
    pub files: AtomicU64,
    /// Bytes read so far.
    pub bytes: AtomicU64,
    /// Findings so far.
    pub findings: AtomicU64,
    /// The worst so far: how bad, its title, and the path where it stands.
    pub worst: Mutex<Option<(Severity, String, String)>>,
}

impl Watch {
    /// Takes findings of one file into account.
    pub(crate) fn tell(&self, findings: &[Finding], path: &str) {
        self.findings.fetch_add(findings.len() as u64, Ordering::Relaxed);
        let Some(worst) = findings.iter().max_by_key(|f| f.severity) else { return };
        let mut known = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(severity, ..)| worst.severity > *severity) {
            *known = Some((worst.severity, worst.page.title.clone(), path.to_owned()));
        }
    }
}
