//! A new file that has no name yet, and how it takes the place of another: all at once or not at all.

use super::refused::Refused;
use super::spot::Spot;
use rustix::fs::{self as sys, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt as _;

/// Longest name that leaves room for ours.
const NAME: usize = 200;
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A new file in the directory of another.
pub(crate) struct Fresh {
    /// Its content is written here.
    pub(crate) file: File,
    /// The name that it gets for a moment, or has already where nameless files are unknown.
    name: Spot,
    named: bool,
}

/// The name under which a file that belongs to `receipt` stands beside `name` for a moment.
pub(crate) fn temporary(name: &OsStr, receipt: &str) -> OsString {
    let kept = &name.as_bytes()[..name.len().min(NAME)];
    let mut text = OsString::from(".");
    text.push(OsStr::from_bytes(kept));
    text.push(format!(".lapwing-{receipt}"));
    text
}

impl Fresh {
    /// Makes one beside `spot`, for the user alone. Without a name where the file system can: a crash leaves nothing.
    pub(crate) fn beside(spot: &Spot, receipt: &str) -> Result<Fresh, Refused> {
        let name = spot.beside(temporary(&spot.name, receipt))?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let nameless = sys::openat(&spot.dir, ".", flags | OFlags::TMPFILE, PRIVATE);
        match nameless {
            Ok(fd) => return Ok(Fresh { file: File::from(fd), name, named: false }),
            Err(Errno::NOTSUP | Errno::INVAL | Errno::ISDIR | Errno::NOENT) => {}
            Err(e) => return Err(Refused::from_errno("make a file beside it", e)),
        }
        let exclusive = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let fd = sys::openat(&spot.dir, &name.name, exclusive, PRIVATE)
            .map_err(|e| Refused::from_errno("make a file beside it", e))?;
        Ok(Fresh { file: File::from(fd), name, named: true })
    }

    /// Waits until its content is on the disk.
    pub(crate) fn sync(&self) -> Result<(), Refused> {
        self.file.sync_all().map_err(|e| Refused::from_io("write it to the disk", &e))
    }

    /// Gives it this name, which must not be taken.
    pub(crate) fn create(&mut self, spot: &Spot) -> Result<(), Refused> {
        let fail = |e| match e {
            Errno::EXIST => Refused::Changed("name"),
            e => Refused::from_errno("give it its name", e),
        };
        if self.named {
            sys::renameat_with(
                &self.name.dir,
                &self.name.name,
                &spot.dir,
                &spot.name,
                RenameFlags::NOREPLACE,
            )
            .map_err(fail)?;
        } else {
            self.link(spot).map_err(fail)?;
        }
        self.named = false;
        Ok(())
    }

    /// Puts it in the place of what stands there, which stands at the temporary name from then on. Where the file
    /// system cannot exchange two names the old file has no name afterwards: `false`.
    pub(crate) fn exchange(&mut self, spot: &Spot) -> Result<bool, Refused> {
        if !self.named {
            self.link(&self.name).map_err(|e| Refused::from_errno("give the new file a name", e))?;
            self.named = true;
        }
        let swapped = swap(&self.name, spot);
        match swapped {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                sys::renameat(&self.name.dir, &self.name.name, &spot.dir, &spot.name)
                    .map_err(|e| Refused::from_errno("put the new file in its place", e))?;
                self.named = false;
                Ok(false)
            }
            Err(e) => Err(Refused::from_errno("put the new file in its place", e)),
        }
    }

    /// Takes a name whatever stands there, which is gone then: for files of our own.
    pub(crate) fn replace(&mut self, spot: &Spot) -> Result<(), Refused> {
        if !self.named {
            self.link(&self.name).map_err(|e| Refused::from_errno("give the new file a name", e))?;
            self.named = true;
        }
        sys::renameat(&self.name.dir, &self.name.name, &spot.dir, &spot.name)
            .map_err(|e| Refused::from_errno("put the new file in its place", e))?;
        self.named = false;
        Ok(())
    }

    /// Where what was replaced stands.
    pub(crate) fn aside(&self) -> &Spot {
        &self.name
    }

    fn link(&self, to: &Spot) -> Result<(), Errno> {
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let link = || sys::linkat(sys::CWD, &own, &to.dir, &to.name, AtFlags::SYMLINK_FOLLOW);
        match link() {
            // Left behind by a run that ended in the middle; its name says that it is ours.
            Err(Errno::EXIST) if to.name == self.name.name => {
                sys::unlinkat(&to.dir, &to.name, AtFlags::empty())?;
                link()
            }
            other => other,
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // What was not put in place is in nobody's way. After an exchange `named` has been cleared by who settles it.
        if self.named {
            let _ = self.name.unlink();
        }
    }
}

impl Fresh {
    /// The temporary name is somebody else's concern from here on.
    pub(crate) fn leave(&mut self) {
        self.named = false;
    }
}

/// Exchanges two names.
pub(crate) fn swap(a: &Spot, b: &Spot) -> Result<(), Errno> {
    sys::renameat_with(&a.dir, &a.name, &b.dir, &b.name, RenameFlags::EXCHANGE)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests {
    use super::*;
    use lapwing_agent::home::Home;
    use std::io::Write as _;

    #[test]
    fn a_file_takes_the_place_of_another_and_the_other_stands_aside() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "old").unwrap();
        let spot = Spot::find(&Home::other(dir.path()), "~/a").unwrap();
        let mut fresh = Fresh::beside(&spot, "R1").unwrap();
        fresh.file.write_all(b"new").unwrap();
        assert!(fresh.exchange(&spot).unwrap());
        assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"new");
        assert_eq!(std::fs::read(dir.path().join(".a.lapwing-R1")).unwrap(), b"old");
        drop(fresh);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_put_in_place_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "old").unwrap();
        let spot = Spot::find(&Home::other(dir.path()), "~/a").unwrap();
        let mut fresh = Fresh::beside(&spot, "R1").unwrap();
        fresh.file.write_all(b"new").unwrap();
        drop(fresh);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn long_names_leave_room() {
        let name = "x".repeat(255);
        assert!(temporary(OsStr::new(&name), "20261129-120000-abcd").len() <= 255);
    }
}
