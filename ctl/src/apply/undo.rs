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
use lapwing_rules::fix::edit::digest;
use lapwing_rules::fix::plan::Edit;
use std::collections::HashMap;
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

/// Takes back what a receipt says was done. On an error nothing has changed; it names the file.
pub(crate) fn undo(
    home: &Home,
    rules: &dyn Rules,
    store: &Store,
    receipt: &mut Receipt,
) -> Result<Vec<Undone>, (String, Refused)> {
    let running = Running::now();
    let (id, seen) = (receipt.id.clone(), HashMap::new());
    let bench = Bench { home, receipt: &id, running: &running, rules, seen: &seen };
    let mut steps: Vec<(usize, Option<Box<dyn Pending>>, Undone)> = Vec::new();
    // Last first: a file that was changed twice is taken back twice, which one step cannot do.
    let mut met: HashMap<String, usize> = HashMap::new();
    for (index, change) in receipt.changes.iter().enumerate().rev().filter(|(_, c)| c.state == State::Done) {
        if matches!(change.deed, Deed::Rewrite { .. }) {
            *met.entry(change.path.clone()).or_default() += 1;
        }
        if met.get(&change.path).is_some_and(|n| *n > 1) {
            continue;
        }
        let (step, undone) = prepare(&bench, change).map_err(|why| (change.path.clone(), why))?;
        steps.push((index, step, undone));
    }
    let again = met.values().any(|n| *n > 1);
    let mut all = run(store, receipt, steps)?;
    if again {
        all.extend(undo(home, rules, store, receipt)?);
    }
    Ok(all)
}

fn run(
    store: &Store,
    receipt: &mut Receipt,
    mut steps: Vec<(usize, Option<Box<dyn Pending>>, Undone)>,
) -> Result<Vec<Undone>, (String, Refused)> {
    let mark = |receipt: &mut Receipt, steps: &[(usize, Option<Box<dyn Pending>>, Undone)], state| {
        for (index, ..) in steps {
            receipt.changes[*index].state = state;
        }
        store.write(receipt).map_err(|why| (receipt.id.clone(), why))
    };
    mark(receipt, &steps, State::Undoing)?;
    let mut failed = None;
    for i in 0..steps.len() {
        let (_, step, undone) = &mut steps[i];
        if let Some(Err(why)) = step.as_mut().map(|s| s.commit()) {
            failed = Some((undone.path.clone(), why));
            for (_, step, _) in steps[..i].iter_mut().rev() {
                // The failure is told; what cannot be put back either is told by the next look at the receipt.
                let _ = step.as_mut().map(|s| s.revert());
            }
            break;
        }
    }
    if let Some(failed) = failed {
        mark(receipt, &steps, State::Done)?;
        return Err(failed);
    }
    for (_, step, undone) in &mut steps {
        if let Some(Err(why)) = step.as_mut().map(|s| s.settle()) {
            undone.note = Some(why.to_string());
        }
    }
    mark(receipt, &steps, State::Undone)?;
    Ok(steps.into_iter().map(|(_, _, undone)| undone).collect())
}

fn prepare(bench: &Bench<'_>, change: &Change) -> Result<(Option<Box<dyn Pending>>, Undone), Refused> {
    let mut undone = Undone { path: change.path.clone(), restored: 0, secrets: 0, note: None };
    let step: Option<Box<dyn Pending>> = match &change.deed {
        Deed::Rewrite { inverse, secrets, .. } => {
            undone.secrets = *secrets;
            undone.restored = inverse.len();
            if inverse.is_empty() { None } else { Some(Box::new(restore(bench, &change.path, inverse)?)) }
        }
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
        Deed::Quarantine { kept: None } | Deed::Gone { .. } => None,
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

/// Prepares a file with what stood there before, in the file as it is now.
fn restore(bench: &Bench<'_>, path: &str, inverse: &[Inverse]) -> Result<rewrite::Rewrite, Refused> {
    let (file, _) = Spot::find(bench.home, path)?.open()?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(WHOLE + 1).read_to_end(&mut bytes).map_err(|e| Refused::from_io("read it", &e))?;
    if bytes.len() as u64 > WHOLE {
        return Err(Refused::Missing("it is too large to be taken back".to_owned()));
    }
    let place = |i: &Inverse| {
        let start = locate(&bytes, i).ok_or(Refused::Changed("content"))?;
        let end = start + i.now.get().len();
        Ok(Edit { start, end, with: i.was.get().to_vec(), secret: false })
    };
    let mut edits: Vec<Edit> = inverse.iter().map(place).collect::<Result<_, Refused>>()?;
    edits.sort_by_key(|e| e.start);
    if edits.windows(2).any(|pair| pair[1].start < pair[0].end) {
        return Err(Refused::Changed("content"));
    }
    rewrite::prepare(bench, path, digest(&bytes), &edits, &[])
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
    fn settle(&mut self) -> Result<(), Refused> {
        self.spot.again()?.unlink()?;
        for dir in self.directories.iter().rev() {
            // One that somebody has put something into stays.
            let _ = std::fs::remove_dir(dir);
        }
        self.spot.settle()
    }
}
