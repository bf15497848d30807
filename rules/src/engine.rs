//! Routing: which rules judge a target. Cannot fail; what goes wrong becomes a problem.

use crate::checks::{self, Check, Found, Run};
use crate::cx::Cx;
use crate::facts::{Fact, Facts};
use crate::finding::{Finding, Problem, Report};
use crate::fingerprint::Subject;
use crate::indicators::Indicators;
use crate::pack::{PackError, Packs};
use crate::place::{Place, Places, wild};
use crate::redact;
use crate::rule::{Grade, Kind, Page};
use crate::secret::Secret;
use crate::secrets::checksum::Worth;
use crate::secrets::judge::{Around, Setting};
use crate::secrets::matcher::{Hit, SecretSet};
use crate::secrets::rules::SecretRule;
use crate::secrets::stream::Stream;
use crate::settings::entry::{Entry, Read};
use crate::settings::include;
use crate::settings::reader;
use crate::settings::readers::gitconfig;
use crate::settings::rules::SettingRule;
use crate::target::Target;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All rules and places, compiled.
pub struct Engine {
    pub(crate) secrets: SecretSet,
    notes: Vec<PackError>,
    pub(crate) settings: Vec<SettingRule>,
    pub(crate) checks: Vec<(Arc<Page>, &'static Check)>,
    pub(crate) indicators: Indicators,
    places: Places,
}

/// Where something is that is in no file.
pub const ENVIRONMENT: &str = "(environment)";
/// Most files that one file may include, all levels together.
const INCLUDES: usize = 64;
/// Files larger than this are not read by readers that keep an entry for each line: their memory is forty times that.
const SMALL: usize = 512 << 10;
/// Files larger than this are not read as a format, only searched for secrets.
pub const READABLE: usize = 8 << 20;

impl Engine {
    /// Compiles packs. Rules that cannot be used come back as errors; the others work.
    #[must_use]
    pub fn new(mut packs: Packs) -> (Engine, Vec<PackError>) {
        let (indicators, unusable) = Indicators::new(packs.indicators);
        let unusable = unusable.into_iter().map(|(rule, why)| (Some(rule), why));
        let file = || "indicators".to_owned();
        packs.errors.extend(unusable.map(|(rule, why)| PackError { file: file(), rule, why }));
        let secrets = packs.secrets.into_iter().map(|(page, spec)| SecretRule::new(page, spec)).collect();
        let settings = packs
            .settings
            .into_iter()
            .map(|(page, spec)| SettingRule { page: Arc::new(page), spec })
            .collect();
        let engine = Engine {
            secrets: SecretSet::new(secrets, packs.vendors, packs.foreign),
            notes: packs.notes,
            settings,
            checks: checks::ALL.iter().map(|(_, check)| (Arc::new(check.page()), *check)).collect(),
            indicators,
            places: Places::new(packs.places),
        };
        (engine, packs.errors)
    }

    /// Lapwing's own rules.
    #[must_use]
    pub fn builtin() -> Engine {
        Engine::new(Packs::builtin()).0
    }

    /// What rules of other tools ask for and is not used, where nothing is missed by that.
    #[must_use]
    pub fn notes(&self) -> &[PackError] {
        &self.notes
    }

    /// All places.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The pages of all rules with their kind, sorted by id.
    #[must_use]
    pub fn pages(&self) -> Vec<(Kind, Arc<Page>)> {
        let secrets = self.secrets.rules.iter().map(|r| (Kind::Secret, Arc::clone(&r.page)));
        let at_places = self
            .places
            .all()
            .iter()
            .flat_map(|p| &p.secrets)
            .map(|(page, _)| (Kind::Secret, Arc::clone(page)));
        let foreign = &self.secrets.foreign.rules;
        let foreign = foreign.iter().filter(|r| !r.silent).map(|r| (Kind::Secret, Arc::clone(&r.page)));
        let settings = self.settings.iter().map(|r| (Kind::Setting, Arc::clone(&r.page)));
        let checks = self.checks.iter().map(|(page, _)| (Kind::Check, Arc::clone(page)));
        let indicators = self.indicators.all.iter().map(|i| (Kind::Check, Arc::clone(&i.page)));
        let mut pages: Vec<_> =
            secrets.chain(foreign).chain(at_places).chain(settings).chain(checks).chain(indicators).collect();
        pages.sort_by(|a, b| a.1.id.cmp(&b.1.id));
        // A secret that several places give away has one page.
        pages.dedup_by(|a, b| Arc::ptr_eq(&a.1, &b.1));
        pages
    }

