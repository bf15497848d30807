//! Makes a file that is not there yet, and the directories to it.

use super::rewrite::hex;
use super::{Bench, Pending};
use crate::apply::busy::Running;
use crate::apply::fresh::Fresh;
use crate::apply::receipt::{Change, Deed, Print, State};
use crate::apply::refused::Refused;
use crate::apply::spot::Spot;
use rustix::fs::{self as sys, Mode};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A file that is about to be made.
pub(crate) struct Create {
    path: String,
    real: PathBuf,
    receipt: String,
    bytes: Vec<u8>,
    mode: u32,
    directories: Vec<(PathBuf, String)>,
    done: bool,
}

/// Prepares a file that must not be there.
pub(crate) fn prepare(bench: &Bench<'_>, shown: &str, bytes: &[u8], mode: u32) -> Result<Create, Refused> {
    let path = bench.home.path(shown);
    let (dir, name) = path.parent().zip(path.file_name()).ok_or(Refused::NotPlain)?;
    let mut missing = Vec::new();
    let mut there = dir;
    while !there.exists() {
        missing.push(there.file_name().ok_or(Refused::Gone)?.to_owned());
        there = there.parent().ok_or(Refused::Gone)?;
    }
    // Through a file in it, so that links that lead out of the home are refused.
    let spot = Spot::find(bench.home, &bench.home.shown(&there.join("x")))?;
    let mut real = spot.real.parent().map(Path::to_owned).ok_or(Refused::Gone)?;
    let mut directories = Vec::new();
    for name in missing.iter().rev() {
        real.push(name);
        directories.push((real.clone(), bench.home.shown(&real)));
    }
    real.push(name);
    if real.symlink_metadata().is_ok() {
        return Err(Refused::Changed("name"));
    }
    let path = bench.home.shown(&real);
    let receipt = bench.receipt.to_owned();
    Ok(Create { path, real, receipt, bytes: bytes.to_vec(), mode, directories, done: false })
}

impl Create {
    fn spot(&self) -> Result<Spot, Refused> {
        Spot::at(&self.real, &self.path)
    }

    fn print(&self) -> Print {
        Print { length: self.bytes.len() as u64, digest: hex(&Sha256::digest(&self.bytes)) }
    }
}

impl Pending for Create {
    fn change(&self) -> Change {
        let directories = self.directories.iter().map(|(_, shown)| shown.clone()).collect();
        let deed = Deed::Create { after: self.print(), directories };
        Change { path: self.path.clone(), state: State::Intended, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        let made = self.make();
        if made.is_err() {
            self.revert()?;
        }
        made
    }

    fn revert(&mut self) -> Result<(), Refused> {
        if std::mem::take(&mut self.done) {
            self.spot()?.unlink()?;
        }
        for (dir, _) in self.directories.iter().rev() {
            // One that somebody has put something into stays.
            let _ = std::fs::remove_dir(dir);
        }
        Ok(())
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        Ok(())
    }
}

impl Create {
    fn make(&mut self) -> Result<(), Refused> {
        for (dir, _) in &self.directories {
            match std::fs::DirBuilder::new().mode(0o700).create(dir) {
                Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(Refused::from_io("make its directory", &e));
                }
                _ => {}
            }
        }
        let spot = self.spot()?;
        let mut fresh = Fresh::beside(&spot, &self.receipt)?;
        fresh.file.write_all(&self.bytes).map_err(|e| Refused::from_io("write it", &e))?;
        sys::fchmod(&fresh.file, Mode::from_raw_mode(self.mode))
            .map_err(|e| Refused::from_errno("set its mode", e))?;
        fresh.sync()?;
        fresh.create(&spot)?;
        self.done = true;
        spot.settle()
    }
}
