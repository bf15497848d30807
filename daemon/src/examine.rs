//! The agent's front door: examine a home or some paths, and answer what is known.

use crate::baseline;
use crate::config::Config;
use crate::document::{self, Frame};
use crate::home::Home;
use crate::key::{self, Trouble};
use crate::ledger::{Ledger, LedgerError, Life, Seen};
use crate::machine::facts::Machine;
use crate::machine::files;
use crate::machine::git::Repository;
use crate::machine::git::tool::Tool;
use crate::memory::Memory;
use crate::progress::Watch;
use crate::record::{Document, Reason, Record, State, Summary};
use crate::sweep::{self, Done, Scope};
use crate::text;
use lapwing_rules::baseline::Baseline;
use lapwing_rules::engine::Engine;
use lapwing_rules::fingerprint::{FindingId, Fingerprinter};
use lapwing_rules::ignore::IgnoreFile;
use lapwing_rules::pack::{PackError, Packs};
use lapwing_rules::place::Paths;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What to examine.
pub struct Request {
    /// The home it is about.
    pub home: Home,
    /// Vendored trees, caches and large files too.
    pub all: bool,
    /// Worker threads.
    pub jobs: usize,
    /// Today, `YYYY-MM-DD`, where the user is: ignores in files end with a day.
    pub today: String,
    /// What was there already, and is left out.
    pub baseline: Option<Baseline>,
    /// What standard input (`-` among the paths of [`scan`]) is called.
    pub stdin: Option<PathBuf>,
}

/// Why nothing at all could be examined or answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The home or a path is not there or cannot be entered.
    #[error("{path}: {why}")]
    Path {
        /// As given.
        path: String,
        /// One line.
        why: String,
    },
    /// A repository cannot be asked, or does not know a name.
    #[error("{path} {why}")]
    Git {
        /// As given.
        path: String,
        /// One line.
        why: String,
    },
    /// The ledger cannot be used at all.
    #[error("the ledger {path}: {why}")]
    Ledger {
        /// The file.
        path: String,
        /// One line, with what to do.
        why: String,
    },
    /// A baseline cannot be used.
    #[error("the baseline {path} {why}")]
    Baseline {
        /// The file.
        path: String,
        /// One line.
        why: String,
    },
    /// No finding has this id.
    #[error("no finding {id} is known here")]
    NoFinding {
        /// As given.
        id: String,
    },
    /// Several findings begin with this.
    #[error("{id} stands for {count} findings; write more of it")]
    Ambiguous {
        /// As given.
        id: String,
        /// How many.
        count: usize,
    },
}

/// Files between two writes to the ledger.
const BATCH: usize = 4096;

/// Built-in rules and those of `config.scan.packs`, with what could not be used.
#[must_use]
pub fn engine(config: &Config) -> (Engine, Vec<PackError>) {
    let mut packs = Packs::builtin();
    for (path, text) in own_packs(config) {
        match text {
            Ok(text) => packs.add(&path.display().to_string(), &text),
            Err(why) => packs.errors.push(PackError { file: path.display().to_string(), rule: None, why }),
        }
    }
    Engine::new(packs)
}

/// Extensions of rule files: our own, and those of other tools.
pub const PACKS: [&str; 3] = ["toml", "yaml", "yml"];

/// The user's packs: files, and every file of directories that is called like one.
fn own_packs(config: &Config) -> Vec<(PathBuf, Result<String, String>)> {
    let mut paths = Vec::new();
    for path in &config.scan.packs {
        let mut below = files::list(path).unwrap_or_else(|| vec![path.clone()]);
        below.retain(|p| p == path || p.extension().is_some_and(|e| PACKS.iter().any(|pack| e == *pack)));
        below.sort();
        paths.extend(below);
    }
    let read = |p: &Path| files::read_rules(p).and_then(|text| text.ok_or_else(|| "is not there".to_owned()));
    let with_text = |path: PathBuf| {
        let text = read(&path);
        (path, text)
    };
    paths.into_iter().map(with_text).collect()
}

