//! A file by its directory: everything that is done to it goes through an open directory and a name in it, so that
//! nobody who swaps a link in can lead a change elsewhere.

use super::refused::Refused;
use lapwing_agent::home::Home;
use rustix::fs::{self as sys, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// A name in an open directory.
pub(crate) struct Spot {
    /// The directory, open.
    pub(crate) dir: OwnedFd,
    /// The name in it.
    pub(crate) name: OsString,
    /// What people call it.
    pub(crate) shown: String,
    /// Where it really is: no part of this was a link when it was found.
    pub(crate) real: PathBuf,
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Spot {
    /// Finds what people call `shown`. Links that are there now are followed as far as they stay within the home:
    /// dotfiles are often kept in a repository and linked to. From here on, none is.
    pub(crate) fn find(home: &Home, shown: &str) -> Result<Spot, Refused> {
        let path = home.path(shown);
        let inside = within(home, &path);
        let (dir, name) = path.parent().zip(path.file_name()).ok_or(Refused::NotPlain)?;
        let real = match std::fs::canonicalize(&path) {
            Ok(real) => real,
            // A file that is not there yet has a directory that is.
            Err(_) => canonical(dir)?.join(name),
        };
        if inside && !within(home, &real) {
            return Err(Refused::Link);
        }
        Spot::at(&real, shown)
    }

    /// The file at a path that holds no link: if there is one now, somebody has put it there.
    pub(crate) fn at(real: &Path, shown: &str) -> Result<Spot, Refused> {
        let (dir, name) = real.parent().zip(real.file_name()).ok_or(Refused::NotPlain)?;
        let spot =
            Spot { dir: enter(dir)?, name: name.to_owned(), shown: shown.to_owned(), real: real.to_owned() };
        Ok(spot)
    }

    /// The same file once more, from the root on.
    pub(crate) fn again(&self) -> Result<Spot, Refused> {
        Spot::at(&self.real, &self.shown)
    }

    /// A name beside it.
    pub(crate) fn beside(&self, name: impl Into<OsString>) -> Result<Spot, Refused> {
        let name = name.into();
        let dir = self.dir.try_clone().map_err(|e| Refused::from_io("open its directory", &e))?;
        let real = self.real.with_file_name(&name);
        Ok(Spot { dir, shown: self.shown.clone(), real, name })
    }

    /// What stands there, a link itself if it is one; `None` when nothing does.
    pub(crate) fn stat(&self) -> Result<Option<Stat>, Refused> {
        match sys::statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(Refused::from_errno("look at it", e)),
        }
    }

    /// Opens the plain file that stands there. What is no plain file is never opened.
    pub(crate) fn open(&self) -> Result<(File, Stat), Refused> {
        let seen = self.stat()?.ok_or(Refused::Gone)?;
        plain(&seen)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = sys::openat(&self.dir, &self.name, flags, Mode::empty())
            .map_err(|e| Refused::from_errno("read it", e))?;
        let stat = sys::fstat(&fd).map_err(|e| Refused::from_errno("look at it", e))?;
        plain(&stat)?;
        if (stat.st_dev, stat.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(Refused::Changed("name"));
        }
        Ok((File::from(fd), stat))
    }

    /// Takes the name away. Nothing is wrong if it was not there.
    pub(crate) fn unlink(&self) -> Result<(), Refused> {
        match sys::unlinkat(&self.dir, &self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(Refused::from_errno("remove it", e)),
        }
    }

    /// Makes what happened to names in the directory last.
    pub(crate) fn settle(&self) -> Result<(), Refused> {
        match sys::fsync(&self.dir) {
            // Some file systems know no such thing for directories.
            Ok(()) | Err(Errno::INVAL | Errno::BADF) => Ok(()),
            Err(e) => Err(Refused::from_errno("make the change last", e)),
        }
    }
}

/// Refuses what is no plain file.
pub(crate) fn plain(stat: &Stat) -> Result<(), Refused> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(Refused::Link),
        _ => Err(Refused::NotPlain),
    }
}

fn within(home: &Home, path: &Path) -> bool {
    path.starts_with(home.root()) || path.starts_with(home.canonical())
}

fn canonical(dir: &Path) -> Result<PathBuf, Refused> {
    std::fs::canonicalize(dir).map_err(|e| Refused::from_io("find its directory", &e))
}

/// Opens a directory step by step, following no link.
fn enter(path: &Path) -> Result<OwnedFd, Refused> {
    let fail = |e| match e {
        // A directory that has become a link.
        Errno::NOTDIR => Refused::Link,
        e => Refused::from_errno("open its directory", e),
    };
    let mut dir = sys::open("/", DIRECTORY, Mode::empty()).map_err(fail)?;
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                // Directories that may be passed through but not listed are only a way.
                let through = || sys::openat(&dir, name, DIRECTORY | OFlags::PATH, Mode::empty());
                let next = sys::openat(&dir, name, DIRECTORY, Mode::empty());
                dir = next.or_else(|e| if e == Errno::ACCESS { through() } else { Err(e) }).map_err(fail)?;
            }
            Component::ParentDir | Component::Prefix(_) => return Err(Refused::Link),
        }
    }
    Ok(dir)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::other(dir.path());
        (dir, home)
    }

    #[test]
    fn links_within_the_home_are_followed_once() {
        let (dir, home) = home();
        std::fs::create_dir(dir.path().join("dotfiles")).unwrap();
        std::fs::write(dir.path().join("dotfiles/rc"), "x").unwrap();
        symlink("dotfiles/rc", dir.path().join(".rc")).unwrap();
        let spot = Spot::find(&home, "~/.rc").unwrap();
        assert_eq!(spot.real, home.canonical().join("dotfiles/rc"));
        assert!(spot.open().is_ok());
        std::fs::rename(dir.path().join("dotfiles"), dir.path().join("other")).unwrap();
        symlink("other", dir.path().join("dotfiles")).unwrap();
        assert_eq!(spot.again().err(), Some(Refused::Link));
    }

    #[test]
    fn links_out_of_the_home_are_refused() {
        let (dir, home) = home();
        symlink("/etc/hostname", dir.path().join("a")).unwrap();
        symlink("/etc", dir.path().join("b")).unwrap();
        assert_eq!(Spot::find(&home, "~/a").err(), Some(Refused::Link));
        assert_eq!(Spot::find(&home, "~/b/hostname").err(), Some(Refused::Link));
    }

    #[test]
    fn a_link_swapped_in_is_refused() {
        let (dir, home) = home();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        std::fs::write(dir.path().join("b"), "y").unwrap();
        let spot = Spot::find(&home, "~/a").unwrap();
        std::fs::remove_file(dir.path().join("a")).unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        assert_eq!(spot.open().err(), Some(Refused::Link));
    }

    #[test]
    fn what_is_no_plain_file_is_never_opened() {
        let (dir, home) = home();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        sys::mknodat(sys::CWD, dir.path().join("p"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        for name in ["~/d", "~/p"] {
            assert_eq!(Spot::find(&home, name).unwrap().open().err(), Some(Refused::NotPlain), "{name}");
        }
        assert_eq!(Spot::find(&home, "~/none").unwrap().open().err(), Some(Refused::Gone));
    }
}
