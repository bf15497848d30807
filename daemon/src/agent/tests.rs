//! Situations, written down as what happens when, and what is done about it.

use super::*;
use crate::bus::Call;
use crate::client::{Doing, Refusal, Status};
use crate::home::Home;
use crate::notice::Quiet;
use crate::power::Power;
use crate::record::{Fix, Record, State};
use lapwing_rules::rule::{Grade, Kind, Safety, Severity};
use std::path::Path;
use tokio::sync::oneshot;

/// An agent with a clock of its own, whose workers answer when they are told to.
struct Scene {
    agent: Agent,
    now: Moment,
    done: Vec<Effect>,
}

fn ms(n: u64) -> Moment {
    Duration::from_millis(n)
}

fn scene(first: bool) -> Scene {
    let policy = Policy {
        coalesce: coalesce::Policy::new("/home/dev".into()),
        schedule: schedule::Policy::default(),
        notice: notice::Policy::default(),
        jitter: 0.5,
    };
    let now = ms(1000);
    let mut scene = Scene { agent: Agent::new(policy, first, now), now, done: Vec::new() };
    scene.happens(Event::Tick);
    scene.looked(Looked::default());
    scene
}

impl Scene {
    fn happens(&mut self, event: Event) {
        self.done.extend(self.agent.handle(event, self.now));
        let asked = self.done.iter().any(|e| matches!(e, Effect::AskLoad));
        if asked {
            self.done.retain(|e| !matches!(e, Effect::AskLoad));
            self.happens(Event::Load(false));
        }
    }

    /// Lets time pass as the shell would: from timer to timer.
    fn passes(&mut self, time: Moment) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(next) = self.agent.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            let before = self.done.len();
            self.happens(Event::Tick);
            turns += 1;
            let stuck = self.agent.next().is_some_and(|again| again <= self.now) && self.done.len() == before;
            assert!(!stuck && turns < 10_000, "the timer spins");
        }
        self.now = end;
    }

    fn changed(&mut self, path: &str) {
        self.happens(Event::File(FileEvent::Changed(path.into()), Class::File));
    }

    fn looked(&mut self, looked: Looked) {
        self.done.retain(|e| !matches!(e, Effect::Look(_)));
        self.happens(Event::Looked(looked));
    }

    fn passed(&mut self, pass: Pass, stopped: bool) {
        self.done.retain(|e| !matches!(e, Effect::Pass(_)));
        let swept = Swept {
            at: 1,
            millis: 1,
            files: 1,
            unchanged: 0,
            bytes: 1,
            opened: 0,
            resolved: 0,
            complete: true,
        };
        let result = Ok(Outcome { stopped, swept, coverage: Vec::new() });
        self.happens(Event::Passed(Passed { pass, result }));
    }

    /// What the worker for looks was given last.
    fn looks(&self) -> Option<Vec<String>> {
        let name = |look: &Look| match look {
            Look::File(path) => format!("file {}", path.display()),
            Look::Gone(path) => format!("gone {}", path.display()),
            Look::Below(path) => format!("below {}", path.display()),
            Look::Grown(path, _) => format!("grown {}", path.display()),
            Look::Everything => "everything".to_owned(),
        };
        self.done.iter().rev().find_map(|effect| match effect {
            Effect::Look(looks) => Some(looks.iter().map(name).collect()),
            _ => None,
        })
    }

    fn pass(&self) -> Option<Pass> {
        self.done.iter().rev().find_map(|effect| match effect {
            Effect::Pass(pass) => Some(pass.clone()),
            _ => None,
        })
    }

    fn has(&self, what: impl Fn(&Effect) -> bool) -> bool {
        self.done.iter().any(what)
    }

    fn status(&self) -> Status {
        let mut status = Status::starting(&Home::other(Path::new("/nowhere")), 0);
        self.agent.describe(&mut status);
        status
    }

    /// An agent that has swept and is at rest.
    fn rested(mut self) -> Scene {
        self.passes(ms(30_000));
        assert_eq!(self.pass(), Some(Pass::Home));
        self.passed(Pass::Home, false);
        self.looked(Looked::default());
        self.done.clear();
        self
    }
}

