//! The quarantine: what a fix takes away is moved, never deleted, into a directory for the user alone, with a note of where
//! it was and what it looked like, so that it can be studied, and put back.

use super::refused::Refused;
use super::spot::Spot;
use super::transfer::{hash, transfer};
use lapwing_agent::home::Home;
use rustix::fs::{self as sys, FileType, Mode, OFlags, Stat};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What is moved is called so in its entry: its own name says nothing there, and could be one that something starts.
const CONTENT: &str = "content";
const MANIFEST: &str = "manifest.json";
/// What the digest is taken of, at most.
const LARGEST: u64 = 1 << 30;

/// Something in the quarantine; also the manifest that lies beside it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The entry: a directory of the quarantine.
    pub(crate) entry: String,
    /// Where it was, every link on the way resolved.
    pub(crate) from: PathBuf,
    /// As it is shown.
    pub(crate) shown: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// The twelve permission bits.
    pub(crate) mode: u32,
    /// Owner and group.
    pub(crate) owner: (u32, u32),
    /// When it was last changed, seconds since 1970.
    pub(crate) changed: i64,
    /// When it was moved, seconds since 1970.
    pub(crate) at: i64,
    /// SHA-256 of a file's content.
    pub(crate) digest: Option<String>,
}

/// What can be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A plain file.
    File,
    /// A directory with all that is in it.
    Directory,
    /// A link, not what it leads to.
    Link,
}

/// A move that is ready to be made.
pub(crate) struct Move {
    quarantine: PathBuf,
    spot: Spot,
    stat: Stat,
    kept: Kept,
}

/// The quarantine of whoever runs this.
pub(crate) fn directory(home: &Home) -> PathBuf {
    home.state().join("quarantine")
}

/// Prepares a move; `None` when nothing is there any more. `receipt` names the run.
pub(crate) fn prepare(home: &Home, shown: &str, receipt: &str, at: i64) -> Result<Option<Move>, Refused> {
    let path = home.path(shown);
    let (dir, name) = path.parent().zip(path.file_name()).ok_or(Refused::NotPlain)?;
    // The last name is not followed: a link is moved, not what it leads to.
    let real = match std::fs::canonicalize(dir) {
        Ok(dir) => dir.join(name),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Refused::from_io("find it", &e)),
    };
    let spot = Spot::at(&real, shown)?;
    let Some(stat) = spot.stat()? else { return Ok(None) };
    super::step::own(&stat)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => return Err(Refused::NotPlain),
    };
    let quarantine = directory(home);
    let kept = Kept {
        entry: free(&quarantine, receipt, &spot.real),
        from: spot.real.clone(),
        shown: shown.to_owned(),
        kind,
        mode: stat.st_mode & 0o7777,
        owner: (stat.st_uid, stat.st_gid),
        changed: stat.st_mtime,
        at,
        digest: if kind == Kind::File { Some(digest(&spot)?) } else { None },
    };
    Ok(Some(Move { quarantine, spot, stat, kept }))
}

