//! Pure: which of the findings that have opened are worth a notification, grouped and rate-limited. A person is told once
//! and calmly: what cannot wait, what belongs together in one piece, and nothing while they do not want to be disturbed.

use crate::event::Moment;
use crate::record::{Record, Sighting};
use lapwing_rules::rule::{Grade, Severity};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// What is told, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Mildest finding that is told.
    pub(crate) severity: Severity,
    /// Least sure secret that is told. Settings and checks have no grade: they are facts.
    pub(crate) grade: Grade,
    /// Findings that open within this time are told together.
    pub(crate) group: Duration,
    /// Notifications an hour; none at all when 0.
    pub(crate) hourly: usize,
    /// The same finding is not told again before.
    pub(crate) again: Duration,
    /// How often a quiet that cannot be watched is asked about, and only while something waits for its end.
    pub(crate) recheck: Duration,
    /// Longest time that a presentation holds news back: programs that keep the screen on look like one, some for ever.
    pub(crate) presentation: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            severity: Severity::High,
            grade: Grade::Named,
            group: Duration::from_secs(3),
            hourly: 6,
            again: DAY,
            recheck: Duration::from_secs(5 * 60),
            presentation: Duration::from_secs(2 * 60 * 60),
        }
    }
}

/// Why now is not the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quiet {
    /// It is.
    No,
    /// The desktop has been told not to disturb.
    DoNotDisturb,
    /// Something keeps the screen on: a film, a presentation.
    Presenting,
    /// The screen is locked: what is on it may be read by others.
    Locked,
}

/// How much a notification may insist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// It may go away by itself.
    Normal,
    /// It stays until it was seen.
    Critical,
}

/// One notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Notice {
    /// Counts up; another one for each notice.
    pub(crate) id: u64,
    /// One line.
    pub(crate) title: String,
    /// A few lines of plain text.
    pub(crate) body: String,
    /// How much it may insist.
    pub(crate) urgency: Urgency,
    /// The command to run next; the body names it too.
    pub(crate) command: String,
    /// The findings, worst first.
    pub(crate) ids: Vec<String>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Findings that a group names; the rest are a number.
const NAMED: usize = 3;
/// Longest path that is shown, in characters.
const WIDTH: usize = 120;

/// A finding that waits to be told.
struct Item {
    id: String,
    severity: Severity,
    grade: Option<Grade>,
    title: String,
    preview: String,
    place: String,
}

/// What is to be told, and what has been.
pub(crate) struct Notices {
    policy: Policy,
    waiting: Vec<Item>,
    /// When the first of those that wait has opened.
    since: Option<Moment>,
    /// Since when somebody does not want to be disturbed, and when to ask again.
    held: Option<(Moment, Moment)>,
    told: HashMap<String, Moment>,
    sent: VecDeque<Moment>,
    first_sweep: FirstSweep,
    count: u64,
}

/// How far the sweep is that sees a home for the first time, and finds in it what has been there for years.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstSweep {
    Running,
    Summary,
    Over,
}

impl Notices {
    /// Nothing is waiting, nothing has been told.
    pub(crate) fn new(policy: Policy) -> Notices {
        Notices {
            policy,
            waiting: Vec::new(),
            since: None,
            held: None,
            told: HashMap::new(),
            sent: VecDeque::new(),
            first_sweep: FirstSweep::Over,
            count: 0,
        }
    }

    /// Another policy, from now on. What waits and what was told stays.
    pub(crate) fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// A sweep begins of a home about which nothing is known: nothing is told until it ends.
    pub(crate) fn first_sweep_began(&mut self) {
        self.first_sweep = FirstSweep::Running;
    }

    /// It has ended: what it has found is told in one piece.
    pub(crate) fn first_sweep_ended(&mut self) {
        if self.first_sweep == FirstSweep::Running {
            self.first_sweep = if self.waiting.is_empty() { FirstSweep::Over } else { FirstSweep::Summary };
        }
    }

    /// A finding has opened.
    pub(crate) fn opened(&mut self, record: &Record, now: Moment) {
        let sure = record.grade.is_none_or(|grade| grade >= self.policy.grade);
        if record.severity < self.policy.severity || !sure || self.policy.hourly == 0 {
            return;
        }
        let told = self.told.get(&record.id).is_some_and(|at| now.saturating_sub(*at) < self.policy.again);
        if told || self.waiting.iter().any(|item| item.id == record.id) {
            return;
        }
        self.waiting.push(Item::new(record));
        self.since.get_or_insert(now);
    }

    /// A finding is resolved or ignored: it need not be told any more.
    pub(crate) fn settled(&mut self, id: &str) {
        self.waiting.retain(|item| item.id != id);
        if self.waiting.is_empty() {
            self.since = None;
            self.held = None;
        }
    }

