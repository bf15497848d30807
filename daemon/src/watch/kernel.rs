//! The kernel's inotify: directories in, what happens to them out. One thread reads, whoever sets watches does so by himself;
//! which watch stands for which path both know.
//!
//! Watching is one system call a directory, and forgetting costs what is forgotten. A library that walks over all of them for
//! each that goes takes seconds for what `rm -r` does in one.

use super::Inbox;
use crate::event::FileEvent;
use crate::machine::files;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::FileType;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes read at once: some thousand events.
const BUFFER: usize = 64 << 10;
/// After events the thread waits so long for more: to wake for each of a thousand costs more than what they say.
const STREAM: Duration = Duration::from_millis(4);

/// What is watched, and the thread that reads. It ends when this goes.
pub(super) struct Kernel {
    shared: Arc<Shared>,
}

struct Shared {
    inotify: OwnedFd,
    /// Written to when the thread is to end.
    end: OwnedFd,
    known: Mutex<Known>,
}

/// Which watch stands for which directory.
#[derive(Default)]
struct Known {
    paths: HashMap<i32, Arc<Path>>,
    watches: BTreeMap<Arc<Path>, i32>,
}

impl Kernel {
    /// Starts the thread; nothing is watched yet. `None` when the system gives no thread.
    pub(super) fn listen(inbox: &Inbox) -> Result<Option<Kernel>, Errno> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let end = eventfd(0, EventfdFlags::CLOEXEC)?;
        let shared = Arc::new(Shared { inotify, end, known: Mutex::default() });
        let (read, inbox) = (Arc::clone(&shared), inbox.clone());
        let thread = std::thread::Builder::new().name("inotify".to_owned());
        let started = thread.spawn(move || read.run(&inbox));
        Ok(started.is_ok().then_some(Kernel { shared }))
    }

    /// Watches a directory, if it is one.
    pub(super) fn add(&self, dir: &Path) -> Result<(), Errno> {
        // Not what is opened or read. A file that stays open while it is written is told of, too; not one that has no name.
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::MOVE_SELF
            | WatchFlags::DELETE_SELF
            | WatchFlags::DONT_FOLLOW
            | WatchFlags::ONLYDIR
            | WatchFlags::EXCL_UNLINK;
        // Locked around both: the thread must not read an event of a watch that it does not know yet.
        let mut known = self.shared.known();
        let watch = inotify::add_watch(&self.shared.inotify, dir, flags)?;
        let old = known.enter(dir, watch);
        drop(known);
        // Another directory had this name.
        old.into_iter().for_each(|watch| self.remove(watch));
        Ok(())
    }

    /// Ceases to watch a directory and all below it.
    pub(super) fn leave(&self, dir: &Path) {
        let watches = self.shared.known().leave(dir);
        watches.into_iter().for_each(|watch| self.remove(watch));
    }

    fn remove(&self, watch: i32) {
        // It may be gone with its directory, which is all that is wanted.
        let _ = inotify::remove_watch(&self.shared.inotify, watch);
    }

    /// Whether a directory is watched.
    pub(super) fn watches(&self, dir: &Path) -> bool {
        self.shared.known().watches.contains_key(dir)
    }

    /// Whether a directory is watched, or any below it.
    pub(super) fn watches_below(&self, dir: &Path) -> bool {
        self.shared.known().below(dir).next().is_some()
    }

    pub(super) fn count(&self) -> usize {
        self.shared.known().watches.len()
    }

    /// How many watches the kernel holds for us, as far as it has told.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.shared.known().paths.len()
    }

    pub(super) fn all(&self) -> Vec<PathBuf> {
        self.shared.known().watches.keys().map(|dir| dir.to_path_buf()).collect()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.shared.end, &1_u64.to_ne_bytes());
    }
}

impl Known {
    fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = (&'a Arc<Path>, &'a i32)> {
        let from = (Bound::Included(dir), Bound::Unbounded);
        self.watches.range::<Path, _>(from).take_while(move |(watched, _)| watched.starts_with(dir))
    }

    /// Notes a watch. What it took the place of, if that was another one.
    fn enter(&mut self, dir: &Path, watch: i32) -> Option<i32> {
        let dir: Arc<Path> = Arc::from(dir);
        // The kernel has one watch for a directory, under whatever name.
        if let Some(other) = self.paths.insert(watch, Arc::clone(&dir)).filter(|other| *other != dir) {
            self.watches.remove(&other);
        }
        let old = self.watches.insert(dir, watch).filter(|old| *old != watch);
        old.inspect(|old| drop(self.paths.remove(old)))
    }