/// Examines a home and remembers what was found.
///
/// # Errors
/// When the home cannot be entered. Everything else costs coverage.
pub fn doctor(request: &Request, config: &Config, watch: &Watch) -> Result<Document, Error> {
    let begun = Instant::now();
    let home = &request.home;
    let root = enter(home.root())?;
    let setup = Setup::new(request, config);
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
    let seen = memory.result(&total, whole);
    Ok(setup.document(&seen, &lives, total, request, begun))
}

/// Examines files and directories, and standard input for `-`; remembers nothing.
///
/// # Errors
/// When a path is not there.
pub fn scan(request: &Request, paths: &[PathBuf], config: &Config, watch: &Watch) -> Result<Document, Error> {
    let begun = Instant::now();
    let setup = Setup::new(request, config);
    let scope = setup.scope(request, config, watch, HashMap::new());
    let mut total = Done::default();
    for path in paths {
        if path.as_os_str() == "-" {
            total.ignores.extend(request.stdin.as_deref().map(sweep::ignores_above).unwrap_or_default());
            total.add(sweep::input(&scope, request.stdin.as_deref()));
            continue;
        }
        rustix::fs::stat(path).map_err(|e| Error::Path {
            path: path.display().to_string(),
            why: std::io::Error::from(e).to_string(),
        })?;
        let shown = if path.as_os_str() == "." { String::new() } else { text::path(path) };
        let tilde = request.home.shown(&std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()));
        total.ignores.extend(sweep::ignores_above(path));
        sweep::walk(&scope, path, (&shown, &tilde), &HashSet::new(), Vec::new(), |done| total.add(done));
    }
    Ok(setup.forget(total, request, watch, begun))
}

/// Which versions of files to examine that git keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Versions {
    /// What the next commit would record.
    Staged,
    /// What commits have added that this one does not have.
    Since(String),
    /// Every version of every file.
    History,
}

/// Examines what repositories keep; remembers nothing.
///
/// # Errors
/// When a path is not there or in no repository, or when git does not know the commit.
pub fn scan_git(
    request: &Request,
    paths: &[PathBuf],
    versions: &Versions,
    config: &Config,
    watch: &Watch,
) -> Result<Document, Error> {
    let begun = Instant::now();
    let mut opened = Vec::new();
    for path in paths {
        enter(path)?;
        opened.push((path, Opened::new(path, versions)?));
    }
    let setup = Setup::new(request, config);
    let scope = setup.scope(request, config, watch, HashMap::new());
    let mut total = Done::default();
    for (path, opened) in &opened {
        let top = opened.top(path);
        total.ignores.extend(sweep::ignores_above(&top.join(".git")));
        match opened {
            Opened::Tool(tool, what) => sweep::git::changes(&scope, tool, &what.what(), &top, &mut total),
            Opened::Objects(repository) => {
                let shown = text::path(&top);
                let shown = if shown.is_empty() { "." } else { &shown };
                let tree = repository.tree.as_ref().map(|_| top.as_path());
                let shown = sweep::git::Shown { repository: shown, tree };
                sweep::git::history(&scope, repository, &shown, &mut total);
            }
        }
    }
    Ok(setup.forget(total, request, watch, begun))
}

/// A repository that is ready to be examined.
enum Opened {
    Tool(Tool, Ready),
    Objects(Repository),
}

/// As [`Versions`], with the commit that a name stands for.
enum Ready {
    Staged,
    Since(String),
}

impl Ready {
    fn what(&self) -> sweep::git::What<'_> {
        match self {
            Ready::Staged => sweep::git::What::Staged,
            Ready::Since(id) => sweep::git::What::Since(id),
        }
    }
}

impl Opened {
    fn new(path: &Path, versions: &Versions) -> Result<Opened, Error> {
        let fail = |why: String| Error::Git { path: path.display().to_string(), why };
        let tool = || Tool::open(path).map_err(fail);
        match versions {
            Versions::Staged => Ok(Opened::Tool(tool()?, Ready::Staged)),
            Versions::Since(name) => {
                let tool = tool()?;
                let id = tool.commit(name).ok_or_else(|| fail(format!("knows no commit `{name}`")))?;
                Ok(Opened::Tool(tool, Ready::Since(id)))
            }
            Versions::History => {
                let found =
                    Repository::of(path).ok_or_else(|| fail("is not in a git repository".to_owned()))?;
                Ok(Opened::Objects(found))
            }
        }
    }

