//! Opens and reads files: never a FIFO, socket or device, never through a link that somebody swaps in.
#![expect(clippy::disallowed_methods, reason = "this is the reader that everybody else is told to use")]

use crate::record::Reason;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, open, openat, openat2, statat};
use rustix::io::Errno;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// Largest configuration file of our own.
const CONFIG: u64 = 1 << 20;
/// Largest file of rules: other tools' collections come as one.
const RULES: u64 = 8 << 20;
/// Largest file that a rule may ask for.
const SMALL: u64 = 4 << 20;

/// What identifies a state of a file: it changes whenever the content may have changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) inode: u64,
    /// Device, size, mtime and ctime, mixed. Ctime cannot be set by a program, so this cannot be forged from inside.
    pub(crate) state: u64,
}

impl Identity {
    pub(crate) fn of(stat: &Stat) -> Identity {
        let parts = [
            stat.st_dev,
            stat.st_size.cast_unsigned(),
            stat.st_mtime.cast_unsigned(),
            stat.st_mtime_nsec,
            stat.st_ctime.cast_unsigned(),
            stat.st_ctime_nsec,
        ];
        let mix = |h: u64, p: u64| (h ^ p).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        Identity { inode: stat.st_ino, state: parts.into_iter().fold(0, mix) }
    }
}

/// Metadata of a name in a directory, of the link itself if it is one.
pub(crate) fn stat_in(dir: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<Stat, Errno> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
}

pub(crate) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Opens a regular file that has just been seen with this metadata. A file swapped in since is refused.
pub(crate) fn open_in(dir: BorrowedFd<'_>, name: &std::ffi::CStr, seen: &Stat) -> Result<OwnedFd, Reason> {
    if kind(seen) != FileType::RegularFile {
        return Err(Reason::Special);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = openat(dir, name, flags, Mode::empty()).map_err(why)?;
    let stat = fstat(&fd).map_err(why)?;
    let same =
        stat.st_ino == seen.st_ino && stat.st_dev == seen.st_dev && kind(&stat) == FileType::RegularFile;
    if same { Ok(fd) } else { Err(Reason::Vanished) }
}

/// As [`open_in`], for a path whose links have been resolved.
pub(crate) fn open_path(real: &Path, seen: &Stat) -> Result<OwnedFd, Reason> {
    let (dir, name) = real.parent().zip(real.file_name()).ok_or(Reason::Unreadable)?;
    let dir = open_root(dir).map_err(why)?;
    let name = CString::new(name.as_bytes()).map_err(|_| Reason::Unreadable)?;
    open_in(dir.as_fd(), &name, seen)
}

/// Opens a directory below another without following any link on the way.
pub(crate) fn open_dir(root: BorrowedFd<'_>, below: &Path) -> Result<OwnedFd, Reason> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    let strict = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, below, flags, Mode::empty(), strict) {
        // Kernels before 5.6 and some sandboxes do not have it.
        Err(Errno::NOSYS | Errno::PERM) => openat(root, below, flags, Mode::empty()).map_err(why),
        other => other.map_err(why),
    }
}

/// Opens the directory that everything is looked at below.
pub(crate) fn open_root(path: &Path) -> Result<OwnedFd, Errno> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Why a system call failed, in our words.
pub(crate) fn why(errno: Errno) -> Reason {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::STALE => Reason::Vanished,
        _ => Reason::Unreadable,
    }
}

/// Whether a directory is on a file system that is served by somebody else: reading it may hang or cost a network.
pub(crate) fn is_remote(dir: &OwnedFd) -> bool {
    // Magic numbers of statfs(2): NFS, SMB, SMB2, CIFS, FUSE, 9P, AFS, Ceph, Coda.
    const REMOTE: [u32; 9] = [
        0x6969,
        0x517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x6573_5546,
        0x0102_1997,
        0x5346_414f,
        0x00c3_6400,
        0x7375_7245,
    ];
    rustix::fs::fstatfs(dir).is_ok_and(|s| u32::try_from(s.f_type).is_ok_and(|t| REMOTE.contains(&t)))
}

/// Memory for one file after the other: grows once, is wiped at the end.
pub(crate) struct Buffer<'a> {
    bytes: Zeroizing<Vec<u8>>,
    len: usize,
    stop: Option<&'a AtomicBool>,
}

