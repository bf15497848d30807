//! What would mend findings: files read afresh, plans, and what must still be true of each file when a plan is applied.
//! Nothing is written here.

mod large;
mod left;

use crate::config::Config;
use crate::examine::{self, Error};
use crate::home::Home;
use crate::key::{self, Trouble};
use crate::ledger::Seen;
use crate::machine::cells::{self, Content};
use crate::machine::facts::Machine;
use crate::machine::files::{self, Buffer};
use crate::machine::sqlite;
use crate::memory::Memory;
use crate::progress::Watch;
use crate::record::Reason;
use crate::setup;
use crate::sweep::database::{dress, inside};
use crate::sweep::{self, Done, Scope};
use crate::unpack::Kind;
use lapwing_rules::cx::Cx;
use lapwing_rules::engine::{ENVIRONMENT, Engine, READABLE};
use lapwing_rules::finding::Problem;
use lapwing_rules::fingerprint::{FindingId, Fingerprinter};
use lapwing_rules::fix::cells::Cells;
use lapwing_rules::fix::plan::{Edit, Step};
use lapwing_rules::fix::planner::Planned;
use lapwing_rules::place::Paths;
use lapwing_rules::target::Target;
use left::Left;
use rustix::fs::{FileType, Stat};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes read at once of a file that is not read whole.
const WINDOW: usize = 1 << 20;

/// A finding that is to be mended, as the ledger or a run knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// `F-7K3Q2MAB`.
    pub id: String,
    /// The file it was seen in, as it is shown: `~/…`, or absolute.
    pub path: String,
}

/// What must still be true of a file when a step is applied to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guard {
    /// Where it is, every link on the way resolved.
    pub real: PathBuf,
    /// The path of the step leads there by a link.
    pub linked: bool,
    /// It is a directory.
    pub directory: bool,
    /// Device and inode.
    pub inode: (u64, u64),
    /// The twelve permission bits.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Length in bytes.
    pub size: u64,
    /// How many names it has.
    pub names: u64,
}

/// Plans for findings, and the files that they change.
#[derive(Default)]
pub struct Plans {
    /// A finding that stands in several files has a plan for each.
    pub plans: Vec<Planned>,
    /// The state of each file and directory that a step names, by the step's path; none of what is not there.
    pub guards: BTreeMap<String, Guard>,
    /// Wanted findings that are not there any more, as far as their files could be read.
    pub gone: Vec<Wanted>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// What planning takes, made once.
pub struct Workshop {
    home: Home,
    engine: Engine,
    ids: Fingerprinter,
    config: Config,
    machine: Machine,
    trouble: Trouble,
    left: RefCell<Option<Left>>,
}

impl Workshop {
    /// With the rules and the policy of a configuration.
    #[must_use]
    pub fn new(home: &Home, config: &Config) -> Workshop {
        let trouble = Trouble::default();
        let (state, shared) = (home.state().to_owned(), Arc::clone(&trouble));
        let ids = Fingerprinter::new(move || key::fetch(&state, &shared, true));
        Workshop::with(home, config, ids, trouble)
    }

    fn with(home: &Home, config: &Config, ids: Fingerprinter, trouble: Trouble) -> Workshop {
        let (engine, machine) = (examine::engine(config).0, Machine::new(home));
        Workshop {
            home: home.clone(),
            engine,
            ids,
            config: config.clone(),
            machine,
            trouble,
            left: RefCell::default(),
        }
    }

    /// The rules.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Why ids are not those of other runs, if they are not.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.get().map(String::as_str)
    }

    /// Plans for these findings, from files read now.
    #[must_use]
    pub fn plans(&self, wanted: &[Wanted]) -> Plans {
        let mut out = Plans::default();
        let ids: BTreeSet<&str> = wanted.iter().map(|w| w.id.as_str()).collect();
        let paths: BTreeSet<&str> = wanted.iter().map(|w| w.path.as_str()).collect();
        let mut met = BTreeSet::new();
        for path in paths {
            self.add(path, &ids, &mut met, &mut out);
        }
        let missing = |out: &Plans| {
            let there = |w: &&Wanted| !out.plans.iter().any(|(finding, _)| finding.id.short() == w.id);
            wanted.iter().filter(there).cloned().collect::<Vec<_>>()
        };
        if !missing(&out).is_empty() {
            _ = keep(self.engine.plans_home(&self.cx()), &ids, &mut out);
        }
        // What an included file sets is found through the file that includes it.
        if !missing(&out).is_empty() {
            for path in self.including() {
                self.add(&path, &ids, &mut met, &mut out);
            }
        }
        for wanted in missing(&out) {
            if out.problems.iter().any(|problem| problem.what == wanted.path) {
                continue;
            }
            match self.elsewhere(&wanted.path) {
                Some(why) => out.problems.push(Problem { what: wanted.path, why: why.to_owned() }),
                None => out.gone.push(wanted),
            }
        }
        self.guard(&mut out);
        out
    }

