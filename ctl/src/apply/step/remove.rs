//! Removes a file whose content an earlier step has kept elsewhere.

use super::{Bench, Pending};
use crate::apply::busy;
use crate::apply::busy::Running;
use crate::apply::fresh::temporary;
use crate::apply::receipt::{Change, Deed, State};
use crate::apply::refused::Refused;
use crate::apply::spot::Spot;
use rustix::fs::{self as sys, RenameFlags, Stat};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read as _;

/// A file that is about to be removed.
pub(crate) struct Remove {
    spot: Spot,
    aside: Spot,
    path: String,
    old: File,
    stat: Stat,
    done: bool,
}

/// Largest file that is removed: what holds credentials is small.
const LARGEST: u64 = 8 << 20;

/// Prepares the removal of a file with this content.
pub(crate) fn prepare(bench: &Bench<'_>, shown: &str, guard: [u8; 32]) -> Result<Remove, Refused> {
    let spot = Spot::find(bench.home, shown)?;
    let (old, stat) = spot.open()?;
    bench.guard(shown, &stat)?;
    let place = bench.rules.place(shown);
    busy::check(bench.running, &spot, &stat, place.map(|p| p.id.as_str()), bench.ours)?;
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    (&old).take(LARGEST).read_to_end(&mut bytes).map_err(|e| Refused::from_io("read it", &e))?;
    if Sha256::digest(&*bytes)[..] != guard[..] {
        return Err(Refused::Changed("content"));
    }
    let aside = spot.beside(temporary(&spot.name, bench.receipt))?;
    Ok(Remove { path: bench.home.shown(&spot.real), spot, aside, old, stat, done: false })
}

impl Remove {
    fn same(&self) -> bool {
        let now = sys::fstat(&self.old);
        let state = |s: &Stat| (s.st_size, s.st_mtime, s.st_mtime_nsec);
        now.is_ok_and(|now| state(&now) == state(&self.stat))
    }
}

impl Pending for Remove {
    fn change(&self) -> Change {
        let deed = Deed::Remove { temporary: self.aside.name.to_string_lossy().into_owned() };
        Change { path: self.path.clone(), state: State::Intended, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        let now = self.spot.again()?.stat()?.ok_or(Refused::Gone)?;
        if (now.st_dev, now.st_ino) != (self.stat.st_dev, self.stat.st_ino) || !self.same() {
            return Err(Refused::Changed("content"));
        }
        sys::renameat_with(
            &self.spot.dir,
            &self.spot.name,
            &self.aside.dir,
            &self.aside.name,
            RenameFlags::NOREPLACE,
        )
        .map_err(|e| Refused::from_errno("set it aside", e))?;
        self.done = true;
        let moved = self.aside.stat()?.is_some_and(|s| s.st_ino == self.stat.st_ino);
        let lasting =
            if moved && self.same() { self.spot.settle() } else { Err(Refused::Changed("content")) };
        if lasting.is_err() {
            self.revert()?;
        }
        lasting
    }

    fn revert(&mut self) -> Result<(), Refused> {
        if !std::mem::take(&mut self.done) {
            return Ok(());
        }
        sys::renameat_with(
            &self.aside.dir,
            &self.aside.name,
            &self.spot.dir,
            &self.spot.name,
            RenameFlags::NOREPLACE,
        )
        .map_err(|e| Refused::from_errno("put it back", e))?;
        self.spot.settle()
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        if std::mem::take(&mut self.done) {
            self.aside.unlink()?;
            // It is gone; that may reach the disk a little later.
            let _ = self.spot.settle();
        }
        Ok(())
    }
}