impl<'a> Buffer<'a> {
    pub(crate) fn new() -> Buffer<'a> {
        Buffer { bytes: Zeroizing::new(Vec::new()), len: 0, stop: None }
    }

    /// For something that may stay silent for ever: waits for it until it is told to stop.
    pub(crate) fn waiting(stop: &'a AtomicBool) -> Buffer<'a> {
        Buffer { stop: Some(stop), ..Buffer::new() }
    }

    /// What has been read.
    pub(crate) fn get(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets all but the last `keep` bytes.
    pub(crate) fn keep(&mut self, keep: usize) {
        self.bytes.copy_within(self.len - keep..self.len, 0);
        self.len = keep;
    }

    /// Reads on until there are `target` bytes or the file ends; `true` when it has ended.
    pub(crate) fn fill(&mut self, fd: impl AsFd, target: usize) -> Result<bool, Reason> {
        self.grow(target);
        while self.len < target {
            // What has come so far is judged as if nothing were to come; whoever stops the run notes that.
            if self.stop.is_some_and(|stop| !ready(fd.as_fd(), stop)) {
                return Ok(true);
            }
            match rustix::io::read(&fd, &mut self.bytes[self.len..target]) {
                Ok(0) => return Ok(true),
                Ok(n) => self.len += n,
                Err(Errno::INTR) => {}
                Err(e) => return Err(why(e)),
            }
        }
        Ok(false)
    }

    /// As [`Buffer::fill`], from something that is unpacked as it is read.
    pub(crate) fn fill_from(&mut self, from: &mut dyn Read, target: usize) -> std::io::Result<bool> {
        self.grow(target);
        while self.len < target {
            match from.read(&mut self.bytes[self.len..target]) {
                Ok(0) => return Ok(true),
                Ok(n) => self.len += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }

    /// What is outgrown must be wiped, which a plain resize would not do.
    fn grow(&mut self, target: usize) {
        if self.bytes.len() < target {
            let mut larger = Zeroizing::new(vec![0; target]);
            larger[..self.len].copy_from_slice(self.get());
            self.bytes = larger;
        }
    }
}

/// Waits until there is something to read, an end or an error too. `false` when told to stop.
fn ready(fd: BorrowedFd<'_>, stop: &AtomicBool) -> bool {
    let while_waiting = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while !stop.load(Ordering::Relaxed) {
        match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&while_waiting)) {
            Ok(0) | Err(Errno::INTR) => {}
            // Reading says what is wrong.
            Ok(_) | Err(_) => return true,
        }
    }
    false
}

/// A small regular file, whole, links followed: for rules that ask for a file by name.
pub(crate) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, String> {
    read_regular(path, SMALL)
}

/// A configuration file of our own, `None` when there is none. Links are followed: administrators use them.
pub(crate) fn read_config(path: &Path) -> Result<Option<String>, String> {
    text(read_regular(path, CONFIG)?)
}

/// A file of rules that somebody has named, `None` when there is none. Links are followed.
pub(crate) fn read_rules(path: &Path) -> Result<Option<String>, String> {
    text(read_regular(path, RULES)?)
}

fn text(bytes: Option<Vec<u8>>) -> Result<Option<String>, String> {
    bytes.map(String::from_utf8).transpose().map_err(|_| "is not UTF-8".to_owned())
}

fn read_regular(path: &Path, cap: u64) -> Result<Option<Vec<u8>>, String> {
    let say = |e: Errno| std::io::Error::from(e).to_string();
    let stat = match rustix::fs::stat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(e) => return Err(format!("cannot be read: {}", say(e))),
    };
    // Looked at before it is opened: opening a FIFO or a device may already do something.
    if kind(&stat) != FileType::RegularFile {
        return Err("is not a regular file".to_owned());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = open(path, flags, Mode::empty()).map_err(|e| format!("cannot be opened: {}", say(e)))?;
    let stat = fstat(fd.as_fd()).map_err(say)?;
    if kind(&stat) != FileType::RegularFile || u64::try_from(stat.st_size).unwrap_or(u64::MAX) > cap {
        return Err(format!("is not a regular file of at most {} KiB", cap >> 10));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::from(fd).take(cap + 1).read_to_end(&mut bytes);
    read.map_err(|e| format!("cannot be read: {e}"))?;
    Ok(Some(bytes))
}

/// Paths in a directory, unsorted; `None` when it cannot be listed.
#[must_use]
pub(crate) fn list(dir: &Path) -> Option<Vec<PathBuf>> {
    Some(std::fs::read_dir(dir).ok()?.flatten().map(|e| e.path()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> CString {
        CString::new(text).unwrap()
    }

    #[test]
    fn a_link_swapped_in_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let root = open_root(dir.path()).unwrap();
        let seen = stat_in(root.as_fd(), &name("a")).unwrap();
        std::fs::remove_file(dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("a")).unwrap();
        assert!(open_in(root.as_fd(), &name("a"), &seen).is_err());
    }

    #[test]
    fn special_files_are_never_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let root = open_root(dir.path()).unwrap();
        let seen = stat_in(root.as_fd(), &name("pipe")).unwrap();
        assert_eq!(open_in(root.as_fd(), &name("pipe"), &seen).err(), Some(Reason::Special));
        assert!(read_small(&path).is_err());
    }

    #[test]
    fn directories_behind_links_are_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).unwrap();
        let root = open_root(dir.path()).unwrap();
        assert!(open_dir(root.as_fd(), Path::new("out")).is_err());
        assert!(open_dir(root.as_fd(), Path::new("out/ssh")).is_err());
        assert!(open_dir(root.as_fd(), Path::new("../..")).is_err());
    }

    #[test]
    fn identity_changes_with_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "x").unwrap();
        let one = Identity::of(&rustix::fs::stat(&path).unwrap());
        std::fs::write(&path, "xy").unwrap();
        assert_ne!(one, Identity::of(&rustix::fs::stat(&path).unwrap()));
    }
}
