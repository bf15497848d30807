//! The edge to inotify: paths in, file events out, and typed problems instead of silence.
//!
//! Each directory is watched by itself, never with what is below it: `crate::watchplan` says which. We ask to be told of
//! what changes and not of what is read, so that neither our own sweeps nor a `grep` of somebody else wake us.

mod ground;
mod inbox;
#[cfg(test)]
mod tests;
mod trouble;

pub(crate) use ground::{Machine, limits};
pub(crate) use inbox::Inbox;
pub(crate) use trouble::Trouble;

use crate::event::FileEvent;
use crate::machine::files;
use notify::event::{CreateKind, Flag, ModifyKind, RemoveKind, RenameMode};
use notify::{
    Config, Event, EventKind, EventKindMask, INotifyWatcher, PathOp, RecursiveMode, WatchPathConfig,
};
use notify::{ErrorKind, Watcher as _};
use rustix::fs::{FileType, RawDir};
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// So many directories are handed over at a time; between two batches the thread takes events in.
const BATCH: usize = 512;
/// To so many it is cheaper to try to take watches out than to ask which there are.
const SOME: usize = 32;
/// From so many on it is cheaper to begin afresh than to take watches out one by one.
const MANY: usize = 200;
/// Larger directories are swept, not told of file by file.
const LISTED: usize = 1000;