    /// What is to be told now.
    pub(crate) fn due(&mut self, now: Moment, quiet: Quiet) -> Option<Notice> {
        self.forget(now);
        if self.hush(now, quiet) || self.next().is_none_or(|at| at > now) {
            return None;
        }
        let mut items = std::mem::take(&mut self.waiting);
        items.sort_by(|a, b| (b.severity, b.grade, &a.place).cmp(&(a.severity, a.grade, &b.place)));
        self.since = None;
        self.held = None;
        self.sent.push_back(now);
        self.told.extend(items.iter().map(|item| (item.id.clone(), now)));
        self.count += 1;
        let first = std::mem::replace(&mut self.first_sweep, FirstSweep::Over) == FirstSweep::Summary;
        notice(self.count, &items, first)
    }

    /// When [`Notices::due`] is to be asked next; `None` when nothing waits for a time.
    pub(crate) fn next(&self) -> Option<Moment> {
        let since = self.since?;
        let group = match self.first_sweep {
            FirstSweep::Running => return None,
            FirstSweep::Summary => since,
            FirstSweep::Over => since + self.policy.group,
        };
        let full = self.sent.len() >= self.policy.hourly.max(1);
        let slot = full.then(|| self.sent[self.sent.len() - self.policy.hourly.max(1)] + HOUR);
        let ask = self.held.map(|(_, ask)| ask);
        [Some(group), slot, ask].into_iter().flatten().max()
    }

    /// Whether somebody does not want to be told now.
    fn hush(&mut self, now: Moment, quiet: Quiet) -> bool {
        if self.waiting.is_empty() || quiet == Quiet::No {
            self.held = None;
            return false;
        }
        let since = self.held.map_or(now, |(since, _)| since);
        if quiet == Quiet::Presenting && now.saturating_sub(since) >= self.policy.presentation {
            self.held = Some((since, now));
            return false;
        }
        self.held = Some((since, now + self.policy.recheck));
        true
    }

    fn forget(&mut self, now: Moment) {
        let again = self.policy.again;
        self.told.retain(|_, at| now.saturating_sub(*at) < again);
        while self.sent.front().is_some_and(|at| now.saturating_sub(*at) >= HOUR) {
            self.sent.pop_front();
        }
    }
}

impl Item {
    fn new(record: &Record) -> Item {
        Item {
            id: record.id.clone(),
            severity: record.severity,
            grade: record.grade,
            title: plain(&record.title),
            preview: plain(&record.preview),
            place: places(&record.sightings),
        }
    }
}

/// Where something was seen: the first place, and how many more.
fn places(sightings: &[Sighting]) -> String {
    let Some(first) = sightings.first() else { return String::new() };
    let line = first.line.map(|line| format!(":{line}")).unwrap_or_default();
    let inside =
        first.inside.as_deref().map(|part| format!(" ({})", short(&plain(part)))).unwrap_or_default();
    let more = match sightings.len() - 1 {
        0 => String::new(),
        1 => " and one more place".to_owned(),
        n => format!(" and {n} more places"),
    };
    format!("{}{inside}{line}{more}", short(&plain(&first.path)))
}

fn notice(id: u64, items: &[Item], first_sweep: bool) -> Option<Notice> {
    let worst = items.first()?;
    let urgency = if worst.severity == Severity::Critical { Urgency::Critical } else { Urgency::Normal };
    let ids = items.iter().map(|item| item.id.clone()).collect();
    let (title, command) = match (items, first_sweep) {
        ([one], false) => (one.title.clone(), format!("lapwing show {}", one.id)),
        ([one], true) => {
            let title = "Lapwing has looked through your home: one finding needs a look".to_owned();
            (title, format!("lapwing show {}", one.id))
        }
        (_, true) => {
            let title = format!("Lapwing has looked through your home: {} findings need a look", items.len());
            (title, "lapwing list".to_owned())
        }
        (_, false) => {
            let title = format!("{} new findings, the worst {}", items.len(), worst.severity.word());
            (title, "lapwing list".to_owned())
        }
    };
    let body = match (items, first_sweep) {
        ([one], false) => format!("{}\nWhat to do: {command}", evidence(one)),
        _ => format!("{}\nWhat to do: {command}", list(items)),
    };
    Some(Notice { id, title, body, urgency, command, ids })
}

fn evidence(item: &Item) -> String {
    match (item.preview.is_empty(), item.place.is_empty()) {
        (false, false) => format!("{} in {}", item.preview, item.place),
        (true, false) => format!("In {}", item.place),
        (_, true) => item.preview.clone(),
    }
}

