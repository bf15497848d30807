//! What a run is set up with: rules, the key of ids, the machine; and what its results are turned into.

use crate::baseline;
use crate::config::Config;
use crate::document::{self, Frame};
use crate::examine::Request;
use crate::indicators;
use crate::key::{self, Trouble};
use crate::ledger::{Ledger, Life, Seen};
use crate::machine::facts::Machine;
use crate::machine::files;
use crate::progress::Watch;
use crate::record::{Document, Reason, Summary};
use crate::sweep::{Done, Scope};
use crate::text;
use lapwing_rules::engine::Engine;
use lapwing_rules::fingerprint::{FindingId, Fingerprinter};
use lapwing_rules::ignore::IgnoreFile;
use lapwing_rules::pack::{PackError, Packs};
use lapwing_rules::place::Paths;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Built-in rules and those of `config.scan.packs`, with what could not be used.
#[must_use]
pub fn engine(config: &Config) -> (Engine, Vec<PackError>) {
    let (machine, unread): (Vec<_>, Vec<_>) =
        indicators::packs(Path::new(indicators::MACHINE)).into_iter().partition(|(_, text)| text.is_ok());
    let named = |(path, text): (PathBuf, Result<String, String>)| {
        (path.display().to_string(), text.unwrap_or_else(|why| why))
    };
    let mut packs = Packs::builtin_under(&machine.into_iter().map(named).collect::<Vec<_>>());
    let unread = unread.into_iter().map(named);
    packs.errors.extend(unread.map(|(file, why)| PackError { file, rule: None, why }));
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

/// What a run is set up with.
pub(crate) struct Setup {
    pub(crate) engine: Engine,
    pub(crate) errors: Vec<PackError>,
    pub(crate) ids: Fingerprinter,
    pub(crate) trouble: Trouble,
    pub(crate) machine: Machine,
}

impl Setup {
    pub(crate) fn new(request: &Request, config: &Config) -> Setup {
        let (engine, errors) = engine(config);
        let trouble = Trouble::default();
        let (state, shared) = (request.home.state().to_owned(), Arc::clone(&trouble));
        let ask = !request.agent;
        let ids = Fingerprinter::new(move || key::fetch(&state, &shared, ask))
            .marking(request.baseline.as_ref().map(|b| b.salt));
        Setup { engine, errors, ids, trouble, machine: Machine::new(&request.home) }
    }

    pub(crate) fn scope<'a>(
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
            survey: request.agent,
        }
    }

    /// The document of a run that is not remembered.
    pub(crate) fn forget(
        &self,
        mut total: Done,
        request: &Request,
        watch: &Watch,
        begun: Instant,
    ) -> Document {
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

    /// The document of what was seen.
    pub(crate) fn document(
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

/// Changes with anything that may change a verdict about an unchanged file.
pub(crate) fn version(config: &Config) -> String {
    let mut parts = toml::to_string(config).unwrap_or_default();
    for (path, pack) in own_packs(config).into_iter().chain(indicators::packs(Path::new(indicators::MACHINE)))
    {
        parts.push_str(&path.display().to_string());
        parts.push_str(&pack.unwrap_or_else(|e| e));
    }
    // The agent and the command line are two programs with the same rules, and believe each other.
    parts.push_str(env!("LAPWING_SOURCES"));
    text::hex(&text::digest(parts.as_bytes())[..16])
}
