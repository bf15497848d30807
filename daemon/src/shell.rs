//! The agent's body: carries what happens to the agent, and carries out what it wants done. It decides nothing, and the
//! loop never waits for a file, a keyring or a service: workers and tasks do.

mod carry;
mod outside;

use crate::agent::{Agent, Policy};
use crate::bus::{self, Call};
use crate::client::Status;
use crate::coalesce;
use crate::desktop::DesktopEvent;
use crate::event::{Event, Moment};
use crate::eyes::Eyes;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::log;
use crate::pool::{Pool, Report};
use crate::power::PowerEvent;
use crate::schedule;
use crate::sweep::Land;
use crate::watch::Inbox;
use crate::world::World;
use outside::Outside;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// How the agent ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// It was told to.
    Told,
    /// It has grown too large, and wants to be started anew.
    TooLarge,
    /// Its directory is gone or was never there, and only a new one may make it.
    NoState,
    /// Another agent runs.
    AlreadyRunning,
}

/// How long what is under way may take to end, once the agent is to stop.
const GRACE: Duration = Duration::from_millis(1500);

/// See the module.
pub(crate) struct Shell {
    home: Home,
    world: Arc<World>,
    agent: Agent,
    pool: Pool,
    eyes: Eyes,
    inbox: Inbox,
    /// What the last pass over the home has met.
    land: Land,
    outside: Outside,
    status: watch::Sender<Status>,
    reports: mpsc::UnboundedSender<Report>,
    log: log::Log,
    ended: Option<End>,
    /// The time of the last look at our own use: see [`carry`].
    used: (Moment, Duration),
    /// When events were taken in the last time.
    drained: Moment,
    started: bool,
}

/// Where what happens comes from.
struct Sources {
    reports: mpsc::UnboundedReceiver<Report>,
    calls: mpsc::Receiver<Call>,
    desktop: mpsc::Receiver<DesktopEvent>,
    power: mpsc::Receiver<PowerEvent>,
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// Runs the agent until it ends.
///
/// # Errors
/// When the system gives it no threads, or no signals.
pub(crate) async fn run(home: Home, world: World, log: log::Log, sandbox: String) -> std::io::Result<End> {
    let (reports, from_workers) = mpsc::unbounded_channel();
    let (calls, from_bus) = mpsc::channel(bus::WAITING);
    let (desktop, from_desktop) = mpsc::channel(64);
    let (power, from_power) = mpsc::channel(16);
    let mut sources = Sources {
        reports: from_workers,
        calls: from_bus,
        desktop: from_desktop,
        power: from_power,
        hangup: signal(SignalKind::hangup())?,
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    // Also when the first sweep was cut short.
    let first = !Ledger::ever_swept(&home.ledger());
    let mut known = Status::starting(&home, crate::text::now());
    known.sandbox = sandbox;
    let (status, _) = watch::channel(known);
    let inbox = Inbox::new(Inbox::MOST);
    let mut shell = Shell {
        agent: Agent::new(policy(&home, &world), first, now()),
        pool: Pool::start(&reports)?,
        eyes: Eyes::start(&home, &inbox, &reports)?,
        outside: Outside::new(calls, desktop, power),
        world: Arc::new(world),
        land: Land::default(),
        home,
        inbox,
        status,
        reports,
        log,
        ended: None,
        used: (now(), carry::cpu()),
        drained: Moment::ZERO,
        started: false,
    };
    shell.begin().await;
    shell.live(&mut sources).await;
    shell.finish();
    Ok(shell.ended.unwrap_or(End::Told))
}

/// Time since the machine was started.
pub(crate) fn now() -> Moment {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

fn policy(home: &Home, world: &World) -> Policy {
    let agent = &world.config.agent;
    let hours = Duration::from_secs(3600 * u64::from(agent.sweep_hours.get()));
    let mut seed = [0; 1];
    let _ = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
    Policy {
        coalesce: coalesce::Policy::new(home.canonical().to_owned()),
        schedule: schedule::Policy { every: hours, ..schedule::Policy::default() },
        notice: carry::notices(agent),
        jitter: f64::from(seed[0]) / 255.0,
    }
}

impl Shell {
    /// Watches before it looks, so that nothing changes unseen in between.
    async fn begin(&mut self) {
        self.eyes.plan(&self.world, &mut self.land);
        if let Err(trouble) = self.outside.connect(&self.status).await {
            self.refused(trouble);
        }
        self.take(Event::Tick).await;
    }

    async fn live(&mut self, sources: &mut Sources) {
        let mut watchdog = carry::watchdog();
        while self.ended.is_none() {
            let timer = self.timer();
            tokio::select! {
                Some(report) = sources.reports.recv() => self.reported(report).await,
                () = self.inbox.notified() => self.drain().await,
                Some(call) = sources.calls.recv() => self.take(Event::Asked(call)).await,
                Some(event) = sources.desktop.recv() => self.desktop(event).await,
                Some(event) = sources.power.recv() => self.power(event).await,
                Some(()) = sources.hangup.recv() => self.take(Event::Reload).await,
                Some(()) = sources.terminate.recv() => self.stop(sources).await,
                Some(()) = sources.interrupt.recv() => self.stop(sources).await,
                () = self.outside.closed() => self.lost_bus().await,
                () = self.outside.retry() => self.reconnect().await,
                () = carry::until(timer) => self.take(Event::Tick).await,
                _ = watchdog.tick() => carry::alive(),
            }
        }
    }

    /// Lets what is under way end, but not for long: it is done again next time.
    async fn stop(&mut self, sources: &mut Sources) {
        carry::say(&[sd_notify::NotifyState::Stopping]);
        self.take(Event::Stop).await;
        let deadline = tokio::time::Instant::now() + GRACE;
        while self.ended.is_none() {
            match tokio::time::timeout_at(deadline, sources.reports.recv()).await {
                Ok(Some(report)) => self.reported(report).await,
                _ => self.ended = Some(End::Told),
            }
        }
    }

    fn timer(&self) -> Option<Duration> {
        self.agent.next().map(|at| at.saturating_sub(now()))
    }

    fn finish(&self) {
        log::stopped(match self.ended {
            Some(End::TooLarge) => "it has grown too large and starts anew",
            Some(End::NoState) => "its directory is to be made again, and it starts anew",
            Some(End::AlreadyRunning) => "another agent runs",
            _ => "it was told to",
        });
    }
}
