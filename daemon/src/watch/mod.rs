//! The edge to inotify: paths in, file events out, and typed problems instead of silence.
//!
//! Each directory is watched by itself, never with what is below it: `crate::watchplan` says which. We ask to be told of
//! what changes and not of what is read, so that neither our own sweeps nor a `grep` of somebody else wake us.

mod ground;
mod inbox;
mod kernel;
#[cfg(test)]
mod tests;
mod trouble;

pub(crate) use ground::{Machine, limits};
pub(crate) use inbox::Inbox;
pub(crate) use trouble::Trouble;

use crate::event::FileEvent;
use crate::machine::files;
use kernel::Kernel;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Larger directories are swept, not told of file by file.
const LISTED: usize = 1000;

/// What is watched now.
pub(crate) struct Watcher {
    kernel: Kernel,
    inbox: Inbox,
    machine: Machine,
}

/// How it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Directories that are watched.
    pub(crate) watched: usize,
    /// How often events were lost.
    pub(crate) overflows: u64,
}

impl Watcher {
    /// Begins to listen; nothing is watched yet.
    pub(crate) fn start(inbox: Inbox) -> Result<Watcher, Trouble> {
        let machine = Machine::new()?;
        Ok(Watcher { kernel: listen(&inbox)?, inbox, machine })
    }

    /// Ceases to watch `remove`, each with what is below it, then watches `add` in this order. What was there before it was
    /// watched is not told of: sweep it afterwards.
    pub(crate) fn apply(&mut self, add: &[PathBuf], remove: &[PathBuf]) -> Vec<Trouble> {
        remove.iter().for_each(|dir| self.kernel.leave(dir));
        let mut troubles = Vec::new();
        for (n, dir) in add.iter().enumerate().filter(|(_, dir)| !self.kernel.watches(dir)) {
            match self.enter(dir) {
                Ok(_) => {}
                Err(Trouble::LimitReached { watched, .. }) => {
                    let rest = add[n..].iter().filter(|dir| !self.kernel.watches(dir)).count();
                    troubles.push(Trouble::LimitReached { watched, wanted: watched + rest });
                    break;
                }
                Err(trouble) => troubles.push(trouble),
            }
        }
        troubles
    }

    /// Watches directories that have just come into being, and tells of what is in them by then: whatever was put there
    /// before they were watched would be missed otherwise, directories too.
    pub(crate) fn join(&mut self, dirs: &[PathBuf]) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for dir in dirs {
            // Whatever is watched under this name may be another directory, that was here before.
            self.kernel.leave(dir);
            match self.enter(dir) {
                Ok(fd) => self.tell(dir, &fd),
                Err(trouble) => troubles.push(trouble),
            }
        }
        troubles
    }

    /// Watches a directory, and says which are in it by then. Of files nothing is told: sweep it afterwards.
    pub(crate) fn follow(&mut self, dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
        let fd = self.enter(dir)?;
        Ok(self.below(dir, &fd))
    }

    /// The directories in one, which is not watched itself.
    pub(crate) fn directories(&self, dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
        let fd = self.machine.open(dir)?;
        Ok(self.below(dir, &fd))
    }

    /// Watches everything afresh. After events were lost nobody knows which watches still stand for the path that they
    /// were made for.
    pub(crate) fn renew(&mut self) -> Vec<Trouble> {
        match listen(&self.inbox) {
            // The old one goes last: between the two nothing is missed, only told of twice.
            Ok(kernel) => {
                let old = std::mem::replace(&mut self.kernel, kernel);
                let all = old.all();
                let troubles = self.apply(&all, &[]);
                drop(old);
                // What the old one held is free now, or any moment.
                let full = troubles.iter().any(|t| matches!(t, Trouble::LimitReached { .. }));
                if full { self.apply(&all, &[]) } else { troubles }
            }
            Err(trouble) => vec![trouble],
        }
    }

    /// Whether a directory is watched.
    #[cfg(test)]
    pub(crate) fn watches(&self, dir: &Path) -> bool {
        self.kernel.watches(dir)
    }

    /// Whether a directory is watched, or any below it.
    pub(crate) fn watches_below(&self, path: &Path) -> bool {
        self.kernel.watches_below(path)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { watched: self.kernel.count(), overflows: self.inbox.overflows() }
    }

    /// Watches a directory that may be, and opens it.
    fn enter(&self, dir: &Path) -> Result<OwnedFd, Trouble> {
        let fd = self.machine.open(dir)?;
        match self.kernel.add(dir) {
            Ok(()) => Ok(fd),
            Err(Errno::NOSPC) => {
                let watched = self.kernel.count();
                Err(Trouble::LimitReached { watched, wanted: watched + 1 })
            }
            Err(errno) => Err(Trouble::watching(errno, dir)),
        }
    }

    /// Tells of what is in a directory.
    fn tell(&self, dir: &Path, fd: &OwnedFd) {
        let mut files = 0;
        let whole = entries(dir, fd, &mut |path, kind| match kind {
            FileType::Directory => self.inbox.push(FileEvent::NewDir(path())),
            FileType::RegularFile | FileType::Symlink => {
                files += 1;
                if files <= LISTED {
                    self.inbox.push(FileEvent::Changed(path()));
                }
            }
            _ => {}
        });
        if !whole || files > LISTED {
            self.inbox.push(FileEvent::Lost(Some(dir.to_owned())));
        }
    }

    fn below(&self, dir: &Path, fd: &OwnedFd) -> Vec<PathBuf> {
        let mut below = Vec::new();
        let whole = entries(dir, fd, &mut |path, kind| {
            if kind == FileType::Directory {
                below.push(path());
            }
        });
        if !whole {
            self.inbox.push(FileEvent::Lost(Some(dir.to_owned())));
        }
        below
    }
}

/// Names in a directory, with what they are; whether these are all.
fn entries(dir: &Path, fd: &OwnedFd, each: &mut dyn FnMut(&dyn Fn() -> PathBuf, FileType)) -> bool {
    let mut names = vec![MaybeUninit::uninit(); 1 << 15];
    let mut entries = RawDir::new(fd, &mut names);
    while let Some(entry) = entries.next() {
        let Ok(entry) = entry else { return false };
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let path = || dir.join(OsStr::from_bytes(name));
        let kind = match entry.file_type() {
            FileType::Unknown => rustix::fs::lstat(path()).map_or(FileType::Unknown, |s| files::kind(&s)),
            kind => kind,
        };
        each(&path, kind);
    }
    true
}

/// Starts the thread that listens to the kernel.
fn listen(inbox: &Inbox) -> Result<Kernel, Trouble> {
    Kernel::listen(inbox).map_err(Trouble::starting)?.ok_or(Trouble::Stopped)
}
