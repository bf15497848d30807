//! From what was seen to the document that people and programs read.

use crate::ledger::{Life, Seen};
use crate::record::{Document, Fix, Gap, Reason, Record, SCHEMA, Sighting, State, Summary};
use crate::sweep::Missed;
use crate::sweep::processes::{PROCESSES, SERVICES};
use lapwing_rules::engine::Engine;
use lapwing_rules::finding::lapsed;
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::refuse::OFTEN;
use lapwing_rules::ignore::{self, IgnoreFile};
use lapwing_rules::place::Places;
use lapwing_rules::rule::{Kind, Page, Safety, Severity};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Sightings listed of one finding; the count tells of the others.
const LISTED: usize = 1000;

/// What findings are judged by besides themselves.
pub(crate) struct Frame<'a> {
    pub(crate) pages: Arc<HashMap<String, Arc<Page>>>,
    pub(crate) lives: &'a HashMap<FindingId, Life>,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Says what a path is.
    pub(crate) places: Option<&'a Places>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(engine: &'a Engine, lives: &'a HashMap<FindingId, Life>, now: i64) -> Frame<'a> {
        let pages = engine.pages().into_iter().map(|(_, page)| (page.id.clone(), page)).collect();
        Frame::with(Arc::new(pages), engine.places(), lives, now)
    }

    /// With pages that were collected before.
    pub(crate) fn with(
        pages: Arc<HashMap<String, Arc<Page>>>,
        places: &'a Places,
        lives: &'a HashMap<FindingId, Life>,
        now: i64,
    ) -> Frame<'a> {
        Frame { pages, lives, now, places: Some(places) }
    }

    /// One record a finding, worst and surest first.
    pub(crate) fn records(&self, seen: &[Seen]) -> Vec<Record> {
        let mut groups: HashMap<FindingId, Vec<&Seen>> = HashMap::new();
        for s in seen {
            groups.entry(s.id).or_default().push(s);
        }
        let mut records: Vec<Record> =
            groups.into_iter().map(|(id, group)| self.record(id, &group)).collect();
        records.sort_by(order);
        records
    }

    fn record(&self, id: FindingId, group: &[&Seen]) -> Record {
        let mut group = group.to_vec();
        group.sort_by(|a, b| (&a.path, a.at.line, a.at.span).cmp(&(&b.path, b.at.line, b.at.span)));
        // The surest sighting speaks for all; among equals the worst, then the first place.
        let mut best = group[0];
        for s in &group[1..] {
            if (s.grade, s.severity) > (best.grade, best.severity) {
                best = s;
            }
        }
        let mut sightings: Vec<Sighting> = group.iter().map(|s| sighting(s)).collect();
        sightings.dedup();
        sightings.truncate(LISTED);
        let page = self.pages.get(&best.rule);
        let life = self.lives.get(&id);
        // What was found long ago may have ended since.
        let (severity, told) = lapsed(best.severity, best.note.as_deref(), self.now);
        Record {
            id: id.short(),
            rule: best.rule.clone(),
            kind: best.kind,
            severity,
            grade: best.grade,
            title: page.map_or_else(|| best.rule.clone(), |p| p.title.clone()),
            preview: best.preview.clone(),
            note: self.note(told, best, &group, life),
            sightings,
            fix: fix(page.map(Arc::as_ref), best),
            state: life.map_or(State::Open, |l| self.state(l)),
            first_seen: life.map(|l| l.first_seen),
        }
    }

    /// What a proof said, and what follows from all the places together.
    fn note(
        &self,
        told: Option<String>,
        best: &Seen,
        group: &[&Seen],
        life: Option<&Life>,
    ) -> Option<String> {
        let committed = |s: &&&Seen| s.inside.as_ref().is_some_and(|i| i.starts_with("commit "));
        let mut notes: Vec<String> = told.into_iter().collect();
        if best.kind == Kind::Secret && group.iter().any(|s| committed(&s)) {
            notes.push(
                "in the history of a repository, so rotate it: removing the line is not enough".to_owned(),
            );
        }
        let used = group.iter().find(|s| self.credential(s)).filter(|_| best.kind == Kind::Secret);
        // Where it belongs it is only there; what stands elsewhere too has got out, and is worth something.
        if let Some(used) = used.filter(|_| group.iter().any(|s| !self.credential(s))) {
            notes.push(format!("still in use here: {}", used.path));
        }
        if let Some(times) = life.map(|l| l.returns).filter(|times| *times >= OFTEN) {
            notes.push(format!("something puts this back: mended, it has come back {times} times"));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// Whether this is where a tool or a program takes the secret from.
    fn credential(&self, seen: &Seen) -> bool {
        if [PROCESSES, SERVICES].contains(&seen.path.as_str()) {
            return true;
        }
        let place = self.places.and_then(|p| p.classify(&seen.path));
        seen.inside.is_none() && place.is_some_and(|p| p.mode.is_some() && !p.history)
    }

    fn state(&self, life: &Life) -> State {
        match (&life.resolved, &life.ignored) {
            (Some(at), _) => State::Resolved { at: *at },
            (None, Some((reason, until))) if until.is_none_or(|u| u > self.now) => {
                State::Ignored { reason: reason.clone(), until: *until }
            }
            _ => State::Open,
        }
    }
}

/// Worst first, then surest, then by rule and place.
fn order(a: &Record, b: &Record) -> std::cmp::Ordering {
    let first = |r: &Record| r.sightings.first().map(|s| (s.path.clone(), s.inside.clone(), s.line));
    (b.severity, b.grade)
        .cmp(&(a.severity, a.grade))
        .then_with(|| a.rule.cmp(&b.rule))
        .then_with(|| first(a).cmp(&first(b)))
        .then_with(|| a.id.cmp(&b.id))
}

fn sighting(s: &Seen) -> Sighting {
    let some = |n: u64| (n > 0).then_some(n);
    let (start, end) = s.at.span.map_or((None, None), |(a, b)| (Some(a), Some(b)));
    Sighting {
        path: s.path.clone(),
        inside: s.inside.clone(),
        line: some(s.at.line),
        column: some(s.at.column),
        start,
        end,
    }
}

fn fix(page: Option<&Page>, seen: &Seen) -> Fix {
    let Some(page) = page else {
        return Fix { safety: Safety::Manual, advice: String::new(), command: None, revoke: None };
    };
    let fill = |c: &String| c.replace("{path}", &quoted(&seen.path)).replace("{key}", &quoted(&seen.key));
    Fix {
        safety: page.safety,
        advice: page.advice.clone(),
        // Nothing can be done to a path that is none.
        command: page
            .command
            .as_ref()
            .filter(|c| !(seen.path.starts_with('(') && c.contains("{path}")))
            .map(fill),
        revoke: page.revoke.clone(),
    }
}

/// As a shell takes it: `~/` stays outside the quotes, or it would not be the home.
fn quoted(text: &str) -> String {
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'~' | b':' | b'@' | b'+')
    };
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    let (home, rest) = text.strip_prefix("~/").map_or(("", text), |rest| ("~/", rest));
    format!("{home}'{}'", rest.replace('\'', r"'\''"))
}

