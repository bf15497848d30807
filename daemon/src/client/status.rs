//! How the agent is: what its properties say.

use super::wire::{self, Dict, Garbled};
use crate::home::Home;
use lapwing_rules::rule::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the agent is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// Setting up its watches; not everything is noticed yet.
    Starting,
    /// Waiting for something to change.
    Watching,
    /// Examining the whole home.
    Sweeping,
    /// Told to look away for a while.
    Paused,
    /// Ending.
    Stopping,
}

impl Doing {
    /// The word that the bus has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Doing::Starting => "starting",
            Doing::Watching => "watching",
            Doing::Sweeping => "sweeping",
            Doing::Paused => "paused",
            Doing::Stopping => "stopping",
        }
    }
}

/// A sweep that has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Swept {
    /// When it ended, seconds since 1970.
    pub at: i64,
    /// Milliseconds from start to end.
    pub millis: u64,
    /// Files examined, unchanged ones included.
    pub files: u64,
    /// Of these, files that had not changed since they were last examined.
    pub unchanged: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Findings that it opened.
    pub opened: u64,
    /// Findings that it resolved.
    pub resolved: u64,
    /// Whether everything that policy asks for was examined.
    pub complete: bool,
}

/// How the agent is. Its fields are the properties of the bus object, in another spelling.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// Which home and state it is about, without saying where they are: see [`about`].
    pub home: String,
    /// What it is doing.
    pub state: Doing,
    /// When it was started, seconds since 1970.
    pub since: i64,
    /// The last whole sweep.
    pub last_sweep: Option<Swept>,
    /// Open findings, by severity; severities without one may be left out.
    pub findings: BTreeMap<Severity, u32>,
    /// Findings that somebody has decided to live with.
    pub ignored: u32,
    /// Directories in which changes are noticed at once.
    pub watched: u32,
    /// Directories in which they are noticed by the next sweep.
    pub unwatched: u32,
    /// What is wrong, one line each, with what to do.
    pub problems: Vec<String>,
    /// What keeps the agent itself from doing harm, one line.
    pub sandbox: String,
    /// Bytes of memory in use.
    pub rss: u64,
    /// When it will look again, seconds since 1970; `None` when it is not paused, or until it is told to go on.
    pub paused_until: Option<i64>,
}

impl Status {
    /// An agent that has just been started.
    #[must_use]
    pub fn starting(home: &Home, now: i64) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            home: about(home),
            state: Doing::Starting,
            since: now,
            last_sweep: None,
            findings: BTreeMap::new(),
            ignored: 0,
            watched: 0,
            unwatched: 0,
            problems: Vec::new(),
            sandbox: String::new(),
            rss: 0,
            paused_until: None,
        }
    }

    /// From the properties of the bus object, in which nothing is left out: an empty dictionary and 0 stand for none.
    pub(crate) fn of(properties: &Dict) -> Result<Status, Garbled> {
        let mut fields = wire::fields(properties)?;
        fields.retain(|name, value| match name.as_str() {
            "LastSweep" => value.as_object().is_some_and(|sweep| !sweep.is_empty()),
            "PausedUntil" => value.as_i64() != Some(0),
            _ => true,
        });
        wire::whole(fields)
    }
}

/// Names a home together with where its state is kept, without saying where they are. An agent and a command that have
/// the same one mean the same ledger.
#[must_use]
pub fn about(home: &Home) -> String {
    // As written: it may not be there yet, and must not be called otherwise when it is.
    let state = home.state().strip_prefix(home.root()).unwrap_or(home.state());
    let parts = [home.canonical().as_os_str(), state.as_os_str()].map(|p| p.as_encoded_bytes());
    crate::text::hex(&crate::text::digest(&parts.join(&0))[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_home_is_not_this_one() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mark = |dir: &tempfile::TempDir| about(&Home::other(dir.path()));
        assert_eq!(mark(&a), mark(&a));
        assert_ne!(mark(&a), mark(&b));
    }
}
