//! Indicators of compromise: what known worms leave on a machine. Data (`packs/indicators/*.toml`), so that a new campaign
//! needs no new program: files that lie there, units of the user's service manager, programs that run, and what they write
//! into files of others.
//!
//! They matter beyond being findings. Some of these worms wipe the home when the token that they stole stops working, so
//! while one is open nothing may be mended that takes a credential away ([`crate::fix::refuse`]).

mod judge;
mod programs;
mod spec;
mod spread;

use crate::facts::{Fact, Facts, FileKind, Program};
use crate::finding::Problem;
use crate::place::{Paths, wild};
use crate::rule::Page;
use regex::bytes::Regex;
use std::sync::Arc;

pub use programs::runs;
pub use spec::{Content, Example, IndicatorSpec};
use spread::spread;

/// Where something is that runs and is in no file.
pub const PROCESSES: &str = "(processes)";
/// Every rule of this kind is called so.
pub const PREFIX: &str = "ioc.";

/// Directories in which a user's service manager looks for units that somebody other than the distribution put there.
const UNITS: &[&str] = &["~/.config/systemd/user", "~/.local/share/systemd/user", "/etc/systemd/user"];

/// One indicator, compiled.
pub(crate) struct Indicator {
    pub(crate) page: Arc<Page>,
    pub(crate) spec: IndicatorSpec,
    /// In the order of `spec.contents`.
    contents: Vec<Regex>,
}

/// All indicators.
#[derive(Default)]
pub(crate) struct Indicators {
    pub(crate) all: Vec<Indicator>,
    /// Path patterns, to ask of every file that a walk meets.
    paths: Paths<()>,
}

/// Something of an indicator that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trace {
    /// A file or directory that only the worm makes.
    File(String),
    /// A file of others into which it writes.
    Content(String),
    /// A unit, by the file that makes it one.
    Unit {
        /// `name.service`.
        unit: String,
        /// The file, or the link that switches it on.
        path: String,
    },
    /// A program that runs.
    Program {
        /// As in the pack.
        name: String,
        /// Process id.
        id: u32,
    },
}

impl Trace {
    /// The path at which it is seen.
    pub(crate) fn path(&self) -> &str {
        match self {
            Trace::File(path) | Trace::Content(path) | Trace::Unit { path, .. } => path,
            Trace::Program { .. } => PROCESSES,
        }
    }

    /// What it is, for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Trace::File(_) => "file".to_owned(),
            Trace::Content(_) => "content of a file".to_owned(),
            Trace::Unit { unit, .. } => format!("unit {unit}"),
            Trace::Program { name, id } => format!("{name} runs as process {id}"),
        }
    }
}

impl Indicators {
    /// Compiles; what cannot be used is named.
    pub(crate) fn new(specs: Vec<(Page, IndicatorSpec)>) -> (Indicators, Vec<(String, String)>) {
        let (mut all, mut errors) = (Indicators::default(), Vec::new());
        for (page, spec) in specs {
            match Indicator::new(page, spec) {
                Ok(one) => all.add(one),
                Err(e) => errors.push(e),
            }
        }
        (all, errors)
    }

    fn add(&mut self, one: Indicator) {
        one.patterns().for_each(|pattern| self.paths.add(&pattern, ()));
        self.all.push(one);
    }

    /// Whether a path may be a trace of any: one look-up, for every file of a disk.
    pub(crate) fn may_be(&self, path: &str) -> bool {
        self.paths.find(path).is_some()
    }
}

impl Indicator {
    fn new(page: Page, spec: IndicatorSpec) -> Result<Indicator, (String, String)> {
        let fail = |why: String| (page.id.clone(), why);
        if !page.id.starts_with(PREFIX) {
            return Err(fail(format!("field `id`: an indicator's begins with `{PREFIX}`")));
        }
        if spec.paths.is_empty()
            && spec.units.is_empty()
            && spec.programs.is_empty()
            && spec.contents.is_empty()
        {
            return Err(fail("give `paths`, `units`, `programs` or `contents`".to_owned()));
        }
        if let Some(path) =
            spec.patterns().find(|p| !["~/", "/", "**/"].iter().any(|start| p.starts_with(start)))
        {
            return Err(fail(format!("path `{path}`: begin it with `~/`, `/` or `**/`")));
        }
        let compile = |c: &Content| Regex::new(&c.matches);
        let contents: Result<Vec<Regex>, _> = spec.contents.iter().map(compile).collect();
        match contents {
            Ok(contents) => Ok(Indicator { page: Arc::new(page), spec, contents }),
            Err(e) => Err(fail(format!("field `matches`: {}", last_line(&e.to_string())))),
        }
    }