    /// The top of the work tree, or the repository itself, as people call it who are at `path`.
    fn top(&self, path: &Path) -> PathBuf {
        let here = if path == Path::new(".") { Path::new("") } else { path };
        match self {
            Opened::Tool(tool, _) => here.join(&tool.up),
            Opened::Objects(repository) => {
                let root = repository.tree.as_ref().unwrap_or(&repository.dir);
                let real = std::fs::canonicalize(path).unwrap_or_default();
                match real.strip_prefix(root) {
                    Ok(below) => below.components().fold(here.to_owned(), |up, _| up.join("..")),
                    Err(_) => root.clone(),
                }
            }
        }
    }
}

/// What a run is set up with.
struct Setup {
    engine: Engine,
    errors: Vec<PackError>,
    ids: Fingerprinter,
    trouble: Trouble,
    machine: Machine,
}

impl Setup {
    fn new(request: &Request, config: &Config) -> Setup {
        let (engine, errors) = engine(config);
        let trouble = Trouble::default();
        let (state, shared) = (request.home.state().to_owned(), Arc::clone(&trouble));
        let ids = Fingerprinter::new(move || key::fetch(&state, &shared))
            .marking(request.baseline.as_ref().map(|b| b.salt));
        Setup { engine, errors, ids, trouble, machine: Machine::new(&request.home) }
    }

    fn scope<'a>(
        &'a self,
        request: &'a Request,
        config: &'a Config,
        watch: &'a Watch,
        remembered: HashMap<String, bool>,
    ) -> Scope<'a> {
        let mut skip = Paths::default();
        let patterns = if request.all { &[][..] } else { &config.scan.skip[..] };
        patterns.iter().for_each(|p| skip.add(p, ()));
        Scope {
            engine: &self.engine,
            ids: &self.ids,
            policy: &config.rules,
            machine: &self.machine,
            home: &request.home,
            watch,
            skip,
            history: 0,
            largest: if request.all { u64::MAX } else { config.scan.max_file_size },
            all: request.all,
            remembered,
            jobs: request.jobs,
        }
    }

    /// The document of a run that is not remembered.
    fn forget(&self, mut total: Done, request: &Request, watch: &Watch, begun: Instant) -> Document {
        if watch.stop.load(Ordering::Relaxed) {
            total.note(Reason::Interrupted, "", None);
        }
        let lives = Ledger::existing(&request.home.ledger())
            .ok()
            .flatten()
            .and_then(|l| l.lives().ok())
            .unwrap_or_default();
        let seen: Vec<Seen> =
            std::mem::take(&mut total.batch.files).into_iter().flat_map(|(_, seen)| seen).collect();
        self.document(&seen, &lives, total, request, begun)
    }

    fn document(
        &self,
        seen: &[Seen],
        lives: &HashMap<FindingId, Life>,
        mut total: Done,
        request: &Request,
        begun: Instant,
    ) -> Document {
        for error in &self.errors {
            total.note(Reason::BadRule, &error.file, Some(text::line(&error.to_string())));
        }
        if let Some(bad) = total.missed.get_mut(&Reason::BadRule) {
            bad.paths.dedup();
        }
        // A gap tells of the first alone; people get all of them.
        let told = self.errors.iter().skip(1).chain(self.engine.notes());
        total.notes.extend(told.map(|e| text::line(&e.to_string())));
        let unusable = |f: &IgnoreFile| {
            f.problems.iter().map(|p| (f.path.clone(), format!("{}: {p}", f.path))).collect::<Vec<_>>()
        };
        for (path, why) in total.ignores.iter().flat_map(unusable).collect::<Vec<_>>() {
            total.note(Reason::Unparsable, &path, Some(why));
        }
        let mut records = Frame::new(&self.engine, lives, text::now()).records(seen);
        let (ignored, unused_ignores) = document::silence(&mut records, &total.ignores, &request.today);
        let (entries, baselined) = match &request.baseline {
            Some(baseline) => baseline::apply(baseline, &mut records, &self.ids.marks(), request.jobs),
            None => (BTreeSet::new(), 0),
        };
        let summary = Summary {
            ignored,
            baselined,
            entries,
            unused_ignores,
            silenced: total.silenced,
            files: total.files,
            unchanged: total.unchanged,
            bytes: total.bytes,
            notes: total.notes,
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..Summary::default()
        };
        document::document(records, document::coverage(total.missed), summary)
    }
}

