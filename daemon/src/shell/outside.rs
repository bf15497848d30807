//! The buses and what is reached over them. Each may be absent, come later or go away; the agent goes on without.

use crate::bus::{At, Bus, BusTrouble, Call, serve};
use crate::client::Status;
use crate::desktop::{Asker, Desktop, DesktopEvent, Terminal, can_show};
use crate::power::{self, PowerEvent};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use zbus::Connection;

/// After the first failure; then twice as long, and so on.
const FIRST: Duration = Duration::from_secs(1);
/// The longest time between two tries: each wakes the machine.
const MOST: Duration = Duration::from_secs(5 * 60);

/// See the module.
pub(super) struct Outside {
    calls: mpsc::Sender<Call>,
    events: mpsc::Sender<DesktopEvent>,
    power: Option<mpsc::Sender<PowerEvent>>,
    /// Our object on the session bus.
    pub(super) bus: Option<Bus>,
    session: Option<Connection>,
    system: Option<Connection>,
    desktop: Option<Desktop>,
    terminal: Option<Terminal>,
    /// When to connect again, and the wait before that.
    again: Option<(Instant, Duration)>,
}

impl Outside {
    pub(super) fn new(
        calls: mpsc::Sender<Call>,
        events: mpsc::Sender<DesktopEvent>,
        power: mpsc::Sender<PowerEvent>,
    ) -> Outside {
        let terminal = Terminal::find(|name| std::env::var_os(name));
        Outside {
            calls,
            events,
            power: Some(power),
            bus: None,
            session: None,
            system: None,
            desktop: None,
            terminal,
            again: None,
        }
    }

    /// Connects to what is there.
    pub(super) async fn connect(&mut self, status: &watch::Sender<Status>) -> Result<(), BusTrouble> {
        self.listen_to_power().await;
        match serve(At::Session, self.calls.clone(), status.subscribe()).await {
            Ok(bus) => self.bus = Some(bus),
            Err(trouble) => {
                let wait = self.again.map_or(FIRST, |(_, wait)| (wait * 2).min(MOST));
                self.again = Some((Instant::now() + wait, wait));
                return Err(trouble);
            }
        }
        self.again = None;
        // One of its own: what the desktop says and what the agent is asked do not wait for each other.
        self.session = Connection::session().await.ok();
        if let Some(session) = &self.session {
            let shows = self.terminal.is_some() && can_show(session).await;
            self.desktop = Desktop::start(session, shows, self.events.clone()).await.ok();
        }
        Ok(())
    }

    /// Power is said on the system's bus, which does not go away while the machine runs.
    async fn listen_to_power(&mut self) {
        let Some(out) = self.power.take() else { return };
        match Connection::system().await {
            Ok(system) => {
                self.system = Some(system.clone());
                tokio::spawn(async move {
                    let _ = power::watch(system, out).await;
                });
            }
            // Nothing is known then, which counts as plugged in.
            Err(e) => tracing::debug!("no system bus: {e}"),
        }
    }

    /// Ends when the session bus has gone.
    pub(super) async fn closed(&self) {
        match &self.bus {
            Some(bus) => bus.closed().await,
            None => std::future::pending().await,
        }
    }

    /// Ends when it is time to connect again.
    pub(super) async fn retry(&self) {
        match self.again {
            Some((at, _)) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Lets go of a bus that has gone.
    pub(super) fn lost(&mut self) {
        (self.bus, self.session, self.desktop) = (None, None, None);
        self.again = Some((Instant::now() + FIRST, FIRST));
    }

    /// The notifications, while there is a bus.
    pub(super) fn desktop(&self) -> Option<&Desktop> {
        self.desktop.as_ref()
    }

    /// Who knows whether now is the time.
    pub(super) fn asker(&self) -> Asker {
        Asker::new(self.session.clone(), self.system.clone())
    }

    /// What it takes to show something in a terminal.
    pub(super) fn terminal(&self) -> Option<(Connection, Terminal)> {
        Some((self.session.clone()?, self.terminal.clone()?))
    }
}
