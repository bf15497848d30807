//! What goes over the bus to a notification service, and what its answers mean.

use super::{Answer, Problem};
use crate::notice::Urgency;
use std::collections::HashMap;
use zbus::zvariant::Value;

pub(super) const APPLICATION: &str = "Lapwing";
/// The desktop file, for its name and icon.
const DESKTOP_ENTRY: &str = "org.lapwing.Lapwing";
pub(super) const ICON: &str = "security-medium";
const SHOW: &str = "show";
const IGNORE: &str = "ignore-week";

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications",
    gen_blocking = false
)]
pub(super) trait Notifications {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;
    #[expect(clippy::too_many_arguments, reason = "the specification has so many")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;
    fn close_notification(&self, id: u32) -> zbus::Result<()>;
    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action_key: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// What the service that is there can do.
#[derive(Clone, Copy)]
pub(super) struct Server {
    /// Buttons.
    pub(super) actions: bool,
    /// The body is markup.
    pub(super) markup: bool,
}

impl Server {
    pub(super) fn new(capabilities: &[String]) -> Server {
        let has = |name: &str| capabilities.iter().any(|c| c == name);
        Server { actions: has("actions"), markup: has("body-markup") }
    }
}

/// Keys and labels by turns.
pub(super) fn actions(server: Server, can_show: bool) -> Vec<&'static str> {
    match (server.actions, can_show) {
        (false, _) => Vec::new(),
        // A click on the text is the action "default".
        (true, true) => vec!["default", "Show", SHOW, "Show", IGNORE, "Ignore for a week"],
        (true, false) => vec![IGNORE, "Ignore for a week"],
    }
}

pub(super) fn hints(urgency: Urgency) -> HashMap<&'static str, Value<'static>> {
    let urgency: u8 = match urgency {
        Urgency::Normal => 1,
        Urgency::Critical => 2,
    };
    HashMap::from([
        ("urgency", Value::from(urgency)),
        ("desktop-entry", Value::from(DESKTOP_ENTRY)),
        ("category", Value::from("x-lapwing.finding")),
        ("transient", Value::from(false)),
    ])
}

/// Text for a service that takes it for markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Whether nobody is there, or somebody does not want to.
pub(super) fn problem(error: &zbus::Error) -> Problem {
    const ABSENT: [&str; 6] =
        ["ServiceUnknown", "NameHasNoOwner", "NoReply", "Timeout", "TimedOut", "Disconnected"];
    match error {
        zbus::Error::MethodError(name, said, _) => {
            let last = name.rsplit('.').next().unwrap_or_default();
            if ABSENT.contains(&last) || last.starts_with("Spawn") || name.contains(".Spawn.") {
                return Problem::Absent;
            }
            Problem::Refused(crate::text::line(said.as_deref().unwrap_or(name.as_str())))
        }
        zbus::Error::FDO(error) => match **error {
            zbus::fdo::Error::ServiceUnknown(_)
            | zbus::fdo::Error::NameHasNoOwner(_)
            | zbus::fdo::Error::NoReply(_)
            | zbus::fdo::Error::Timeout(_)
            | zbus::fdo::Error::TimedOut(_)
            | zbus::fdo::Error::SpawnExecFailed(_)
            | zbus::fdo::Error::SpawnChildExited(_)
            | zbus::fdo::Error::SpawnServiceNotFound(_)
            | zbus::fdo::Error::SpawnFailed(_) => Problem::Absent,
            ref other => Problem::Refused(crate::text::line(&other.to_string())),
        },
        other => Problem::Refused(crate::text::line(&other.to_string())),
    }
}

/// What an action means; those of others mean nothing.
pub(super) fn answer(action: &str) -> Option<Answer> {
    match action {
        SHOW | "default" => Some(Answer::Show),
        IGNORE => Some(Answer::IgnoreWeek),
        _ => None,
    }
}
