//! Everything that can happen to the agent, and everything that it can want done: two closed lists.

use std::path::PathBuf;
use std::time::Duration;

/// Time since the machine was started, sleep included (`CLOCK_BOOTTIME`): never set back, and a jump in it is a sleep.
pub(crate) type Moment = Duration;

/// What the watcher has to say of the file system. Paths are absolute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FileEvent {
    /// A file was written, created, moved here, or its mode has changed.
    Changed(PathBuf),
    /// A file or directory went away or was moved elsewhere.
    Gone(PathBuf),
    /// A directory has come: what is below was not watched until now.
    NewDir(PathBuf),
    /// Events were dropped: anything below (anywhere, when `None`) may have changed.
    Lost(Option<PathBuf>),
}
