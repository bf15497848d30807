//! The agent's mind, and the file to read first: what has happened goes in, what is to be done comes out. Nothing here
//! reads a file, a clock or a bus, so that every situation can be written down as a test.
//!
//! Two workers do what takes time: one looks at single files, because somebody waits for that, the other makes passes
//! over many. What is looked at during a pass is looked at once more after it: the pass may have read it before.

mod asked;
mod costly;
mod told;

use crate::client::Swept;
use crate::coalesce::{self, Class, Coalescer, Look};
use crate::event::{Effect, Event, Failure, FileEvent, Moment, Outcome, Pass, Passed, Source, Watching};
use crate::ledger::{Totals, Turn};
use crate::looker::{Looked, News, Trouble};
use crate::notice::{self, Notices};
use crate::record::{Gap, Reason};
use crate::schedule::{self, Schedule, Strain, Why};
use costly::Costly;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

/// What the agent is told about itself.
pub(crate) struct Policy {
    pub(crate) coalesce: coalesce::Policy,
    pub(crate) schedule: schedule::Policy,
    pub(crate) notice: notice::Policy,
    /// Between 0 and 1: see [`Schedule::new`].
    pub(crate) jitter: f64,
}

/// Between two looks into the ledger because somebody has written to it: a sweep does so all the time.
const CALM: Duration = Duration::from_millis(500);
/// Looks that one job takes: more of them would keep a fresh leak waiting.
const JOB: usize = 128;
/// Passes below directories that wait, at most; more are one pass over the home.
const PASSES: usize = 64;
/// Paths that are looked at once more, at most; more are a pass.
const AGAIN: usize = 4096;
/// Gaps that are told of single files.
const GAPS: usize = 1000;
/// What could not be remembered is tried again after this time, then after twice that, and so on.
const RETRY: Duration = Duration::from_secs(1);
/// The longest time between two tries.
const RETRY_MOST: Duration = Duration::from_secs(10 * 60);

/// See the module.
pub(crate) struct Agent {
    policy: coalesce::Policy,
    coalescer: Coalescer,
    schedule: Schedule,
    notices: Notices,
    strain: Strain,
    /// What waits for the worker for looks, and whether that has something to do.
    ready: VecDeque<Look>,
    looking: bool,
    costly: Costly,
    /// Gone, while a pass is to come or under way below some directory: what was moved is to be met where it is now before
    /// it is missed where it was.
    gone: Vec<Look>,
    /// When to say what is new, even if there is nothing to look at, and when that was last done.
    refresh: Option<Moment>,
    refreshed: Moment,
    /// Passes that wait, and the one that is under way.
    passes: VecDeque<PathBuf>,
    pass: Option<Pass>,
    /// How many passes wait for what is below their directories to be watched: what changes there while they go by is told of.
    joining: usize,
    /// A plan follows the last pass over the home: what it adds was not watched while that went by.
    gap: bool,
    /// The next pass over the home, or the one under way, makes up for that. It is not followed by another for the same reason.
    second: bool,
    /// Looked at during a pass.
    during: Vec<Look>,
    /// What is found cannot be remembered: nothing is examined until this time, and the wait before it.
    trouble: Option<(Moment, Duration)>,
    /// The key of ids is to be asked for again then.
    rekey: bool,
    /// Told to look away, and until when.
    paused: Option<Option<Moment>>,
    asked_quiet: bool,
    load: Load,
    stopping: bool,
    problems: BTreeMap<Source, String>,
    totals: Totals,
    last: Option<Swept>,
    /// A sweep that has ended, until it is known what it has opened and resolved.
    ending: Option<Swept>,
    /// The look that is under way was begun after that, and so knows.
    knows: bool,
    /// How many findings have opened and were resolved since the last sweep began.
    turns: (u64, u64),
    coverage: Vec<Gap>,
    late: BTreeMap<String, (Reason, Option<String>)>,
    watching: Option<Watching>,
    /// Nothing is known of this home yet.
    first: bool,
}

/// Whether the machine is busy, which is asked only when it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Unknown,
    Asked,
    Known(bool),
}

