//! The agent's front door: examine a home or some paths, and answer what is known.

use crate::config::Config;
use crate::home::Home;
use crate::record::{Document, Record};
use lapwing_rules::engine::Engine;
use lapwing_rules::pack::PackError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What to examine.
pub struct Request {
    /// The home it is about.
    pub home: Home,
    /// Vendored trees, caches and large files too.
    pub all: bool,
    /// Worker threads.
    pub jobs: usize,
}

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
}

/// Why nothing at all could be examined or answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The home or a path is not there or cannot be entered.
    #[error("{path}: {why}")]
    Path {
        /// As given.
        path: String,
        /// One line.
        why: String,
    },
    /// The ledger cannot be used at all.
    #[error("the ledger {path}: {why}")]
    Ledger {
        /// The file.
        path: String,
        /// One line, with what to do.
        why: String,
    },
    /// No finding has this id.
    #[error("no finding {id} is known here")]
    NoFinding {
        /// As given.
        id: String,
    },
    /// Several findings begin with this.
    #[error("{id} stands for {count} findings; write more of it")]
    Ambiguous {
        /// As given.
        id: String,
        /// How many.
        count: usize,
    },
}

/// Examines a home and remembers what was found.
pub fn doctor(request: &Request, config: &Config, watch: &Watch) -> Result<Document, Error> {
    todo!()
}

/// Examines files and directories; remembers nothing.
pub fn scan(request: &Request, paths: &[PathBuf], config: &Config, watch: &Watch) -> Result<Document, Error> {
    todo!()
}

/// Built-in rules and those of `config.scan.packs`, with what could not be used.
pub fn engine(config: &Config) -> (Engine, Vec<PackError>) {
    todo!()
}

/// What the ledger knows of a home without looking again: every finding, resolved ones too.
pub fn known(home: &Home) -> Result<Vec<Record>, Error> {
    todo!()
}

/// The finding that an id (or the beginning of one, with or without `F-`) stands for.
pub fn find(home: &Home, id: &str) -> Result<Record, Error> {
    todo!()
}

/// Decides to live with a finding. Returns it.
pub fn ignore(home: &Home, id: &str, reason: &str, until: Option<i64>) -> Result<Record, Error> {
    todo!()
}

/// Takes an ignore back. Returns the finding.
pub fn unignore(home: &Home, id: &str) -> Result<Record, Error> {
    todo!()
}
