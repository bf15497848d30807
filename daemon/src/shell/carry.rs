//! Carrying out what the agent wants done, one effect after the other.

use super::{End, Shell, now};
use crate::bus::{BusTrouble, Call};
use crate::client::Swept;
use crate::coalesce::Class;
use crate::config;
use crate::desktop::{self, DesktopEvent, Problem};
use crate::event::{Effect, Event, FileEvent, Pass, Source};
use crate::ledger::{Cursor, Totals, Turn};
use crate::log;
use crate::looker::News;
use crate::notice;
use crate::pool::Report;
use crate::power::{self, PowerEvent};
use crate::text;
use lapwing_rules::rule::Severity;
use rustix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;

/// Between two looks at what the agent itself uses.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Events that come sooner than this after the last ones are taken in together with those that follow. A file is looked at
/// much later than that.
const STREAM: Duration = Duration::from_millis(10);
/// Seconds of a week.
const WEEK: i64 = 7 * 24 * 60 * 60;

impl Shell {
    /// Lets the agent know what has happened, does what it wants, and says how it is.
    pub(super) async fn take(&mut self, event: Event) {
        for effect in self.agent.handle(event, now()) {
            self.carry(effect).await;
        }
        self.publish();
    }

    async fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::Look(looks) => self.pool.look(&self.world, looks),
            Effect::Pass(pass) => self.pool.pass(&self.world, pass),
            Effect::Interrupt => self.pool.interrupt(),
            Effect::Plan => self.eyes.plan(&self.world, &mut self.land),
            Effect::Admit(dir) => self.eyes.admit(dir),
            Effect::Join(dir, come) => self.eyes.join(dir, come),
            Effect::Blind => self.eyes.blind(),
            Effect::Tell(news, cursor) => self.tell(&news, cursor).await,
            Effect::Swept(swept, totals) => self.swept(swept, &totals).await,
            Effect::AskQuiet => {
                let (asker, reports) = (self.outside.asker(), self.reports.clone());
                tokio::spawn(async move {
                    let _ = reports.send(Report::Event(Event::Quiet(asker.quiet().await)));
                });
            }
            Effect::AskLoad => {
                let _ = self.reports.send(Report::Event(Event::Load(power::busy())));
            }
            Effect::Show(notice) => {
                if !self.outside.desktop().is_some_and(|desktop| desktop.tell(notice)) {
                    log::untold(&Problem::Absent);
                }
            }
            Effect::Withdraw(ids) => drop(self.outside.desktop().map(|desktop| desktop.withdraw(ids))),
            Effect::Open(id) => self.open(id),
            Effect::IgnoreForAWeek(ids) => ids.into_iter().for_each(|id| self.ignore(id)),
            Effect::Answer(call) => self.pool.answer(&self.world, call),
            Effect::Reload => {
                say(&[
                    NotifyState::Reloading,
                    NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Ready),
                ]);
                self.pool.reload(&self.world);
            }
            Effect::Rekey => self.pool.rekey(&self.home),
            Effect::Complain(source, why) => complain(source, &why),
            Effect::Exit => self.ended = self.ended.or(Some(End::Told)),
        }
    }

    /// Takes what a worker reports.
    pub(super) async fn reported(&mut self, report: Report) {
        match report {
            Report::Event(event) => {
                let set = matches!(event, Event::Watching(_));
                let reloaded = matches!(event, Event::Reloaded(_));
                self.take(event).await;
                if set && !self.started {
                    self.started = true;
                    log::started(self.status.borrow().watched as usize);
                    say(&[NotifyState::Ready]);
                } else if reloaded {
                    say(&[NotifyState::Ready]);
                }
            }
            Report::Passed(passed, ground) => {
                if let (Pass::Home, Some(ground)) = (&passed.pass, ground) {
                    let gaps = passed.result.iter().flat_map(|outcome| &outcome.coverage);
                    gaps.filter(|gap| !gap.policy).for_each(log::gap);
                    self.land = ground.land;
                    let also = std::mem::take(&mut self.land.also);
                    self.pool.swept(&self.home, also, ground.ignores);
                }
                self.take(Event::Passed(passed)).await;
                self.weigh().await;
            }
            Report::World(world, event) => {
                self.world = world;
                let agent = &self.world.config.agent;
                self.agent.obey(super::policy(&self.home, &self.world));
                self.log
                    .set_level(log::level(&agent.log).unwrap_or(tracing::level_filters::LevelFilter::INFO));
                if matches!(event, Event::Reloaded(_)) {
                    log::reloaded();
                    say(&[NotifyState::Ready]);
                }
                self.take(event).await;
            }
        }
    }

    /// Hands over what has happened in the file system since the last time. While much happens it waits a moment for more: to
    /// wake for every file of a `git clone` costs more than what there is to do for it.
    pub(super) async fn drain(&mut self) {
        if now().saturating_sub(self.drained) < STREAM {
            tokio::time::sleep(STREAM).await;
        }
        self.drained = now();
        for event in self.inbox.drain() {
            match self.ours(&event) {
                Some(Ours::Other) => {}
                Some(Ours::Ledger) => self.take(Event::Ledger).await,
                None => self.file(event).await,
            }
        }
        self.publish();
    }

    async fn file(&mut self, event: FileEvent) {
        match &event {
            FileEvent::Gone(path) => self.eyes.gone(path),
            FileEvent::Lost(None) => self.eyes.renew(),
            FileEvent::Changed(path) => {
                // A place that is a link to it is what people know.
                if let Some(place) = self.eyes.place_of(path) {
                    self.happened(FileEvent::Changed(place)).await;
                }
            }
            FileEvent::NewDir(_) | FileEvent::Lost(Some(_)) => {}
        }
        self.happened(event).await;
    }

    async fn happened(&mut self, event: FileEvent) {
        let class = self.class(&event);
        for effect in self.agent.handle(Event::File(event, class), now()) {
            self.carry(effect).await;
        }
    }

    /// Whether something has happened in what we write ourselves.
    fn ours(&self, event: &FileEvent) -> Option<Ours> {
        let path = self.home.called(path(event)?);
        let below = path.strip_prefix(self.home.state()).ok()?;
        let name = below.as_os_str().as_encoded_bytes();
        Some(if name.starts_with(b"ledger.db") { Ours::Ledger } else { Ours::Other })
    }

    fn class(&self, event: &FileEvent) -> Class {
        let place = path(event).map(|path| self.home.shown(path));
        let place = place.and_then(|shown| self.world.setup.engine.places().classify(&shown));
        if place.is_some_and(|place| place.history) { Class::History } else { Class::File }
    }

    async fn tell(&mut self, news: &[News], cursor: Cursor) {
        for News { turn, record } in news {
            match turn {
                Turn::Opened => log::opened(record),
                Turn::Resolved => log::resolved(record),
            }
            match (&self.outside.bus, turn) {
                (Some(bus), Turn::Opened) => bus.opened(record).await,
                (Some(bus), Turn::Resolved) => bus.resolved(record).await,
                (None, _) => {}
            }
        }
        self.pool.told(cursor);
    }

    async fn swept(&mut self, swept: Swept, totals: &Totals) {
        log::swept(&swept, &totals.open);
        if let Some(bus) = &self.outside.bus {
            bus.sweep_done(&swept).await;
        }
    }

    fn open(&self, id: String) {
        let Some((session, terminal)) = self.outside.terminal() else { return };
        tokio::spawn(async move {
            if let Err(problem) = desktop::show(&session, &terminal, &[id]).await {
                log::untold(&problem);
            }
        });
    }

    fn ignore(&self, id: String) {
        let (reply, _) = oneshot::channel();
        let reason = "ignored for a week, from its notification".to_owned();
        let until = Some(text::now() + WEEK);
        self.pool.answer(&self.world, Call::Ignore { id, reason, until, reply });
    }

    /// Takes what the desktop says.
    pub(super) async fn desktop(&mut self, event: DesktopEvent) {
        match event {
            DesktopEvent::Choice(choice) => self.take(Event::Chosen(choice)).await,
            DesktopEvent::Shown(_) => self.take(Event::Problem(Source::Desktop, None)).await,
            DesktopEvent::Problem(problem) => {
                log::untold(&problem);
                self.take(Event::Problem(Source::Desktop, Some(problem.to_string()))).await;
            }
        }
    }

    /// Takes what is said of power and sleep.
    pub(super) async fn power(&mut self, event: PowerEvent) {
        match event {
            PowerEvent::Changed(power) => self.take(Event::Power(power)).await,
            PowerEvent::Sleep => {}
            PowerEvent::Resume => self.take(Event::Woke).await,
        }
    }

    /// The bus has gone, and with it who was told anything.
    pub(super) async fn lost_bus(&mut self) {
        self.outside.lost();
        self.take(Event::Problem(Source::Bus, Some("it has gone away".to_owned()))).await;
    }

    /// Tries the bus once more.
    pub(super) async fn reconnect(&mut self) {
        match self.outside.connect(&self.status).await {
            Ok(()) => self.take(Event::Problem(Source::Bus, None)).await,
            Err(trouble) => {
                let why = self.refused(trouble);
                self.take(Event::Problem(Source::Bus, Some(why))).await;
            }
        }
    }

    /// A bus that cannot be had is a problem; an agent that runs already is the end.
    pub(super) fn refused(&mut self, trouble: BusTrouble) -> String {
        if matches!(trouble, BusTrouble::AlreadyRunning { .. }) {
            self.ended = Some(End::AlreadyRunning);
        }
        trouble.to_string()
    }

    /// Says on the bus how the agent is, if that has changed.
    fn publish(&mut self) {
        let until = self.agent.paused().flatten();
        let left = until.map(|until| until.saturating_sub(now()).as_secs().cast_signed());
        self.status.send_if_modified(|status| {
            let before = status.clone();
            self.agent.describe(status);
            let paused = left.map(|left| text::now() + left);
            // It is the same time, told a second later.
            if status.paused_until.is_some() != paused.is_some() {
                status.paused_until = paused;
            }
            let changed = *status != before;
            if changed {
                status.rss = resident().unwrap_or_default();
            }
            changed
        });
    }

    /// Ends, if whoever has started the agent starts it anew; by itself it would stay away.
    fn start_anew(&mut self, why: End) {
        if std::env::var_os("NOTIFY_SOCKET").is_some() {
            self.ended = self.ended.or(Some(why));
        }
    }

    /// Holds what the agent uses against its limits.
    async fn weigh(&mut self) {
        let limits = self.world.config.agent.clone();
        let used = resident().unwrap_or_default();
        if used > limits.max_memory {
            let why = format!("{} MiB are in use, and {} MiB allowed", used >> 20, limits.max_memory >> 20);
            self.take(Event::Problem(Source::Memory, Some(why))).await;
            self.start_anew(End::TooLarge);
        }
        // The sandbox lets it write below the directory that was there at the start, and make no other.
        if rustix::fs::stat(self.home.state()).is_err() && has_room(self.home.root()) {
            let why = format!(
                "{} is gone; the agent makes it when it starts: `systemctl --user restart lapwingd`",
                self.home.shown(self.home.state())
            );
            self.take(Event::Problem(Source::Ledger, Some(why))).await;
            self.start_anew(End::NoState);
        }
        let (since, before) = self.used;
        let (time, busy) = (now().saturating_sub(since), cpu());
        if time >= HOUR {
            let percent = busy.saturating_sub(before).as_secs_f64() / time.as_secs_f64() * 100.0;
            let over = percent > f64::from(limits.max_cpu);
            let why = format!(
                "{percent:.0} % of a processor since the last look, and {} % allowed",
                limits.max_cpu
            );
            self.take(Event::Problem(Source::Processor, over.then_some(why))).await;
            self.used = (now(), busy);
        }
    }
}

