//! What may go wrong with watching, and what to do about each.

use std::path::{Path, PathBuf};

/// A reason why something is not watched. It never means that it is not examined: sweeps take what watching leaves.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The kernel gives this user no more watches.
    #[error(
        "only {watched} of {wanted} directories are watched: the kernel gives this user no more. The others are looked at in sweeps. \
         To have more watched: `sudo sysctl fs.inotify.max_user_watches=524288`"
    )]
    LimitReached { watched: usize, wanted: usize },
    /// The kernel, or the limit on open files, gives us no way to watch at all.
    #[error(
        "nothing is watched: other programs hold all inotify instances that this user may have. Changes are found in sweeps. \
         To have more: `sudo sysctl fs.inotify.max_user_instances=1024`"
    )]
    NoInstance,
    /// More happened than could be taken in.
    #[error(
        "more files changed at once than could be followed; everything is looked at again. If this happens often: \
         `sudo sysctl fs.inotify.max_queued_events=65536`"
    )]
    Overflow,
    /// It went away before it could be watched.
    #[error("{} went away before it could be watched", .0.display())]
    Vanished(PathBuf),
    /// It is a link, or there is one on the way to it.
    #[error("{} is not watched: it is reached over a link. Its target is, where it is known", .0.display())]
    Link(PathBuf),
    /// It may not be read.
    #[error("{} is not watched: this user may not read it (see `ls -ld`)", .0.display())]
    NotPermitted(PathBuf),
    /// It belongs to somebody else.
    #[error("{} is not watched: it belongs to another user (see `ls -ld`)", .0.display())]
    Foreign(PathBuf),
    /// It is on a file system served by somebody else, who does not say what others change.
    #[error("{} is not watched, only swept: it is on a network or FUSE mount", .0.display())]
    Mount(PathBuf),
    /// The thread that hears from the kernel is not running.
    #[error(
        "nothing is watched: the watching thread could not be started or has ended. Restart the agent: `systemctl --user restart lapwingd`"
    )]
    Stopped,
    /// Anything else the kernel said.
    #[error("{} cannot be watched: {why}", .path.display())]
    Other { path: PathBuf, why: String },
}

impl Trouble {
    /// What starting to listen to the kernel has met.
    pub(super) fn starting(error: &notify::Error) -> Trouble {
        match code(error) {
            // EMFILE and ENFILE
            Some(23 | 24) => Trouble::NoInstance,
            _ => Trouble::Other { path: PathBuf::from("/"), why: error.to_string() },
        }
    }

    /// What watching one directory has met. The limit is for the caller to put a number to.
    pub(super) fn watching(error: &notify::Error, path: &Path) -> Trouble {
        use notify::ErrorKind;
        let path = path.to_owned();
        match (&error.kind, code(error)) {
            (ErrorKind::MaxFilesWatch, _) => Trouble::LimitReached { watched: 0, wanted: 0 },
            // ENOENT and ENOTDIR
            (ErrorKind::PathNotFound | ErrorKind::WatchNotFound, _) | (_, Some(2 | 20)) => {
                Trouble::Vanished(path)
            }
            // EPERM and EACCES
            (_, Some(1 | 13)) => Trouble::NotPermitted(path),
            // ELOOP
            (_, Some(40)) => Trouble::Link(path),
            // The other end of the channel to notify's thread is gone.
            (ErrorKind::Generic(_), _) => Trouble::Stopped,
            _ => Trouble::Other { path, why: error.to_string() },
        }
    }
}

fn code(error: &notify::Error) -> Option<i32> {
    match &error.kind {
        notify::ErrorKind::Io(e) => e.raw_os_error(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_can_do_something_about_says_what() {
        let limit = Trouble::LimitReached { watched: 16, wanted: 300 }.to_string();
        assert!(limit.contains("16 of 300") && limit.contains("fs.inotify.max_user_watches"), "{limit}");
        assert!(Trouble::NoInstance.to_string().contains("fs.inotify.max_user_instances"));
        assert!(Trouble::Overflow.to_string().contains("fs.inotify.max_queued_events"));
        let lines =
            [Trouble::NoInstance, Trouble::Overflow, Trouble::Stopped, Trouble::Vanished("/a".into())];
        assert!(lines.iter().all(|t| !t.to_string().contains('\n') && !t.to_string().contains("  ")));
    }
}
