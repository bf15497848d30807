//! What the machine says of directories before they are watched, and how much watching it permits.

use super::trouble::Trouble;
use crate::machine::files;
use crate::record::Reason;
use crate::watchplan::{Ground, Kind, Limits};
use rustix::fs::{FileType, Mode, OFlags};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The machine that we run on.
pub(crate) struct Machine {
    slash: OwnedFd,
    user: u32,
}

impl Machine {
    pub(crate) fn new() -> Result<Machine, Trouble> {
        let path = Path::new("/");
        let other = |e: rustix::io::Errno| Trouble::Other {
            path: path.to_owned(),
            why: std::io::Error::from(e).to_string(),
        };
        // Only a way to what is below: the sandbox does not let us list it.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let slash = rustix::fs::open(path, flags, Mode::empty()).map_err(other)?;
        Ok(Machine { slash, user: rustix::process::geteuid().as_raw() })
    }

    /// Opens a directory that may be watched: no link on the way, ours or the machine's, on a file system of our own.
    pub(super) fn open(&self, path: &Path) -> Result<OwnedFd, Trouble> {
        let below = path.strip_prefix("/").map_err(|_| Trouble::Vanished(path.to_owned()))?;
        let fd = files::open_dir(self.slash.as_fd(), below).map_err(|reason| refused(path, reason))?;
        let owner = rustix::fs::fstat(&fd).map(|stat| stat.st_uid);
        match owner {
            Ok(owner) if owner != self.user && owner != 0 => Err(Trouble::Foreign(path.to_owned())),
            Ok(_) if files::is_remote(&fd) => Err(Trouble::Mount(path.to_owned())),
            Ok(_) => Ok(fd),
            Err(_) => Err(Trouble::Vanished(path.to_owned())),
        }
    }
}

fn refused(path: &Path, reason: Reason) -> Trouble {
    let link = || {
        let own = rustix::fs::lstat(path).map(|stat| files::kind(&stat));
        matches!(own, Ok(FileType::Symlink | FileType::Directory))
    };
    match reason {
        Reason::Vanished if link() => Trouble::Link(path.to_owned()),
        Reason::Vanished => Trouble::Vanished(path.to_owned()),
        _ => Trouble::NotPermitted(path.to_owned()),
    }
}

impl Ground for Machine {
    fn kind(&self, path: &Path) -> Kind {
        match rustix::fs::lstat(path).map(|stat| files::kind(&stat)) {
            Ok(FileType::Symlink) => Kind::Link,
            Ok(FileType::Directory) => match self.open(path) {
                Ok(_) => Kind::Dir,
                Err(Trouble::Mount(_)) => Kind::Remote,
                Err(Trouble::Link(_)) => Kind::Link,
                Err(_) => Kind::Other,
            },
            Ok(_) => Kind::Other,
            Err(_) => Kind::Absent,
        }
    }

    fn real(&self, path: &Path) -> Option<PathBuf> {
        std::fs::canonicalize(path).ok()
    }

    fn names(&self, dir: &Path) -> Vec<OsString> {
        let paths = files::list(dir).unwrap_or_default();
        let mut names: Vec<_> = paths.iter().filter_map(|p| p.file_name().map(OsString::from)).collect();
        names.sort();
        names
    }
}

/// What the kernel permits this user, all programs together. What cannot be read is taken for what kernels begin with.
pub(crate) fn limits() -> Limits {
    let read = |path: &str| {
        let bytes = files::read_small(Path::new(path)).ok().flatten()?;
        std::str::from_utf8(&bytes).ok()?.trim().parse::<usize>().ok()
    };
    // The second is that of the user namespace we are in: a container's may be less than the machine's.
    let least = |paths: [&str; 2]| paths.into_iter().filter_map(read).min();
    Limits {
        watches: least(["/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches"])
            .unwrap_or(8192),
        instances: least(["/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances"])
            .unwrap_or(128),
        queue: read("/proc/sys/fs/inotify/max_queued_events").unwrap_or(16_384),
    }
}
