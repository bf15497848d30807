//! Moves something to another directory, also across file systems: renamed where that is possible, else copied, compared, and
//! only then removed. No link is followed on the way.

use super::refused::Refused;
use rustix::fs::{self as sys, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

/// Directories within one another, at most.
const DEEPEST: usize = 64;
const INTO: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A name in an open directory.
pub(crate) type Place<'a> = (&'a OwnedFd, &'a OsStr);

/// Moves what is at one place to another, where nothing may be.
pub(crate) fn transfer(from: Place<'_>, to: Place<'_>) -> Result<(), Refused> {
    deep(from, to, DEEPEST)
}

fn deep(from: Place<'_>, to: Place<'_>, levels: usize) -> Result<(), Refused> {
    match sys::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(Refused::Changed("name")),
        // Another file system, or a layer of the same that cannot rename directories.
        Err(Errno::XDEV) => {}
        Err(e) => return Err(Refused::from_errno("move it", e)),
    }
    let fail = |e: Errno| Refused::from_errno("move it", e);
    let stat = sys::statat(from.0, from.1, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => copy(from, to, Mode::from_raw_mode(stat.st_mode & 0o7777))?,
        FileType::Symlink => {
            let target = sys::readlinkat(from.0, from.1, Vec::new()).map_err(fail)?;
            sys::symlinkat(&target, to.0, to.1).map_err(fail)?;
        }
        FileType::Directory if levels > 0 => return directory(from, to, levels),
        _ => return Err(Refused::NotPlain),
    }
    sys::unlinkat(from.0, from.1, AtFlags::empty()).map_err(fail)
}

/// Entry by entry: each is at one of the two places at every moment.
fn directory(from: Place<'_>, to: Place<'_>, levels: usize) -> Result<(), Refused> {
    let fail = |e: Errno| Refused::from_errno("move a directory", e);
    let inside = sys::openat(from.0, from.1, INTO, Mode::empty()).map_err(fail)?;
    let mode = Mode::from_raw_mode(sys::fstat(&inside).map_err(fail)?.st_mode & 0o7777);
    sys::mkdirat(to.0, to.1, Mode::RWXU).map_err(fail)?;
    let into = sys::openat(to.0, to.1, INTO, Mode::empty()).map_err(fail)?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&inside).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name: &CStr = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(OsStr::from_bytes(name.to_bytes()).to_owned());
        }
    }
    for name in &names {
        deep((&inside, name), (&into, name), levels - 1)?;
    }
    sys::fchmod(&into, mode).map_err(fail)?;
    sys::unlinkat(from.0, from.1, AtFlags::REMOVEDIR).map_err(fail)
}

fn copy(from: Place<'_>, to: Place<'_>, mode: Mode) -> Result<(), Refused> {
    let fail = |e: Errno| Refused::from_errno("copy it", e);
    let broken = |e: std::io::Error| Refused::from_io("copy it", &e);
    let open = |place: Place<'_>| {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        sys::openat(place.0, place.1, flags, Mode::empty()).map(File::from).map_err(fail)
    };
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut copy = sys::openat(to.0, to.1, flags, Mode::RUSR | Mode::WUSR).map(File::from).map_err(fail)?;
    let done = std::io::copy(&mut open(from)?, &mut copy).and_then(|_| copy.sync_all()).map_err(broken);
    let same = done.and_then(|()| Ok(hash(open(from)?).map_err(broken)? == hash(open(to)?).map_err(broken)?));
    if !matches!(same, Ok(true)) {
        let _ = sys::unlinkat(to.0, to.1, AtFlags::empty());
        return same.and(Err(Refused::Changed("content")));
    }
    sys::fchmod(&copy, mode).map_err(fail)
}

/// SHA-256 of what is read.
pub(crate) fn hash(mut from: impl Read) -> std::io::Result<[u8; 32]> {
    let (mut sha, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(sha.finalize().into()),
            n => sha.update(&buffer[..n]),
        }
    }
}
