//! The home that is examined, and where the agent keeps its own state.

use directories::BaseDirs;
use std::path::{Path, PathBuf};

/// A home directory.
#[derive(Clone)]
pub struct Home {
    root: PathBuf,
    state: PathBuf,
    own: bool,
}

impl Home {
    /// The home of whoever runs the program. `None` when there is no home directory.
    #[must_use]
    pub fn own() -> Option<Home> {
        let dirs = BaseDirs::new()?;
        let root = dirs.home_dir().to_owned();
        let state =
            dirs.state_dir().map_or_else(|| root.join(".local/state"), Path::to_owned).join("lapwing");
        Some(Home { root, state, own: true })
    }

    /// Another home. State stays with whoever runs the program: nothing is written into a home that is only looked
    /// at. Without a home of our own there is no state directory, and nothing is remembered.
    #[must_use]
    pub fn other(root: &Path) -> Home {
        let state = Home::own().map(|h| h.state).unwrap_or_default();
        let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        match Home::own().filter(|own| std::fs::canonicalize(&own.root).is_ok_and(|own| own == root)) {
            Some(own) => own,
            None => Home { root, state, own: false },
        }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether environment and machine belong to it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Where state is kept; empty when nothing can be remembered.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The ledger's file.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        if self.own {
            return self.state.join("ledger.db");
        }
        let name = crate::text::hex(&crate::text::digest(self.root.as_os_str().as_encoded_bytes())[..8]);
        self.state.join("homes").join(name).join("ledger.db")
    }
}
