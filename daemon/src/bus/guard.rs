//! Who may ask, and how much at a time. Stands before every method and property of the object.
//!
//! A session bus lets nobody else in by itself; but its policy can be changed, and a bus can be offered to a container.

use super::object::Agent;
use crate::client::Refusal;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use zbus::message::{Header, Message};
use zbus::names::{BusName, InterfaceName, MemberName};
use zbus::object_server::{DispatchResult2, Interface, SignalEmitter};
use zbus::zvariant::{OwnedValue, Value};
use zbus::{Connection, ObjectServer, fdo};

/// Calls of one peer that are worked on at a time.
pub(super) const EACH: usize = 8;
/// Peers that are remembered. A bus never uses a name twice, so that nothing wrong can be remembered; and a peer that
/// was forgotten is only looked at again.
const PEERS: usize = 256;

/// What is known of a peer.
#[derive(Default)]
struct Peer {
    /// Whether it is the same user; asked once.
    ours: OnceCell<bool>,
    running: AtomicUsize,
}

/// One call that is worked on.
struct Turn(Arc<Peer>);

impl Turn {
    fn of(peer: &Arc<Peer>) -> Option<Turn> {
        let more = |n: usize| (n < EACH).then_some(n + 1);
        peer.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Turn(Arc::clone(peer)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The object behind its guard.
pub(super) struct Guarded {
    inner: Agent,
    peers: Mutex<HashMap<String, Arc<Peer>>>,
}

impl Guarded {
    pub(super) fn new(inner: Agent) -> Guarded {
        Guarded { inner, peers: Mutex::default() }
    }

    fn peer(&self, header: &Header<'_>) -> Arc<Peer> {
        let name = header.sender().map_or("", |name| name.as_str());
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS && !peers.contains_key(name) {
            // Who is being answered stays, so that it cannot ask more by being forgotten.
            peers.retain(|_, peer| Arc::strong_count(peer) > 1);
        }
        Arc::clone(peers.entry(name.to_owned()).or_default())
    }

    async fn may_ask(&self, connection: &Connection, header: &Header<'_>) -> Result<(), Refusal> {
        let peer = self.peer(header);
        match peer.ours.get_or_try_init(|| ours(connection, header)).await {
            Ok(true) => Ok(()),
            _ => Err(Refusal::Denied),
        }
    }
}

/// Whether the sender of a message is the user whose agent this is. Who cannot be told is not.
async fn ours(connection: &Connection, header: &Header<'_>) -> Result<bool, ()> {
    let name = BusName::from(header.sender().ok_or(())?.to_owned());
    let bus = fdo::DBusProxy::new(connection).await.map_err(|_| ())?;
    let uid = bus.get_connection_credentials(name).await.map_err(|_| ())?.unix_user_id();
    Ok(uid == Some(rustix::process::geteuid().as_raw()))
}

#[zbus::export::async_trait::async_trait]
impl Interface for Guarded {
    fn name() -> InterfaceName<'static> {
        Agent::name()
    }

    async fn get(
        &self,
        property: &str,
        server: &ObjectServer,
        connection: &Connection,
        header: Option<&Header<'_>>,
        emitter: &SignalEmitter<'_>,
    ) -> Option<fdo::Result<OwnedValue>> {
        if let Some(header) = header
            && self.may_ask(connection, header).await.is_err()
        {
            return Some(Err(denied()));
        }
        self.inner.get(property, server, connection, header, emitter).await
    }

    async fn get_all(
        &self,
        server: &ObjectServer,
        connection: &Connection,
        header: Option<&Header<'_>>,
        emitter: &SignalEmitter<'_>,
    ) -> fdo::Result<HashMap<String, OwnedValue>> {
        if let Some(header) = header {
            self.may_ask(connection, header).await.map_err(|_| denied())?;
        }
        self.inner.get_all(server, connection, header, emitter).await
    }

    /// No property can be set.
    async fn set_mut(
        &mut self,
        _: &str,
        _: &Value<'_>,
        _: &ObjectServer,
        _: &Connection,
        _: Option<&Header<'_>>,
        _: &SignalEmitter<'_>,
    ) -> Option<fdo::Result<()>> {
        Some(Err(fdo::Error::PropertyReadOnly("no property can be set".to_owned())))
    }

    fn call<'call>(
        &'call self,
        server: &'call ObjectServer,
        connection: &'call Connection,
        message: &'call Message,
        name: MemberName<'call>,
    ) -> DispatchResult2<'call> {
        let work = match self.inner.call(server, connection, message, name) {
            DispatchResult2::Async(work) => work,
            other => return other,
        };
        DispatchResult2::Async(Box::pin(async move {
            let header = message.header();
            let turn = match Turn::of(&self.peer(&header)) {
                Some(turn) => self.may_ask(connection, &header).await.map(|()| turn),
                None => Err(Refusal::Busy),
            };
            match turn {
                Ok(_turn) => work.await,
                Err(refusal) => connection.reply_dbus_error(&header, refusal).await.map_err(Into::into),
            }
        }))
    }

    /// Nothing that is asked needs the object for itself alone.
    fn call_mut<'call>(
        &'call mut self,
        _: &'call ObjectServer,
        _: &'call Connection,
        _: &'call Message,
        _: MemberName<'call>,
    ) -> DispatchResult2<'call> {
        DispatchResult2::NotFound
    }

    fn introspect_to_writer(&self, writer: &mut dyn Write, level: usize) {
        self.inner.introspect_to_writer(writer, level);
    }
}

fn denied() -> fdo::Error {
    fdo::Error::AccessDenied(Refusal::Denied.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Status;
    use crate::home::Home;

    #[test]
    fn no_more_peers_are_remembered_than_there_is_room_for() {
        let (calls, _inbox) = tokio::sync::mpsc::channel(1);
        let status = Status::starting(&Home::other(std::path::Path::new("/nowhere")), 0);
        let (_status, watched) = tokio::sync::watch::channel(status);
        let guarded = Guarded::new(Agent::new(calls, watched));
        let peer = |n: usize| {
            let call = Message::method_call("/a", "B").unwrap().sender(format!(":1.{n}")).unwrap();
            guarded.peer(&call.build(&()).unwrap().header())
        };
        let first = peer(0);
        for n in 0..4 * PEERS {
            peer(n);
        }
        assert!(guarded.peers.lock().unwrap().len() <= PEERS);
        // Who is being answered is not forgotten.
        assert!(Arc::ptr_eq(&first, &peer(0)));
    }

    #[test]
    fn turns_are_given_back() {
        let peer = Arc::new(Peer::default());
        let turns: Vec<Turn> = (0..EACH).map(|_| Turn::of(&peer).unwrap()).collect();
        assert!(Turn::of(&peer).is_none());
        drop(turns);
        assert!(Turn::of(&peer).is_some());
    }
}
