//! A whole pass over a home or some paths: places first, so that the worst news comes at once, then the rest, in
//! parallel, interruptible, and cheap where nothing has changed.

mod archive;
mod changed;
pub(crate) mod database;
mod file;
pub(crate) mod git;
mod input;
mod part;
mod places;
pub(crate) mod processes;
mod queue;
#[cfg(test)]
mod scene;
mod states;
mod walk;

use crate::home::Home;
use crate::ledger::{Batch, Index, Seen};
use crate::machine::facts::Machine;
use crate::machine::files::{self, Buffer};
use crate::progress::Watch;
use crate::record::Reason;
use file::Outcome;
use lapwing_rules::cx::Cx;
use lapwing_rules::engine::{ENVIRONMENT, Engine};
use lapwing_rules::fingerprint::Fingerprinter;
use lapwing_rules::ignore::IgnoreFile;
use lapwing_rules::indicators::PROCESSES;
use lapwing_rules::place::{Paths, Places};
use lapwing_rules::policy::Policy;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Everything a sweep needs, shared by its workers.
pub(crate) struct Scope<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) ids: &'a Fingerprinter,
    pub(crate) policy: &'a Policy,
    pub(crate) machine: &'a Machine,
    pub(crate) home: &'a Home,
    pub(crate) watch: &'a Watch,
    /// Directories left out.
    pub(crate) skip: Paths<()>,
    /// Largest ordinary file examined.
    pub(crate) largest: u64,
    /// Take in what is left out otherwise, within archives too.
    pub(crate) all: bool,
    /// Largest history of a repository examined, in bytes of its packs; nothing when histories are left alone.
    pub(crate) history: u64,
    /// Paths at which something is remembered: they must be reported again, even with nothing in them.
    /// With whether any of it is not a secret.
    pub(crate) remembered: HashMap<String, bool>,
    pub(crate) jobs: usize,
    /// Tell of directories too: see [`Land`].
    pub(crate) survey: bool,
}

/// What a pass has met, for who watches it from now on.
#[derive(Default)]
pub(crate) struct Land {
    /// Directories that were looked into, when that was asked for.
    pub(crate) dirs: Vec<PathBuf>,
    /// The `.git` of repositories.
    pub(crate) repositories: Vec<PathBuf>,
    /// A file, and another that must be looked at when it changes: one that includes it, or a place that is a link to it.
    pub(crate) also: Vec<(PathBuf, PathBuf)>,
}

/// Most paths listed for one reason.
const LISTED: usize = 20;

/// What was not examined for one reason.
#[derive(Default)]
pub(crate) struct Missed {
    pub(crate) count: u64,
    pub(crate) paths: Vec<String>,
    pub(crate) why: Option<String>,
}

/// What came of a stretch of work; stretches add up.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) batch: Batch,
    /// Files that have not changed: what is remembered of them stays.
    pub(crate) kept: HashSet<String>,
    pub(crate) missed: BTreeMap<Reason, Missed>,
    pub(crate) ignores: Vec<IgnoreFile>,
    /// Repositories whose history is to be examined.
    pub(crate) repositories: Vec<git::Met>,
    /// Contents of files in work trees that hold nothing.
    pub(crate) clean: git::Clean,
    pub(crate) land: Land,
    /// Things worth telling that are no gap.
    pub(crate) notes: Vec<String>,
    pub(crate) silenced: u64,
    pub(crate) files: u64,
    pub(crate) unchanged: u64,
    pub(crate) bytes: u64,
}

impl Scope<'_> {
    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx { ids: self.ids, facts: self.machine, policy: self.policy }
    }

    fn stopped(&self) -> bool {
        self.watch.stop.load(Ordering::Relaxed)
    }
}

impl Land {
    fn add(&mut self, other: Land) {
        self.dirs.extend(other.dirs);
        self.repositories.extend(other.repositories);
        self.also.extend(other.also);
    }
}

impl Done {
    /// Notes something that was not examined, or not all of it.
    pub(crate) fn note(&mut self, reason: Reason, path: &str, why: Option<String>) {
        let missed = self.missed.entry(reason).or_default();
        missed.count += 1;
        if missed.paths.len() < LISTED {
            missed.paths.push(path.to_owned());
        }
        missed.why = missed.why.take().or(why);
    }

    /// As [`Done::note`], for a file that was not examined to the end.
    fn gap(&mut self, reason: Reason, path: &str, why: Option<String>) -> Outcome {
        self.note(reason, path, why);
        Outcome::Incomplete
    }

    /// Takes what was seen in a file. A clean file that was never anything else leaves no trace.
    pub(crate) fn file(&mut self, scope: &Scope<'_>, path: &str, seen: Vec<Seen>) {
        if !seen.is_empty() || scope.remembered.contains_key(path) {
            self.batch.files.push((path.to_owned(), seen));
        }
    }

    /// Adds to what was seen in the file that was examined last.
    fn also(&mut self, scope: &Scope<'_>, path: &str, seen: Vec<Seen>) {
        match self.batch.files.last_mut() {
            Some((last, known)) if last == path => known.extend(seen),
            _ => self.file(scope, path, seen),
        }
    }

