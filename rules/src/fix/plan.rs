//! A fix as data: what it would change, how safe that is, and what it leaves to people. Nothing here is applied.

use crate::fingerprint::FindingId;
use crate::rule::Safety;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// What would mend one finding.
pub struct Plan {
    /// The finding.
    pub finding: FindingId,
    /// Its rule.
    pub rule: String,
    /// How it may be applied: `Safe` with `--yes`, `Review` after a look at the change, `Manual` not by a machine.
    pub safety: Safety,
    /// What will change, one line.
    pub summary: String,
    /// In order. None for a plan that only advises.
    pub steps: Vec<Step>,
    /// What the plan leaves as it is and a reader might expect it to change, one line each.
    pub left: Vec<String>,
    /// What a person must do besides (rotate, sign in again).
    pub advice: String,
    /// Where to revoke or rotate the credential.
    pub revoke: Option<String>,
    /// It deletes, moves or invalidates a credential: refused while an indicator of compromise is open.
    pub credential: bool,
}

/// One step of a plan. Paths are `~/…` in the home, else absolute.
pub enum Step {
    /// Replaces bytes of a file. The file must still have this digest when the step is applied.
    Edit {
        /// The file.
        path: String,
        /// SHA-256 of the bytes that the edits are for.
        guard: [u8; 32],
        /// In order of place, not overlapping.
        edits: Vec<Edit>,
    },
    /// Creates a file that is not there; folders that are missing on the way are made for the user alone.
    Create {
        /// The file.
        path: String,
        /// Its content.
        bytes: Vec<u8>,
        /// The twelve permission bits it gets.
        mode: u32,
    },
    /// Changes the permission bits of a file or directory.
    Mode {
        /// The file or directory.
        path: String,
        /// The twelve permission bits that it must still have when the step is applied.
        was: u32,
        /// The ones it gets.
        mode: u32,
    },
    /// Moves a file into the quarantine: never deleted.
    Quarantine {
        /// The file.
        path: String,
    },
    /// Removes a file whose content is kept elsewhere by an earlier step of the same plan.
    Remove {
        /// The file.
        path: String,
        /// SHA-256 of its bytes.
        guard: [u8; 32],
    },
    /// Stores a credential in the keyring and reads it back, before any later step touches a file.
    Keep {
        /// Where it goes.
        store: Store,
        /// The credential.
        secret: Secret,
    },
    /// Redacts a value in the cells of a SQLite history.
    Cells {
        /// The database.
        path: String,
        /// What is replaced.
        secret: Secret,
    },
    /// Stops and disables a unit of the user's service manager.
    StopUnit {
        /// For example `gh-token-monitor.service`.
        unit: String,
    },
    /// Verifies that none of these programs runs any more; after `StopUnit` and `Quarantine`.
    Gone {
        /// Words as indicators have them.
        programs: Vec<String>,
    },
    /// A program that the user answers in the terminal, for example `ssh-keygen -p`.
    Guide {
        /// Program and arguments.
        argv: Vec<String>,
        /// Why, one line.
        why: String,
    },
}

/// A replacement of bytes. What it puts in is never a secret.
#[derive(Clone)]
pub struct Edit {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What stands there afterwards.
    pub with: Vec<u8>,
    /// What is taken out is a secret: shown masked, and never kept for an undo.
    pub secret: bool,
}

/// Where a credential goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "lowercase")]
pub enum Store {
    /// `git credential approve` with a helper that keeps credentials in the keyring.
    Git {
        /// The helper, as `credential.helper` names it.
        helper: String,
        /// `https`.
        protocol: String,
        /// Host, with a port where there is one.
        host: String,
        /// Path on the host, where git keeps them apart.
        path: Option<String>,
        /// User name.
        username: String,
    },
    /// The Secret Service: what `lapwing secret get NAME` looks up.
    Keyring {
        /// The name it gets.
        name: String,
    },
    /// Where Cargo's provider `cargo:libsecret` looks.
    Cargo {
        /// The registry's name.
        registry: String,
        /// The address of its index, by which Cargo looks.
        index: String,
    },
    /// Docker's credential helper for the Secret Service.
    Docker {
        /// The registry, as the configuration writes it.
        server: String,
        /// User name.
        username: String,
    },
    /// Python's `keyring`, which pip and twine ask.
    Python {
        /// The index, as the tool asks for it.
        service: String,
        /// User name.
        username: String,
    },
}

/// What a fix proposes; with the finding and its rule's page it makes a [`Plan`].
pub(crate) struct Draft {
    /// See [`Plan::summary`].
    pub(crate) summary: String,
    /// See [`Plan::steps`].
    pub(crate) steps: Vec<Step>,
    /// See [`Plan::left`].
    pub(crate) left: Vec<String>,
    /// In place of the page's advice.
    pub(crate) advice: Option<String>,
    /// In place of the page's.
    pub(crate) safety: Option<Safety>,
    /// See [`Plan::credential`]; edits of secrets say it too.
    pub(crate) credential: bool,
}

impl Draft {
    /// A draft without steps, and why there are none.
    pub(crate) fn left(why: impl Into<String>) -> Draft {
        let left = vec![why.into()];
        Draft { left, safety: Some(Safety::Manual), ..Draft::new(String::new(), Vec::new()) }
    }

    /// A draft of these steps.
    pub(crate) fn new(summary: impl Into<String>, steps: Vec<Step>) -> Draft {
        let summary = summary.into();
        Draft { summary, steps, left: Vec::new(), advice: None, safety: None, credential: false }
    }
}

impl Step {
    /// The file or directory it changes.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Step::Edit { path, .. }
            | Step::Create { path, .. }
            | Step::Mode { path, .. }
            | Step::Quarantine { path }
            | Step::Remove { path, .. }
            | Step::Cells { path, .. } => Some(path),
            Step::Keep { .. } | Step::StopUnit { .. } | Step::Gone { .. } | Step::Guide { .. } => None,
        }
    }

    /// Whether it takes a secret out, or puts one somewhere.
    #[must_use]
    pub fn secret(&self) -> bool {
        match self {
            Step::Edit { edits, .. } => edits.iter().any(|edit| edit.secret),
            Step::Keep { .. } | Step::Cells { .. } | Step::Remove { .. } => true,
            Step::Create { .. }
            | Step::Mode { .. }
            | Step::Quarantine { .. }
            | Step::StopUnit { .. }
            | Step::Gone { .. }
            | Step::Guide { .. } => false,
        }
    }
}
