//! Takes a receipt back: all of it, or nothing. What was secret stays gone; what others have edited since stays.

use super::busy::Running;
use super::inverse::locate;
use super::keep;
use super::receipt::{Change, Deed, Inverse, Receipt, State, Store};
use super::refused::Refused;
use super::repair::{WHOLE, is};
use super::spot::Spot;
use super::step::{Bench, Pending, Rules, mode, quarantine, rewrite};
use lapwing_agent::home::Home;
use lapwing_rules::fix::edit::{apply, digest};
use lapwing_rules::fix::plan::Edit;
use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What came of a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Undone {
    /// The file.
    pub(crate) path: String,
    /// How many places have what stood there before.
    pub(crate) restored: usize,
    /// How many secrets stay gone.
    pub(crate) secrets: usize,
    /// What a person should know, one line.
    pub(crate) note: Option<String>,
}

/// Changes that are about to be taken back together.
struct Taking<'a> {
    /// Which of the receipt.
    indexes: Vec<usize>,
    /// `None` when there is nothing to be done.
    step: Option<Box<dyn Pending + 'a>>,
    undone: Undone,
}

/// Takes back what a receipt says was done. On an error nothing has changed; it names the file.
pub(crate) fn undo(
    home: &Home,
    rules: &dyn Rules,
    store: &Store,
    receipt: &mut Receipt,
) -> Result<Vec<Undone>, (String, Refused)> {
    let running = Running::now();
    let (id, seen, ours) = (receipt.id.clone(), HashMap::new(), HashSet::new());
    let bench = Bench { home, receipt: &id, running: &running, rules, seen: &seen, ours: &ours };
    let mut steps: Vec<Taking<'_>> = Vec::new();
    for (path, changes) in rewritten(receipt) {
        let (step, undone) = restored(&bench, &path, &changes).map_err(|why| (path, why))?;
        steps.push(Taking { indexes: changes.into_iter().map(|(index, ..)| index).collect(), step, undone });
    }
    // Bits come after content: a file is taken back with those that it has.
    let done = receipt.changes.iter().enumerate().rev().filter(|(_, c)| c.state == State::Done);
    for (index, change) in done.filter(|(_, c)| !matches!(c.deed, Deed::Rewrite { .. })) {
        let (step, undone) = prepare(&bench, change).map_err(|why| (change.path.clone(), why))?;
        steps.push(Taking { indexes: vec![index], step, undone });
    }
    run(store, receipt, steps)
}

/// A change of content: which of the receipt, how to take it back, how many secrets it has taken out.
type Turn = (usize, Vec<Inverse>, usize);

/// What was done to the content of files, by file, the last first.
fn rewritten(receipt: &Receipt) -> Vec<(String, Vec<Turn>)> {
    let mut files: Vec<(String, Vec<Turn>)> = Vec::new();
    for (index, change) in receipt.changes.iter().enumerate().rev().filter(|(_, c)| c.state == State::Done) {
        let Deed::Rewrite { inverse, secrets, .. } = &change.deed else { continue };
        let one = (index, inverse.clone(), *secrets);
        match files.iter_mut().find(|(path, _)| *path == change.path) {
            Some((_, changes)) => changes.push(one),
            None => files.push((change.path.clone(), vec![one])),
        }
    }
    files
}

fn run(
    store: &Store,
    receipt: &mut Receipt,
    mut steps: Vec<Taking<'_>>,
) -> Result<Vec<Undone>, (String, Refused)> {
    let mark = |receipt: &mut Receipt, steps: &[Taking<'_>], state| {
        for index in steps.iter().flat_map(|s| &s.indexes) {
            receipt.changes[*index].state = state;
        }
        store.write(receipt).map_err(|why| (receipt.id.clone(), why))
    };
    mark(receipt, &steps, State::Undoing)?;
    let mut failed = None;
    for i in 0..steps.len() {
        if let Some(Err(why)) = steps[i].step.as_mut().map(|s| s.commit()) {
            failed = Some((steps[i].undone.path.clone(), why));
            for step in steps[..i].iter_mut().rev().filter_map(|s| s.step.as_mut()) {
                // The failure is told; what cannot be put back either is told by the next look at the receipt.
                let _ = step.revert();
            }
            break;
        }
    }
    if let Some(failed) = failed {
        mark(receipt, &steps, State::Done)?;
        return Err(failed);
    }
    let after = Running::now();
    for Taking { step, undone, .. } in &mut steps {
        if let Some(Err(why)) = step.as_mut().map(|s| s.settle(&after)) {
            undone.note = Some(why.to_string());
        }
    }
    mark(receipt, &steps, State::Undone)?;
    Ok(steps.into_iter().map(|s| s.undone).collect())
}

type Prepared<'a> = (Option<Box<dyn Pending + 'a>>, Undone);