/// Where the file of a version is, or was, in the work tree: what ignores say of it holds for its history too.
fn versioned(s: &Sighting) -> Option<String> {
    let tree = s.path.strip_suffix(".git").filter(|t| t.is_empty() || t.ends_with('/'))?;
    let (commit, file) = s.inside.as_deref()?.split_once(" › ")?;
    commit.starts_with("commit ").then(|| format!("{tree}{file}"))
}

/// Takes out what ignore files silence. Returns how many findings that cost, and the lines that silence nothing.
pub(crate) fn silence(records: &mut Vec<Record>, files: &[IgnoreFile], today: &str) -> (u64, Vec<String>) {
    let mut used: HashSet<(usize, usize)> = HashSet::new();
    let before = records.len();
    for record in records.iter_mut() {
        let (id, rule) = (record.id.clone(), record.rule.clone());
        record.sightings.retain(|s| {
            let seen = ignore::Seen { id: &id, rule: &rule, path: &s.path, line: s.line.unwrap_or(0) };
            let by = |seen: &ignore::Seen<'_>| {
                files.iter().enumerate().find_map(|(n, f)| f.silences(seen, today).map(|line| (n, line)))
            };
            let file = versioned(s);
            let by = by(&seen).or_else(|| by(&ignore::Seen { path: file.as_deref()?, ..seen }));
            used.extend(by);
            by.is_none()
        });
    }
    records.retain(|r| !r.sightings.is_empty());
    let lines = files
        .iter()
        .enumerate()
        .flat_map(|(n, f)| f.ignores.iter().enumerate().map(move |(i, ignore)| (n, i, f, ignore)));
    let unused = lines
        .filter(|(n, i, ..)| !used.contains(&(*n, *i)))
        .map(|(_, _, f, ignore)| format!("{}:{}", f.path, ignore.line));
    ((before - records.len()) as u64, unused.collect())
}

/// What was not examined, gaps before what was left out on purpose.
pub(crate) fn coverage(missed: BTreeMap<Reason, Missed>) -> Vec<Gap> {
    let gap = |(reason, m): (Reason, Missed)| Gap {
        reason,
        policy: reason.policy(),
        count: m.count,
        paths: m.paths,
        why: m.why.unwrap_or_else(|| reason.words().to_owned()),
    };
    missed.into_iter().map(gap).collect()
}