/// A name that no entry has yet, nor any other move of the same run.
fn free(quarantine: &Path, receipt: &str, real: &Path) -> String {
    let path = Sha256::digest(real.as_os_str().as_encoded_bytes());
    let name = |n: u32| format!("{receipt}-{}-{n}", hex(&path[..4]));
    let taken = |n: &u32| sys::lstat(quarantine.join(name(*n))).is_ok();
    name((1..).find(|n| !taken(n)).unwrap_or(u32::MAX))
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn digest(spot: &Spot) -> Result<String, Refused> {
    let (file, _) = spot.open()?;
    hash(file.take(LARGEST)).map(|sum| hex(&sum)).map_err(|e| Refused::from_io("read it", &e))
}

impl Move {
    /// What the receipt says of it.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Moves it; `false` when an earlier step has taken it away (to disable a unit removes its links). The manifest is written
    /// first: nothing lies in the quarantine of which nobody knows where it was.
    pub(crate) fn commit(&self) -> Result<bool, Refused> {
        // Its directory may have gone with it.
        let there = match self.spot.again() {
            Ok(spot) => spot.stat()?,
            Err(Refused::Gone) => None,
            Err(why) => return Err(why),
        };
        if there.is_none() {
            return Ok(false);
        }
        let entry = self.quarantine.join(&self.kept.entry);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.quarantine);
        made.and_then(|()| std::fs::DirBuilder::new().mode(0o700).create(&entry))
            .map_err(|e| Refused::from_io("make room in the quarantine", &e))?;
        let done = write_manifest(&entry, &self.kept)
            .map_err(|e| Refused::from_io("write down where it was", &e))
            .and_then(|()| self.put(&entry));
        if done.is_err() && !holds_at(&entry) {
            // Nothing was moved: what was made for it goes again.
            let _ = std::fs::remove_file(entry.join(MANIFEST));
            let _ = std::fs::remove_dir(&entry);
        }
        done.map(|()| true)
    }

    fn put(&self, entry: &Path) -> Result<(), Refused> {
        let dir = enter(entry)?;
        let now = self.spot.again()?.stat()?.ok_or(Refused::Gone)?;
        if identity(&now) != identity(&self.stat) {
            return Err(Refused::Changed("name"));
        }
        transfer((&self.spot.dir, &self.spot.name), (&dir, OsStr::new(CONTENT)))?;
        let _ = sys::fsync(&dir);
        self.spot.settle()
    }
}

/// Puts it back where it was, as it was. Nothing that is there now is overwritten.
pub(crate) fn back(home: &Home, kept: &Kept) -> Result<(), Refused> {
    let entry = directory(home).join(&kept.entry);
    let dir = enter(&entry)?;
    let parent = kept.from.parent().ok_or(Refused::NotPlain)?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .map_err(|e| Refused::from_io("make its directory again", &e))?;
    let spot = Spot::at(&kept.from, &kept.shown)?;
    transfer((&dir, OsStr::new(CONTENT)), (&spot.dir, &spot.name))?;
    spot.settle()?;
    let _ = std::fs::remove_file(entry.join(MANIFEST));
    let _ = std::fs::remove_dir(&entry);
    Ok(())
}

/// Moves what was put back into its entry once more; `false` when it is not there.
pub(crate) fn again(home: &Home, kept: &Kept) -> Result<bool, Refused> {
    match prepare(home, &kept.shown, "", kept.at)? {
        Some(mut step) => {
            step.kept = kept.clone();
            step.commit()
        }
        None => Ok(false),
    }
}

/// Whether something lies in the quarantine.
pub(crate) fn holds(home: &Home, kept: &Kept) -> bool {
    holds_at(&directory(home).join(&kept.entry))
}

fn holds_at(entry: &Path) -> bool {
    sys::lstat(entry.join(CONTENT)).is_ok()
}

/// Everything that is in the quarantine, by its manifest.
#[cfg(test)]
pub(crate) fn all(home: &Home) -> Vec<Kept> {
    let dir = directory(home);
    #[expect(clippy::disallowed_methods, reason = "our own directory")]
    let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
    let mut all: Vec<Kept> = entries.filter_map(|e| read_manifest(&e.path())).collect();
    all.sort_by(|a, b| a.entry.cmp(&b.entry));
    all
}

#[cfg(test)]
fn read_manifest(entry: &Path) -> Option<Kept> {
    #[expect(clippy::disallowed_methods, reason = "our own file")]
    let file = File::open(entry.join(MANIFEST)).ok()?;
    serde_json::from_reader(file.take(1 << 20)).ok()
}

fn write_manifest(entry: &Path, kept: &Kept) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(entry.join(MANIFEST))?;
    file.write_all(&serde_json::to_vec_pretty(kept)?)?;
    file.sync_all()
}

fn enter(dir: &Path) -> Result<OwnedFd, Refused> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    sys::open(dir, flags, Mode::empty()).map_err(|e| Refused::from_errno("enter the quarantine", e))
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

#[cfg(test)]
#[path = "quarantine_tests.rs"]
mod tests;
