//! Every file below a directory: no links followed, no other machine's file system entered.

use super::file::{self, File, Outcome};
use super::git::Met;
use super::queue::Queue;
use super::states::{self, States, Was};
use super::{Done, Scope};
use crate::ledger::Index;
use crate::machine::files::{self, Buffer, Identity};
use crate::machine::git;
use crate::record::Reason;
use crate::text;
use lapwing_rules::ignore::IgnoreFile;
use rustix::fs::{FileType, RawDir, Stat};
use std::collections::HashSet;
use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

/// A directory to look into.
#[derive(Clone)]
pub(super) struct Dir {
    /// Below the root.
    below: PathBuf,
    /// What people call it.
    shown: String,
    /// Its name as a place: `~/…` in the home.
    tilde: String,
    /// Device of its parent; another one means another file system.
    device: u64,
    /// In the work tree of a repository, or the top of one.
    tree: bool,
}

impl Dir {
    pub(super) fn top(shown: &str, tilde: &str) -> Dir {
        let (shown, tilde) = (shown.trim_end_matches('/').to_owned(), tilde.trim_end_matches('/').to_owned());
        Dir { below: PathBuf::new(), shown, tilde, device: 0, tree: false }
    }

    /// A name in it, as people call it and as a place.
    fn join(&self, name: &CStr) -> (String, String) {
        let shown = join(&self.shown, name);
        let tilde = if self.tilde == self.shown { shown.clone() } else { join(&self.tilde, name) };
        (shown, tilde)
    }
}

struct Worker<'a> {
    scope: &'a Scope<'a>,
    root: &'a OwnedFd,
    root_path: &'a Path,
    dealt: &'a HashSet<PathBuf>,
    index: Option<Index>,
    buffer: Buffer<'a>,
    names: Vec<MaybeUninit<u8>>,
}

/// Directories whose results travel together.
const STRETCH: usize = 256;
/// Stretches of work that may wait for the caller's thread.
const BACKLOG: usize = 64;

pub(super) fn run(
    scope: &Scope<'_>,
    root: &Path,
    mut top: Dir,
    dealt: &HashSet<PathBuf>,
    mut indexes: Vec<Index>,
    mut each: impl FnMut(Done),
) {
    let mut done = Done::default();
    let shown = top.shown.clone();
    let fd = match files::open_root(root) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOTDIR) => {
            single(scope, root, &shown, &mut done);
            return each(done);
        }
        Err(e) => {
            done.note(files::why(e), &shown, Some(std::io::Error::from(e).to_string()));
            return each(done);
        }
    };
    top.device = rustix::fs::fstat(&fd).map_or(0, |s| s.st_dev);
    let queue = Queue::new(top);
    let (send, receive) = sync_channel(BACKLOG);
    std::thread::scope(|threads| {
        for n in 0..scope.jobs.max(1) {
            let (queue, fd, send, index) = (&queue, &fd, send.clone(), indexes.pop());
            let work = move || {
                let names = vec![MaybeUninit::uninit(); 32 * 1024];
                let worker =
                    Worker { scope, root: fd, root_path: root, dealt, index, buffer: Buffer::new(), names };
                worker.run(queue, &send);
            };
            // A thread that cannot be started leaves its work to the others; without any, nothing was examined.
            let started = std::thread::Builder::new().name(format!("sweep-{n}")).spawn_scoped(threads, work);
            if let (0, Err(e)) = (n, started) {
                let mut done = Done::default();
                done.note(
                    Reason::Unreadable,
                    &shown,
                    Some(format!("no worker thread could be started: {e}")),
                );
                each(done);
            }
        }
        drop(send);
        receive.iter().for_each(&mut each);
    });
}

/// A path that is a file: links are followed, because the user has named it.
pub(super) fn single(scope: &Scope<'_>, path: &Path, shown: &str, done: &mut Done) {
    let Ok(stat) = rustix::fs::stat(path) else {
        done.note(Reason::Vanished, shown, None);
        return;
    };
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    done.files += 1;
    match files::open_path(&real, &stat) {
        Ok(fd) => {
            let tilde = scope.home.shown(&real);
            let place = scope.engine.places().classify(&tilde);
            let file =
                File { fd: &fd, stat: &stat, path: &real, shown, tilde: Some(&tilde), place, tree: false };
            let outcome = file::examine(scope, &file, &mut Buffer::new(), done);
            if matches!(outcome, Outcome::Opaque) {
                done.file(scope, shown, Vec::new());
                done.note(Reason::Opaque, shown, None);
            }
        }
        Err(reason) => done.note(reason, shown, None),
    }
}