    /// Judges a whole file and what it includes: secrets, settings, checks.
    #[must_use]
    pub fn scan(&self, target: &Target<'_>, cx: &Cx<'_>) -> Report {
        self.follow(target, cx, &mut BTreeSet::from([target.path.to_owned()]))
    }

    /// What a file includes is said in its name: found there, judged as the same place.
    fn follow(&self, target: &Target<'_>, cx: &Cx<'_>, met: &mut BTreeSet<String>) -> Report {
        let (mut report, entries) = self.one(target, cx);
        let name = target.place.and_then(|p| p.reader.as_deref());
        let pulled = name
            .into_iter()
            .flat_map(|n| entries.iter().flat_map(move |e| include::targets(n, target.path, e)));
        report.included = pulled.flat_map(|p| expand(p, cx.facts)).collect();
        report.depends = name.is_some_and(|n| entries.iter().any(|e| include::pulls(n, target.path, e)));
        for path in included(target, &entries, cx.facts, met) {
            match cx.facts.read(&path) {
                Fact::Known(bytes) => {
                    let meta = cx.facts.stat(&path).known();
                    let below = self.follow(
                        &Target { path: &path, place: target.place, bytes: &bytes, meta },
                        cx,
                        met,
                    );
                    report.include(below, &path);
                }
                Fact::Unknown(why) => report.problems.push(Problem { what: path, why }),
                Fact::Absent => {}
            }
        }
        report
    }

    /// One file by itself.
    fn one(&self, target: &Target<'_>, cx: &Cx<'_>) -> (Report, Vec<Entry>) {
        let (mut report, read) = self.search(target, cx);
        let format = target.place.and_then(|p| p.reader.as_deref());
        if let Some(name) = format {
            let place = target.place.map(|p| p.id.as_str());
            self.judge(name, place, target.path, &read.entries, cx, &mut report);
        }
        for (page, _, found) in self.checked(target, &read.entries, cx) {
            self.report(page, found, target.path, cx, &mut report);
        }
        (report, read.entries)
    }

    /// What the checks of files say about one.
    pub(crate) fn checked<'a>(
        &'a self,
        target: &'a Target<'_>,
        entries: &'a [Entry],
        cx: &'a Cx<'_>,
    ) -> impl Iterator<Item = (&'a Arc<Page>, &'static Check, Vec<Found>)> {
        let format = target.place.and_then(|p| p.reader.as_deref());
        let on = self.checks.iter().filter(|(page, _)| !cx.switched_off(page));
        on.filter_map(move |(page, check)| {
            let found = match &check.run {
                Run::File(run) => run(target, cx.facts),
                Run::Entries(name, run) if format == Some(name) => run(target, entries, cx.facts),
                Run::Entries(..) | Run::Home(_) => return None,
            };
            Some((page, *check, found))
        })
    }

    /// Searches for secrets only, also for those that a place gives away: what is a copy of a file (a member of an archive)
    /// leaks what the file does, but sets nothing.
    #[must_use]
    pub fn secrets_of(&self, target: &Target<'_>, cx: &Cx<'_>) -> Report {
        self.search(target, cx).0
    }

    fn search(&self, target: &Target<'_>, cx: &Cx<'_>) -> (Report, Read) {
        let mut report = Report::default();
        let format = target.place.and_then(|p| p.reader.as_deref());
        let read = format.map(|name| self.read(name, target, &mut report)).unwrap_or_default();
        let mut stream = self.stream(target.path, target.place);
        report.findings =
            stream.with_hits(target.bytes, true, cx, |bytes| self.place_hits(target, bytes, &read.entries));
        report.silenced = stream.silenced;
        report.problems.extend(stream.problem(target.path));
        (report, read)
    }

