//! Asking the agent, from a program that does one thing and ends. Every step has an end: an agent or a bus that hangs
//! costs the asker a moment, not more.

use super::live::Live;
use super::wire::{self, Dict, Garbled};
use super::{Filter, INTERFACE, NAME, PATH, Refusal, Status, about};
use crate::home::Home;
use crate::record::{Gap, Record};
use serde::Serialize;
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use zbus::names::UniqueName;
use zbus::zvariant::DynamicType;
use zbus::{Connection, Message};

/// For a bus to let us in and say who the agent is.
const BUS: Duration = Duration::from_millis(1000);
/// For the agent to answer.
const ANSWER: Duration = Duration::from_secs(3);
const DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
/// More findings than anybody has: an agent that never comes to an end is left.
const FINDINGS: usize = 1_000_000;

/// Why there is no agent to ask.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// No bus, or no agent on it.
    #[error("the agent does not run")]
    NotRunning,
    /// The agent that runs is somebody else's, is about another home, or keeps its state elsewhere.
    #[error("the agent that runs is about another home")]
    OtherHome,
    /// There is something, but it does not answer as it should.
    #[error("{0}")]
    Trouble(Trouble),
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The agent says why.
    #[error("{0}")]
    Refused(Refusal),
    /// Nothing came back in time.
    #[error("the agent does not answer")]
    Silent,
    /// The bus or the agent went away, or a bus error.
    #[error("the agent cannot be asked: {0}")]
    Bus(String),
    /// What came back makes no sense: an agent of another version.
    #[error("the agent's answer was not understood ({0}); it may be of another version than this program")]
    Garbled(Garbled),
}

impl From<Garbled> for Trouble {
    fn from(e: Garbled) -> Trouble {
        Trouble::Garbled(e)
    }
}

impl From<zbus::Error> for Trouble {
    fn from(e: zbus::Error) -> Trouble {
        match &e {
            // What the guard says to who asks for a property.
            zbus::Error::MethodError(name, ..) if name.as_str() == DENIED => {
                Trouble::Refused(Refusal::Denied)
            }
            zbus::Error::MethodError(name, _, reply) => match Refusal::of(name, reply) {
                Some(refusal) => Trouble::Refused(refusal),
                None => Trouble::Bus(e.to_string()),
            },
            zbus::Error::InputOutput(io) if io.kind() == std::io::ErrorKind::TimedOut => Trouble::Silent,
            _ => Trouble::Bus(e.to_string()),
        }
    }
}

/// The agent that runs.
pub struct Agent {
    runtime: Runtime,
    connection: Connection,
    /// Its own name: a call to it never starts another agent.
    owner: UniqueName<'static>,
    status: Status,
}