fn list(items: &[Item]) -> String {
    let line = |item: &Item| match item.place.is_empty() {
        true => item.title.clone(),
        false => format!("{}: {}", item.title, item.place),
    };
    let mut lines: Vec<String> = items.iter().take(NAMED).map(line).collect();
    if items.len() > NAMED {
        lines.push(format!("and {} more", items.len() - NAMED));
    }
    lines.join("\n")
}

/// Text on one line: names of files may hold anything.
fn plain(text: &str) -> String {
    text.chars().map(|c| if crate::text::harmful(c) { '\u{fffd}' } else { c }).collect()
}

/// The end of a long path says more than its beginning.
fn short(text: &str) -> String {
    let count = text.chars().count();
    if count <= WIDTH {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(count + 1 - WIDTH)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Fix, State};
    use lapwing_rules::rule::{Kind, Safety};

    /// A finding as the ledger has it.
    pub(crate) fn record(id: &str, severity: Severity, grade: Option<Grade>) -> Record {
        let sighting = Sighting {
            path: "~/.bash_history".to_owned(),
            inside: None,
            line: Some(12),
            column: None,
            start: None,
            end: None,
        };
        Record {
            id: id.to_owned(),
            rule: "github-token".to_owned(),
            kind: Kind::Secret,
            severity,
            grade,
            title: "GitHub token".to_owned(),
            preview: "ghp_…(40)".to_owned(),
            note: None,
            sightings: vec![sighting],
            fix: Fix { safety: Safety::Manual, advice: String::new(), command: None, revoke: None },
            state: State::Open,
            first_seen: None,
        }
    }

    fn high(id: &str) -> Record {
        record(id, Severity::High, Some(Grade::Proved))
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_secs(1_000_000 + seconds)
    }

    /// Runs the clock as the shell does until nothing is due by itself, and tells when what was told.
    fn run(notices: &mut Notices, quiet: Quiet, until: Moment) -> Vec<(Moment, Notice)> {
        let mut told = Vec::new();
        while let Some(next) = notices.next().filter(|next| *next <= until) {
            if let Some(notice) = notices.due(next, quiet) {
                told.push((next, notice));
            }
        }
        told
    }

    #[test]
    fn one_finding_is_told_with_problem_place_and_command() {
        let mut notices = Notices::new(Policy::default());
        notices.opened(&high("F-1"), at(0));
        assert!(notices.due(at(1), Quiet::No).is_none(), "others may follow");
        let told = run(&mut notices, Quiet::No, at(100));
        let [(when, notice)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(*when, at(3));
        assert_eq!(notice.title, "GitHub token");
        assert_eq!(notice.body, "ghp_…(40) in ~/.bash_history:12\nWhat to do: lapwing show F-1");
        assert_eq!((notice.command.as_str(), notice.urgency), ("lapwing show F-1", Urgency::Normal));
        assert_eq!(notice.ids, ["F-1"]);
        assert_eq!(notices.next(), None);
    }

    #[test]
    fn what_can_wait_or_is_guessed_is_not_told() {
        let mut notices = Notices::new(Policy::default());
        notices.opened(&record("F-1", Severity::Medium, Some(Grade::Proved)), at(0));
        notices.opened(&record("F-2", Severity::Critical, Some(Grade::Guessed)), at(0));
        assert_eq!(notices.next(), None);
        notices.opened(&record("F-3", Severity::High, None), at(0));
        assert!(notices.next().is_some(), "settings and checks are facts");
        let mut all = Notices::new(Policy { severity: Severity::Low, ..Policy::default() });
        all.opened(&record("F-1", Severity::Low, Some(Grade::Named)), at(0));
        assert!(all.next().is_some());
    }

    #[test]
    fn who_wants_none_is_told_nothing() {
        let mut notices = Notices::new(Policy { hourly: 0, ..Policy::default() });
        notices.opened(&high("F-1"), at(0));
        assert_eq!(notices.next(), None);
    }

    #[test]
    fn a_burst_is_one_notice_that_names_the_worst_first() {
        let mut notices = Notices::new(Policy::default());
        for n in 0..9 {
            notices.opened(&high(&format!("F-{n}")), at(n / 4));
        }
        notices.opened(&record("F-WORST", Severity::Critical, Some(Grade::Shaped)), at(2));
        let told = run(&mut notices, Quiet::No, at(100));
        let [(_, notice)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(notice.title, "10 new findings, the worst critical");
        assert_eq!(notice.ids[0], "F-WORST");
        assert_eq!((notice.ids.len(), notice.urgency), (10, Urgency::Critical));
        assert!(notice.body.ends_with("and 7 more\nWhat to do: lapwing list"), "{}", notice.body);
    }

    #[test]
    fn never_more_an_hour_than_allowed_and_nothing_is_lost() {
        let mut notices = Notices::new(Policy::default());
        let mut told = Vec::new();
        for n in 0..100 {
            notices.opened(&high(&format!("F-{n}")), at(n * 60));
            told.extend(run(&mut notices, Quiet::No, at(n * 60 + 59)));
        }
        told.extend(run(&mut notices, Quiet::No, at(100_000)));
        for (from, _) in &told {
            let within = told.iter().filter(|(at, _)| at >= from && *at < *from + HOUR).count();
            assert!(within <= 6, "{within} within an hour");
        }
        let ids: std::collections::HashSet<_> = told.iter().flat_map(|(_, n)| n.ids.clone()).collect();
        assert_eq!(ids.len(), 100);
    }

    #[test]
    fn the_same_finding_is_told_once_a_day() {
        let mut notices = Notices::new(Policy::default());
        notices.opened(&high("F-1"), at(0));
        assert_eq!(run(&mut notices, Quiet::No, at(10)).len(), 1);
        notices.opened(&high("F-1"), at(20_000));
        assert_eq!(notices.next(), None);
        notices.opened(&high("F-1"), at(3) + DAY);
        assert_eq!(run(&mut notices, Quiet::No, at(10) + DAY).len(), 1);
    }

    #[test]
    fn a_first_sweep_is_told_in_one_piece_at_its_end() {
        let mut notices = Notices::new(Policy::default());
        notices.first_sweep_began();
        for n in 0..40 {
            notices.opened(&high(&format!("F-{n}")), at(n * 10));
            assert_eq!(notices.next(), None);
            assert!(notices.due(at(n * 10), Quiet::No).is_none());
        }
        notices.first_sweep_ended();
        let told = run(&mut notices, Quiet::No, at(1000));
        let [(_, notice)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(notice.title, "Lapwing has looked through your home: 40 findings need a look");
        notices.opened(&high("F-NEW"), at(2000));
        assert_eq!(run(&mut notices, Quiet::No, at(3000))[0].1.title, "GitHub token");
    }

    #[test]
    fn a_clean_first_sweep_says_nothing() {
        let mut notices = Notices::new(Policy::default());
        notices.first_sweep_began();
        notices.first_sweep_ended();
        assert_eq!(notices.next(), None);
        notices.opened(&high("F-1"), at(0));
        assert_eq!(run(&mut notices, Quiet::No, at(10))[0].1.title, "GitHub token");
    }

    #[test]
    fn what_is_kept_back_is_told_in_one_piece_afterwards() {
        for quiet in [Quiet::DoNotDisturb, Quiet::Presenting, Quiet::Locked] {
            let mut notices = Notices::new(Policy::default());
            notices.opened(&high("F-1"), at(0));
            assert!(run(&mut notices, quiet, at(600)).is_empty());
            notices.opened(&high("F-2"), at(600));
            assert!(run(&mut notices, quiet, at(1200)).is_empty());
            let notice = notices.due(at(1300), Quiet::No).expect("it is over");
            assert_eq!(notice.ids, ["F-1", "F-2"]);
        }
    }

    #[test]
    fn only_a_presentation_without_end_is_interrupted() {
        for (quiet, told) in [(Quiet::Presenting, 1), (Quiet::Locked, 0), (Quiet::DoNotDisturb, 0)] {
            let mut notices = Notices::new(Policy::default());
            notices.opened(&high("F-1"), at(0));
            assert_eq!(run(&mut notices, quiet, at(100_000)).len(), told, "{quiet:?}");
        }
    }

    #[test]
    fn what_is_settled_meanwhile_is_not_told() {
        let mut notices = Notices::new(Policy::default());
        notices.opened(&high("F-1"), at(0));
        notices.opened(&high("F-2"), at(0));
        notices.settled("F-1");
        assert_eq!(run(&mut notices, Quiet::No, at(10))[0].1.ids, ["F-2"]);
        notices.opened(&high("F-3"), at(20));
        notices.settled("F-3");
        assert_eq!(notices.next(), None);
    }

    #[test]
    fn names_of_files_cannot_add_lines() {
        let mut record = high("F-1");
        record.sightings[0].path = format!("~/{}\nWhat to do: rm\u{1b}[2J", "x".repeat(300));
        record.sightings.push(record.sightings[0].clone());
        let item = Item::new(&record);
        assert!(!item.place.chars().any(char::is_control));
        assert!(item.place.chars().count() < 160 && item.place.ends_with("and one more place"));
    }
}
