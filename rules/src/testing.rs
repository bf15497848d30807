//! Examples made at test time, homes written as text, and the tests that every rule carries.
//!
//! The repository holds no string that a scanner would flag: examples are written with `{{…}}` and filled in from a
//! seed. `{{alnum:36}}` is 36 letters and digits; the other alphabets are `upper`, `lower`, `letters`, `digits`, `hex`,
//! `HEX`, `base32`, `base58`, `bech32`, `base64`, `base64url`, `upnum` (capitals and digits) and `lownum`. `{{pem:KIND}}` is a made-up but parsable
//! key block and `{{jwt}}` a signed-looking token.

use crate::cx::Cx;
use crate::engine::Engine;
use crate::facts::{Fact, Facts, FileKind, Meta, Program};
use crate::finding::{Finding, Report};
use crate::fingerprint::Fingerprinter;
use crate::fix::declared::SettingFix;
use crate::pack::{PackError, Packs, SettingSpec};
use crate::place::Place;
use crate::policy::Policy;
use crate::rule::Profile;
use crate::secrets::rules::SecretRule;
use crate::target::Target;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod made;
mod mending;

pub use made::fill;
pub use mending::{Looked, check_fix};

/// A home written as text: files by path (`~/…` or absolute), their modes, variables.
#[derive(Clone, Default)]
pub struct Home {
    files: BTreeMap<String, (Vec<u8>, u32)>,
    env: BTreeMap<String, String>,
    told: BTreeMap<String, String>,
    ages: BTreeMap<String, u64>,
    running: Vec<Program>,
}