/// What of our own state something has happened to.
enum Ours {
    Ledger,
    Other,
}

fn path(event: &FileEvent) -> Option<&Path> {
    match event {
        FileEvent::Changed(path) | FileEvent::Gone(path) | FileEvent::NewDir(path) => Some(path),
        FileEvent::Lost(path) => path.as_deref(),
    }
}

fn complain(source: Source, why: &str) {
    match source {
        Source::Watches => log::limited(why, "the rest is examined by sweeps"),
        Source::Memory | Source::Processor => log::limited(why, "the limits are in the configuration"),
        Source::Config => log::refused(why),
        // Told when it was met.
        Source::Desktop => {}
        _ => log::trouble(source.word(), why),
    }
}

/// What notifications are shown for.
pub(super) fn notices(agent: &config::Agent) -> notice::Policy {
    let severity = match agent.notify {
        config::Notify::Critical | config::Notify::Never => Severity::Critical,
        config::Notify::High => Severity::High,
        config::Notify::Medium => Severity::Medium,
        config::Notify::Low => Severity::Low,
    };
    let hourly = if agent.notify == config::Notify::Never { 0 } else { usize::from(agent.notices_per_hour) };
    notice::Policy { severity, hourly, ..notice::Policy::default() }
}

/// Bytes of memory in use.
fn resident() -> Option<u64> {
    let text = crate::machine::files::read_small(Path::new("/proc/self/statm")).ok()??;
    let pages: u64 = std::str::from_utf8(&text).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Whether a file system can take one more directory.
fn has_room(path: &Path) -> bool {
    // Some file systems count no names, and say zero of zero.
    rustix::fs::statvfs(path).is_ok_and(|fs| fs.f_bavail > 0 && (fs.f_favail > 0 || fs.f_files == 0))
}

/// Processor time that this process has had.
pub(super) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Ends after a time; never when there is none.
pub(super) async fn until(timer: Option<Duration>) {
    match timer {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Says something to the service manager, if one listens.
pub(super) fn say(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("the service manager does not listen: {e}");
    }
}

/// Ticks twice in the time in which the service manager wants to hear from us; hardly ever when it does not.
pub(super) fn watchdog() -> tokio::time::Interval {
    let asked = sd_notify::watchdog_enabled();
    let every = asked.map_or(Duration::from_secs(60 * 60 * 24), |time| time / 2);
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}

/// Tells the service manager that we are alive.
pub(super) fn alive() {
    say(&[NotifyState::Watchdog]);
}