    /// The plans of one file, whichever findings they are for.
    #[must_use]
    pub fn file(&self, path: &str) -> Plans {
        let mut out = Plans::default();
        match self.read(path) {
            Ok(plans) => out.plans = plans,
            Err(why) => out.problems.push(Problem { what: path.to_owned(), why }),
        }
        self.guard(&mut out);
        out
    }

    /// A file's text as people may see it: every secret masked.
    #[must_use]
    pub fn hide(&self, path: &str, bytes: &[u8]) -> Vec<u8> {
        let place = self.engine.places().classify(path);
        self.engine.hide(&Target { path, place, bytes, meta: None }, &self.cx())
    }

    /// The ids of what would be found in a file of these bytes: for looking at new content before it takes a file's place.
    #[must_use]
    pub fn judge(&self, path: &str, bytes: &[u8], stat: &Stat) -> Vec<FindingId> {
        let place = self.engine.places().classify(path);
        let target = Target { path, place, bytes, meta: Some(self.machine.meta(stat)) };
        self.engine.scan(&target, &self.cx()).findings.into_iter().map(|f| f.id).collect()
    }

    /// As [`Workshop::judge`], for a file that is not read whole, of this length after these edits: only the secrets that
    /// begin where an edit may have changed something. Leaves the file at another position.
    ///
    /// # Errors
    /// What reading says.
    pub fn judge_edited(
        &self,
        path: &str,
        file: BorrowedFd<'_>,
        length: usize,
        edits: &[Edit],
    ) -> Result<Vec<FindingId>, String> {
        large::judge(&self.engine, path, (file, length), edits, &self.cx())
    }