/// Device and inode of a directory that can be entered.
fn enter(path: &Path) -> Result<(u64, u64), Error> {
    let fail = |e: rustix::io::Errno| Error::Path {
        path: path.display().to_string(),
        why: std::io::Error::from(e).to_string(),
    };
    let stat = files::open_root(path).and_then(rustix::fs::fstat).map_err(fail)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// Changes with anything that may change a verdict about an unchanged file.
pub(crate) fn version(config: &Config) -> String {
    let mut parts = toml::to_string(config).unwrap_or_default();
    for (path, pack) in own_packs(config) {
        parts.push_str(&path.display().to_string());
        parts.push_str(&pack.unwrap_or_else(|e| e));
    }
    // The program itself: rules are compiled in.
    if let Ok(exe) = rustix::fs::stat("/proc/self/exe") {
        parts.push_str(&format!("{} {} {} {}", exe.st_ino, exe.st_size, exe.st_mtime, exe.st_mtime_nsec));
    }
    text::hex(&text::digest(parts.as_bytes())[..16])
}

fn ledger_error(home: &Home, e: &LedgerError) -> Error {
    Error::Ledger { path: home.shown(&home.ledger()), why: e.to_string() }
}

/// What the ledger knows of a home without looking again: every finding, resolved ones too.
///
/// # Errors
/// When the ledger cannot be read.
pub fn known(home: &Home, engine: &Engine) -> Result<Vec<Record>, Error> {
    let Some(ledger) = Ledger::existing(&home.ledger()).map_err(|e| ledger_error(home, &e))? else {
        return Ok(Vec::new());
    };
    let read = || Ok((ledger.lives()?, [ledger.seen()?, ledger.gone()?].concat()));
    let (lives, seen) = read().map_err(|e| ledger_error(home, &e))?;
    Ok(Frame::new(engine, &lives, text::now()).records(&seen))
}

/// The finding that an id (or the beginning of one, with or without `F-`) stands for.
///
/// # Errors
/// When there is none, or several.
pub fn find(home: &Home, engine: &Engine, id: &str) -> Result<Record, Error> {
    let want = id.to_ascii_uppercase();
    let want = want.strip_prefix("F-").unwrap_or(&want);
    let mut hits: Vec<Record> =
        known(home, engine)?.into_iter().filter(|r| r.id[2..].starts_with(want)).collect();
    match (hits.len(), want.is_empty()) {
        (1, _) => Ok(hits.remove(0)),
        (0, _) | (_, true) => Err(Error::NoFinding { id: id.to_owned() }),
        (count, false) => Err(Error::Ambiguous { id: id.to_owned(), count }),
    }
}

/// Decides to live with a finding (`Some((reason, until))`, seconds since 1970), or takes that back. Returns it as it
/// is now.
///
/// # Errors
/// When there is no such finding, or the ledger cannot be written.
pub fn decide(
    home: &Home,
    engine: &Engine,
    id: &str,
    decision: Option<(&str, Option<i64>)>,
) -> Result<Record, Error> {
    let mut record = find(home, engine, id)?;
    let write = || -> Result<(), LedgerError> {
        let (ledger, _) = Ledger::open(&home.ledger())?;
        let full = ledger.lives()?.into_keys().find(|k| k.short() == record.id);
        full.map_or(Ok(()), |k| ledger.ignore(&k, decision, text::now()))
    };
    write().map_err(|e| ledger_error(home, &e))?;
    record.state = match decision {
        Some((reason, until)) => State::Ignored { reason: reason.to_owned(), until },
        None => State::Open,
    };
    Ok(record)
}
