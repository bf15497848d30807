//! Opens and reads files: never a FIFO, socket or device, never through a link that somebody swaps in.
#![expect(clippy::disallowed_methods, reason = "this is the reader that everybody else is told to use")]

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Largest configuration file of our own.
const CONFIG: u64 = 1 << 20;

/// A configuration file of our own, `None` when there is none. Links are followed: administrators use them.
pub fn read_config(path: &Path) -> Result<Option<String>, String> {
    let fd = match open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(e) => return Err(format!("cannot be opened: {}", std::io::Error::from(e))),
    };
    let stat = fstat(&fd).map_err(|e| e.to_string())?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("is not a regular file".to_owned());
    }
    let bytes = read_all(fd, &stat, CONFIG)?;
    String::from_utf8(bytes).map(Some).map_err(|_| "is not UTF-8".to_owned())
}

fn read_all(fd: OwnedFd, stat: &Stat, cap: u64) -> Result<Vec<u8>, String> {
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > cap {
        return Err(format!("is larger than {} KiB", cap >> 10));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::from(fd).take(cap + 1).read_to_end(&mut bytes);
    read.map_err(|e| format!("cannot be read: {e}"))?;
    Ok(bytes)
}

/// Paths in a directory, unsorted; `None` when it cannot be listed.
#[must_use]
pub fn list(dir: &Path) -> Option<Vec<PathBuf>> {
    Some(std::fs::read_dir(dir).ok()?.flatten().map(|e| e.path()).collect())
}
