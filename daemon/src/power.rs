//! The edge to what says how busy and how well powered the machine is: UPower, the power profile, logind, load. All of it
//! comes as events; a machine that idles is not asked anything. A service that is not there means that nothing is known,
//! and then the machine counts as plugged in.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::Poll;
use tokio::sync::mpsc::Sender;
use zbus::export::futures_core::Stream;
use zbus::fdo::{DBusProxy, PropertiesProxy};
use zbus::message::Type;
use zbus::names::{BusName, InterfaceName};
use zbus::zvariant::OwnedValue;
use zbus::{Connection, MatchRule, MessageStream};

/// How the machine is powered.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Power {
    /// It runs on its battery.
    pub(crate) on_battery: bool,
    /// What is left of it is little.
    pub(crate) low: bool,
    /// The user has chosen to save power.
    pub(crate) saver: bool,
}

/// What is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PowerEvent {
    /// It is powered otherwise than before.
    Changed(Power),
    /// The machine is about to sleep.
    Sleep,
    /// It is awake again.
    Resume,
}

const UPOWER: &str = "org.freedesktop.UPower";
const BATTERY: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
/// The power profiles' name of today, and the one that they had before.
const PROFILES: [(&str, &str); 2] = [
    ("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"),
    ("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"),
];
const LOGIND: &str = "org.freedesktop.login1";
/// UPower's `WarningLevel` from which a battery is low.
const LOW: u32 = 3;
/// Runnable threads for each processor from which the machine is busy.
const BUSY: f64 = 1.0;

/// Runnable threads for each processor over the last minute; `None` when the system does not say.
pub(crate) fn load() -> Option<f64> {
    let load = sysinfo::System::load_average().ok()?.one;
    let processors = std::thread::available_parallelism().ok()?.get();
    u32::try_from(processors).ok().map(|n| load / f64::from(n))
}

/// Whether the machine has better things to do than a sweep.
pub(crate) fn busy() -> bool {
    load().is_some_and(|load| load > BUSY)
}

/// Tells how the machine is powered, once now and then whenever it changes, until the bus or the receiver goes away.
pub(crate) async fn watch(system: Connection, out: Sender<PowerEvent>) -> zbus::Result<()> {
    let mut messages = subscribe(&system).await?;
    let mut known = read(&system).await;
    if out.send(PowerEvent::Changed(known)).await.is_err() {
        return Ok(());
    }
    while let Some(message) = messages.recv().await {
        let event = if message.header().member().is_some_and(|m| m.as_str() == "PrepareForSleep") {
            match message.body().deserialize::<bool>() {
                Ok(true) => PowerEvent::Sleep,
                Ok(false) => PowerEvent::Resume,
                Err(_) => continue,
            }
        } else if !matters(&message) {
            continue;
        } else {
            let now = read(&system).await;
            if now == known {
                continue;
            }
            known = now;
            PowerEvent::Changed(now)
        };
        if out.send(event).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Whether a signal is about something that is asked: a battery also tells every percent.
fn matters(message: &zbus::Message) -> bool {
    if message.header().member().is_some_and(|member| member.as_str() != "PropertiesChanged") {
        return true;
    }
    let body = message.body();
    type Changes<'a> = (&'a str, HashMap<&'a str, zbus::zvariant::Value<'a>>, Vec<&'a str>);
    let Ok((_, changed, gone)) = body.deserialize::<Changes<'_>>() else { return true };
    let asked = |key: &&str| ["OnBattery", "WarningLevel", "ActiveProfile"].contains(key);
    changed.keys().any(asked) || gone.iter().any(asked)
}

/// How the machine is powered.
pub(crate) async fn read(system: &Connection) -> Power {
    let on_battery = property(system, UPOWER, "/org/freedesktop/UPower", UPOWER, "OnBattery").await;
    let warning = property(system, UPOWER, BATTERY, "org.freedesktop.UPower.Device", "WarningLevel").await;
    let mut saver = false;
    for (name, path) in PROFILES {
        if let Some(profile) = property::<String>(system, name, path, name, "ActiveProfile").await {
            saver = profile == "power-saver";
            break;
        }
    }
    let on_battery = on_battery.unwrap_or(false);
    Power { on_battery, low: on_battery && warning.is_some_and(|level: u32| level >= LOW), saver }
}

/// Whether a service runs.
pub(crate) async fn runs(bus: &Connection, name: &str) -> bool {
    let Ok(name) = BusName::try_from(name.to_owned()) else { return false };
    match DBusProxy::new(bus).await {
        Ok(proxy) => proxy.name_has_owner(name).await.unwrap_or(false),
        Err(_) => false,
    }
}

/// A property of a service that runs; asking starts none.
pub(crate) async fn property<T>(
    bus: &Connection,
    name: &str,
    path: &str,
    interface: &str,
    key: &str,
) -> Option<T>
where
    T: TryFrom<OwnedValue>,
{
    if !runs(bus, name).await {
        return None;
    }
    let name = BusName::try_from(name.to_owned()).ok()?;
    let properties = PropertiesProxy::new(bus, name, path.to_owned()).await.ok()?;
    let value = properties.get(InterfaceName::try_from(interface).ok()?, key).await.ok()?;
    T::try_from(value).ok()
}

/// Signals of all that is asked, and of services that come and go, in one stream.
async fn subscribe(system: &Connection) -> zbus::Result<tokio::sync::mpsc::Receiver<zbus::Message>> {
    let (into, stream) = tokio::sync::mpsc::channel(16);
    let signal = || MatchRule::builder().msg_type(Type::Signal);
    let mut rules = vec![
        signal().sender(LOGIND)?.interface("org.freedesktop.login1.Manager")?.member("PrepareForSleep")?,
    ];
    let properties = || signal().interface("org.freedesktop.DBus.Properties")?.member("PropertiesChanged");
    let names = [UPOWER, PROFILES[0].0, PROFILES[1].0];
    for name in names {
        rules.push(properties()?.sender(name)?);
        let bus = "org.freedesktop.DBus";
        rules.push(signal().sender(bus)?.interface(bus)?.member("NameOwnerChanged")?.arg(0, name)?);
    }
    for rule in rules {
        let stream = MessageStream::for_match_rule(rule.build(), system, None).await?;
        tokio::spawn(forward(stream, into.clone()));
    }
    Ok(stream)
}

/// What a stream yields next.
pub(crate) async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// What a stream has already.
pub(crate) async fn ready<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| match Pin::new(&mut *stream).poll_next(cx) {
        Poll::Ready(item) => Poll::Ready(item),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn forward(mut stream: MessageStream, into: Sender<zbus::Message>) {
    loop {
        tokio::select! {
            message = next(&mut stream) => match message {
                Some(Ok(message)) => {
                    if into.send(message).await.is_err() {
                        return;
                    }
                }
                Some(Err(_)) => {}
                None => return,
            },
            () = into.closed() => return,
        }
    }
}

#[cfg(test)]
mod tests;
