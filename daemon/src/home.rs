//! The home that is examined, and where the agent keeps its own state.

use directories::BaseDirs;
use std::path::{Path, PathBuf};

/// A home directory.
#[derive(Clone)]
pub struct Home {
    root: PathBuf,
    canonical: PathBuf,
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
        let canonical = std::fs::canonicalize(&root).unwrap_or_else(|_| root.clone());
        Some(Home { root, canonical, state, own: true })
    }

    /// Another home. State stays with whoever runs the program: nothing is written into a home that is only looked
    /// at. Without a home of our own there is no state directory, and nothing is remembered.
    #[must_use]
    pub fn other(root: &Path) -> Home {
        let canonical = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        match Home::own() {
            Some(own) if own.canonical == canonical => own,
            own => {
                let state = own.map(|h| h.state).unwrap_or_default();
                Home { root: canonical.clone(), canonical, state, own: false }
            }
        }
    }

    /// A home whose state is kept in a directory that is named: for tests of what changes files.
    #[must_use]
    pub fn at(root: &Path, state: &Path) -> Home {
        let canonical = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        Home { root: root.to_owned(), canonical, state: state.to_owned(), own: true }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory with every link on its way resolved.
    #[must_use]
    pub fn canonical(&self) -> &Path {
        &self.canonical
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

    /// How a path is shown: `~/…` in the home, bytes that are no text as `\\x…`.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.root).or_else(|_| path.strip_prefix(&self.canonical)) {
            Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Ok(rest) => format!("~/{}", crate::text::path(rest)),
            Err(_) => crate::text::path(path),
        }
    }

    /// A path without the links on the way to the home.
    #[must_use]
    pub fn real(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).map_or_else(|_| path.to_owned(), |below| self.canonical.join(below))
    }

    /// The same the other way round: as the home itself is called.
    #[must_use]
    pub fn called(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.canonical).map_or_else(|_| path.to_owned(), |below| self.root.join(below))
    }

    /// The path that people call `~/…`.
    #[must_use]
    pub fn path(&self, shown: &str) -> PathBuf {
        match shown.strip_prefix('~') {
            Some("") => self.root.clone(),
            Some(rest) if rest.starts_with('/') => self.root.join(&rest[1..]),
            _ => PathBuf::from(shown),
        }
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