impl Home {
    /// Adds a file with mode 0600.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Home {
        self.file_mode(path, text.as_bytes(), 0o600)
    }

    /// Adds a file.
    #[must_use]
    pub fn file_mode(mut self, path: &str, bytes: &[u8], mode: u32) -> Home {
        self.files.insert(path.to_owned(), (bytes.to_vec(), mode));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Home {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Installs a program of this version.
    #[must_use]
    pub fn program(self, name: &str, version: &str) -> Home {
        self.tells(&format!("{name} --version"), version)
    }

    /// Installs a program that prints this when it is asked so: its words apart by one blank.
    #[must_use]
    pub fn tells(mut self, line: &str, text: &str) -> Home {
        self.told.insert(line.to_owned(), text.to_owned());
        self
    }

    /// Says how many days ago a file was last changed; the others were just now.
    #[must_use]
    pub fn aged(mut self, path: &str, days: u64) -> Home {
        self.ages.insert(path.to_owned(), days);
        self
    }

    /// Runs a program: its words apart by one blank.
    #[must_use]
    pub fn running(mut self, line: &str) -> Home {
        let id = 1000 + self.running.len() as u32;
        self.running.push(Program { id, argv: line.split(' ').map(str::to_owned).collect() });
        self
    }

    /// Scans one of its files as the place that its path is.
    #[must_use]
    pub fn scan(&self, engine: &Engine, path: &str) -> Report {
        let (bytes, mode) = self.files.get(path).cloned().unwrap_or_default();
        let meta =
            Some(Meta { mode, own: true, root: false, kind: FileKind::File, size: bytes.len() as u64 });
        scan(engine, &Target { path, place: engine.places().classify(path), bytes: &bytes, meta }, self)
    }

    /// Looks for indicators where a walk would meet its files.
    #[must_use]
    pub fn scan_paths(&self, engine: &Engine) -> Report {
        let (ids, policy) = (ids(), strict());
        let cx = Cx { ids: &ids, facts: self, policy: &policy };
        let mut all = Report::default();
        for report in self.files.keys().map(|path| engine.scan_path(path, &cx)) {
            all.findings.extend(report.findings);
            all.problems.extend(report.problems);
        }
        all
    }

    /// Plans for the machine as a whole.
    #[must_use]
    pub fn plans_home(&self, engine: &Engine) -> Vec<crate::fix::planner::Planned> {
        let (ids, policy) = (ids(), strict());
        engine.plans_home(&Cx { ids: &ids, facts: self, policy: &policy })
    }

    /// Runs the checks that look at the machine as a whole.
    #[must_use]
    pub fn scan_home(&self, engine: &Engine) -> Report {
        let (ids, policy) = (ids(), strict());
        engine.scan_home(&Cx { ids: &ids, facts: self, policy: &policy })
    }

    fn absolute(&self, path: &str) -> String {
        self.tilde(path)
    }
}

/// What time it is there: 2026-01-01.
pub const NOW: i64 = 1_767_225_600;
/// The home directory that a [`Home`] pretends to be.
pub const HOME: &str = "/home/dev";

impl Facts for Home {
    fn stat(&self, path: &str) -> Fact<Meta> {
        let path = self.absolute(path);
        let meta = |mode, kind, size| {
            Fact::Known(Meta { mode, own: path.starts_with('~'), root: !path.starts_with('~'), kind, size })
        };
        if let Some((bytes, mode)) = self.files.get(&path) {
            let kind = if path.ends_with('/') { FileKind::Dir } else { FileKind::File };
            return meta(*mode, kind, bytes.len() as u64);
        }
        let dir = format!("{}/", path.trim_end_matches('/'));
        if let Some((_, mode)) = self.files.get(&dir) {
            return meta(*mode, FileKind::Dir, 0);
        }
        if self.files.keys().any(|f| f.starts_with(&dir)) {
            meta(0o755, FileKind::Dir, 0)
        } else {
            Fact::Absent
        }
    }

    fn read(&self, path: &str) -> Fact<Vec<u8>> {
        self.files.get(&self.absolute(path)).map_or(Fact::Absent, |(bytes, _)| Fact::Known(bytes.clone()))
    }

    fn list(&self, path: &str) -> Fact<Vec<String>> {
        let dir = format!("{}/", self.absolute(path).trim_end_matches('/'));
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter_map(|f| f.strip_prefix(&dir))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect();
        names.sort();
        names.dedup();
        names.retain(|n| !n.is_empty());
        if names.is_empty() { Fact::Absent } else { Fact::Known(names) }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn told(&self, program: &str, args: &[&str]) -> Fact<String> {
        let line = [&[program], args].concat().join(" ");
        self.told.get(&line).map_or(Fact::Absent, |text| Fact::Known(text.clone()))
    }

    fn programs(&self) -> Fact<Vec<Program>> {
        Fact::Known(self.running.clone())
    }

    fn age_days(&self, path: &str) -> Fact<u64> {
        Fact::Known(self.ages.get(&self.absolute(path)).copied().unwrap_or_default())
    }

    fn now(&self) -> i64 {
        NOW
    }

    fn tilde(&self, path: &str) -> String {
        match path.strip_prefix(HOME) {
            Some("") => "~".to_owned(),
            Some(rest) if rest.starts_with('/') => format!("~{rest}"),
            _ => path.to_owned(),
        }
    }
}

pub(crate) fn ids() -> Fingerprinter {
    Fingerprinter::new(|| Zeroizing::new([7; 32]))
}

pub(crate) fn strict() -> Policy {
    Policy { profile: Profile::Strict, ..Policy::default() }
}

/// Scans a target with every rule on.
#[must_use]
pub fn scan(engine: &Engine, target: &Target<'_>, facts: &dyn Facts) -> Report {
    let (ids, policy) = (ids(), strict());
    engine.scan(target, &Cx { ids: &ids, facts, policy: &policy })
}

/// Looks for indicators of compromise.
#[must_use]
pub fn indicators(engine: &Engine, facts: &dyn Facts) -> Report {
    let (ids, policy) = (ids(), strict());
    engine.scan_indicators(&Cx { ids: &ids, facts, policy: &policy })
}

/// Plans for one file of a home, with every rule on.
#[must_use]
pub fn plans(engine: &Engine, home: &Home, path: &str) -> Vec<crate::fix::planner::Planned> {
    let (bytes, mode) = home.files.get(path).cloned().unwrap_or_default();
    let meta = Some(Meta { mode, own: true, root: false, kind: FileKind::File, size: bytes.len() as u64 });
    let target = Target { path, place: engine.places().classify(path), bytes: &bytes, meta };
    let (ids, policy) = (ids(), strict());
    engine.plans(&target, &Cx { ids: &ids, facts: home, policy: &policy })
}

/// One example that did not do what it should.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The rule.
    pub rule: String,
    /// Which example and what happened instead.
    pub why: String,
}

/// Runs the examples and counter-examples of every rule of one pack, among the built-in rules.
///
/// Returns how many examples ran, what failed, and the rules that could not be read.
#[must_use]
pub fn check_pack(name: &str, text: &str) -> (usize, Vec<Failure>, Vec<PackError>) {
    let mut own = Packs::default();
    own.add(name, text);
    let mut all = Packs::default();
    all.add(name, text);
    // The rules under test come first: a rule that is already built in is replaced by its newer text.
    for (_, builtin, body) in crate::pack::builtin_texts() {
        all.add(builtin, body);
    }
    all.errors.clear();
    let (engine, _) = Engine::new(all);
    let (mut ran, mut failures, errors) = check_with(&engine, &bare(name, text), own);
    let (more, failed) = check_imported(name, text);
    ran += more;
    failures.extend(failed);
    (ran, failures, errors)
}

/// Runs the examples of another tool's rules, each rule by itself: of several that match one may win over the others.
fn check_imported(name: &str, text: &str) -> (usize, Vec<Failure>) {
    let (mut ran, mut failures) = (0, Vec::new());
    let mut all = Packs::default();
    all.add(name, text);
    for rule in all.foreign.into_iter().filter(|rule| !rule.silent && rule.near.is_empty()) {
        let id = rule.page.id.clone();
        let examples = rule.examples.clone().into_iter().map(|text| (text, true));
        let counter = rule.counter_examples.clone().into_iter().map(|text| (text, false));
        let texts: Vec<(String, bool)> = examples.chain(counter).collect();
        let engine = Engine::new(Packs { foreign: vec![rule], ..Packs::default() }).0;
        for (number, (text, want)) in texts.into_iter().enumerate() {
            ran += 1;
            let target = Target { path: "example.txt", place: None, bytes: text.as_bytes(), meta: None };
            let found = scan(&engine, &target, &Home::default()).findings.iter().any(|f| f.page.id == id);
            if found != want {
                let why = if want { "an example is not found" } else { "a negative example is found" };
                failures.push(Failure { rule: id.clone(), why: format!("{why} (text {})", number + 1) });
            }
        }
    }
    (ran, failures)
}

/// All places without the secret rules: what a place gives away must be found also where no vendor's format helps.
fn bare(name: &str, text: &str) -> Engine {
    let mut packs = Packs::default();
    packs.add(name, text);
    for (_, builtin, body) in crate::pack::builtin_texts() {
        packs.add(builtin, body);
    }
    packs.secrets.clear();
    Engine::new(packs).0
}

fn check_with(engine: &Engine, bare: &Engine, own: Packs) -> (usize, Vec<Failure>, Vec<PackError>) {
    let mut test = Tester { engine, bare, ran: 0, failures: Vec::new() };
    test.secrets(&own);
    test.settings(&own);
    test.places(&own);
    test.indicators(&own);
    (test.ran, test.failures, own.errors)
}

struct Tester<'a> {
    engine: &'a Engine,
    bare: &'a Engine,
    ran: usize,
    failures: Vec<Failure>,
}

