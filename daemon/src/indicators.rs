//! Indicators of compromise, looked at afresh: what every fix asks before it takes a credential away. And the packs of the
//! machine's administrator, who need not wait for a new version of this program.

use crate::config::Config;
use crate::examine;
use crate::home::Home;
use crate::key::{self, Trouble};
use crate::machine::facts::Machine;
use crate::machine::files;
use crate::record::State;
use lapwing_rules::cx::Cx;
use lapwing_rules::engine::Engine;
use lapwing_rules::facts::{Fact, Facts, Program};
use lapwing_rules::finding::{Finding, Problem};
use lapwing_rules::fingerprint::Fingerprinter;
use lapwing_rules::fix::refuse::Open;
use lapwing_rules::indicators::PREFIX;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Packs of the machine's administrator. A file of the same name as a built-in one replaces it, an indicator of the same id too.
pub const MACHINE: &str = "/etc/lapwing/indicators.d";

/// What was looked for and found.
#[derive(Default)]
pub struct Looked {
    /// There, and nobody has decided to live with it: one each.
    pub open: Vec<Open>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

/// Looks for every indicator now: those with a path of their own, what runs, and those that earlier runs have met in projects.
#[must_use]
pub fn look(home: &Home, engine: &Engine, config: &Config) -> Looked {
    let trouble = Trouble::default();
    let (state, shared) = (home.state().to_owned(), Arc::clone(&trouble));
    let ids = Fingerprinter::new(move || key::fetch(&state, &shared, true));
    let machine = Machine::new(home);
    let cx = Cx { ids: &ids, facts: &machine, policy: &config.rules };
    let mut report = engine.scan_indicators(&cx);
    // What the ledger cannot tell is looked at as open: to wait once too often harms nobody.
    let known = examine::known(home, engine).unwrap_or_default();
    let ours = known.iter().filter(|r| r.rule.starts_with(PREFIX));
    let paths: HashSet<&str> = ours.clone().flat_map(|r| &r.sightings).map(|s| s.path.as_str()).collect();
    for path in paths {
        let below = engine.scan_path(path, &cx);
        report.findings.extend(below.findings);
        report.problems.extend(below.problems);
    }
    let lived_with: HashSet<&str> =
        ours.filter(|r| matches!(r.state, State::Ignored { .. })).map(|r| r.id.as_str()).collect();
    let open = |finding: &Finding| Open {
        id: finding.id.short(),
        rule: finding.page.id.clone(),
        title: finding.page.title.clone(),
    };
    let all: BTreeMap<String, Open> =
        report.findings.iter().map(open).map(|open| (open.id.clone(), open)).collect();
    let open = all.into_values().filter(|o| !lived_with.contains(o.id.as_str())).collect();
    Looked { open, problems: report.problems }
}

/// The user's programs that run in a home.
#[must_use]
pub fn programs(home: &Home) -> Fact<Vec<Program>> {
    Machine::new(home).programs()
}

/// Packs of a directory, in order of name; those that cannot be read say why.
pub(crate) fn packs(dir: &Path) -> Vec<(PathBuf, Result<String, String>)> {
    let mut paths = files::list(dir).unwrap_or_default();
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = files::read_rules(&path).and_then(|text| text.ok_or_else(|| "is not there".to_owned()));
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests {
    use super::*;

    /// A home of the test's own, with its state in it.
    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path(), &dir.path().join("state"));
        (dir, home)
    }

    #[test]
    fn what_is_there_is_open_until_it_is_gone() {
        let (_dir, home) = home();
        let (engine, config) = (Engine::builtin(), Config::default());
        let ids = |looked: Looked| looked.open.into_iter().map(|o| o.rule).collect::<Vec<_>>();
        assert_eq!(ids(look(&home, &engine, &config)), Vec::<String>::new());
        let file = home.path("~/.pkg_history");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(ids(look(&home, &engine, &config)), ["ioc.easy-day-js"]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(ids(look(&home, &engine, &config)), Vec::<String>::new());
    }

    #[test]
    fn packs_of_a_directory_are_read_in_order_of_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", "notes.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("c.toml")).unwrap();
        let names: Vec<_> = packs(dir.path())
            .into_iter()
            .map(|(path, text)| (path.file_name().unwrap().to_string_lossy().into_owned(), text.is_ok()))
            .collect();
        let want = [("a.toml", true), ("b.toml", true), ("c.toml", false)].map(|(n, ok)| (n.to_owned(), ok));
        assert_eq!(names, want);
        assert!(packs(&dir.path().join("none")).is_empty());
    }
}
