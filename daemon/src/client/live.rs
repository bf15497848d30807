//! Following the agent: what it says as it happens, and that it went away or came back.

use super::ask::{Trouble, owner};
use super::wire::{self, Dict};
use super::{INTERFACE, NAME, PATH, Swept};
use crate::record::Record;
use std::pin::Pin;
use tokio::runtime::Runtime;
use zbus::export::futures_core::Stream;
use zbus::message::{Message, Type};
use zbus::names::UniqueName;
use zbus::{Connection, MatchRule, MessageStream};

/// Something that the agent tells, or that happens to it.
pub enum Happening {
    /// A finding is there that was not.
    Opened(Record),
    /// A finding is not there any more.
    Resolved(Record),
    /// A sweep has ended.
    Swept(Swept),
    /// The agent has ended.
    Gone,
    /// An agent runs again.
    Back,
}

/// What happens, one after the other.
pub struct Live {
    runtime: Runtime,
    signals: MessageStream,
    owners: MessageStream,
    owner: Option<UniqueName<'static>>,
}

impl Live {
    pub(super) fn begin(
        runtime: Runtime,
        connection: Connection,
        owner: UniqueName<'static>,
    ) -> Result<Live, Trouble> {
        let (signals, owners) = runtime.block_on(listen(&connection))?;
        // It may have ended before we listened.
        if runtime.block_on(self::owner(&connection))?.as_ref() != Some(&owner) {
            return Err(Trouble::Bus("it has just ended".to_owned()));
        }
        Ok(Live { runtime, signals, owners, owner: Some(owner) })
    }

    /// Waits for the next thing to happen.
    ///
    /// # Errors
    /// When the bus went away: nothing will happen any more.
    pub fn wait(&mut self) -> Result<Happening, Trouble> {
        loop {
            let (signals, owners) = (&mut self.signals, &mut self.owners);
            let message = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    message = next(signals) => message,
                    message = next(owners) => message,
                }
            });
            let message = message.ok_or_else(|| Trouble::Bus("the session bus has ended".to_owned()))??;
            if let Some(happening) = self.heard(&message)? {
                return Ok(happening);
            }
        }
    }

    fn heard(&mut self, message: &Message) -> Result<Option<Happening>, Trouble> {
        let header = message.header();
        let member = header.member().map(|m| m.to_string()).unwrap_or_default();
        if member == OWNER {
            let (_, _, new): (String, String, String) = message.body().deserialize()?;
            self.owner = UniqueName::try_from(new).ok();
            return Ok(Some(if self.owner.is_some() { Happening::Back } else { Happening::Gone }));
        }
        // Anybody on the bus may say anything; only the agent is believed.
        if header.sender() != self.owner.as_ref() {
            return Ok(None);
        }
        let body = message.body();
        let told = || Ok::<Dict, Trouble>(body.deserialize()?);
        Ok(match member.as_str() {
            "Opened" => Some(Happening::Opened(wire::decode(&told()?)?)),
            "Resolved" => Some(Happening::Resolved(wire::decode(&told()?)?)),
            "SweepDone" => Some(Happening::Swept(wire::decode(&told()?)?)),
            _ => None,
        })
    }
}

const OWNER: &str = "NameOwnerChanged";

async fn listen(connection: &Connection) -> Result<(MessageStream, MessageStream), Trouble> {
    let signals = MatchRule::builder().msg_type(Type::Signal).path(PATH)?.interface(INTERFACE)?.build();
    let owners = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")?
        .interface("org.freedesktop.DBus")?
        .member(OWNER)?
        .arg(0, NAME)?
        .build();
    // A reader that is slow for a while loses nothing; what is not read for long is not kept for ever.
    let signals = MessageStream::for_match_rule(signals, connection, Some(4096)).await?;
    Ok((signals, MessageStream::for_match_rule(owners, connection, Some(64)).await?))
}

async fn next(stream: &mut MessageStream) -> Option<zbus::Result<Message>> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}