/// What is watched now.
pub(crate) struct Watcher {
    inotify: INotifyWatcher,
    inbox: Inbox,
    machine: Machine,
    watched: BTreeSet<PathBuf>,
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
        Ok(Watcher { inotify: listen(&inbox)?, inbox, machine, watched: BTreeSet::new() })
    }

    /// Ceases to watch `remove`, each with what is below it, then watches `add` in this order. What was there before it was
    /// watched is not told of: sweep it afterwards.
    pub(crate) fn apply(&mut self, add: &[PathBuf], remove: &[PathBuf]) -> Vec<Trouble> {
        let mut troubles = self.leave(remove);
        let mut fine = Vec::new();
        for path in add.iter().filter(|path| !self.watched.contains(*path)) {
            match self.machine.open(path) {
                Ok(_) => fine.push(path.clone()),
                Err(trouble) => troubles.push(trouble),
            }
        }
        troubles.extend(self.enter(fine));
        troubles
    }

    /// Watches directories that have just come into being, and tells of what is in them by then: whatever was put there
    /// before they were watched would be missed otherwise, directories too.
    pub(crate) fn join(&mut self, dirs: &[PathBuf]) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        // Whatever is watched under this name may be another directory, that was here before.
        let stale: Vec<_> = dirs.iter().filter(|dir| self.watched.contains(*dir)).cloned().collect();
        troubles.extend(self.leave(&stale));
        for batch in dirs.chunks(BATCH) {
            let mut opened = Vec::new();
            for dir in batch {
                match self.machine.open(dir) {
                    Ok(fd) => opened.push((dir, fd)),
                    Err(trouble) => troubles.push(trouble),
                }
            }
            troubles.extend(self.enter(opened.iter().map(|(dir, _)| (*dir).clone()).collect()));
            opened.iter().for_each(|(dir, fd)| self.tell(dir, fd));
        }
        troubles
    }

    /// Watches a directory, and says which are in it by then. Of files nothing is told: sweep it afterwards.
    pub(crate) fn follow(&mut self, dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
        let fd = self.machine.open(dir)?;
        let name = [dir.to_owned()];
        let mut troubles = if self.watched.contains(dir) { self.leave(&name) } else { Vec::new() };
        troubles.extend(self.enter(name.into()));
        match troubles.pop() {
            Some(trouble) => Err(trouble),
            None => Ok(self.directories_in(dir, &fd)),
        }
    }

    /// The directories in one, which is not watched itself.
    pub(crate) fn directories(&self, dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
        let fd = self.machine.open(dir)?;
        Ok(self.directories_in(dir, &fd))
    }

    /// Watches everything afresh. After events were lost nobody knows which watches still stand for the path that they
    /// were made for.
    pub(crate) fn renew(&mut self) -> Vec<Trouble> {
        match listen(&self.inbox) {
            // The old one goes last: between the two nothing is missed, only told of twice.
            Ok(inotify) => {
                let old = std::mem::replace(&mut self.inotify, inotify);
                let all: Vec<_> = std::mem::take(&mut self.watched).into_iter().collect();
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
        self.watched.contains(dir)
    }

    /// Whether a directory is watched, or any below it.
    pub(crate) fn watches_below(&self, path: &Path) -> bool {
        self.below(path).next().is_some()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { watched: self.watched.len(), overflows: self.inbox.overflows() }
    }

    fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let from = (Bound::Included(path), Bound::Unbounded);
        self.watched.range::<Path, _>(from).take_while(move |dir| dir.starts_with(path))
    }

    fn leave(&mut self, remove: &[PathBuf]) -> Vec<Trouble> {
        let mut ours: BTreeSet<PathBuf> = BTreeSet::new();
        remove.iter().for_each(|path| ours.extend(self.below(path).cloned()));
        // Of thousands a few go: neither here nor where they come may that take a walk over all of them.
        for dir in &ours {
            self.watched.remove(dir);
        }
        // Those that went away are left already, mostly. To ask once for all there are is cheaper than to try many.
        if ours.len() > SOME {
            let Ok(theirs) = self.inotify.watched_paths() else { return vec![Trouble::Stopped] };
            let theirs: HashSet<PathBuf> = theirs.into_iter().map(|(path, _)| path).collect();
            ours.retain(|dir| theirs.contains(dir));
        }
        if ours.len() > MANY {
            return self.renew();
        }
        let mut ops: Vec<_> = ours.into_iter().map(PathOp::Unwatch).collect();
        while !ops.is_empty() {
            match self.inotify.update_paths(ops) {
                Ok(()) => break,
                // It is gone already, which is all that was wanted.
                Err(error) if error.origin.is_some() => ops = error.remaining,
                Err(_) => return vec![Trouble::Stopped],
            }
        }
        Vec::new()
    }

    fn enter(&mut self, add: Vec<PathBuf>) -> Vec<Trouble> {
        let config = || WatchPathConfig::new(RecursiveMode::NonRecursive).with_dereference_symlinks(false);
        let mut troubles = Vec::new();
        let mut rest = add.into_iter();
        loop {
            let mut batch: Vec<PathBuf> = rest.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return troubles;
            }
            while !batch.is_empty() {
                let ops = batch.iter().map(|path| PathOp::Watch(path.clone(), config())).collect();
                let Err(error) = self.inotify.update_paths(ops) else {
                    self.watched.extend(batch);
                    break;
                };
                let Some(origin) = error.origin else {
                    troubles.push(Trouble::Stopped);
                    return troubles;
                };
                let done = batch.len() - error.remaining.len() - 1;
                self.watched.extend(batch.drain(..done));
                batch.remove(0);
                if matches!(error.source.kind, ErrorKind::MaxFilesWatch) {
                    let watched = self.watched.len();
                    troubles.push(Trouble::LimitReached {
                        watched,
                        wanted: watched + 1 + batch.len() + rest.len(),
                    });
                    return troubles;
                }
                troubles.push(Trouble::watching(&error.source, origin.as_path()));
            }
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

    fn directories_in(&self, dir: &Path, fd: &OwnedFd) -> Vec<PathBuf> {
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
fn listen(inbox: &Inbox) -> Result<INotifyWatcher, Trouble> {
    // Not what is opened or read. A file that stays open while it is written is told of, too.
    let kinds = EventKindMask::CORE | EventKindMask::ACCESS_CLOSE;
    let config = Config::default().with_follow_symlinks(false).with_event_kinds(kinds);
    let into = inbox.clone();
    let handler = move |event: notify::Result<Event>| file_events(event, |event| into.push(event));
    let inotify = INotifyWatcher::new(handler, config).map_err(|e| Trouble::starting(&e))?;
    // A thread that could not be started is not reported; whoever asks it something learns it.
    if inotify.watched_paths().is_err() {
        // Dropping it would panic: it takes for granted that its thread lives.
        std::mem::forget(inotify);
        return Err(Trouble::Stopped);
    }
    Ok(inotify)
}

/// What an event of the kernel means to us.
fn file_events(event: notify::Result<Event>, mut push: impl FnMut(FileEvent)) {
    let event = match event {
        Ok(event) => event,
        Err(error) if error.paths.is_empty() => return push(FileEvent::Lost(None)),
        Err(error) => return error.paths.into_iter().for_each(|p| push(FileEvent::Lost(Some(p)))),
    };
    if event.attrs.flag() == Some(Flag::Rescan) {
        return push(FileEvent::Lost(None));
    }
    let own = event.attrs.tracker().is_none();
    let Some(path) = event.paths.into_iter().next() else { return };
    match event.kind {
        EventKind::Create(CreateKind::Folder) => push(FileEvent::NewDir(path)),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => push(come(path)),
        // A directory tells of its own going too, and later than the one that it is in: the name may be taken again.
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) if own => push(gone(path)),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => push(FileEvent::Gone(path)),
        // Both halves were told of already.
        EventKind::Modify(ModifyKind::Name(_)) => {}
        EventKind::Remove(RemoveKind::File) => push(FileEvent::Gone(path)),
        EventKind::Remove(_) => push(gone(path)),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Access(_) => push(FileEvent::Changed(path)),
        EventKind::Any | EventKind::Other => push(FileEvent::Lost(Some(path))),
    }
}

/// What has come to be at a path.
fn come(path: PathBuf) -> FileEvent {
    if is_dir(&path) { FileEvent::NewDir(path) } else { FileEvent::Changed(path) }
}

/// What went from a path, unless something has taken its place by now.
fn gone(path: PathBuf) -> FileEvent {
    if is_dir(&path) { FileEvent::NewDir(path) } else { FileEvent::Gone(path) }
}

fn is_dir(path: &Path) -> bool {
    rustix::fs::lstat(path).is_ok_and(|stat| files::kind(&stat) == FileType::Directory)
}
