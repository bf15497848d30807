//! The agent's front door: examine a home or some paths, and answer what is known.

use crate::config::Config;
use crate::document::Frame;
use crate::home::Home;
use crate::ledger::{Ledger, LedgerError};
use crate::machine::git::Repository;
use crate::machine::git::tool::Tool;
use crate::progress::Watch;
use crate::record::{Document, Record, State};
use crate::setup::Setup;
pub use crate::setup::{PACKS, engine};
use crate::sweep::{self, Done};
use crate::text;
use crate::whole;
use lapwing_rules::baseline::Baseline;
use lapwing_rules::engine::Engine;
use lapwing_rules::fingerprint::FindingId;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
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
    /// For the agent: tell which directories were met, to be watched, and ask nothing of the user.
    pub agent: bool,
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

/// Examines a home and remembers what was found.
///
/// # Errors
/// When the home cannot be entered. Everything else costs coverage.
pub fn doctor(request: &Request, config: &Config, watch: &Watch) -> Result<Document, Error> {
    let setup = Setup::new(request, config);
    whole::home(&setup, request, config, watch).map(|pass| pass.document)
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
        whole::enter(path)?;
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

/// Notes that findings (`F-…`) were mended, so that one which comes back again and again is told as what it is; or, with
/// `done` false, that the user has taken that back.
///
/// # Errors
/// When the ledger cannot be written.
pub fn mended(home: &Home, ids: &[String], done: bool) -> Result<(), Error> {
    let write = || -> Result<(), LedgerError> {
        let Some(mut ledger) = Ledger::existing(&home.ledger())? else { return Ok(()) };
        let known = ledger.lives()?.into_keys();
        let ours: Vec<_> = known.filter(|id| ids.contains(&id.short())).collect();
        ledger.mended(&ours, done, text::now())
    };
    write().map_err(|e| ledger_error(home, &e))
}

/// How often findings have come back after they were mended; those that never did are left out.
///
/// # Errors
/// When the ledger cannot be read.
pub fn returns(home: &Home) -> Result<HashMap<FindingId, u32>, Error> {
    let read = || Ledger::existing(&home.ledger())?.map_or_else(|| Ok(HashMap::new()), |l| l.returns(0));
    read().map_err(|e| ledger_error(home, &e))
}

/// Notes that a credential was replaced (`true`), or takes that back. Returns its finding.
///
/// # Errors
/// When there is no such finding, or the ledger cannot be written.
pub fn rotate(home: &Home, engine: &Engine, id: &str, done: bool) -> Result<Record, Error> {
    let record = find(home, engine, id)?;
    let write = || -> Result<(), LedgerError> {
        let (ledger, _) = Ledger::open(&home.ledger())?;
        let full = ledger.lives()?.into_keys().find(|k| k.short() == record.id);
        full.map_or(Ok(()), |k| ledger.rotate(&k, done.then(text::now)))
    };
    write().map_err(|e| ledger_error(home, &e))?;
    Ok(record)
}

/// When the credential of a finding (`F-…`) was replaced, seconds since 1970.
///
/// # Errors
/// When the ledger cannot be read.
pub fn rotated(home: &Home, id: &str) -> Result<Option<i64>, Error> {
    let read = || -> Result<Option<i64>, LedgerError> {
        let Some(ledger) = Ledger::existing(&home.ledger())? else { return Ok(None) };
        match ledger.lives()?.into_keys().find(|k| k.short() == id) {
            Some(full) => ledger.rotated(&full),
            None => Ok(None),
        }
    };
    read().map_err(|e| ledger_error(home, &e))
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