impl<'a> Tester<'a> {
    fn fail(&mut self, rule: &str, why: impl Into<String>) {
        self.failures.push(Failure { rule: rule.to_owned(), why: why.into() });
    }

    fn findings(&mut self, place: Option<&str>, path: &str, bytes: &[u8]) -> Vec<Finding> {
        self.on(self.engine, place, path, bytes)
    }

    fn on(&mut self, engine: &'a Engine, place: Option<&str>, path: &str, bytes: &[u8]) -> Vec<Finding> {
        self.ran += 1;
        let place: Option<&Place> = place.and_then(|id| engine.places().by_id(id));
        scan(engine, &Target { path, place, bytes, meta: None }, &Home::default()).findings
    }

    fn secrets(&mut self, own: &Packs) {
        for (page, spec) in &own.secrets {
            let rule = SecretRule::new(page.clone(), spec.clone());
            if let Some(why) = rule.error() {
                self.fail(&page.id, why);
                continue;
            }
            if spec.examples.is_empty() {
                self.fail(&page.id, "field `examples`: a rule without an example is untested");
            }
            for (i, example) in spec.examples.iter().enumerate() {
                let made = made::mended(&rule, &fill(example, &page.id));
                let found = self.findings(None, "example.txt", &made);
                let hit = found.iter().find(|f| f.page.id == page.id);
                match hit {
                    None => self.fail(&page.id, format!("example {}: not found{}", i + 1, others(&found))),
                    Some(f) if !made::sound(&rule, f.grade) => {
                        self.fail(&page.id, format!("example {}: found, but it is no good one", i + 1));
                    }
                    Some(_) => {}
                }
                self.masked(&page.id, &made, &found);
            }
            for (i, example) in spec.counter_examples.iter().enumerate() {
                let found = self.findings(None, "example.txt", fill(example, &page.id).as_bytes());
                if found.iter().any(|f| f.page.id == page.id) {
                    self.fail(&page.id, format!("counter-example {}: found", i + 1));
                }
            }
        }
    }