    /// Adds another stretch.
    pub(crate) fn add(&mut self, other: Done) {
        self.batch.files.extend(other.batch.files);
        self.batch.more.extend(other.batch.more);
        self.batch.dirs.extend(other.batch.dirs);
        self.batch.histories.extend(other.batch.histories);
        self.kept.extend(other.kept);
        for (reason, missed) in other.missed {
            let mine = self.missed.entry(reason).or_default();
            mine.count += missed.count;
            mine.why = mine.why.take().or(missed.why);
            mine.paths.extend(missed.paths);
            mine.paths.truncate(LISTED);
        }
        self.ignores.extend(other.ignores);
        self.repositories.extend(other.repositories);
        self.clean.add(other.clean);
        self.land.add(other.land);
        self.notes.extend(other.notes);
        self.silenced += other.silenced;
        self.files += other.files;
        self.unchanged += other.unchanged;
        self.bytes += other.bytes;
    }
}

/// Examines the places of a home and the machine as a whole. Returns what was found and which paths it has dealt with.
pub(crate) fn places(scope: &Scope<'_>) -> (Done, HashSet<PathBuf>) {
    let mut done = Done::default();
    let report = scope.engine.scan_home(&scope.cx());
    for problem in report.problems {
        done.note(Reason::Unreadable, &problem.what, Some(problem.why));
    }
    scope.watch.tell(&report.findings, ENVIRONMENT);
    let mut seen: Vec<Seen> = report.findings.into_iter().map(|f| Seen::of(f, ENVIRONMENT)).collect();
    if scope.survey {
        // The agent's environment is not that of the user's shells, and it may not look into other programs: what
        // `doctor` has found in either stays.
        seen.retain(|s| s.path != ENVIRONMENT);
        done.batch.more.push((ENVIRONMENT.to_owned(), seen));
        done.kept.extend([ENVIRONMENT, PROCESSES, processes::SERVICES].map(str::to_owned));
    } else {
        let (running, seen): (Vec<Seen>, Vec<Seen>) = seen.into_iter().partition(|s| s.path == PROCESSES);
        done.file(scope, ENVIRONMENT, seen);
        processes::sweep(scope, running, &mut done);
    }
    let dealt = places::sweep(scope, &mut done);
    (done, dealt)
}

/// Examines the machine as a whole, but for what runs.
pub(crate) fn machine(scope: &Scope<'_>) -> Done {
    let mut done = Done::default();
    let report = scope.engine.scan_home(&scope.cx());
    let seen = report.findings.into_iter().map(|f| Seen::of(f, ENVIRONMENT));
    done.file(scope, ENVIRONMENT, seen.filter(|s| s.path != PROCESSES).collect());
    done
}

/// Walks a directory, or examines one file. `shown` is what people call it, `tilde` its name as a place. Each worker
/// takes one of the indexes, while there are any. `each` takes the stretches as they come, on the caller's thread.
pub(crate) fn walk(
    scope: &Scope<'_>,
    root: &Path,
    (shown, tilde): (&str, &str),
    dealt: &HashSet<PathBuf>,
    indexes: Vec<Index>,
    each: impl FnMut(Done),
) {
    walk::run(scope, root, walk::Dir::top(shown, tilde), dealt, indexes, each);
}

/// Whether a walk of the home does not come to a path: it is in a directory that is left out, or is one.
pub(crate) fn left_out(scope: &Scope<'_>, path: &Path) -> bool {
    // Our own state is never opened: see `ledger::schema::private_dir`.
    let state = scope.home.state();
    let own = !state.as_os_str().is_empty() && path.starts_with(state);
    own || path.ancestors().any(|dir| scope.skip.find(&scope.home.shown(dir)).is_some())
}

/// Files of places that variables of the environment have moved.
pub(crate) fn moved(places: &Places) -> Vec<PathBuf> {
    places.all().iter().flat_map(places::moved).collect()
}

/// Reads an ignore file, if it is there.
pub(crate) fn ignore_file(path: &Path, shown: &str) -> Option<IgnoreFile> {
    walk::ignore_file(path, shown)
}

/// Examines one path of the home because something has happened to it.
pub(crate) fn changed(scope: &Scope<'_>, path: &Path, buffer: &mut Buffer) -> Done {
    let mut done = Done::default();
    changed::examine(scope, path, buffer, &mut done);
    done
}

/// Examines standard input under this name.
pub(crate) fn input(scope: &Scope<'_>, name: Option<&Path>) -> Done {
    input::examine(scope, name)
}

/// Examines a remembered path once more; an empty result when it is gone.
pub(crate) fn again(scope: &Scope<'_>, shown: &str) -> Done {
    let mut done = Done::default();
    let path = scope.home.path(shown);
    match rustix::fs::stat(&path) {
        Ok(stat) if files::kind(&stat) == FileType::RegularFile => {
            walk::single(scope, &path, shown, &mut done);
        }
        // A directory of the same name holds nothing of what the file held.
        Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => done.file(scope, shown, Vec::new()),
        // Not to be seen is not to be gone: what is remembered stays.
        Err(e) => {
            done.note(files::why(e), shown, None);
            done.kept.insert(shown.to_owned());
        }
    }
    done
}

/// Ignore files in the directories above a path, as far as it names them.
pub(crate) fn ignores_above(path: &Path) -> Vec<IgnoreFile> {
    let dirs = path.ancestors().skip(1).chain(path.is_relative().then_some(Path::new("")));
    let mut dirs: Vec<&Path> = dirs.collect();
    dirs.dedup();
    let names = [".lapwingignore", ".gitleaksignore"];
    let files = dirs.into_iter().flat_map(|d| names.iter().map(move |n| d.join(n)));
    files.filter_map(|f| walk::ignore_file(&f, &crate::text::path(&f))).collect()
}