fn record(id: &str, severity: Severity) -> Record {
    Record {
        id: id.to_owned(),
        rule: "github-pat".to_owned(),
        kind: Kind::Secret,
        severity,
        grade: Some(Grade::Proved),
        title: "GitHub token".to_owned(),
        preview: "ghp_…".to_owned(),
        note: None,
        sightings: Vec::new(),
        fix: Fix { safety: Safety::Manual, advice: String::new(), command: None, revoke: None },
        state: State::Open,
        first_seen: Some(1),
    }
}

fn opened(id: &str) -> Looked {
    let news = vec![News { turn: Turn::Opened, record: record(id, Severity::Critical) }];
    Looked { news, cursor: 7, seen: vec!["~/a".to_owned()], ..Looked::default() }
}

#[test]
fn a_new_home_is_swept_at_once_and_a_known_one_after_the_login() {
    let mut new = scene(true);
    new.passes(ms(0));
    assert_eq!(new.pass(), Some(Pass::Home));
    let mut known = scene(false);
    known.passes(ms(19_000));
    assert_eq!(known.pass(), None);
    known.passes(ms(1000));
    assert_eq!(known.pass(), Some(Pass::Home));
}

#[test]
fn a_change_is_looked_at_when_it_is_quiet_and_told_once() {
    let mut scene = scene(false).rested();
    scene.changed("/home/dev/.npmrc");
    scene.passes(ms(100));
    scene.changed("/home/dev/.npmrc");
    assert_eq!(scene.looks(), None);
    scene.passes(ms(200));
    assert_eq!(scene.looks(), Some(vec!["file /home/dev/.npmrc".to_owned()]));
    scene.looked(opened("F-1"));
    assert!(scene.has(|e| matches!(e, Effect::Tell(news, 7) if news.len() == 1)));
    scene.passes(ms(5000));
    assert!(scene.has(|e| matches!(e, Effect::AskQuiet)));
    scene.happens(Event::Quiet(Quiet::No));
    assert!(scene.has(|e| matches!(e, Effect::Show(notice) if notice.ids == ["F-1"])));
    assert!(scene.agent.next().is_none_or(|next| next > scene.now + ms(3_600_000)), "it is at rest");
}

#[test]
fn one_job_at_a_time_and_the_rest_right_after() {
    let mut scene = scene(false).rested();
    scene.changed("/home/dev/a/one");
    scene.passes(ms(200));
    assert_eq!(scene.looks().unwrap().len(), 1);
    scene.changed("/home/dev/b/two");
    scene.passes(ms(60_000));
    assert_eq!(scene.done.iter().filter(|e| matches!(e, Effect::Look(_))).count(), 1);
    scene.looked(Looked::default());
    assert_eq!(scene.looks(), Some(vec!["file /home/dev/b/two".to_owned()]));
}

