//! How long to wait for what, and what comes out.

use std::path::PathBuf;
use std::time::Duration;

/// How long to wait for what.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The home: it and what is above it are never swept as the scene of a burst.
    pub(crate) home: PathBuf,
    /// How long a file must be left alone: editors write several times.
    pub(crate) file: Duration,
    /// As `file`, for histories: a shell writes with each command.
    pub(crate) history: Duration,
    /// How long a burst must be over before what it changed is swept.
    pub(crate) burst: Duration,
    /// Longest wait of something that is never left alone; for bursts that go on it doubles, up to `longest`.
    pub(crate) most: Duration,
    /// See `most`.
    pub(crate) longest: Duration,
    /// How long after a sweep its directory counts as busy still: what comes then is no news, but the burst going on.
    pub(crate) cool: Duration,
}

impl Policy {
    /// What a person hardly notices, and a token is told of within a second.
    pub(crate) fn new(home: PathBuf) -> Policy {
        Policy {
            home,
            file: Duration::from_millis(150),
            history: Duration::from_millis(500),
            burst: Duration::from_millis(500),
            most: Duration::from_secs(5),
            longest: Duration::from_secs(60),
            cool: Duration::from_secs(3),
        }
    }

    /// Longest wait of something that was swept so often in a row before.
    pub(super) fn limit(&self, round: u32) -> Duration {
        self.most.saturating_mul(1 << round.min(16)).min(self.longest.max(self.most))
    }
}

/// What kind of file a path is, as far as waiting goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Any file.
    File,
    /// Lines that a person types, one after the other.
    History,
}

/// Something to look at now.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Look {
    /// A path that has changed; it may be a directory whose mode has.
    File(PathBuf),
    /// A path that went away, with whatever was below it.
    Gone(PathBuf),
    /// A directory below which much has changed or gone: sweep what is new there, and what was remembered.
    Below(PathBuf),
    /// As `Below`, and these directories have come there, which nobody watches yet: watch what is below them, then sweep.
    Grown(PathBuf, Vec<PathBuf>),
    /// Anything may have changed.
    Everything,
}
