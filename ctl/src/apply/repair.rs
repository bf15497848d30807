//! Ends what a run has left in the middle: whether each change was done is told by the files themselves.

use super::inverse::locate;
use super::lock;
use super::quarantine;
use super::receipt::{Change, Deed, Print, State, Store};
use super::refused::Refused;
use super::spot::Spot;
use super::step::rewrite::hex;
use lapwing_agent::home::Home;
use rustix::fs::RenameFlags;
use sha2::{Digest, Sha256};
use std::io::Read as _;

/// Largest file that is looked through for places.
pub(crate) const WHOLE: u64 = 64 << 20;

/// What was found out about a change that a run has left in the middle.
pub(crate) struct Mended {
    /// The receipt.
    pub(crate) receipt: String,
    /// The file.
    pub(crate) path: String,
    /// How far the change has come.
    pub(crate) state: State,
}

/// Ends every change that is neither done nor not done. Only who has the turn may call this.
pub(crate) fn repair(home: &Home, store: &Store) -> Result<Vec<Mended>, Refused> {
    let mut mended = Vec::new();
    for name in store.names() {
        // A receipt that cannot be read says so where receipts are listed.
        let Ok(mut receipt) = store.read(&name) else { continue };
        if !receipt.interrupted() {
            continue;
        }
        let id = receipt.id.clone();
        for change in receipt.changes.iter_mut() {
            let state = match change.state {
                State::Intended => end(home, &id, change, State::Done, State::Dropped),
                State::Undoing => end(home, &id, change, State::Done, State::Undone),
                _ => continue,
            };
            change.state = state;
            mended.push(Mended { receipt: id.clone(), path: change.path.clone(), state });
        }
        store.write(&receipt)?;
    }
    Ok(mended)
}

/// Whether the change is in place: `done` if so, `not` otherwise. What stands beside the file is taken away.
fn end(home: &Home, receipt: &str, change: &Change, done: State, not: State) -> State {
    match &change.deed {
        // What is kept harms nobody where it is, and a stopped unit stays stopped.
        Deed::Keep { .. } | Deed::Stop { .. } | Deed::Gone { .. } | Deed::Guide { .. } => return done,
        Deed::Quarantine { kept } => {
            return if kept.as_ref().is_some_and(|k| quarantine::holds(home, k)) { done } else { not };
        }
        _ => {}
    }
    let spot = Spot::at(&home.path(&change.path), &change.path).or_else(|_| Spot::find(home, &change.path));
    let Ok(spot) = spot else {
        // Its directory is gone, and with it whatever was in it.
        return not;
    };
    let there = match &change.deed {
        Deed::Rewrite { after, temporary, lock, inverse, .. } => {
            if let Some(lock) = lock {
                unlock(&spot, lock, receipt);
            }
            let in_place = is(&spot, after);
            if let Ok(aside) = spot.beside(temporary) {
                let _ = aside.unlink();
            }
            in_place || (!inverse.is_empty() && found(&spot, change))
        }
        Deed::Create { after, .. } => is(&spot, after),
        Deed::Mode { mode, .. } => spot.stat().ok().flatten().is_some_and(|s| s.st_mode & 0o7777 == *mode),
        Deed::Remove { temporary } => !put_back(&spot, temporary),
        Deed::Cells { .. }
        | Deed::Guide { .. }
        | Deed::Keep { .. }
        | Deed::Stop { .. }
        | Deed::Gone { .. }
        | Deed::Quarantine { .. } => true,
    };
    let _ = spot.settle();
    if there { done } else { not }
}

/// A lock of ours that nobody holds any more.
fn unlock(spot: &Spot, name: &str, receipt: &str) {
    let Ok(lock) = spot.beside(name) else { return };
    let Ok((mut file, _)) = lock.open() else { return };
    let mut text = String::new();
    if file.read_to_string(&mut text).is_ok() && text == lock::says(receipt) {
        let _ = lock.unlink();
    }
}

/// Whether a file is, or begins with, what a change has made of it: a history goes on.
pub(crate) fn is(spot: &Spot, print: &Print) -> bool {
    let Ok((file, stat)) = spot.open() else { return false };
    if u64::try_from(stat.st_size).unwrap_or_default() < print.length {
        return false;
    }
    let mut digest = Sha256::new();
    let mut buffer = zeroize::Zeroizing::new(vec![0; 1 << 20]);
    let mut from = file.take(print.length);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => digest.update(&buffer[..length]),
            Err(_) => return false,
        }
    }
    hex(&digest.finalize()) == print.digest
}

/// Whether every place of a change is found in the file as it is now.
fn found(spot: &Spot, change: &Change) -> bool {
    let Deed::Rewrite { inverse, .. } = &change.deed else { return false };
    let Ok((file, _)) = spot.open() else { return false };
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    file.take(WHOLE).read_to_end(&mut bytes).is_ok() && inverse.iter().all(|i| locate(&bytes, i).is_some())
}

/// Puts a file that was set aside back; `false` when there is none, because it was removed.
fn put_back(spot: &Spot, temporary: &str) -> bool {
    let Ok(aside) = spot.beside(temporary) else { return false };
    let back =
        rustix::fs::renameat_with(&aside.dir, &aside.name, &spot.dir, &spot.name, RenameFlags::NOREPLACE);
    back.is_ok() || spot.stat().ok().flatten().is_some()
}