    fn leave(&mut self, dir: &Path) -> Vec<i32> {
        let below: Vec<Arc<Path>> = self.below(dir).map(|(dir, _)| Arc::clone(dir)).collect();
        let watches: Vec<i32> = below.iter().filter_map(|dir| self.watches.remove(dir)).collect();
        watches.iter().for_each(|watch| drop(self.paths.remove(watch)));
        watches
    }

    /// The kernel has taken a watch away.
    fn lost(&mut self, watch: i32) {
        if let Some(dir) = self.paths.remove(&watch)
            && self.watches.get(&dir) == Some(&watch)
        {
            self.watches.remove(&dir);
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, inbox: &Inbox) {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        loop {
            let mut wait = [PollFd::new(&self.inotify, PollFlags::IN), PollFd::new(&self.end, PollFlags::IN)];
            match poll(&mut wait, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return inbox.push(FileEvent::Lost(None)),
            }
            if !wait[1].revents().is_empty() {
                return;
            }
            self.read(&mut buffer, inbox);
            std::thread::sleep(STREAM);
        }
    }

    /// Takes in all there is.
    fn read(&self, buffer: &mut [MaybeUninit<u8>], inbox: &Inbox) {
        let mut reader = Reader::new(&self.inotify, buffer);
        // A file that is written is told of several times in a row.
        let (mut last, mut name) = (None, Vec::new());
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return,
                Err(_) => return inbox.push(FileEvent::Lost(None)),
            };
            let (watch, what) = (event.wd(), event.events());
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                inbox.push(FileEvent::Lost(None));
                continue;
            }
            if what.contains(ReadFlags::IGNORED) {
                self.known().lost(watch);
                continue;
            }
            let of = event.file_name().map(std::ffi::CStr::to_bytes).unwrap_or_default();
            let only_changed = !what.intersects(NEWS);
            if only_changed && last == Some(watch) && name == of {
                continue;
            }
            last = only_changed.then_some(watch);
            name.clear();
            name.extend_from_slice(of);
            // What is not watched any more is known to have gone.
            let Some(dir) = self.known().paths.get(&watch).cloned() else { continue };
            inbox.push(match event.file_name() {
                Some(_) => in_directory(what, dir.join(OsStr::from_bytes(of))),
                None => of_directory(what, &dir),
            });
        }
    }
}

/// What says more than that something has changed.
const NEWS: ReadFlags = ReadFlags::MOVED_TO
    .union(ReadFlags::MOVED_FROM)
    .union(ReadFlags::DELETE)
    .union(ReadFlags::ISDIR)
    .union(ReadFlags::MOVE_SELF)
    .union(ReadFlags::DELETE_SELF)
    .union(ReadFlags::UNMOUNT);

/// What has happened to a name in a directory.
fn in_directory(what: ReadFlags, path: PathBuf) -> FileEvent {
    let directory = what.contains(ReadFlags::ISDIR);
    if directory && what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
        FileEvent::NewDir(path)
    } else if what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
        FileEvent::Gone(path)
    } else {
        FileEvent::Changed(path)
    }
}

/// What has happened to a directory itself. It tells of its own going later than the one that it was in: the name may be taken
/// again by then.
fn of_directory(what: ReadFlags, dir: &Path) -> FileEvent {
    let gone = what.intersects(ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF | ReadFlags::UNMOUNT);
    let again = || rustix::fs::lstat(dir).is_ok_and(|stat| files::kind(&stat) == FileType::Directory);
    match gone {
        false => FileEvent::Changed(dir.to_owned()),
        true if again() => FileEvent::NewDir(dir.to_owned()),
        true => FileEvent::Gone(dir.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_watch_and_a_watch_one_directory() {
        let mut known = Known::default();
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        assert_eq!(known.enter(a, 1), None);
        assert_eq!(known.enter(a, 1), None);
        // Another directory is called so.
        assert_eq!(known.enter(a, 2), Some(1));
        // The same is called otherwise.
        assert_eq!(known.enter(b, 2), None);
        assert_eq!((known.watches.len(), known.paths.len()), (1, 1));
        known.lost(1);
        assert_eq!(known.watches.get(b), Some(&2));
        known.lost(2);
        assert!(known.watches.is_empty() && known.paths.is_empty());
    }

    #[test]
    fn what_is_below_is_left_and_nothing_beside_it() {
        let mut known = Known::default();
        for (dir, watch) in [("/a", 1), ("/a/b", 2), ("/a/b/c", 3), ("/a/bc", 4), ("/ab", 5)] {
            known.enter(Path::new(dir), watch);
        }
        assert_eq!(known.leave(Path::new("/a/b")), [2, 3]);
        assert_eq!(known.watches.values().copied().collect::<Vec<_>>(), [1, 4, 5]);
        assert_eq!(known.paths.len(), 3);
    }
}