/// Puts the document together: open findings only, the others as counts.
pub(crate) fn document(mut records: Vec<Record>, coverage: Vec<Gap>, mut summary: Summary) -> Document {
    let all = records.len();
    records.retain(|r| r.state == State::Open);
    summary.ignored += (all - records.len()) as u64;
    for record in &records {
        let count = match record.severity {
            Severity::Critical => &mut summary.critical,
            Severity::High => &mut summary.high,
            Severity::Medium => &mut summary.medium,
            Severity::Low => &mut summary.low,
            Severity::Info => &mut summary.info,
        };
        *count += 1;
    }
    summary.complete = coverage.iter().all(|g| g.policy);
    Document { schema: SCHEMA, findings: records, coverage, summary }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_rules::finding::Location;
    use lapwing_rules::rule::Grade;

    fn seen(id: u8, severity: Severity, grade: Grade, path: &str) -> Seen {
        Seen {
            id: FindingId([id; 16]),
            rule: format!("rule-{grade:?}").to_lowercase(),
            kind: Kind::Secret,
            severity,
            grade: Some(grade),
            preview: "…".to_owned(),
            note: None,
            key: String::new(),
            path: path.to_owned(),
            inside: None,
            at: Location { line: 1, column: 1, span: Some((0, 9)) },
        }
    }

    fn frame(lives: &HashMap<FindingId, Life>) -> Frame<'_> {
        Frame { pages: Arc::default(), lives, now: 1000, places: None }
    }

    #[test]
    fn one_secret_is_one_finding_and_its_surest_sighting_speaks() {
        let seen = [
            seen(1, Severity::Medium, Grade::Named, "~/a"),
            seen(1, Severity::High, Grade::Proved, "~/b"),
            seen(2, Severity::Critical, Grade::Shaped, "~/c"),
        ];
        let lives = HashMap::new();
        let records = frame(&lives).records(&seen);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].severity, Severity::Critical);
        assert_eq!((records[1].rule.as_str(), records[1].sightings.len()), ("rule-proved", 2));
    }

    #[test]
    fn what_has_got_out_of_where_it_is_used_says_so() {
        let engine = lapwing_rules::engine::Engine::builtin();
        let lives = HashMap::new();
        let note = |paths: &[&str]| {
            let seen: Vec<Seen> =
                paths.iter().map(|path| seen(1, Severity::High, Grade::Proved, path)).collect();
            let frame = Frame { places: Some(engine.places()), ..frame(&lives) };
            frame.records(&seen).remove(0).note
        };
        let used = Some("still in use here: ~/.config/gh/hosts.yml".to_owned());
        assert_eq!(note(&["~/.config/gh/hosts.yml", "~/src/deploy.sh"]), used);
        assert_eq!(note(&["~/.config/gh/hosts.yml", "~/.bash_history"]), used);
        assert_eq!(note(&["~/.config/gh/hosts.yml"]), None);
        assert_eq!(note(&["~/src/deploy.sh", "~/.bash_history"]), None);
    }

    #[test]
    fn what_has_ended_since_it_was_found_says_so() {
        let lives = HashMap::new();
        let note = Some("issued by acme; expires 2026-01-01".to_owned());
        let seen = [Seen { note, ..seen(1, Severity::High, Grade::Shaped, "~/a") }];
        let at = |now| {
            let record = Frame { now, ..frame(&lives) }.records(&seen).remove(0);
            (record.severity, record.note.unwrap())
        };
        assert_eq!(at(1_767_000_000), (Severity::High, "issued by acme; expires 2026-01-01".to_owned()));
        assert_eq!(at(1_768_000_000), (Severity::Info, "issued by acme; expired 2026-01-01".to_owned()));
    }

    #[test]
    fn what_comes_back_again_and_again_says_so() {
        let note = |returns| {
            let life = Life { first_seen: 1, returns, ..Life::default() };
            let lives = HashMap::from([(FindingId([1; 16]), life)]);
            frame(&lives).records(&[seen(1, Severity::High, Grade::Proved, "~/a")]).remove(0).note
        };
        assert_eq!(note(OFTEN - 1), None);
        let want = format!("something puts this back: mended, it has come back {OFTEN} times");
        assert_eq!(note(OFTEN), Some(want));
    }

    #[test]
    fn ignores_end_with_their_day() {
        let life =
            |until| Life { first_seen: 1, ignored: Some(("why".to_owned(), until)), ..Life::default() };
        let lives = HashMap::new();
        assert_eq!(frame(&lives).state(&life(Some(999))), State::Open);
        assert!(matches!(frame(&lives).state(&life(Some(1001))), State::Ignored { .. }));
        assert!(matches!(frame(&lives).state(&life(None)), State::Ignored { .. }));
    }

    #[test]
    fn unused_ignore_lines_are_named() {
        let file = IgnoreFile::parse("~/.lapwingignore", "a made up\nb gone long ago\n");
        let lives = HashMap::new();
        let mut records = frame(&lives).records(&[
            seen(1, Severity::High, Grade::Named, "~/a"),
            seen(2, Severity::High, Grade::Named, "~/c"),
        ]);
        let (silenced, unused) = silence(&mut records, &[file], "2026-11-22");
        assert_eq!((silenced, records.len(), unused), (1, 1, vec!["~/.lapwingignore:2".to_owned()]));
    }

    #[test]
    fn commands_take_any_file_name() {
        assert_eq!(quoted("~/.npmrc"), "~/.npmrc");
        assert_eq!(quoted("~/my file's"), r"~/'my file'\''s'");
        assert_eq!(quoted("$(rm -rf ~)"), "'$(rm -rf ~)'");
    }
}