impl Agent {
    /// `first`: nothing is known of the home yet.
    pub(crate) fn new(policy: Policy, first: bool, now: Moment) -> Agent {
        let mut schedule = Schedule::new(policy.schedule, policy.jitter, now);
        schedule.want(if first { Why::Asked } else { Why::Routine }, now);
        let mut notices = Notices::new(policy.notice);
        if first {
            notices.first_sweep_began();
        }
        Agent {
            coalescer: Coalescer::new(policy.coalesce.clone()),
            policy: policy.coalesce,
            schedule,
            notices,
            strain: Strain::default(),
            ready: VecDeque::new(),
            looking: false,
            costly: Costly::default(),
            gone: Vec::new(),
            refresh: Some(now),
            refreshed: now,
            passes: VecDeque::new(),
            pass: None,
            joining: 0,
            gap: false,
            second: false,
            during: Vec::new(),
            trouble: None,
            rekey: false,
            paused: None,
            asked_quiet: false,
            load: Load::Unknown,
            stopping: false,
            problems: BTreeMap::new(),
            totals: Totals::default(),
            last: None,
            ending: None,
            knows: false,
            turns: (0, 0),
            coverage: Vec::new(),
            late: BTreeMap::new(),
            watching: None,
            first,
        }
    }

    /// Another policy is in force.
    pub(crate) fn obey(&mut self, policy: Policy) {
        self.schedule.obey(policy.schedule);
        self.notices.set_policy(policy.notice);
    }