    /// Judges the machine as a whole: checks of their own, and settings that come from the environment.
    #[must_use]
    pub fn scan_home(&self, cx: &Cx<'_>) -> Report {
        let mut report = Report::default();
        let git = gitconfig::from_env(&|name| cx.facts.env(name));
        self.judge("gitconfig", Some("git-config"), ENVIRONMENT, &git, cx, &mut report);
        for (page, check) in self.checks.iter().filter(|(page, _)| !cx.switched_off(page)) {
            if let Run::Home(run) = check.run {
                self.report(page, run(cx.facts), ENVIRONMENT, cx, &mut report);
            }
        }
        self.compromised(cx, &mut report);
        report
    }

    /// Searches a file window by window, for secrets only.
    #[must_use]
    pub fn stream(&self, path: &str, place: Option<&Place>) -> Stream<'_> {
        let samples = place.is_none() && samples(path);
        Stream::new(&self.secrets, Around { setting: setting_of(path, place), samples }, path)
    }

    /// How bytes under a name that is no place are judged: the same bytes under another one with the same manner have the same
    /// secrets. `None` while rules of other tools are in use, which may ask for the name.
    #[must_use]
    pub fn manner(&self, path: &str) -> Option<u8> {
        let setting = match setting_of(path, None) {
            Setting::Config => 0,
            Setting::Text => 1,
            Setting::Code => 2,
        };
        self.secrets.foreign.rules.is_empty().then_some(setting | u8::from(samples(path)) << 2)
    }

    pub(crate) fn read(&self, name: &str, target: &Target<'_>, report: &mut Report) -> Read {
        let Some(reader) = reader(name) else { return Read::default() };
        if !reader.bounded && target.bytes.len() > SMALL {
            // A history is searched as it stands in any case; its reader only adds what is written differently there.
            if !target.place.is_some_and(|p| p.history) {
                let why =
                    format!("larger than {} KiB: searched for secrets, not read for settings", SMALL >> 10);
                report.problems.push(Problem { what: target.path.to_owned(), why });
            }
            return Read::default();
        }
        let text = crate::secrets::decode::utf16::text(target.bytes);
        let mut read = (reader.read)(text.as_deref().map_or(target.bytes, Vec::as_slice));
        let why = |why: String| Problem { what: target.path.to_owned(), why };
        report.problems.extend(read.problems.drain(..).map(why));
        read
    }

    /// Secrets that their key at this place gives away, and commands of a history whose text is not the file's bytes.
    pub(crate) fn place_hits(&self, target: &Target<'_>, bytes: &[u8], entries: &[Entry]) -> Vec<Hit> {
        let Some(place) = target.place else { return Vec::new() };
        let mut hits = Vec::new();
        for entry in entries {
            for (page, spec) in &place.secrets {
                if !spec.keys.iter().any(|k| wild(k, &entry.key)) {
                    continue;
                }
                let Some((at, secret)) = spec.part.of(&entry.key, &entry.value) else { continue };
                if secret.len() >= spec.min_len && literal(secret.as_bytes()) {
                    hits.push(place_hit(page, entry, at, secret, bytes));
                }
            }
            if place.history && bytes.get(entry.span.0..entry.span.1) != Some(entry.value.as_bytes()) {
                hits.extend(self.typed(entry, bytes));
            }
        }
        hits
    }

    /// Secrets of a command whose text is not the bytes of the file: found where they stand in its stretch, or, where
    /// they are written differently there, somewhere in it.
    fn typed<'a>(&self, entry: &'a Entry, bytes: &'a [u8]) -> impl Iterator<Item = Hit> + 'a {
        let text = entry.value.as_bytes();
        let (hits, _) = self.secrets.hits(text, Around::CONFIG, &|_| false);
        let (from, to) = entry.span;
        let stretch = bytes.get(from..to).unwrap_or_default();
        hits.into_iter().map(move |mut hit| {
            let secret = hit.decoded.take().unwrap_or_else(|| Secret::new(text[hit.at.0..hit.at.1].to_vec()));
            let at = memchr::memmem::find(stretch, secret.expose()).map(|n| from + n);
            match at {
                Some(at) => Hit { at: (at, at + secret.expose().len()), decoded: None, ..hit },
                None => Hit { at: entry.span, decoded: Some(secret), ..hit },
            }
        })
    }

    fn judge(
        &self,
        name: &str,
        place: Option<&str>,
        path: &str,
        entries: &[Entry],
        cx: &Cx<'_>,
        report: &mut Report,
    ) {
        for (rule, index) in self.risky(name, place, entries, cx) {
            report.findings.push(self.setting(rule, &entries[index], path, cx));
        }
    }

    /// Which entries are risky, by index, and what says so.
    pub(crate) fn risky<'a>(
        &'a self,
        name: &'a str,
        place: Option<&'a str>,
        entries: &'a [Entry],
        cx: &'a Cx<'_>,
    ) -> impl Iterator<Item = (&'a SettingRule, usize)> {
        let on =
            self.settings.iter().filter(move |rule| rule.spec.reader == name && !cx.switched_off(&rule.page));
        on.flat_map(move |rule| {
            let fires = entries.iter().enumerate().filter(move |(_, entry)| rule.fires(place, entry));
            fires.map(move |(index, _)| (rule, index))
        })
    }

    /// The finding that an entry is.
    pub(crate) fn setting(&self, rule: &SettingRule, entry: &Entry, path: &str, cx: &Cx<'_>) -> Finding {
        let value = if rule.spec.hide { "…".to_owned() } else { entry.value.clone() };
        let found = Found {
            key: scoped(entry),
            setting: entry.key.clone(),
            preview: format!("{} = {value}", entry.key),
            at: checks::at(entry),
            ..Found::default()
        };
        self.finding(&rule.page, Kind::Setting, found, path, cx)
    }

    fn report(&self, page: &Arc<Page>, found: Vec<Found>, path: &str, cx: &Cx<'_>, report: &mut Report) {
        report.findings.extend(found.into_iter().map(|f| self.finding(page, Kind::Check, f, path, cx)));
    }

    pub(crate) fn finding(
        &self,
        page: &Arc<Page>,
        kind: Kind,
        found: Found,
        path: &str,
        cx: &Cx<'_>,
    ) -> Finding {
        let scope = found.path.as_deref().unwrap_or(path);
        let id = match &found.same {
            Some(bytes) => cx.ids.id(&Subject::Secret(&[page.id.as_bytes(), b"\0", bytes].concat())),
            None => cx.ids.id(&Subject::Fact { rule: &page.id, scope, key: &found.key }),
        };
        Finding {
            id,
            page: Arc::clone(page),
            kind,
            severity: found.severity.unwrap_or(page.severity),
            grade: None,
            preview: redact::line(&self.secrets, &found.preview),
            note: None,
            key: found.setting,
            path: found.path,
            inside: None,
            at: found.at,
        }
    }
}

