//! The agent's object on the session bus. It knows nothing and decides nothing: a call becomes a [`Call`], which the
//! agent's core answers, and properties are what the core last said of itself.
//!
//! No method changes a user's file, and what is told holds no secret. Only the same user is answered (`guard`), and
//! only so many calls at a time: the others are told at once to come again.

mod guard;
mod object;

use crate::client::wire::{self, Dict};
use crate::client::{INTERFACE, NAME, PATH, Refusal, Status, Swept};
use crate::record::{Gap, Record};
use guard::Guarded;
use object::{Agent, AgentSignals};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::RequestNameFlags;
use zbus::names::InterfaceName;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::zvariant::{OwnedValue, Value};

/// Calls that wait for the core, at most: how long the channel of calls has to be.
pub(crate) const WAITING: usize = 64;
/// For a signal to be taken by the bus. One that hangs must not hold the agent.
const SEND: Duration = Duration::from_secs(5);
/// Between two messages about changed properties: what changes all the time is told now and then.
const CALM: Duration = Duration::from_millis(250);

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What somebody asks of the agent.
pub(crate) enum Call {
    /// Everything known, resolved findings too, in the order of `lapwing list`.
    List { reply: Reply<Arc<Vec<Record>>> },
    /// The finding that an id, or the beginning of one, stands for.
    Get { id: String, reply: Reply<Record> },
    /// What was not examined, and why.
    Coverage { reply: Reply<Vec<Gap>> },
    /// Another look, at everything when nothing is named. Paths are absolute, or begin with `~`; they need not be in
    /// the home, or be there.
    Rescan { paths: Vec<PathBuf>, reply: Reply<()> },
    /// A decision to live with a finding; `None` is for ever, otherwise seconds since 1970.
    Ignore { id: String, reason: String, until: Option<i64>, reply: Reply<Record> },
    /// The same taken back.
    Unignore { id: String, reply: Reply<Record> },
    /// Look away for so long; `None` is until told to go on.
    Pause { time: Option<Duration>, reply: Reply<()> },
    /// Go on.
    Resume { reply: Reply<()> },
    /// Configuration and rules anew.
    Reload { reply: Reply<()> },
}

/// Where to offer the object.
pub(crate) enum At {
    /// The session's bus.
    Session,
    /// The bus at an address.
    #[cfg(test)]
    Address(String),
}

/// Why the object is not on the bus.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusTrouble {
    /// Another agent has the name.
    #[error("an agent is already running{}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    AlreadyRunning {
        /// Its process, if the bus knows it.
        pid: Option<u32>,
    },
    /// There is no bus, or it does not let us in.
    #[error("the session bus cannot be used: {0}")]
    NoBus(zbus::Error),
}

/// The object on the bus. It goes away with this.
pub(crate) struct Bus {
    connection: Connection,
    changes: JoinHandle<()>,
}

/// Offers the object, and takes the name.
pub(crate) async fn serve(
    at: At,
    calls: mpsc::Sender<Call>,
    status: watch::Receiver<Status>,
) -> Result<Bus, BusTrouble> {
    let connection = connect(at, calls, status.clone()).await.map_err(BusTrouble::NoBus)?;
    take_name(&connection).await?;
    let changes = tokio::spawn(tell_changes(connection.clone(), status));
    Ok(Bus { connection, changes })
}

impl Bus {
    /// Ends when the bus has ended, or has hung up on us.
    pub(crate) async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Tells that a finding is there that was not.
    pub(crate) async fn opened(&self, record: &Record) {
        if let (Some(emitter), Some(told)) = (self.emitter(), told(record)) {
            send(emitter.opened(told)).await;
        }
    }

    /// Tells that a finding is not there any more.
    pub(crate) async fn resolved(&self, record: &Record) {
        if let (Some(emitter), Some(told)) = (self.emitter(), told(record)) {
            send(emitter.resolved(told)).await;
        }
    }

    /// Tells that a sweep has ended.
    pub(crate) async fn sweep_done(&self, swept: &Swept) {
        if let (Some(emitter), Some(told)) = (self.emitter(), told(swept)) {
            send(emitter.sweep_done(told)).await;
        }
    }

    fn emitter(&self) -> Option<SignalEmitter<'_>> {
        SignalEmitter::new(&self.connection, PATH).ok()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.changes.abort();
    }
}

/// What cannot be told is not told: the ledger knows it all the same.
fn told(thing: &impl Serialize) -> Option<Dict> {
    wire::encode(thing).inspect_err(|e| tracing::warn!("something could not be told on the bus: {e}")).ok()
}

async fn send(signal: impl Future<Output = zbus::Result<()>>) {
    match tokio::time::timeout(SEND, signal).await {
        Ok(Ok(())) => {}
        // `closed` tells of a bus that is gone.
        Ok(Err(e)) => tracing::debug!("a signal was not sent: {e}"),
        Err(_) => tracing::warn!("the session bus does not take signals"),
    }
}

async fn connect(
    at: At,
    calls: mpsc::Sender<Call>,
    status: watch::Receiver<Status>,
) -> zbus::Result<Connection> {
    let builder = match at {
        At::Session => Builder::session()?,
        #[cfg(test)]
        At::Address(address) => Builder::address(address.as_str())?,
    };
    builder.serve_at(PATH, Guarded::new(Agent::new(calls, status)))?.build().await
}

/// Takes the name, or says who has it. Nobody waits in line for it, and nobody takes it from us.
async fn take_name(connection: &Connection) -> Result<(), BusTrouble> {
    match connection.request_name_with_flags(NAME, RequestNameFlags::DoNotQueue.into()).await {
        Ok(_) => Ok(()),
        Err(zbus::Error::NameTaken) => Err(BusTrouble::AlreadyRunning { pid: other(connection).await.ok() }),
        Err(e) => Err(BusTrouble::NoBus(e)),
    }
}

async fn other(connection: &Connection) -> zbus::Result<u32> {
    let bus = zbus::fdo::DBusProxy::new(connection).await?;
    let name = zbus::names::BusName::from_static_str(NAME)?;
    bus.get_connection_unix_process_id(name).await.map_err(Into::into)
}

/// Properties that are told of only when asked for: they change without anything having happened.
const QUIET: [&str; 1] = ["Rss"];

/// Tells which properties have changed, as often as is good for who listens.
async fn tell_changes(connection: Connection, mut status: watch::Receiver<Status>) {
    let mut before = properties(&connection).await;
    while status.changed().await.is_ok() {
        let after = properties(&connection).await;
        let news: HashMap<&str, Value<'_>> = after
            .iter()
            .filter(|(name, value)| !QUIET.contains(&name.as_str()) && before.get(*name) != Some(value))
            .map(|(name, value)| (name.as_str(), Value::from(value.clone())))
            .collect();
        if let (false, Ok(emitter)) = (news.is_empty(), SignalEmitter::new(&connection, PATH)) {
            let interface = InterfaceName::from_static_str_unchecked(INTERFACE);
            send(zbus::fdo::Properties::properties_changed(&emitter, interface, news, Cow::Borrowed(&[])))
                .await;
            tokio::time::sleep(CALM).await;
        }
        before = after;
    }
}

async fn properties(connection: &Connection) -> HashMap<String, OwnedValue> {
    let server = connection.object_server();
    let Ok(emitter) = SignalEmitter::new(connection, PATH) else { return HashMap::new() };
    match server.interface::<_, Guarded>(PATH).await {
        Ok(object) => {
            object.get().await.get_all(server, connection, None, &emitter).await.unwrap_or_default()
        }
        Err(_) => HashMap::new(),
    }
}

#[cfg(test)]
mod tests;
