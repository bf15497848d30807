//! The locks of the tools whose files are changed. A closed table: each tool's own way, so that it waits for us and we
//! for it.

use super::fresh::Fresh;
use super::refused::Refused;
use super::spot::Spot;
use rustix::fs::{self as sys, FlockOperation};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// How a tool locks its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// It has no lock.
    None,
    /// `NAME.lock`, made only if it is not there: git, kubectl.
    Dot,
    /// `NAME.LOCK`, a link that names a process, which is stale after ten seconds; and a lock on the file: zsh.
    Zsh,
    /// A lock on the file itself (flock), and on its directory: fish, cargo.
    Flock,
}

/// How the tool of a place locks its files.
pub(crate) fn manner(place: Option<&str>) -> Manner {
    match place.unwrap_or_default() {
        "git-config" | "git-repo-config" | "git-modules" | "git-credentials" | "kube-config" => Manner::Dot,
        "zsh-history" => Manner::Zsh,
        "fish-history" | "cargo-credentials" => Manner::Flock,
        _ => Manner::None,
    }
}

/// How long a tool may hold its lock.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often to look again.
const AGAIN: Duration = Duration::from_millis(20);
/// zsh takes a lock that is older than this away.
const STALE: i64 = 10;

/// A lock that is held; dropped, it is let go.
pub(crate) struct Lock {
    name: Option<Spot>,
    _held: Vec<File>,
}

impl Lock {
    /// The name that holding the lock takes, if it takes one.
    pub(crate) fn name(manner: Manner, spot: &Spot) -> Option<OsString> {
        let suffix = match manner {
            Manner::Dot => ".lock",
            Manner::Zsh => ".LOCK",
            Manner::None | Manner::Flock => return None,
        };
        let mut name = spot.name.clone();
        name.push(suffix);
        Some(name)
    }

    /// Takes the lock of a file, waiting a little for who has it.
    pub(crate) fn take(manner: Manner, spot: &Spot, receipt: &str) -> Result<Lock, Refused> {
        let mut lock = Lock { name: None, _held: Vec::new() };
        if let Some(name) = Lock::name(manner, spot) {
            let name = spot.beside(name)?;
            let shown = name.name.to_string_lossy().into_owned();
            patient(&shown, || if manner == Manner::Zsh { zsh(&name) } else { dot(&name, receipt) })?;
            lock.name = Some(name);
        }
        if matches!(manner, Manner::Zsh | Manner::Flock)
            && let Ok((file, _)) = spot.open()
        {
            let dir =
                File::from(spot.dir.try_clone().map_err(|e| Refused::from_io("open its directory", &e))?);
            for file in [Some(file), (manner == Manner::Flock).then_some(dir)].into_iter().flatten() {
                patient("its lock", || flock(&file))?;
                lock._held.push(file);
            }
        }
        Ok(lock)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = name.unlink();
        }
    }
}

/// Tries until it works or the patience ends. `false` is somebody else's lock.
fn patient(shown: &str, mut attempt: impl FnMut() -> Result<bool, Refused>) -> Result<(), Refused> {
    let begun = Instant::now();
    while !attempt()? {
        if begun.elapsed() > PATIENCE {
            return Err(Refused::Locked(shown.to_owned()));
        }
        std::thread::sleep(AGAIN);
    }
    Ok(())
}

/// What a lock file of ours says, so that one that a crash has left can be told from git's.
pub(crate) fn says(receipt: &str) -> String {
    format!("lapwing {receipt}\n")
}

fn dot(name: &Spot, receipt: &str) -> Result<bool, Refused> {
    if name.stat()?.is_some() {
        return Ok(false);
    }
    let mut fresh = Fresh::beside(name, receipt)?;
    fresh.file.write_all(says(receipt).as_bytes()).map_err(|e| Refused::from_io("make its lock", &e))?;
    match fresh.create(name) {
        Ok(()) => Ok(true),
        Err(Refused::Changed(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

fn zsh(name: &Spot) -> Result<bool, Refused> {
    let text = format!("/pid-{}/host-{}", std::process::id(), host());
    match sys::symlinkat(text.as_str(), &name.dir, &name.name) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
            if name.stat()?.is_some_and(|s| now - s.st_mtime > STALE) {
                name.unlink()?;
            }
            Ok(false)
        }
        Err(e) => Err(Refused::from_errno("take its lock", e)),
    }
}

#[expect(clippy::disallowed_methods, reason = "a name that the kernel tells")]
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

fn flock(file: &File) -> Result<bool, Refused> {
    match sys::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        // A file system without locks has tools without them.
        Err(Errno::NOLCK | Errno::NOTSUP | Errno::INVAL | Errno::BADF) => Ok(true),
        Err(e) => Err(Refused::from_errno("take its lock", e)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests {
    use super::*;
    use lapwing_agent::home::Home;

    fn spot(dir: &tempfile::TempDir) -> Spot {
        std::fs::write(dir.path().join("config"), "x").unwrap();
        Spot::find(&Home::other(dir.path()), "~/config").unwrap()
    }

    #[test]
    fn a_lock_of_git_keeps_us_out_and_ours_keeps_git_out() {
        let dir = tempfile::tempdir().unwrap();
        let spot = spot(&dir);
        let lock = Lock::take(Manner::Dot, &spot, "R1").unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("config.lock")).unwrap(), "lapwing R1\n");
        assert_eq!(
            Lock::take(Manner::Dot, &spot, "R2").err(),
            Some(Refused::Locked("config.lock".to_owned()))
        );
        drop(lock);
        assert!(Lock::take(Manner::Dot, &spot, "R2").is_ok());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_stale_lock_of_zsh_is_taken_away_as_zsh_does() {
        let dir = tempfile::tempdir().unwrap();
        let spot = spot(&dir);
        let link = dir.path().join("config.LOCK");
        std::os::unix::fs::symlink("/pid-1/host-x", &link).unwrap();
        let long_ago = rustix::fs::Timestamps {
            last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
            last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
        };
        sys::utimensat(sys::CWD, &link, &long_ago, sys::AtFlags::SYMLINK_NOFOLLOW).unwrap();
        assert!(Lock::take(Manner::Zsh, &spot, "R1").is_ok());
        assert!(!link.is_symlink());
    }

    #[test]
    fn a_lock_on_the_file_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let spot = spot(&dir);
        let (held, _) = spot.open().unwrap();
        sys::flock(&held, FlockOperation::LockExclusive).unwrap();
        assert_eq!(Lock::take(Manner::Flock, &spot, "R").err(), Some(Refused::Locked("its lock".to_owned())));
        drop(held);
        assert!(Lock::take(Manner::Flock, &spot, "R").is_ok());
    }
}