/// Prepares a file with what stood there before all of these changes, the last first.
fn restored<'a>(bench: &Bench<'a>, path: &str, changes: &[Turn]) -> Result<Prepared<'a>, Refused> {
    let undone = Undone {
        path: path.to_owned(),
        restored: changes.iter().map(|(_, inverse, _)| inverse.len()).sum(),
        secrets: changes.iter().map(|(.., secrets)| secrets).sum(),
        note: None,
    };
    if undone.restored == 0 {
        return Ok((None, undone));
    }
    let (file, _) = Spot::find(bench.home, path)?.open()?;
    let mut now = Zeroizing::new(Vec::new());
    file.take(WHOLE + 1).read_to_end(&mut now).map_err(|e| Refused::from_io("read it", &e))?;
    if now.len() as u64 > WHOLE {
        return Err(Refused::Missing("it is too large to be taken back".to_owned()));
    }
    let mut bytes = now.clone();
    for (_, inverse, _) in changes {
        bytes = Zeroizing::new(turned(&bytes, inverse)?);
    }
    let edit = difference(&now, &bytes);
    let step = rewrite::prepare(bench, path, digest(&now), &[edit], &[])?;
    Ok((Some(Box::new(step)), undone))
}

/// The bytes with what stood there before one change.
fn turned(bytes: &[u8], inverse: &[Inverse]) -> Result<Vec<u8>, Refused> {
    let place = |i: &Inverse| {
        let start = locate(bytes, i).ok_or(Refused::Changed("content"))?;
        let end = start + i.now.get().len();
        Ok(Edit { start, end, with: i.was.get().to_vec(), secret: false })
    };
    let mut edits: Vec<Edit> = inverse.iter().map(place).collect::<Result<_, Refused>>()?;
    edits.sort_by_key(|e| e.start);
    apply(bytes, &edits).map_err(|_| Refused::Changed("content"))
}

/// One edit that makes `new` of `old`.
fn difference(old: &[u8], new: &[u8]) -> Edit {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest, fresh) = (&old[start..], &new[start..]);
    let same = rest.iter().rev().zip(fresh.iter().rev()).take_while(|(a, b)| a == b).count();
    Edit { start, end: old.len() - same, with: fresh[..fresh.len() - same].to_vec(), secret: false }
}

fn prepare<'a>(bench: &Bench<'a>, change: &Change) -> Result<Prepared<'a>, Refused> {
    let mut undone = Undone { path: change.path.clone(), restored: 0, secrets: 0, note: None };
    let step: Option<Box<dyn Pending + 'a>> = match &change.deed {
        // Taken back by file.
        Deed::Rewrite { .. } => None,
        Deed::Mode { was, mode } => {
            undone.restored = 1;
            Some(Box::new(mode::prepare(bench, &change.path, *mode, *was)?))
        }
        Deed::Create { after, directories } => {
            undone.restored = 1;
            let spot = Spot::find(bench.home, &change.path)?;
            if !is(&spot, after) {
                return Err(Refused::Changed("content"));
            }
            let directories = directories.iter().map(|d| bench.home.path(d)).collect();
            Some(Box::new(Discard { spot, directories }))
        }
        Deed::Remove { .. } => {
            undone.note = Some("the file stays removed; what it held is kept elsewhere".to_owned());
            None
        }
        Deed::Cells { cells } => {
            undone.secrets = usize::try_from(*cells).unwrap_or(usize::MAX);
            None
        }
        Deed::Keep { stored } => {
            undone.path = keep::place(&stored.store);
            undone.note = Some(keep::after_undo(&stored.store));
            None
        }
        Deed::Quarantine { kept: Some(kept) } => {
            undone.restored = 1;
            Some(Box::new(quarantine::Back::new(bench.home, kept)))
        }
        Deed::Quarantine { kept: None } => {
            // Disabling a unit takes its links away.
            undone.note =
                Some("it was not there any more when it was to be moved, and stays gone".to_owned());
            None
        }
        Deed::Gone { .. } => None,
        Deed::Stop { unit } => {
            undone.path.clone_from(unit);
            undone.note = Some("it stays stopped and disabled".to_owned());
            None
        }
        Deed::Guide { argv } => {
            let program = argv.first().map(String::as_str).unwrap_or_default();
            undone.note = Some(format!("what `{program}` has done is not taken back"));
            None
        }
    };
    Ok((step, undone))
}

/// A file that a fix has made, and that is nobody else's yet.
struct Discard {
    spot: Spot,
    directories: Vec<PathBuf>,
}

impl Pending for Discard {
    fn change(&self) -> Change {
        let deed = Deed::Remove { temporary: String::new() };
        Change { path: self.spot.shown.clone(), state: State::Undoing, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    fn revert(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    /// At the end, when nothing can fail any more: a file that was removed could not be put back.
    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        self.spot.again()?.unlink()?;
        for dir in self.directories.iter().rev() {
            // One that somebody has put something into stays.
            let _ = std::fs::remove_dir(dir);
        }
        self.spot.settle()
    }
}
