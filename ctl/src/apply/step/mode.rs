//! Changes the permission bits of a file or directory.

use super::{Bench, Pending, own};
use crate::apply::busy::Running;
use crate::apply::receipt::{Change, Deed, State};
use crate::apply::refused::Refused;
use crate::apply::spot::Spot;
use rustix::fs::{self as sys, FileType, Mode, OFlags, Stat};
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Permission bits that are about to change.
pub(crate) struct Bits {
    spot: Spot,
    path: String,
    was: u32,
    mode: u32,
    done: bool,
}

/// Prepares a change of mode; `was` is what it must be now.
pub(crate) fn prepare(bench: &Bench<'_>, shown: &str, was: u32, mode: u32) -> Result<Bits, Refused> {
    let spot = Spot::find(bench.home, shown)?;
    let path = bench.home.shown(&spot.real);
    let bits = Bits { spot, path, was: was & 0o7777, mode: mode & 0o7777, done: false };
    let (_, stat) = open(&bits.spot)?;
    bits.check(&stat, bits.was)?;
    Ok(bits)
}

/// Opens a file or directory for nothing but its bits: also one that nobody may read.
fn open(spot: &Spot) -> Result<(OwnedFd, Stat), Refused> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = sys::openat(&spot.dir, &spot.name, flags, Mode::empty())
        .map_err(|e| Refused::from_errno("look at it", e))?;
    let stat = sys::fstat(&fd).map_err(|e| Refused::from_errno("look at it", e))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok((fd, stat)),
        FileType::Symlink => Err(Refused::Link),
        _ => Err(Refused::NotPlain),
    }
}

impl Bits {
    fn check(&self, stat: &Stat, expected: u32) -> Result<(), Refused> {
        own(stat)?;
        if stat.st_mode & 0o7777 == expected { Ok(()) } else { Err(Refused::Changed("mode")) }
    }

    fn change_bits(&self, from: u32, to: u32) -> Result<(), Refused> {
        let (fd, stat) = open(&self.spot.again()?)?;
        self.check(&stat, from)?;
        // A descriptor of this kind has no `fchmod`; its own name leads to the same file and to no other.
        let own = format!("/proc/self/fd/{}", fd.as_raw_fd());
        sys::chmod(own.as_str(), Mode::from_raw_mode(to))
            .map_err(|e| Refused::from_errno("change its mode", e))
    }
}

impl Pending for Bits {
    fn change(&self) -> Change {
        let deed = Deed::Mode { was: self.was, mode: self.mode };
        Change { path: self.path.clone(), state: State::Intended, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        self.change_bits(self.was, self.mode)?;
        self.done = true;
        Ok(())
    }

    fn revert(&mut self) -> Result<(), Refused> {
        if std::mem::take(&mut self.done) { self.change_bits(self.mode, self.was) } else { Ok(()) }
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        Ok(())
    }
}