impl Worker<'_> {
    fn run(mut self, queue: &Queue<Dir>, send: &SyncSender<Done>) {
        let mut done = Done::default();
        let mut dirs = 0;
        while let Some(dir) = queue.next() {
            let mut own = vec![dir];
            while let Some(dir) = own.pop().filter(|_| !self.scope.stopped()) {
                self.dir(&dir, &mut own, &mut done);
                queue.share(&mut own);
                dirs += 1;
                // Waking the receiver for each directory would cost more than most directories do.
                if dirs % STRETCH == 0 || done.batch.files.len() > STRETCH {
                    let _ = send.send(std::mem::take(&mut done));
                }
            }
            queue.rest();
        }
        // The receiver only goes when the run has ended.
        let _ = send.send(done);
    }

    fn dir(&mut self, dir: &Dir, more: &mut Vec<Dir>, done: &mut Done) {
        let fd = match files::open_dir(self.root.as_fd(), &dir.below) {
            Ok(fd) => fd,
            Err(reason) => return done.note(reason, &dir.shown, None),
        };
        let device = rustix::fs::fstat(&fd).map_or(0, |s| s.st_dev);
        if device != dir.device && files::is_remote(&fd) {
            return done.note(Reason::Mount, &dir.shown, None);
        }
        let top;
        let dir = match !dir.tree && self.scope.history > 0 && files::stat_in(fd.as_fd(), c".git").is_ok() {
            true => {
                top = Dir { tree: true, ..dir.clone() };
                &top
            }
            false => dir,
        };
        if self.scope.survey {
            done.land.dirs.push(self.root_path.join(&dir.below));
        }
        let key = states::key(&self.root_path.join(&dir.below));
        let old = self.index.as_ref().and_then(|i| i.dir(&key));
        let known = States::unpack(old.as_deref().unwrap_or_default());
        let mut now = States::default();
        let mut names = std::mem::take(&mut self.names);
        let mut entries = RawDir::new(&fd, &mut names);
        while let Some(entry) = entries.next() {
            let Ok(entry) = entry else {
                done.note(Reason::Unreadable, &dir.shown, None);
                break;
            };
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            match entry.file_type() {
                FileType::Directory => self.subdirectory(dir, device, entry.file_name(), more, done),
                FileType::RegularFile | FileType::Unknown => {
                    self.entry(dir, &fd, entry.file_name(), &known, &mut now, more, done)
                }
                FileType::Symlink => {}
                _ => done.note(Reason::Special, &join(&dir.shown, entry.file_name()), None),
            }
            if self.scope.stopped() {
                break;
            }
        }
        self.names = names;
        let packed = now.pack();
        if old.as_deref() != Some(&packed[..])
            && !(packed.is_empty() && old.is_none())
            && self.index.is_some()
        {
            done.batch.dirs.push((key, packed));
        }
    }

    fn subdirectory(&self, dir: &Dir, device: u64, name: &CStr, more: &mut Vec<Dir>, done: &mut Done) {
        let (shown, tilde) = dir.join(name);
        if name.to_bytes() == b"objects" && self.repository(dir, done) {
            return;
        }
        if self.scope.skip.find(&tilde).is_some() {
            return done.note(Reason::Vendored, &shown, None);
        }
        let below = dir.below.join(OsStr::from_bytes(name.to_bytes()));
        // What we keep ourselves holds nothing to find and changes with every run.
        if name.to_bytes() == b"lapwing" && self.root_path.join(&below) == self.scope.home.state() {
            return;
        }
        more.push(Dir { below, shown, tilde, device, tree: dir.tree });
    }

    /// Whether a directory is a repository's own: its objects are searched as what they are, and only once.
    fn repository(&self, dir: &Dir, done: &mut Done) -> bool {
        let path = self.root_path.join(&dir.below);
        let own = || rustix::fs::stat(path.join("objects")).is_ok_and(|s| self.scope.machine.meta(&s).own);
        let is = self.scope.history > 0 && git::repository(&path) && own();
        if self.scope.survey && git::repository(&path) {
            done.land.repositories.push(path.clone());
        }
        if is {
            done.repositories.push(Met { path, shown: dir.shown.clone() });
        }
        is
    }

    #[expect(clippy::too_many_arguments, reason = "one loop's state, split for length")]
    fn entry(
        &mut self,
        dir: &Dir,
        fd: &OwnedFd,
        name: &CStr,
        known: &States,
        now: &mut States,
        more: &mut Vec<Dir>,
        done: &mut Done,
    ) {
        let stat = match files::stat_in(fd.as_fd(), name) {
            Ok(stat) => stat,
            Err(e) => return done.note(files::why(e), &join(&dir.shown, name), None),
        };
        match files::kind(&stat) {
            FileType::RegularFile => {}
            FileType::Directory => return self.subdirectory(dir, stat.st_dev, name, more, done),
            FileType::Symlink => return,
            _ => return done.note(Reason::Special, &join(&dir.shown, name), None),
        }
        let identity = Identity::of(&stat);
        self.scope.watch.files.fetch_add(1, Ordering::Relaxed);
        done.files += 1;
        let bytes = name.to_bytes();
        if matches!(bytes, b".lapwingignore" | b".gitleaksignore") {
            self.ignores(dir, name, done);
        }
        let remembered = self.remembered(dir, name);
        if let Some(was) =
            known.unchanged(identity).filter(|_| !remembered.as_ref().is_some_and(|(_, again)| *again))
        {
            now.add(identity, was);
            done.unchanged += 1;
            for reason in left(was) {
                done.note(*reason, &join(&dir.shown, name), None);
            }
            done.kept.extend(remembered.map(|(shown, _)| shown));
            return;
        }
        if let Some(was) = self.file(dir, fd, name, &stat, done) {
            now.add(identity, was);
        }
    }

    /// Whether something is remembered of a file, and whether it must be judged again even when unchanged.
    fn remembered(&self, dir: &Dir, name: &CStr) -> Option<(String, bool)> {
        if self.scope.remembered.is_empty() {
            return None;
        }
        let shown = join(&dir.shown, name);
        self.scope.remembered.get(&shown).copied().map(|again| (shown, again))
    }

    fn file(&mut self, dir: &Dir, fd: &OwnedFd, name: &CStr, stat: &Stat, done: &mut Done) -> Option<Was> {
        let (shown, tilde) = dir.join(name);
        let below = dir.below.join(OsStr::from_bytes(name.to_bytes()));
        let path = self.root_path.join(&below);
        if self.dealt.contains(&path) {
            return None;
        }
        let place = self.scope.engine.places().classify(&tilde);
        if place.is_none() && u64::try_from(stat.st_size).unwrap_or_default() > self.scope.largest {
            done.note(Reason::TooLarge, &shown, None);
            return None;
        }
        let opened = match files::open_in(fd.as_fd(), name, stat) {
            Ok(opened) => opened,
            Err(reason) => {
                done.note(reason, &shown, None);
                return None;
            }
        };
        let tree = dir.tree;
        let file = File { fd: &opened, stat, path: &path, shown: &shown, tilde: Some(&tilde), place, tree };
        match file::examine(self.scope, &file, &mut self.buffer, done) {
            Outcome::Examined => Some(Was::Examined),
            Outcome::Opaque => {
                done.file(self.scope, &shown, Vec::new());
                done.note(Reason::Opaque, &shown, None);
                Some(Was::Opaque)
            }
            Outcome::Partly => Some(Was::Partly),
            Outcome::Damaged => Some(Was::Damaged),
            Outcome::Both => Some(Was::Both),
            Outcome::Depends | Outcome::Incomplete => None,
        }
    }

    fn ignores(&self, dir: &Dir, name: &CStr, done: &mut Done) {
        let path = self.root_path.join(&dir.below).join(OsStr::from_bytes(name.to_bytes()));
        done.ignores.extend(ignore_file(&path, &join(&dir.shown, name)));
    }
}

/// What an unchanged file leaves to be told once more.
fn left(was: Was) -> &'static [Reason] {
    match was {
        Was::Examined => &[],
        Was::Opaque => &[Reason::Opaque],
        Was::Partly => &[Reason::PartlyUnpacked],
        Was::Damaged => &[Reason::Unparsable],
        Was::Both => &[Reason::PartlyUnpacked, Reason::Unparsable],
    }
}

/// Reads an ignore file.
pub(super) fn ignore_file(path: &Path, shown: &str) -> Option<IgnoreFile> {
    let text = text::lossy(files::read_small(path).ok()??);
    let gitleaks = path.file_name().is_some_and(|n| n == ".gitleaksignore");
    Some(if gitleaks { IgnoreFile::parse_gitleaks(shown, &text) } else { IgnoreFile::parse(shown, &text) })
}

fn join(dir: &str, name: &CStr) -> String {
    let name = text::path(Path::new(OsStr::from_bytes(name.to_bytes())));
    if dir.is_empty() { name } else { format!("{dir}/{name}") }
}