    /// A preview must not hold more of a secret than its mask allows.
    fn masked(&mut self, rule: &str, text: &[u8], found: &[Finding]) {
        for finding in found {
            let Some((start, end)) = finding.at.span else { continue };
            let secret = &text[start as usize..end as usize];
            let leaks =
                secret.len() > 8 && finding.preview.as_bytes().windows(secret.len()).any(|w| w == secret);
            if leaks {
                self.fail(rule, "the preview shows the secret");
            }
        }
    }

    fn settings(&mut self, own: &Packs) {
        for (page, spec) in &own.settings {
            if crate::settings::reader(&spec.reader).is_none() {
                self.fail(&page.id, format!("field `reader`: there is no reader `{}`", spec.reader));
                continue;
            }
            for why in spec.risky.iter().filter_map(crate::settings::predicate::Predicate::error) {
                self.fail(&page.id, format!("field `risky`: {why}"));
            }
            let place = spec.places.first().cloned().or_else(|| self.place_of(&spec.reader));
            self.fixes(&page.id, place.as_deref(), spec);
            self.examples(&page.id, place.as_deref(), &spec.examples, &spec.counter_examples);
        }
    }

    /// What the fix makes of each example.
    fn fixes(&mut self, rule: &str, place: Option<&str>, spec: &SettingSpec) {
        if matches!(spec.fix, None | Some(SettingFix::Move(_))) {
            return;
        }
        if spec.fixed.len() != spec.examples.len() {
            return self.fail(rule, "field `fixed`: say what the fix makes of each of `examples`");
        }
        let place: Option<&Place> = place.and_then(|id| self.engine.places().by_id(id));
        for (i, (example, want)) in spec.examples.iter().zip(&spec.fixed).enumerate() {
            self.ran += 1;
            let home = Home::default().file("~/example", &fill(example, rule));
            match check_fix(self.engine, &home, Looked::File("~/example", place), rule) {
                Ok(after) if after.bytes("~/example") == fill(want, rule).as_bytes() => {}
                // Some are left to a person.
                Err(why) if why == "no plan" && want == example => {}
                Ok(after) => {
                    let after = String::from_utf8_lossy(after.bytes("~/example")).into_owned();
                    self.fail(rule, format!("example {}: the fix makes of it {after:?}", i + 1));
                }
                Err(why) => self.fail(rule, format!("example {}: {why}", i + 1)),
            }
        }
    }