impl Agent {
    /// The agent of this home, if it runs. Where there is no bus this costs next to nothing.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn find(home: &Home) -> Result<Agent, Absent> {
        match address() {
            Some(address) if home.is_own() => Agent::at(&address, home),
            _ => Err(Absent::NotRunning),
        }
    }

    /// The agent of this home on the bus at an address.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn at(address: &str, home: &Home) -> Result<Agent, Absent> {
        let trouble = |e: Trouble| match e {
            // Root, mostly, with the environment of somebody else.
            Trouble::Refused(Refusal::Denied) => Absent::OtherHome,
            e => Absent::Trouble(e),
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| trouble(Trouble::Bus(e.to_string())))?;
        let entered = runtime.block_on(async { tokio::time::timeout(BUS, enter(address)).await });
        let (connection, owner) = entered.unwrap_or(Err(Absent::Trouble(Trouble::Silent)))?;
        let ask = async {
            let properties = ("org.freedesktop.DBus.Properties", "GetAll");
            let reply = call(&connection, &owner, properties, &(INTERFACE,)).await?;
            Ok(Status::of(&reply.body().deserialize::<Dict>()?)?)
        };
        let status = runtime.block_on(within(ANSWER, ask)).map_err(trouble)?;
        if status.home != about(home) {
            return Err(Absent::OtherHome);
        }
        Ok(Agent { runtime, connection, owner, status })
    }

    /// How it was when it was found.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Every finding that passes, worst and surest first; offset and limit of the filter are not looked at.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Record>, Trouble> {
        let (mut records, mut seen) = (Vec::new(), HashSet::new());
        let mut filter = Filter { offset: 0, limit: 0, ..filter.clone() };
        loop {
            let reply = self.call("List", &(wire::encode(&filter)?,))?;
            let (page, next): (Vec<Dict>, u32) = reply.body().deserialize()?;
            for dict in &page {
                let record: Record = wire::decode(dict)?;
                // What is told twice because something changed between two pages is one finding.
                if seen.insert(record.id.clone()) {
                    records.push(record);
                }
            }
            if next <= filter.offset || seen.len() > FINDINGS {
                return Ok(records);
            }
            filter.offset = next;
        }
    }

    /// The finding that an id, or the beginning of one, stands for.
    ///
    /// # Errors
    /// When there is none or several, or the agent does not answer.
    pub fn get(&self, id: &str) -> Result<Record, Trouble> {
        self.record("Get", &(id,))
    }

    /// What was not examined, and why.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn coverage(&self) -> Result<Vec<Gap>, Trouble> {
        let gaps: Vec<Dict> = self.call("Coverage", &())?.body().deserialize()?;
        Ok(gaps.iter().map(wire::decode).collect::<Result<_, _>>()?)
    }

    /// Decides to live with a finding, until a moment or for ever. Returns it as it is now.
    ///
    /// # Errors
    /// When there is no such finding, or the agent does not answer.
    pub fn ignore(&self, id: &str, reason: &str, until: Option<i64>) -> Result<Record, Trouble> {
        self.record("Ignore", &(id, reason, until.unwrap_or_default()))
    }

    /// Takes an ignore back. Returns the finding as it is now.
    ///
    /// # Errors
    /// When there is no such finding, or the agent does not answer.
    pub fn unignore(&self, id: &str) -> Result<Record, Trouble> {
        self.record("Unignore", &(id,))
    }

    /// Asks for another look at files and directories, at the whole home when none is named.
    ///
    /// # Errors
    /// When the agent refuses or does not answer.
    pub fn rescan(&self, paths: &[String]) -> Result<(), Trouble> {
        self.call("Rescan", &(paths,)).map(|_| ())
    }

    /// Asks the agent to look away for so many seconds; 0 is until it is told to go on.
    ///
    /// # Errors
    /// When the agent refuses or does not answer.
    pub fn pause(&self, seconds: u32) -> Result<(), Trouble> {
        self.call("Pause", &(seconds,)).map(|_| ())
    }

    /// Asks the agent to go on.
    ///
    /// # Errors
    /// When the agent refuses or does not answer.
    pub fn resume(&self) -> Result<(), Trouble> {
        self.call("Resume", &()).map(|_| ())
    }

    /// Asks the agent to read its configuration and rules anew.
    ///
    /// # Errors
    /// When the agent refuses (the reason says what is wrong with them) or does not answer.
    pub fn reload(&self) -> Result<(), Trouble> {
        self.call("Reload", &()).map(|_| ())
    }

    /// Follows what happens from now on.
    ///
    /// # Errors
    /// When the bus went away.
    pub fn live(self) -> Result<Live, Trouble> {
        Live::begin(self.runtime, self.connection, self.owner)
    }

    fn record(&self, method: &str, body: &(impl Serialize + DynamicType)) -> Result<Record, Trouble> {
        Ok(wire::decode(&self.call(method, body)?.body().deserialize::<Dict>()?)?)
    }

    fn call(&self, method: &str, body: &(impl Serialize + DynamicType)) -> Result<Message, Trouble> {
        let reply = call(&self.connection, &self.owner, (INTERFACE, method), body);
        self.runtime.block_on(within(ANSWER, reply))
    }
}