    /// Looks at files and at the machine as a whole again, and remembers what is there now: paths, each with the findings of
    /// which it is known already that they are in it no more. A file with such that is not read whole is not read again now.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn remember(&self, touched: &BTreeMap<String, Vec<FindingId>>) -> Result<(), Error> {
        let mut memory = Memory::open(&self.home, &setup::version(&self.config));
        let watch = Watch::default();
        let scope = Scope {
            engine: &self.engine,
            ids: &self.ids,
            policy: &self.config.rules,
            machine: &self.machine,
            home: &self.home,
            watch: &watch,
            skip: Paths::default(),
            history: 0,
            largest: u64::MAX,
            all: true,
            remembered: memory.remembered(),
            jobs: 1,
            survey: false,
        };
        // Files that include others come last: what is known of those through them outlives their own.
        for (path, mended) in touched {
            let mut done = Done::default();
            match self.rest(&memory, path, mended) {
                Some(rest) => done.file(&scope, path, rest),
                None => done = sweep::again(&scope, path),
            }
            memory.commit(&mut done, &self.trouble);
        }
        for path in self.including() {
            let mut done = sweep::again(&scope, &path);
            memory.commit(&mut done, &self.trouble);
        }
        let mut done = sweep::machine(&scope);
        memory.commit(&mut done, &self.trouble);
        memory.close(true, &mut done, &self.trouble);
        match done.missed.remove(&Reason::Ledger).and_then(|missed| missed.why) {
            Some(why) => Err(Error::Ledger { path: self.home.shown(&self.home.ledger()), why }),
            None => Ok(()),
        }
    }

    /// What is remembered of a large file but for what was mended in it. What lies behind that has moved: where to is told by
    /// the next look, which comes because the file has changed.
    fn rest(&self, memory: &Memory, path: &str, mended: &[FindingId]) -> Option<Vec<Seen>> {
        let large = self.find(path).is_some_and(|(_, stat)| large::is(&stat));
        if !large || mended.is_empty() {
            return None;
        }
        let mut seen = memory.seen_in(path).filter(|s| !mended.contains(&s.id)).cloned().collect::<Vec<_>>();
        seen.iter_mut().for_each(|s| s.at.span = None);
        Some(seen)
    }

    fn cx(&self) -> Cx<'_> {
        Cx { ids: &self.ids, facts: &self.machine, policy: &self.config.rules }
    }

    /// Plans a file once, and keeps what is wanted.
    fn add(&self, path: &str, ids: &BTreeSet<&str>, met: &mut BTreeSet<String>, out: &mut Plans) {
        if !met.insert(path.to_owned()) {
            return;
        }
        let stat = self.find(path).map(|(_, stat)| stat);
        let left = &mut *self.left.borrow_mut();
        if let Some(plans) = stat.and_then(|stat| left.as_mut()?.take(path, &stat, ids)) {
            return out.plans.extend(plans);
        }
        match self.read(path) {
            Ok(plans) => {
                let rest = keep(plans, ids, out);
                if let Some(stat) = stat.filter(large::is) {
                    *left = Some(Left::new(path, &stat, ids, rest));
                }
            }
            Err(why) => out.problems.push(Problem { what: path.to_owned(), why }),
        }
    }

    /// Configuration files with a path of their own that may include others.
    fn including(&self) -> Vec<String> {
        let includes = |reader: Option<&str>| matches!(reader, Some("gitconfig" | "ssh_config"));
        let places = self.engine.places().all().iter().filter(|p| includes(p.reader.as_deref()));
        let paths = places.flat_map(|p| &p.paths).filter(|p| !p.contains('*'));
        paths.filter(|p| rustix::fs::stat(self.home.path(p)).is_ok()).cloned().collect()
    }

    /// Why what was found at a path is in no file that could be changed.
    fn elsewhere(&self, path: &str) -> Option<&'static str> {
        if path.starts_with('(') && path != ENVIRONMENT {
            return Some(
                "a program that runs holds it, not a file: end the program, and change what starts it",
            );
        }
        let repository = |dir: &Path| dir.join(".git").exists() || dir.join("HEAD").exists();
        let (real, stat) = self.find(path)?;
        let history = files::kind(&stat) == FileType::Directory && repository(&real);
        history.then_some(
            "it stands in the history of a repository: replace the credential, then rewrite the history",
        )
    }

    /// Opens a file, links followed as its own tool would; `None` for what is no regular file.
    fn open(&self, path: &str) -> Result<Option<(OwnedFd, Stat)>, String> {
        let Some((real, stat)) = self.find(path) else { return Ok(None) };
        if files::kind(&stat) != FileType::RegularFile {
            return Ok(None);
        }
        match files::open_path(&real, &stat) {
            Ok(fd) => Ok(Some((fd, stat))),
            Err(reason) => Err(say(reason)),
        }
    }

    /// Where a path leads, and what is there.
    fn find(&self, path: &str) -> Option<(PathBuf, Stat)> {
        let real = std::fs::canonicalize(self.home.path(path)).ok()?;
        let stat = rustix::fs::lstat(&real).ok()?;
        Some((real, stat))
    }

    fn read(&self, path: &str) -> Result<Vec<Planned>, String> {
        let Some((fd, stat)) = self.open(path)? else { return Ok(Vec::new()) };
        let place = self.engine.places().classify(path);
        let mut buffer = Buffer::new();
        let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        let ended = buffer.fill(&fd, READABLE.min(size) + 1).map_err(say)?;
        if buffer.get().starts_with(sqlite::MAGIC) {
            return self.database(path);
        }
        if Kind::of(buffer.get()).is_some() {
            return Err("it is packed: unpack it, mend what is in it, and pack it again".to_owned());
        }
        if ended {
            let meta = Some(self.machine.meta(&stat));
            let target = Target { path, place, bytes: buffer.get(), meta };
            return Ok(self.engine.plans(&target, &self.cx()));
        }
        let file = large::File { real: self.find(path).ok_or("it went away")?.0, stat };
        large::plans(&self.engine, path, &file, &self.cx())
    }

    /// A database: its cells, each by itself.
    fn database(&self, path: &str) -> Result<Vec<Planned>, String> {
        let (real, _) = self.find(path).ok_or("it went away")?;
        let place = self.engine.places().classify(path);
        let mut found = Cells::new(&self.engine, path, place);
        let read = cells::each(&real, &mut |cell| {
            let (bytes, text) = match cell.content {
                Content::Text(bytes) => (bytes, true),
                Content::Blob(bytes) => (bytes, false),
                // What is too long to be a row that somebody typed is no record of one.
                Content::Long(_) | Content::TooLong(_) => return ControlFlow::Continue(()),
            };
            let mut dressed = Zeroizing::new(Vec::new());
            dress(&cell, bytes, text, &mut dressed);
            found.cell(&dressed, &inside(&cell), &self.cx());
            ControlFlow::Continue(())
        });
        read.map_err(|why| format!("rows could not be read: {why}"))?;
        Ok(found.plans())
    }

    fn guard(&self, out: &mut Plans) {
        let paths = out.plans.iter().flat_map(|(_, plan)| &plan.steps).filter_map(Step::path);
        for path in paths {
            if let (false, Some((real, stat))) = (out.guards.contains_key(path), self.find(path)) {
                let guard = guard(real, &stat, &self.home.path(path));
                out.guards.insert(path.to_owned(), guard);
            }
        }
    }
}

fn guard(real: PathBuf, stat: &Stat, named: &Path) -> Guard {
    Guard {
        linked: real != named,
        real,
        directory: files::kind(stat) == FileType::Directory,
        inode: (stat.st_dev, stat.st_ino),
        mode: stat.st_mode & 0o7777,
        owner: (stat.st_uid, stat.st_gid),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        names: wide(stat),
    }
}

#[allow(clippy::useless_conversion, reason = "its width depends on the machine")]
fn wide(stat: &Stat) -> u64 {
    u64::from(stat.st_nlink)
}

/// Keeps what is wanted, and gives back the rest.
fn keep(plans: Vec<Planned>, ids: &BTreeSet<&str>, out: &mut Plans) -> Vec<Planned> {
    let (wanted, rest): (Vec<_>, Vec<_>) =
        plans.into_iter().partition(|(finding, _)| ids.contains(&*finding.id.short()));
    out.plans.extend(wanted);
    rest
}

fn say(reason: Reason) -> String {
    match reason {
        Reason::Vanished => "it went away or became another file while it was opened".to_owned(),
        _ => "it cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests;