    fn places(&mut self, own: &Packs) {
        for (place, secrets) in &own.places {
            if let Some(name) = place.reader.as_deref().filter(|r| crate::settings::reader(r).is_none()) {
                self.fail(&place.id, format!("field `reader`: there is no reader `{name}`"));
            }
            for (page, spec) in secrets {
                self.examples(&page.id, Some(&place.id), &spec.examples, &spec.counter_examples);
            }
        }
    }

    /// Homes: in each example the rule must fire, as a whole or where a walk meets its files.
    fn indicators(&mut self, own: &Packs) {
        for (page, spec) in &own.indicators {
            if spec.examples.is_empty() {
                self.fail(&page.id, "field `examples`: a rule without an example is untested");
            }
            let examples = spec.examples.iter().map(|e| (e, true));
            for (number, (example, want)) in
                examples.chain(spec.counter_examples.iter().map(|e| (e, false))).enumerate()
            {
                self.ran += 1;
                let home = example.home(&page.id);
                let reports = [home.scan_home(self.engine), home.scan_paths(self.engine)];
                let found = reports.iter().flat_map(|r| &r.findings).any(|f| f.page.id == page.id);
                let why = if want { "not found" } else { "found, but is a counter-example" };
                if found != want {
                    self.fail(&page.id, format!("home {}: {why}", number + 1));
                }
            }
        }
    }

    fn place_of(&self, reader: &str) -> Option<String> {
        let read = |p: &&Place| p.reader.as_deref() == Some(reader);
        self.engine.places().all().iter().find(read).map(|p| p.id.clone())
    }

    /// Runs files at a place: each example must yield exactly this rule, each counter-example must not.
    fn examples(&mut self, rule: &str, place: Option<&str>, examples: &[String], counter: &[String]) {
        if examples.is_empty() {
            self.fail(rule, "field `examples`: a rule without an example is untested");
        }
        for (i, example) in examples.iter().enumerate() {
            let found = self.on(self.bare, place, "~/example", fill(example, rule).as_bytes());
            if !found.iter().any(|f| f.page.id == rule) {
                self.fail(rule, format!("example {}: not found{}", i + 1, others(&found)));
            }
        }
        for (i, example) in counter.iter().enumerate() {
            let found = self.on(self.bare, place, "~/example", fill(example, rule).as_bytes());
            if found.iter().any(|f| f.page.id == rule) {
                self.fail(rule, format!("counter-example {}: found", i + 1));
            }
        }
    }
}

fn others(found: &[Finding]) -> String {
    let names: Vec<&str> = found.iter().map(|f| f.page.id.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; found instead: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_passes_its_own_tests() {
        let mut failures = Vec::new();
        let mut ran = 0;
        // One engine for all: building it anew for each of the packs would take most of the time.
        let (engine, bare) = (Engine::builtin(), bare("", ""));
        for (_, name, text) in crate::pack::builtin_texts() {
            let mut own = Packs::default();
            own.add(name, text);
            let (count, failed, errors) = check_with(&engine, &bare, own);
            ran += count;
            failures.extend(failed.into_iter().map(|f| format!("{name}: {}: {}", f.rule, f.why)));
            failures.extend(errors.iter().map(ToString::to_string));
        }
        assert!(failures.is_empty(), "{} of {ran}:\n{}", failures.len(), failures.join("\n"));
        assert!(ran > 0);
    }

    #[test]
    fn a_broken_example_is_told() {
        let text = "[[secret]]\nid = \"acme-token\"\ntitle = \"t\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\nanchors = [\"acme_\"]\npattern = 'acme_[0-9]{20}'\nexamples = [\"acme_{{lower:20}}\"]\ncounter_examples = [\"acme_{{digits:20}}\"]\n";
        let (ran, failures, errors) = check_pack("own.toml", text);
        assert_eq!((ran, errors.len()), (2, 0));
        let why: Vec<&str> = failures.iter().map(|f| f.why.as_str()).collect();
        assert_eq!(why, ["example 1: not found", "counter-example 1: found"]);
    }
}
