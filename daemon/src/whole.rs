//! Passes that are remembered: over a whole home, or over what is below one directory of it.

use crate::config::Config;
use crate::examine::{Error, Request};
use crate::machine::files;
use crate::memory::Memory;
use crate::progress::Watch;
use crate::record::{Document, Reason};
use crate::setup::{Setup, version};
use crate::sweep::{self, Done, Land};
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What came of a pass.
pub(crate) struct Pass {
    pub(crate) document: Document,
    /// What it has met, for who watches it from now on.
    pub(crate) land: Land,
    /// Ignore files, as people call them.
    pub(crate) ignores: Vec<String>,
}

/// Files between two writes to the ledger.
const BATCH: usize = 4096;

/// Examines a home and remembers what was found.
///
/// # Errors
/// When the home cannot be entered. Everything else costs coverage.
pub(crate) fn home(setup: &Setup, request: &Request, config: &Config, watch: &Watch) -> Result<Pass, Error> {
    let begun = Instant::now();
    let home = &request.home;
    let root = enter(home.root())?;
    let mut memory = Memory::open(home, &version(config));
    let mut remembered = memory.remembered();
    if request.baseline.is_some() {
        // What the ledger knows of a finding does not tell whether a baseline has it: its file is read again.
        remembered.values_mut().for_each(|again| *again = true);
    }
    let mut scope = setup.scope(request, config, watch, remembered);
    scope.history = if request.all { u64::MAX } else { config.scan.max_history_size };
    let (places, dealt) = sweep::places(&scope);
    let mut total = Done::default();
    let indexes = memory.indexes(request.jobs);
    sweep::walk(&scope, home.root(), ("~", "~"), &dealt, indexes, |done| {
        total.add(done);
        if total.batch.files.len() + total.batch.dirs.len() >= BATCH {
            memory.commit(&mut total, &setup.trouble);
        }
    });
    let gone = enter(home.root()).ok() != Some(root);
    if gone {
        total.note(Reason::Interrupted, "~", Some("the home went away while it was examined".to_owned()));
    } else if watch.stop.load(Ordering::Relaxed) {
        total.note(Reason::Interrupted, "~", None);
    } else {
        memory.commit(&mut total, &setup.trouble);
        memory.histories(&scope, &mut total, &setup.trouble);
        memory.revisit(&scope, &places, &mut total);
        if watch.stop.load(Ordering::Relaxed) {
            total.note(Reason::Interrupted, "~", None);
        }
    }
    memory.commit(&mut total, &setup.trouble);
    // Places last: what is known of an included file through its place must outlive the walk's view of it.
    total.add(places);
    memory.commit(&mut total, &setup.trouble);
    let whole = !total.missed.contains_key(&Reason::Interrupted);
    let lives = memory.close(whole, &mut total, &setup.trouble);
    if whole && !total.missed.contains_key(&Reason::Ledger) {
        memory.swept();
    }
    // The agent tells what the ledger has of events, and has no use for thousands of records at once.
    let seen = if request.agent { Vec::new() } else { memory.result(&total, whole) };
    let land = std::mem::take(&mut total.land);
    let ignores = total.ignores.iter().map(|file| file.path.clone()).collect();
    Ok(Pass { document: setup.document(&seen, &lives, total, request, begun), land, ignores })
}

/// Examines what is below one directory of a home, and remembers what was found.
///
/// # Errors
/// When the home cannot be entered.
pub(crate) fn below(
    setup: &Setup,
    request: &Request,
    config: &Config,
    watch: &Watch,
    dir: &Path,
) -> Result<Pass, Error> {
    let begun = Instant::now();
    let home = &request.home;
    enter(home.root())?;
    let shown = home.shown(dir);
    let mut memory = Memory::open(home, &version(config));
    let mut remembered = memory.remembered();
    remembered.retain(|path, _| is_below(path, &shown));
    let mut scope = setup.scope(request, config, watch, remembered);
    scope.history = config.scan.max_history_size;
    let mut total = Done::default();
    // A directory that is gone leaves what is remembered of it to be looked after.
    if !sweep::left_out(&scope, dir) && files::open_root(dir).is_ok() {
        let indexes = memory.indexes(request.jobs);
        sweep::walk(&scope, dir, (&shown, &shown), &HashSet::new(), indexes, |done| {
            total.add(done);
            if total.batch.files.len() + total.batch.dirs.len() >= BATCH {
                memory.commit(&mut total, &setup.trouble);
            }
        });
    }
    if watch.stop.load(Ordering::Relaxed) {
        total.note(Reason::Interrupted, &shown, None);
    } else {
        memory.commit(&mut total, &setup.trouble);
        memory.histories(&scope, &mut total, &setup.trouble);
        memory.revisit(&scope, &Done::default(), &mut total);
    }
    memory.commit(&mut total, &setup.trouble);
    let whole = !total.missed.contains_key(&Reason::Interrupted);
    let lives = memory.close(whole, &mut total, &setup.trouble);
    let land = std::mem::take(&mut total.land);
    let ignores = total.ignores.iter().map(|file| file.path.clone()).collect();
    Ok(Pass { document: setup.document(&[], &lives, total, request, begun), land, ignores })
}

/// Whether a path is this directory or below it, as people call them.
pub(crate) fn is_below(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Device and inode of a directory that can be entered.
pub(crate) fn enter(path: &Path) -> Result<(u64, u64), Error> {
    let fail = |e: rustix::io::Errno| Error::Path {
        path: path.display().to_string(),
        why: std::io::Error::from(e).to_string(),
    };
    let stat = files::open_root(path).and_then(rustix::fs::fstat).map_err(fail)?;
    Ok((stat.st_dev, stat.st_ino))
}