#[test]
fn what_was_looked_at_during_a_sweep_is_looked_at_once_more() {
    let mut scene = scene(false);
    scene.passes(ms(30_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
    scene.changed("/home/dev/x");
    scene.passes(ms(200));
    scene.looked(Looked::default());
    scene.passed(Pass::Home, false);
    assert_eq!(scene.looks(), Some(vec!["file /home/dev/x".to_owned()]));
}

#[test]
fn what_is_gone_waits_for_the_pass_that_may_meet_it_elsewhere() {
    let mut scene = scene(false).rested();
    scene.happens(Event::File(FileEvent::Gone("/home/dev/old".into()), Class::File));
    scene.happens(Event::File(FileEvent::NewDir("/home/dev/new".into()), Class::File));
    assert!(scene.has(|e| matches!(e, Effect::Admit(dir) if dir == Path::new("/home/dev/new"))));
    scene.passes(ms(1000));
    let below = Pass::Below("/home/dev/new".into());
    assert_eq!(scene.pass(), Some(below.clone()));
    assert!(scene.looks().is_none_or(|looks| looks.is_empty()));
    scene.passed(below, false);
    scene.passes(ms(0));
    assert_eq!(scene.looks(), Some(vec!["gone /home/dev/old".to_owned()]));
}

#[test]
fn a_file_that_takes_long_is_looked_at_less_often_and_not_forgotten() {
    let mut scene = scene(false).rested();
    let path = "/home/dev/.claude/projects/a.jsonl";
    scene.changed(path);
    scene.passes(ms(200));
    scene.looked(Looked { slow: vec![(path.into(), ms(2000))], ..Looked::default() });
    for _ in 0..30 {
        scene.changed(path);
        scene.passes(ms(1000));
    }
    assert_eq!(scene.looks(), None);
    // Others do not wait for it.
    scene.changed("/home/dev/.env");
    scene.passes(ms(200));
    assert_eq!(scene.looks(), Some(vec!["file /home/dev/.env".to_owned()]));
    scene.looked(Looked::default());
    scene.passes(ms(15_000));
    assert_eq!(scene.looks(), Some(vec![format!("file {path}")]));
}

#[test]
fn lost_events_are_made_up_for_by_a_sweep() {
    let mut scene = scene(false).rested();
    scene.happens(Event::File(FileEvent::Lost(None), Class::File));
    scene.passes(ms(120_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
}

#[test]
fn a_sweep_that_was_stopped_is_made_again() {
    let mut scene = scene(false);
    scene.passes(ms(30_000));
    scene.passed(Pass::Home, true);
    scene.looked(Looked::default());
    scene.passes(ms(60_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
}

#[test]
fn on_battery_the_home_is_swept_later_and_a_change_looked_at_as_ever() {
    let mut scene = scene(false);
    scene.happens(Event::Power(Power { on_battery: true, low: false, saver: false }));
    scene.passes(ms(60_000));
    assert_eq!(scene.pass(), None);
    scene.changed("/home/dev/.env");
    scene.passes(ms(200));
    assert!(scene.looks().is_some());
    scene.happens(Event::Power(Power::default()));
    scene.looked(Looked::default());
    scene.passes(ms(15 * 60_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
}

#[test]
fn a_ledger_in_trouble_is_tried_again_less_and_less_often_and_made_up_for() {
    let mut scene = scene(false).rested();
    scene.changed("/home/dev/.env");
    scene.passes(ms(200));
    let trouble =
        || Looked { trouble: Some(Trouble::Ledger("the disk is full".to_owned())), ..Looked::default() };
    scene.looked(trouble());
    assert!(scene.has(|e| matches!(e, Effect::Complain(Source::Ledger, why) if why.contains("full"))));
    assert!(scene.status().problems[0].contains("the disk is full"));
    let mut tries = 0;
    for _ in 0..1000 {
        scene.passes(ms(10_000));
        if scene.pass() == Some(Pass::Home) {
            tries += 1;
            scene.done.retain(|e| !matches!(e, Effect::Pass(_)));
            let failure = Failure::Trouble(Trouble::Ledger("the disk is full".to_owned()));
            scene.happens(Event::Passed(Passed { pass: Pass::Home, result: Err(failure) }));
        }
        if scene.looks().is_some() {
            scene.looked(Looked::default());
        }
    }
    assert!((10..60).contains(&tries), "{tries} tries in three hours");
    assert_eq!(scene.done.iter().filter(|e| matches!(e, Effect::Complain(..))).count(), 1, "said once");
    scene.passes(ms(20 * 60_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
    scene.passed(Pass::Home, false);
    assert!(scene.status().problems.is_empty());
}

#[test]
fn a_key_that_cannot_be_had_is_asked_for_again() {
    let mut scene = scene(false).rested();
    scene.changed("/home/dev/.env");
    scene.passes(ms(200));
    scene.looked(Looked { trouble: Some(Trouble::Key("locked".to_owned())), ..Looked::default() });
    scene.passes(ms(1000));
    assert!(scene.has(|e| matches!(e, Effect::Rekey)));
    scene.happens(Event::Rekeyed(Err("locked".to_owned())));
    scene.done.clear();
    scene.passes(ms(2000));
    assert!(scene.has(|e| matches!(e, Effect::Rekey)));
    scene.happens(Event::Rekeyed(Ok(())));
    assert!(scene.status().problems.is_empty());
    scene.passes(ms(60_000));
    assert_eq!(scene.pass(), Some(Pass::Home), "what was found meanwhile is found again");
}

#[test]
fn another_ledger_is_filled_anew() {
    let mut scene = scene(false).rested();
    scene.happens(Event::Ledger);
    scene.passes(ms(1000));
    scene.looked(Looked { anew: true, ..Looked::default() });
    scene.passes(ms(60_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
}

#[test]
fn paused_it_looks_at_nothing_and_afterwards_at_everything() {
    let mut scene = scene(false).rested();
    let (reply, answer) = oneshot::channel();
    scene.happens(Event::Asked(Call::Pause { time: Some(ms(60_000)), reply }));
    assert_eq!(answer.blocking_recv(), Ok(Ok(())));
    assert!(scene.has(|e| matches!(e, Effect::Blind)));
    assert_eq!(scene.status().state, Doing::Paused);
    scene.changed("/home/dev/.env");
    scene.passes(ms(59_000));
    assert_eq!((scene.looks(), scene.pass()), (None, None));
    let (reply, answer) = oneshot::channel();
    scene.happens(Event::Asked(Call::Rescan { paths: Vec::new(), reply }));
    assert!(
        matches!(answer.blocking_recv(), Ok(Err(Refusal::Refused(why))) if why.contains("lapwing resume"))
    );
    scene.passes(ms(2000));
    assert_eq!(scene.pass(), Some(Pass::Home));
    assert!(scene.has(|e| matches!(e, Effect::Plan)), "it watches again");
}

#[test]
fn a_refused_configuration_is_said_and_the_old_one_stays() {
    let mut scene = scene(false).rested();
    scene.happens(Event::Reload);
    assert!(scene.has(|e| matches!(e, Effect::Reload)));
    scene.happens(Event::Reloaded(Err("config.toml: line 2: unknown key".to_owned())));
    assert!(scene.status().problems[0].contains("line 2"));
    assert_eq!(scene.pass(), None);
    scene.happens(Event::Reloaded(Ok(Vec::new())));
    assert!(scene.status().problems.is_empty());
    scene.passes(ms(1000));
    assert_eq!(scene.pass(), Some(Pass::Home), "under other rules everything is judged again");
}

#[test]
fn the_first_sweep_is_told_in_one_piece() {
    let mut scene = scene(true);
    scene.passes(ms(0));
    scene.happens(Event::Ledger);
    scene.passes(ms(1000));
    scene.looked(opened("F-1"));
    scene.passes(ms(60_000));
    assert!(!scene.has(|e| matches!(e, Effect::AskQuiet)), "nothing yet");
    scene.passed(Pass::Home, false);
    scene.looked(opened("F-2"));
    assert!(scene.has(|e| matches!(e, Effect::Swept(swept, _) if swept.opened == 2)));
    scene.passes(ms(10_000));
    scene.happens(Event::Quiet(Quiet::No));
    let notices = scene.done.iter().filter(|e| matches!(e, Effect::Show(_))).count();
    assert_eq!(notices, 1);
}

#[test]
fn a_look_that_was_under_way_when_a_sweep_ended_does_not_sum_it_up() {
    let mut scene = scene(true);
    scene.passes(ms(0));
    scene.happens(Event::Ledger);
    scene.passes(ms(1000));
    assert!(scene.looks().is_some(), "under way");
    scene.passed(Pass::Home, false);
    scene.looked(opened("F-1"));
    assert!(!scene.has(|e| matches!(e, Effect::Swept(..))), "it has not read what the sweep wrote last");
    scene.passes(ms(0));
    scene.looked(opened("F-2"));
    assert!(scene.has(|e| matches!(e, Effect::Swept(swept, _) if swept.opened == 2)));
    scene.passes(ms(10_000));
    scene.happens(Event::Quiet(Quiet::No));
    assert!(scene.has(|e| matches!(e, Effect::Show(_))));
    scene.done.clear();
    scene.passes(ms(60 * 60_000));
    assert!(!scene.has(|e| matches!(e, Effect::AskQuiet)), "one notice is all");
}

/// A plan's answer.
fn planned(added: u32) -> Event {
    Event::Watching(Watching { watched: 10 + added, added, ..Watching::default() })
}

#[test]
fn what_a_plan_adds_after_a_sweep_is_swept_once_more_and_no_third_time() {
    let mut scene = scene(true);
    scene.happens(planned(10));
    scene.passes(ms(0));
    assert_eq!(scene.pass(), Some(Pass::Home));
    scene.passed(Pass::Home, false);
    scene.looked(Looked::default());
    scene.happens(Event::Watching(Watching { watched: 11, ..Watching::default() }));
    scene.happens(planned(5000));
    scene.passes(ms(60_000));
    assert_eq!(scene.pass(), Some(Pass::Home), "nobody has watched between the sweep and the plan");
    scene.passed(Pass::Home, false);
    scene.looked(Looked::default());
    scene.happens(planned(3));
    scene.passes(ms(20 * 60 * 60_000));
    assert_eq!(scene.pass(), None, "it rests");
    // The next day's sweep is like the first.
    scene.passes(ms(8 * 60 * 60_000));
    scene.passed(Pass::Home, false);
    scene.looked(Looked::default());
    scene.happens(planned(0));
    scene.passes(ms(60 * 60_000));
    assert_eq!(scene.pass(), None, "nothing was added");
}

#[test]
fn directories_that_come_in_a_burst_are_watched_before_they_are_swept() {
    let mut scene = scene(false).rested();
    let file = |n: usize| format!("/home/dev/src/repo/.git/f{n}");
    let dir = |name: &str| Event::File(FileEvent::NewDir(name.into()), Class::File);
    scene.happens(dir("/home/dev/src/repo"));
    (0..200).for_each(|n| scene.changed(&file(n)));
    scene.happens(dir("/home/dev/src/repo/a"));
    let admitted = scene.done.iter().filter(|e| matches!(e, Effect::Admit(_))).count();
    assert_eq!(admitted, 1);
    scene.passes(ms(400));
    scene.happens(Event::File(FileEvent::Gone("/home/dev/old".into()), Class::File));
    scene.passes(ms(2000));
    assert!(scene.has(|e| matches!(e, Effect::Join(_, dirs) if dirs[0].ends_with("repo/a"))));
    assert_eq!((scene.pass(), scene.looks()), (None, None), "what has gone may be there, and waits too");
    scene.happens(Event::Joined("/home/dev/src/repo".into()));
    assert_eq!(scene.pass(), Some(Pass::Below("/home/dev/src/repo".into())));
    scene.passed(Pass::Below("/home/dev/src/repo".into()), false);
    assert_eq!(scene.looks().unwrap(), ["gone /home/dev/old"]);
}

#[test]
fn it_ends_when_what_is_under_way_has() {
    let mut scene = scene(false).rested();
    scene.happens(Event::Asked(Call::Rescan { paths: Vec::new(), reply: oneshot::channel().0 }));
    scene.passes(ms(10));
    assert_eq!(scene.pass(), Some(Pass::Home));
    scene.happens(Event::Stop);
    assert!(scene.has(|e| matches!(e, Effect::Interrupt)));
    assert!(!scene.has(|e| matches!(e, Effect::Exit)));
    scene.passed(Pass::Home, true);
    assert!(scene.has(|e| matches!(e, Effect::Exit)));
}

#[test]
fn a_storm_of_changes_costs_bounded_memory_and_few_jobs() {
    let mut scene = scene(false).rested();
    for n in 0..200_000 {
        scene.changed(&format!("/home/dev/src/web/node_modules/p{}/f{n}", n % 997));
        if n % 1000 == 0 {
            scene.passes(ms(20));
        }
    }
    scene.passes(ms(30_000));
    let jobs = scene.done.iter().filter(|e| matches!(e, Effect::Look(_) | Effect::Pass(_))).count();
    assert!(jobs <= 20, "{jobs}");
    assert!(matches!(scene.pass(), Some(Pass::Below(_))));
}

#[test]
fn a_pass_that_breaks_is_made_again_later_and_looks_go_on() {
    let mut scene = scene(false).rested();
    scene.happens(Event::Asked(Call::Rescan { paths: Vec::new(), reply: oneshot::channel().0 }));
    scene.passes(ms(10));
    assert_eq!(scene.pass(), Some(Pass::Home));
    scene.done.clear();
    let result = Err(Failure::Home("a pass broke off; please report it".to_owned()));
    scene.happens(Event::Passed(Passed { pass: Pass::Home, result }));
    assert!(scene.status().problems[0].contains("please report it"));
    scene.passes(ms(1500));
    scene.looked(Looked::default());
    scene.changed("/home/dev/.env");
    scene.passes(ms(200));
    assert_eq!(scene.looks().unwrap(), ["file /home/dev/.env"]);
    assert_eq!(scene.pass(), None, "not at once");
    scene.passes(ms(10_000));
    assert_eq!(scene.pass(), Some(Pass::Home));
    scene.looked(Looked::default());
    scene.passed(Pass::Home, false);
    assert!(scene.status().problems.is_empty());
}