    /// Takes in what has happened, and says what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::File(event, class) => self.file(event, class, now, &mut effects),
            Event::Ledger => self.refresh = self.refresh.or(Some(now.max(self.refreshed + CALM))),
            Event::Looked(looked) => self.looked(looked, now, &mut effects),
            Event::Passed(passed) => self.passed(passed, now, &mut effects),
            Event::Joined(dir) => {
                self.joining = self.joining.saturating_sub(1);
                self.want_below(dir, now);
            }
            Event::Watching(watching) => self.watching(watching, now, &mut effects),
            Event::Power(power) => (self.strain.battery, self.strain.saver) = (power.on_battery, power.saver),
            Event::Load(busy) => self.load = Load::Known(busy),
            Event::Quiet(quiet) => {
                self.asked_quiet = false;
                effects.extend(self.notices.due(now, quiet).map(Effect::Show));
            }
            Event::Chosen(choice) => self.chosen(choice, &mut effects),
            Event::Asked(call) => self.asked(call, now, &mut effects),
            Event::Reload => effects.push(Effect::Reload),
            Event::Rekeyed(result) => self.rekeyed(result, now, &mut effects),
            Event::Reloaded(result) => self.reloaded(result, now, &mut effects),
            Event::Problem(source, problem) => self.problem(source, problem, &mut effects),
            Event::Woke | Event::Tick => {}
            Event::Stop => {
                self.stopping = true;
                effects.extend(self.pass.as_ref().map(|_| Effect::Interrupt));
            }
        }
        self.go_on(now, &mut effects);
        effects
    }

    /// When to be told that time has passed, if nothing else happens.
    pub(crate) fn next(&self) -> Option<Moment> {
        let when = |free: bool, at: Option<Moment>| at.filter(|_| free);
        let sweep = if self.passes.is_empty() { self.schedule.next() } else { Moment::ZERO };
        let look = match self.ready.is_empty() {
            true => self.coalescer.next().into_iter().chain(self.refresh).chain(self.costly.next()).min(),
            false => Some(Moment::ZERO),
        };
        // Nothing is examined before.
        let hold = self.trouble.map_or(Moment::ZERO, |(at, _)| at);
        let up = self.paused.is_none() && !self.stopping;
        [
            when(up && !self.looking, look.map(|at| at.max(hold))),
            when(up && !self.looking && self.rekey, Some(hold)),
            when(up && self.pass.is_none() && self.load != Load::Asked && !self.rekey, Some(sweep.max(hold))),
            when(!self.asked_quiet, self.notices.next()),
            self.paused.flatten(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn file(&mut self, event: FileEvent, class: Class, now: Moment, effects: &mut Vec<Effect>) {
        if self.paused.is_some() || self.stopping {
            return;
        }
        let come = if let FileEvent::NewDir(dir) = &event { Some(dir.clone()) } else { None };
        if self.coalescer.push(event, class, now) {
            effects.extend(come.map(Effect::Admit));
        }
    }

    /// Starts what can be started now.
    fn go_on(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.stopping {
            if !self.looking && self.pass.is_none() {
                effects.push(Effect::Exit);
            }
            return;
        }
        if self.paused.flatten().is_some_and(|until| until <= now) {
            self.resume(now, effects);
        }
        self.start_look(now, effects);
        self.start_pass(now, effects);
        if !self.asked_quiet && self.notices.next().is_some_and(|at| at <= now) {
            self.asked_quiet = true;
            effects.push(Effect::AskQuiet);
        }
    }

    fn start_look(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.looking || self.paused.is_some() || self.held(now) {
            return;
        }
        if std::mem::take(&mut self.rekey) {
            self.looking = true;
            return effects.push(Effect::Rekey);
        }
        for look in self.coalescer.due(now) {
            match look {
                Look::Everything => self.schedule.want(Why::Missed, now),
                Look::Below(dir) => self.want_below(dir, now),
                Look::Grown(dir, come) => {
                    self.joining += 1;
                    effects.push(Effect::Join(dir, come));
                }
                look @ Look::Gone(_) => self.gone.push(look),
                Look::File(path) if self.costly.puts_off(&path, now) => {}
                look @ Look::File(_) => self.ready.push_back(look),
            }
        }
        self.ready.extend(self.costly.due(now).into_iter().map(Look::File));
        if self.joining == 0 && self.passes.is_empty() && !matches!(self.pass, Some(Pass::Below(_))) {
            self.ready.extend(self.gone.drain(..));
        }
        let count = self.ready.len().min(JOB);
        if count == 0 && self.refresh.is_none_or(|at| at > now) {
            return;
        }
        let looks: Vec<Look> = self.ready.drain(..count).collect();
        if self.pass.is_some() {
            self.during.extend(looks.iter().cloned());
            if self.during.len() > AGAIN {
                self.during.clear();
                self.schedule.want(Why::Missed, now);
            }
        }
        (self.looking, self.refresh, self.refreshed) = (true, None, now);
        self.knows = self.ending.is_some();
        effects.push(Effect::Look(looks));
    }

    fn start_pass(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.pass.is_some() || self.paused.is_some() || self.rekey || self.held(now) {
            return;
        }
        // Somebody waits for what is below a directory; the home waits for a good moment.
        if let Some(dir) = self.passes.pop_front() {
            self.pass = Some(Pass::Below(dir.clone()));
            return effects.push(Effect::Pass(Pass::Below(dir)));
        }
        if self.schedule.next() > now {
            return;
        }
        match self.load {
            Load::Unknown => {
                self.load = Load::Asked;
                effects.push(Effect::AskLoad);
            }
            Load::Asked => {}
            Load::Known(busy) => {
                self.load = Load::Unknown;
                if self.schedule.due(now, Strain { busy, ..self.strain }) {
                    self.pass = Some(Pass::Home);
                    self.turns = (0, 0);
                    effects.push(Effect::Pass(Pass::Home));
                }
            }
        }
    }

    /// Whether what would be found could not be remembered.
    fn held(&self, now: Moment) -> bool {
        self.trouble.is_some_and(|(at, _)| now < at)
    }

    fn want_below(&mut self, dir: PathBuf, now: Moment) {
        if self.passes.iter().any(|known| dir.starts_with(known)) {
            return;
        }
        self.passes.retain(|known| !known.starts_with(&dir));
        if self.passes.len() < PASSES {
            return self.passes.push_back(dir);
        }
        self.passes.clear();
        self.schedule.want(Why::Missed, now);
    }

    fn looked(&mut self, looked: Looked, now: Moment, effects: &mut Vec<Effect>) {
        self.looking = false;
        if let Some(trouble) = looked.trouble {
            return self.fail(trouble, now, effects);
        }
        if !looked.seen.is_empty() {
            self.remembered(effects);
        }
        if looked.anew {
            // Another ledger knows nothing of the files that we hold for known.
            self.schedule.want(Why::Missed, now);
        }
        self.totals = looked.totals;
        for (path, time) in looked.slow {
            self.costly.took(path, time, now);
        }
        for path in looked.seen {
            self.late.remove(&path);
        }
        for (reason, path, why) in looked.gaps {
            if self.late.len() < GAPS {
                self.late.insert(path, (reason, why));
            }
        }
        let settled = self.take_in(&looked.news, now);
        if !settled.is_empty() {
            effects.push(Effect::Withdraw(settled));
        }
        if !looked.news.is_empty() {
            effects.push(Effect::Tell(looked.news, looked.cursor));
        }
        if let Some(swept) = self.ending.take_if(|_| self.knows) {
            let (opened, resolved) = self.turns;
            let swept = Swept { opened, resolved, ..swept };
            self.last = Some(swept.clone());
            effects.push(Effect::Swept(swept, self.totals.clone()));
            if std::mem::take(&mut self.first) {
                self.notices.first_sweep_ended();
            }
        }
    }

    /// Counts news and has them told. Returns the findings that need not be told of any more.
    fn take_in(&mut self, news: &[News], now: Moment) -> Vec<String> {
        let mut settled = Vec::new();
        for News { turn, record } in news {
            match turn {
                Turn::Opened => {
                    self.turns.0 += 1;
                    self.notices.opened(record, now);
                }
                Turn::Resolved => {
                    self.turns.1 += 1;
                    self.notices.settled(&record.id);
                    settled.push(record.id.clone());
                }
            }
        }
        settled
    }

    /// What was found was remembered: whatever was in the way is gone.
    fn remembered(&mut self, effects: &mut Vec<Effect>) {
        self.trouble = None;
        self.problem(Source::Ledger, None, effects);
        self.problem(Source::Key, None, effects);
    }

    /// What could not be remembered stays to be done.
    fn fail(&mut self, trouble: Trouble, now: Moment, effects: &mut Vec<Effect>) {
        self.hold(now);
        // The job's files are not known to be examined: a pass meets them, and what else was missed meanwhile.
        self.schedule.want(Why::Missed, now);
        match trouble {
            Trouble::Ledger(why) => self.problem(Source::Ledger, Some(why), effects),
            Trouble::Key(why) => {
                self.rekey = true;
                self.problem(Source::Key, Some(why), effects);
            }
        }
    }

    fn hold(&mut self, now: Moment) {
        let wait = self.trouble.map_or(RETRY, |(_, wait)| (wait * 2).min(RETRY_MOST));
        self.trouble = Some((now + wait, wait));
    }

    fn rekeyed(&mut self, result: Result<(), String>, now: Moment, effects: &mut Vec<Effect>) {
        self.looking = false;
        match result {
            Ok(()) => self.remembered(effects),
            Err(why) => self.fail(Trouble::Key(why), now, effects),
        }
    }

    fn passed(&mut self, passed: Passed, now: Moment, effects: &mut Vec<Effect>) {
        self.pass = None;
        self.refresh = Some(now);
        self.ready.extend(self.during.drain(..));
        match passed.result {
            Err(Failure::Trouble(trouble)) => self.fail(trouble, now, effects),
            Err(Failure::Home(why)) => {
                self.hold(now);
                self.schedule.want(Why::Missed, now);
                self.problem(Source::Home, Some(why), effects);
            }
            Ok(outcome) => {
                self.problem(Source::Home, None, effects);
                self.remembered(effects);
                self.settle(passed.pass, outcome, now, effects);
            }
        }
    }

    fn settle(&mut self, pass: Pass, outcome: Outcome, now: Moment, effects: &mut Vec<Effect>) {
        match pass {
            Pass::Home if outcome.stopped => self.schedule.want(Why::Missed, now),
            Pass::Home => {
                self.schedule.done(now);
                self.late.clear();
                self.coverage = outcome.coverage;
                self.ending = Some(outcome.swept);
                self.gap = !std::mem::take(&mut self.second);
                effects.push(Effect::Plan);
            }
            Pass::Below(dir) if outcome.stopped => self.want_below(dir, now),
            Pass::Below(_) => {
                for gap in outcome.coverage.into_iter().filter(|gap| !gap.policy) {
                    let why = Some(gap.why);
                    let paths = gap.paths.into_iter().map(|path| (path, (gap.reason, why.clone())));
                    self.late.extend(paths.take(GAPS.saturating_sub(self.late.len())));
                }
            }
        }
    }

    fn watching(&mut self, watching: Watching, now: Moment, effects: &mut Vec<Effect>) {
        let before = self.watching.as_ref().map_or(u32::MAX, |w| w.unwatched);
        if watching.trouble.is_some() && watching.unwatched > before {
            // Less is watched than before: what has changed there meanwhile nobody has seen.
            self.schedule.want(Why::Missed, now);
        }
        if watching.added > 0 && std::mem::take(&mut self.gap) {
            // What has changed there between the pass and the watch would wait for the next day's.
            self.second = true;
            self.schedule.want(Why::Missed, now);
        }
        self.problem(Source::Watches, watching.trouble.clone(), effects);
        self.watching = Some(watching);
    }

    fn reloaded(&mut self, result: Result<Vec<String>, String>, now: Moment, effects: &mut Vec<Effect>) {
        match result {
            Ok(rules) => {
                self.problem(Source::Config, None, effects);
                let broken = rules.first().map(|first| match rules.len() {
                    1 => first.clone(),
                    n => format!("{first} (and {} more; `lapwing config check` names them)", n - 1),
                });
                self.problem(Source::Rules, broken, effects);
                self.schedule.want(Why::Asked, now);
                self.gap = false;
                effects.push(Effect::Plan);
            }
            Err(why) => self.problem(Source::Config, Some(why), effects),
        }
    }

    fn problem(&mut self, source: Source, problem: Option<String>, effects: &mut Vec<Effect>) {
        match problem {
            None => drop(self.problems.remove(&source)),
            Some(why) => {
                if self.problems.insert(source, why.clone()).as_ref() != Some(&why) {
                    effects.push(Effect::Complain(source, why));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
