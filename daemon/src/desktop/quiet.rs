//! Whether now is the time to tell somebody something. What D-Bus knows of it, and no more:
//!
//! - do not disturb: the `Inhibited` property that Plasma's notification service has, and `paused` of dunst. GNOME and
//!   others show nothing by themselves then, and keep it in their list;
//! - the screen is locked: logind's `LockedHint`, which GNOME, Plasma and `loginctl lock-session` users set;
//! - a film, a presentation, a program in full screen: whatever keeps the screen from going dark, as logind and GNOME's
//!   session manager know it. That a window merely fills the screen is on no bus.

use crate::notice::Quiet;
use crate::power::{property, runs};
use std::time::Duration;
use zbus::Connection;
use zbus::zvariant::OwnedObjectPath;

const LOGIND: &str = "org.freedesktop.login1";
const GNOME: &str = "org.gnome.SessionManager";
/// GNOME's flag for "keep the session from going idle".
const IDLE: u32 = 8;
/// Whoever takes longer has nothing to say.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks.
#[derive(Clone)]
pub(crate) struct Asker {
    session: Option<Connection>,
    system: Option<Connection>,
}

/// A session of logind: id, user, name of the user, seat, path.
type Session = (String, u32, String, String, OwnedObjectPath);

impl Asker {
    /// With the buses that there are.
    pub(crate) fn new(session: Option<Connection>, system: Option<Connection>) -> Asker {
        Asker { session, system }
    }

    /// Whether now is the time. To be asked only when there is something to tell.
    pub(crate) async fn quiet(&self) -> Quiet {
        tokio::time::timeout(PATIENCE, self.ask()).await.unwrap_or(Quiet::No)
    }

    async fn ask(&self) -> Quiet {
        if self.locked().await.unwrap_or(false) {
            return Quiet::Locked;
        }
        if self.do_not_disturb().await {
            return Quiet::DoNotDisturb;
        }
        if self.presenting().await {
            return Quiet::Presenting;
        }
        Quiet::No
    }

    async fn do_not_disturb(&self) -> bool {
        let Some(session) = &self.session else { return false };
        for (interface, key) in [(super::NAME, "Inhibited"), ("org.dunstproject.cmd0", "paused")] {
            if let Some(on) = property::<bool>(session, super::NAME, super::PATH, interface, key).await {
                return on;
            }
        }
        false
    }

    async fn presenting(&self) -> bool {
        if let Some(session) = &self.session {
            let path = "/org/gnome/SessionManager";
            let actions = property::<u32>(session, GNOME, path, GNOME, "InhibitedActions").await;
            if let Some(actions) = actions {
                return actions & IDLE != 0;
            }
        }
        let Some(system) = &self.system else { return false };
        let manager = "org.freedesktop.login1.Manager";
        let path = "/org/freedesktop/login1";
        let blocked = property::<String>(system, LOGIND, path, manager, "BlockInhibited").await;
        blocked.is_some_and(|what| what.split(':').any(|what| what == "idle"))
    }

    /// Whether a session of this user is locked, and none that has a seat is not.
    async fn locked(&self) -> Option<bool> {
        let system = self.system.as_ref()?;
        if !runs(system, LOGIND).await {
            return None;
        }
        let path = "/org/freedesktop/login1";
        let manager = Some("org.freedesktop.login1.Manager");
        let reply = system.call_method(Some(LOGIND), path, manager, "ListSessions", &()).await.ok()?;
        let sessions: Vec<Session> = reply.body().deserialize().ok()?;
        let own = rustix::process::getuid().as_raw();
        let mut locked = false;
        for (_, user, _, seat, path) in sessions {
            if user != own || seat.is_empty() {
                continue;
            }
            let interface = "org.freedesktop.login1.Session";
            match property::<bool>(system, LOGIND, path.as_str(), interface, "LockedHint").await {
                Some(true) => locked = true,
                Some(false) => return Some(false),
                None => {}
            }
        }
        Some(locked)
    }
}