    /// Every path pattern at which something of it may lie.
    fn patterns(&self) -> impl Iterator<Item = String> + '_ {
        let units = self.spec.units.iter().flat_map(|unit| {
            UNITS.iter().flat_map(move |dir| [format!("{dir}/{unit}"), format!("{dir}/*/{unit}")])
        });
        self.spec.patterns().map(str::to_owned).chain(units)
    }

    /// Whether it has struck this home, and does not only lie in a project.
    pub(crate) fn at_home(&self, trace: &Trace) -> bool {
        match trace {
            Trace::File(path) | Trace::Content(path) => {
                self.spec.patterns().any(|p| !p.starts_with("**/") && matches(p, path))
            }
            Trace::Unit { .. } | Trace::Program { .. } => true,
        }
    }

    /// What of it is there, where it has a path of its own or is among what runs, and what could not be looked at.
    pub(crate) fn traces(
        &self,
        facts: &dyn Facts,
        running: &Fact<Vec<Program>>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Trace> {
        let mut found = self.units(facts, problems);
        for pattern in own(&self.spec.paths) {
            let there = spread(pattern, facts, problems).into_iter().filter(|p| is_there(p, facts, problems));
            found.extend(there.map(Trace::File).collect::<Vec<_>>());
        }
        for (content, regex) in self.spec.contents.iter().zip(&self.contents) {
            for path in own(&content.paths).flat_map(|p| spread(p, facts, problems)).collect::<Vec<_>>() {
                if holds(&path, regex, facts, problems) {
                    found.push(Trace::Content(path));
                }
            }
        }
        found.extend(self.programs(running, problems));
        found
    }

    /// What of it lies at a path that a walk has met.
    pub(crate) fn trace_at(
        &self,
        path: &str,
        facts: &dyn Facts,
        problems: &mut Vec<Problem>,
    ) -> Option<Trace> {
        if self.spec.paths.iter().any(|p| matches(p, path)) {
            return is_there(path, facts, problems).then(|| Trace::File(path.to_owned()));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        if let Some(unit) = self.spec.units.iter().find(|unit| wild(unit, name))
            && UNITS.iter().any(|dir| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/')))
        {
            let unit = unit.clone();
            return is_there(path, facts, problems).then(|| Trace::Unit { unit, path: path.to_owned() });
        }
        let mut contents = self.spec.contents.iter().zip(&self.contents);
        contents
            .any(|(c, regex)| c.paths.iter().any(|p| matches(p, path)) && holds(path, regex, facts, problems))
            .then(|| Trace::Content(path.to_owned()))
    }

    /// Unit files, and the links that switch units on: those may lead nowhere.
    fn units(&self, facts: &dyn Facts, problems: &mut Vec<Problem>) -> Vec<Trace> {
        let mut found = Vec::new();
        if self.spec.units.is_empty() {
            return found;
        }
        for dir in UNITS {
            let Some(names) = list(dir, facts, problems) else { continue };
            for name in names {
                let inside = format!("{dir}/{name}");
                let links = if name.ends_with(".wants") || name.ends_with(".requires") {
                    list(&inside, facts, problems).unwrap_or_default()
                } else {
                    Vec::new()
                };
                let below = links.into_iter().map(|link| (format!("{inside}/{link}"), link));
                let mut paths: Vec<(String, String)> = below.collect();
                paths.push((inside, name));
                paths.retain(|(_, name)| self.spec.units.iter().any(|unit| wild(unit, name)));
                found.extend(paths.into_iter().map(|(path, unit)| Trace::Unit { unit, path }));
            }
        }
        found
    }

    fn programs(&self, running: &Fact<Vec<Program>>, problems: &mut Vec<Problem>) -> Vec<Trace> {
        if self.spec.programs.is_empty() {
            return Vec::new();
        }
        let running = match running {
            Fact::Known(running) => running,
            Fact::Absent => return Vec::new(),
            Fact::Unknown(why) => {
                note(problems, PROCESSES, why.clone());
                return Vec::new();
            }
        };
        let named = |id: u32, argv: &[String]| {
            let name = self.spec.programs.iter().find(|name| runs(argv, name))?;
            Some(Trace::Program { name: name.clone(), id })
        };
        running.iter().filter_map(|p| named(p.id, &p.argv)).collect()
    }
}

impl IndicatorSpec {
    /// Path patterns as written.
    fn patterns(&self) -> impl Iterator<Item = &str> {
        let contents = self.contents.iter().flat_map(|c| &c.paths);
        self.paths.iter().chain(contents).map(String::as_str)
    }
}

impl Example {
    /// The example as a home.
    pub(crate) fn home(&self, rule: &str) -> crate::testing::Home {
        let files = self.files.iter().fold(crate::testing::Home::default(), |home, (path, text)| {
            home.file(path, &crate::testing::fill(text, rule))
        });
        self.programs.iter().fold(files, |home, line| home.running(line))
    }
}

/// Patterns that begin in the home or at the root: the others are for walks.
fn own(patterns: &[String]) -> impl Iterator<Item = &str> {
    patterns.iter().map(String::as_str).filter(|p| !p.starts_with("**/"))
}

/// `**` stands only at the beginning.
fn matches(pattern: &str, path: &str) -> bool {
    let mut paths = Paths::default();
    paths.add(pattern, ());
    paths.find(path).is_some()
}

fn is_there(path: &str, facts: &dyn Facts, problems: &mut Vec<Problem>) -> bool {
    match facts.stat(path) {
        Fact::Known(_) => true,
        Fact::Absent => false,
        Fact::Unknown(why) => {
            note(problems, path, why);
            false
        }
    }
}

fn holds(path: &str, regex: &Regex, facts: &dyn Facts, problems: &mut Vec<Problem>) -> bool {
    // A pipe or a socket of that name holds nothing, and would be waited for.
    if facts.stat(path).known().is_some_and(|meta| meta.kind != FileKind::File) {
        return false;
    }
    match facts.read(path) {
        Fact::Known(bytes) => regex.is_match(&bytes),
        // What cannot be read in the home is told by the walk, which meets every file.
        Fact::Unknown(_) if path.starts_with("~/") => false,
        Fact::Absent => false,
        Fact::Unknown(why) => {
            note(problems, path, why);
            false
        }
    }
}

fn list(dir: &str, facts: &dyn Facts, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    match facts.list(dir) {
        Fact::Known(names) => Some(names),
        Fact::Absent => None,
        Fact::Unknown(why) => {
            note(problems, dir, why);
            None
        }
    }
}

/// Several indicators look at the same directories: each is told of once.
fn note(problems: &mut Vec<Problem>, what: &str, why: String) {
    let problem = Problem { what: what.to_owned(), why };
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn last_line(text: &str) -> &str {
    text.trim_end().rsplit('\n').next().unwrap_or(text)
}

#[cfg(test)]
mod tests;