/// Files that a target includes, as far as they have not been met: at most a bounded number of all.
pub(crate) fn included(
    target: &Target<'_>,
    entries: &[Entry],
    facts: &dyn Facts,
    met: &mut BTreeSet<String>,
) -> Vec<String> {
    let Some(name) = target.place.and_then(|p| p.reader.as_deref()) else { return Vec::new() };
    let named = entries.iter().flat_map(|e| include::targets(name, target.path, e));
    let paths = named.flat_map(|p| expand(p, facts));
    paths.filter(|path| met.len() < INCLUDES && met.insert(path.clone())).collect()
}

/// Files that a path with `*` or `?` in its last segment stands for.
fn expand(path: String, facts: &dyn Facts) -> Vec<String> {
    let Some((dir, pattern)) = path.rsplit_once('/').filter(|(_, name)| name.contains(['*', '?'])) else {
        return vec![path];
    };
    let names = facts.list(dir).known().unwrap_or_default();
    let named = names.into_iter().filter(|n| wild(&pattern.replace('?', "*"), n) && !n.starts_with('.'));
    named.map(|n| format!("{dir}/{n}")).collect()
}

fn scoped(entry: &Entry) -> String {
    if entry.scope.is_empty() { entry.key.clone() } else { format!("{} / {}", entry.scope, entry.key) }
}

/// A value that is written out, not a reference to one kept elsewhere.
fn literal(value: &[u8]) -> bool {
    use crate::secrets::allow;
    !allow::reference(value) && allow::placeholder(value).is_none()
}