/// Where the session bus is; `None` when there is none, or it can only be reached by starting something. An empty
/// address says that there is none.
fn address() -> Option<String> {
    let told = std::env::var_os("DBUS_SESSION_BUS_ADDRESS");
    address_of(told, std::env::var_os("XDG_RUNTIME_DIR"))
}

fn address_of(told: Option<OsString>, runtime: Option<OsString>) -> Option<String> {
    match told {
        Some(told) => told.into_string().ok().filter(|address| address.starts_with("unix:")),
        None => {
            let bus = Path::new(&runtime?).join("bus");
            rustix::fs::stat(&bus).ok()?;
            Some(format!("unix:path={}", escaped(bus.as_os_str().as_bytes())))
        }
    }
}

/// A value in an address: bytes that are not plain as `%` and two digits.
fn escaped(value: &[u8]) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_/.\\".contains(&b);
    value.iter().map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02x}") }).collect()
}

async fn enter(address: &str) -> Result<(Connection, UniqueName<'static>), Absent> {
    let address = zbus::connection::Builder::address(address).map_err(|_| Absent::NotRunning)?;
    // Nobody listens, or nobody who lets us in: the session is over, or never was.
    let connection = address.build().await.map_err(|_| Absent::NotRunning)?;
    let owner = owner(&connection).await.map_err(Absent::Trouble)?.ok_or(Absent::NotRunning)?;
    Ok((connection, owner))
}

/// The agent's own name on the bus, if it is there. Asking for it starts nothing.
pub(super) async fn owner(connection: &Connection) -> Result<Option<UniqueName<'static>>, Trouble> {
    let bus = zbus::fdo::DBusProxy::new(connection).await?;
    match bus.get_name_owner(zbus::names::BusName::from_static_str(NAME).map_err(zbus::Error::from)?).await {
        Ok(owner) => Ok(Some(owner.into_inner())),
        Err(zbus::fdo::Error::NameHasNoOwner(_)) => Ok(None),
        Err(e) => Err(zbus::Error::from(e).into()),
    }
}

async fn call(
    connection: &Connection,
    owner: &UniqueName<'static>,
    (interface, method): (&str, &str),
    body: &(impl Serialize + DynamicType),
) -> Result<Message, Trouble> {
    Ok(connection.call_method(Some(owner.as_ref()), PATH, Some(interface), method, body).await?)
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout(time, work).await.unwrap_or(Err(Trouble::Silent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(told: Option<&str>, runtime: Option<&Path>) -> Option<String> {
        address_of(told.map(Into::into), runtime.map(Into::into))
    }

    #[test]
    fn only_a_bus_that_is_there_is_asked() {
        let dir = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        assert_eq!(address(None, None), None);
        assert_eq!(address(None, Some(dir.path())), None);
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("bus")).unwrap();
        let found = address(None, Some(dir.path())).unwrap();
        assert!(
            found.starts_with("unix:path=/") && found.contains("a%20b") && found.ends_with("/bus"),
            "{found}"
        );
        assert_eq!(address(Some("unix:path=/x"), Some(dir.path())).unwrap(), "unix:path=/x");
        // Empty is "none"; these would start a program, or ask the network.
        for told in ["", "autolaunch:", "unixexec:path=/bin/true", "tcp:host=example.org,port=1"] {
            assert_eq!(address(Some(told), Some(dir.path())), None, "{told}");
        }
    }

    #[test]
    fn a_bus_that_hangs_costs_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus");
        // It takes the connection, and never says a word.
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let found = Agent::at(&format!("unix:path={}", path.display()), &Home::other(dir.path()));
        assert!(matches!(found.err().unwrap(), Absent::Trouble(Trouble::Silent)));
    }

    #[test]
    fn where_nobody_listens_there_is_no_agent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let found = Agent::at(&format!("unix:path={}", path.display()), &Home::other(dir.path()));
        assert!(matches!(found.err().unwrap(), Absent::NotRunning));
    }
}
