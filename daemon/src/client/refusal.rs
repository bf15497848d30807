//! Why the agent does not do what it was asked: errors of the bus, each with a name of its own.

use super::wire;
use crate::examine;
use zbus::DBusError;
use zbus::message::{Header, Message};
use zbus::names::ErrorName;

/// Why the agent does not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No finding has this id.
    #[error("no finding {id} is known here")]
    NoFinding {
        /// As given.
        id: String,
    },
    /// Several findings begin with this.
    #[error("{id} stands for {count} findings; write more of it")]
    Ambiguous {
        /// As given.
        id: String,
        /// How many.
        count: u64,
    },
    /// There are more calls than it takes at a time.
    #[error("the agent has too much to do; try again in a moment")]
    Busy,
    /// What was asked for makes no sense, or is not done now; the reason says what to do instead.
    #[error("{0}")]
    Refused(String),
    /// Somebody else asks.
    #[error("only the user whose agent this is may ask it")]
    Denied,
    /// It was tried and did not work.
    #[error("{0}")]
    Failed(String),
}

/// What the names of all errors begin with.
const PREFIX: &str = "org.lapwing.Agent1.Error.";

impl Refusal {
    fn word(&self) -> &'static str {
        match self {
            Refusal::NoFinding { .. } => "org.lapwing.Agent1.Error.NoFinding",
            Refusal::Ambiguous { .. } => "org.lapwing.Agent1.Error.Ambiguous",
            Refusal::Busy => "org.lapwing.Agent1.Error.Busy",
            Refusal::Refused(_) => "org.lapwing.Agent1.Error.Refused",
            Refusal::Denied => "org.lapwing.Agent1.Error.Denied",
            Refusal::Failed(_) => "org.lapwing.Agent1.Error.Failed",
        }
    }

    /// From an error of the bus; `None` when it is not one of ours.
    pub(crate) fn of(name: &str, reply: &Message) -> Option<Refusal> {
        let body = reply.body();
        let why =
            || body.deserialize::<String>().or_else(|_| body.deserialize::<(String,)>().map(|(why,)| why));
        Some(match name.strip_prefix(PREFIX)? {
            "NoFinding" => Refusal::NoFinding { id: body.deserialize::<(String, String)>().ok()?.1 },
            "Ambiguous" => {
                let (_, id, count) = body.deserialize::<(String, String, u64)>().ok()?;
                Refusal::Ambiguous { id, count }
            }
            "Busy" => Refusal::Busy,
            "Refused" => Refusal::Refused(why().ok()?),
            "Denied" => Refusal::Denied,
            "Failed" => Refusal::Failed(why().ok()?),
            _ => return None,
        })
    }
}

impl DBusError for Refusal {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        let text = wire::plain(&self.to_string());
        let reply = Message::error(call, self.name())?;
        match self {
            Refusal::NoFinding { id } => reply.build(&(text, id)),
            Refusal::Ambiguous { id, count } => reply.build(&(text, id, count)),
            _ => reply.build(&(text,)),
        }
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_static_str_unchecked(self.word())
    }

    fn description(&self) -> Option<&str> {
        None
    }
}

impl From<examine::Error> for Refusal {
    fn from(error: examine::Error) -> Refusal {
        match error {
            examine::Error::NoFinding { id } => Refusal::NoFinding { id },
            examine::Error::Ambiguous { id, count } => Refusal::Ambiguous { id, count: count as u64 },
            examine::Error::Path { .. } => Refusal::Refused(error.to_string()),
            examine::Error::Git { .. } | examine::Error::Ledger { .. } | examine::Error::Baseline { .. } => {
                Refusal::Failed(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_comes_back_the_same() {
        let call = Message::method_call("/a", "B").unwrap().build(&()).unwrap();
        let id = || "F-7K".to_owned();
        for refusal in [
            Refusal::NoFinding { id: id() },
            Refusal::Ambiguous { id: id(), count: 3 },
            Refusal::Busy,
            Refusal::Refused("no such directory".to_owned()),
            Refusal::Denied,
            Refusal::Failed("the disk is full".to_owned()),
        ] {
            let reply = refusal.create_reply(&call.header()).unwrap();
            assert_eq!(Refusal::of(refusal.name().as_str(), &reply), Some(refusal.clone()));
            assert!(refusal.name().as_str().starts_with(PREFIX));
        }
        let foreign =
            Message::error(&call.header(), "org.freedesktop.DBus.Error.NoReply").unwrap().build(&()).unwrap();
        assert_eq!(Refusal::of("org.freedesktop.DBus.Error.NoReply", &foreign), None);
    }

    #[test]
    fn an_error_holds_nothing_that_a_bus_hangs_up_on() {
        let call = Message::method_call("/a", "B").unwrap().build(&()).unwrap();
        let reply = Refusal::Failed("a\0b".to_owned()).create_reply(&call.header()).unwrap();
        assert_eq!(reply.body().deserialize::<(String,)>().unwrap().0, "a\u{fffd}b");
    }
}