/// `secret` stands at `at` of the entry's value.
fn place_hit(page: &Arc<Page>, entry: &Entry, at: Option<usize>, secret: &str, bytes: &[u8]) -> Hit {
    let plain = bytes.get(entry.span.0..entry.span.1) == Some(entry.value.as_bytes());
    let start = entry.span.0 + at.unwrap_or(0);
    let (at, decoded) = match at {
        Some(_) if plain => ((start, start + secret.len()), None),
        _ => (entry.span, Some(Secret::new(secret.as_bytes().to_vec()))),
    };
    let (page, worth) = (Arc::clone(page), Worth::default());
    Hit { page, grade: Grade::Named, note: None, worth, at, decoded, shown: 0, rank: 3, alone: None }
}

/// Extensions of files in which `name = value` is a value, not code.
const CONFIG: &[&str] = &[
    "env",
    "ini",
    "cfg",
    "conf",
    "config",
    "properties",
    "toml",
    "yaml",
    "yml",
    "tfvars",
    "envrc",
    "netrc",
    "npmrc",
    "pypirc",
    "cnf",
    "rc",
    "sh",
    "bash",
    "zsh",
    "fish",
    "service",
    "desktop",
    "htpasswd",
    "pgpass",
    "credentials",
    "secret",
    "secrets",
    "cmd",
    "bat",
    "ps1",
];

/// Extensions of files that people write and read.
const TEXT: &[&str] = &["txt", "text", "md", "markdown", "rst", "adoc", "org", "log", "csv", "tsv", "eml"];

/// Directories in which secrets are mostly made up.
const SAMPLES: &[&str] = &[
    "test",
    "tests",
    "testing",
    "testdata",
    "test-data",
    "test_data",
    "__tests__",
    "spec",
    "specs",
    "fixture",
    "fixtures",
    "mock",
    "mocks",
    "example",
    "examples",
    "sample",
    "samples",
    "doc",
    "docs",
    "documentation",
];

/// Whether a path says that a file belongs to tests or documentation.
fn samples(path: &str) -> bool {
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let middle = name.split('.').rev().nth(1).unwrap_or_default();
    dirs.split('/').any(|dir| SAMPLES.contains(&dir))
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || matches!(middle, "test" | "spec")
}

fn setting_of(path: &str, place: Option<&Place>) -> Setting {
    let name = original(path.rsplit('/').next().unwrap_or(path));
    let extension = name.rsplit('.').next().unwrap_or(name);
    let is = |list: &[&str]| list.iter().any(|e| extension.eq_ignore_ascii_case(e));
    if place.is_some_and(|p| !p.code) || name.starts_with(".env") || is(CONFIG) {
        Setting::Config
    } else if is(TEXT) {
        Setting::Text
    } else {
        Setting::Code
    }
}

/// The name of the file that this is a copy of: editors write `name~`, `#name#` and `.name.swp` beside it, people
/// `name.bak`.
fn original(name: &str) -> &str {
    let name = name.trim_end_matches('~').trim_matches('#');
    let copies = [".bak", ".backup", ".old", ".orig", ".save", ".swo", ".swp"];
    copies.iter().find_map(|copy| name.strip_suffix(copy)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_read_like_what_they_are_copies_of() {
        let config = |path: &str| setting_of(path, None) == Setting::Config;
        for path in
            ["~/a.ini", "~/a.ini~", "~/#a.ini#", "~/.a.ini.swp", "~/a.toml.bak", "~/.env.local~", "~/#.env#"]
        {
            assert!(config(path), "{path}");
        }
        for path in ["~/a.py", "~/a.py~", "~/.a.py.swp", "~/.bak", "~/#", "~/"] {
            assert!(!config(path), "{path}");
        }
        let engine = Engine::builtin();
        let place = |path: &str| setting_of(path, engine.places().classify(path)) == Setting::Config;
        assert!(place("~/.bash_history") && place("~/.claude/shell-snapshots/snapshot-bash-1.sh"));
        assert!(
            !place("~/.claude/projects/-home-dev/a/b.jsonl")
                && !place("~/.config/Code/User/globalStorage/state.vscdb")
        );
    }
}
