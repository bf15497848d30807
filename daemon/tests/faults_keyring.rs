//! The keyring that has the key of ids is locked, or gone: the agent says so, asks nobody for a password, remembers nothing
//! under another key, and goes on by itself when it can.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Bus, Stage, token};
use std::fs;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

const SERVICE: &str = "org.freedesktop.secrets";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";
const PASSWORD: &str = "a login password";

/// A real gnome-keyring on the bus of a stage, which is ended with this.
struct Keyring(Child);

impl Keyring {
    fn start(stage: &Stage) -> Keyring {
        let password = stage.dir.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let mut command = stage.command("gnome-keyring-daemon");
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        command.stdin(fs::File::open(password).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
        let keyring = Keyring(command.spawn().unwrap());
        stage.until("the keyring answers", |s| !locked(s));
        keyring
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn proxy<'a>(connection: &Connection, path: &'a str, interface: &'a str) -> Proxy<'a> {
    let builder = zbus::blocking::proxy::Builder::new(connection);
    let builder = builder.destination(SERVICE).unwrap().path(path).unwrap().interface(interface).unwrap();
    builder.cache_properties(zbus::proxy::CacheProperties::No).build().unwrap()
}

fn locked(stage: &Stage) -> bool {
    let connection = stage.connection().unwrap();
    proxy(&connection, LOGIN, "org.freedesktop.Secret.Collection").get_property("Locked").unwrap_or(true)
}

fn lock(stage: &Stage) {
    let connection = stage.connection().unwrap();
    let login = vec![ObjectPath::try_from(LOGIN).unwrap()];
    let service = proxy(&connection, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
    let _: (Vec<OwnedObjectPath>, OwnedObjectPath) = service.call("Lock", &(login,)).unwrap();
    assert!(locked(stage));
}

/// As the login screen does it, without asking anybody.
fn unlock(stage: &Stage) {
    let connection = stage.connection().unwrap();
    let service = proxy(&connection, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
    let (_, session): (OwnedValue, OwnedObjectPath) =
        service.call("OpenSession", &("plain", Value::from(""))).unwrap();
    let inner = proxy(
        &connection,
        "/org/freedesktop/secrets",
        "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
    );
    let secret = (session, Vec::<u8>::new(), PASSWORD.as_bytes().to_vec(), "text/plain");
    let login = ObjectPath::try_from(LOGIN).unwrap();
    inner.call::<_, _, ()>("UnlockWithMasterPassword", &(login, secret)).unwrap();
    assert!(!locked(stage));
}

/// Names of all methods that anybody calls from now on.
fn calls(bus: &Bus) -> mpsc::Receiver<String> {
    let address = bus.address.as_str();
    let connection = zbus::blocking::connection::Builder::address(address).unwrap().build().unwrap();
    let monitor = zbus::blocking::fdo::MonitoringProxy::new(&connection).unwrap();
    monitor.become_monitor(&[], 0).unwrap();
    let (send, calls) = mpsc::channel();
    std::thread::spawn(move || {
        for message in zbus::blocking::MessageIterator::from(connection).flatten() {
            let name = message.header().member().map(ToString::to_string);
            if name.is_some_and(|name| send.send(name).is_err()) {
                break;
            }
        }
    });
    calls
}

fn complains(stage: &Stage) -> bool {
    stage.problems().iter().any(|problem| problem.starts_with("key of ids: ") && problem.contains("keyring"))
}

/// An agent whose key is in the keyring, and which has ended.
fn with_key() -> (Stage, Keyring) {
    let mut stage = Stage::new();
    let keyring = Keyring::start(&stage);
    stage.write("before.txt", &token("before"));
    stage.start();
    assert_eq!(stage.tokens().len(), 1);
    assert_eq!(stage.stop(), Some(0));
    assert_eq!(fs::read_to_string(stage.state().join("key")).unwrap().trim(), "keyring");
    (stage, keyring)
}

/// The agent starts without its key, and something is written meanwhile.
fn starts_without_key(stage: &mut Stage) -> Vec<common::Told> {
    let known = stage.ledger("SELECT hex(id) FROM finding ORDER BY 1");
    stage.launch();
    stage.until("it answers", |s| s.tokens().len() == 1);
    stage.write("during.txt", &token("during"));
    stage.until("it says that the keyring is locked", complains);
    assert_eq!(stage.ledger("SELECT hex(id) FROM finding ORDER BY 1"), known, "under another key");
    stage.findings()
}

/// It has the key again, and has found what was written meanwhile.
fn goes_on(stage: &mut Stage, before: &[common::Told]) {
    stage.until("what was written meanwhile is found", |s| s.tokens().len() == 2);
    stage.until("it is no problem any more", Stage::fine);
    let now = stage.findings();
    assert!(before.iter().all(|told| now.contains(told)), "{before:?} {now:?}");
    assert_eq!(stage.stop(), Some(0));
    assert_eq!(fs::read_to_string(stage.state().join("key")).unwrap().trim(), "keyring");
}

#[test]
fn a_locked_keyring_is_waited_for_and_nobody_is_asked() {
    if !common::apart::possible() {
        return;
    }
    let (mut stage, _keyring) = with_key();
    let _calm = stage.calm();
    lock(&stage);
    let calls = calls(&stage.bus);
    let before = starts_without_key(&mut stage);
    let called: Vec<String> = calls.try_iter().collect();
    assert!(called.iter().any(|name| name == "Get"), "the monitor sees nothing");
    assert!(!called.iter().any(|name| name == "Prompt" || name == "Unlock"), "{called:?}");
    unlock(&stage);
    goes_on(&mut stage, &before);
}

#[test]
fn a_keyring_that_comes_later_is_waited_for() {
    if !common::apart::possible() {
        return;
    }
    let (mut stage, keyring) = with_key();
    let _calm = stage.calm();
    drop(keyring);
    let before = starts_without_key(&mut stage);
    let _keyring = Keyring::start(&stage);
    goes_on(&mut stage, &before);
}

#[test]
fn a_keyring_that_goes_away_is_not_missed() {
    let mut stage = Stage::new();
    let keyring = Keyring::start(&stage);
    stage.write("before.txt", &token("before"));
    stage.start();
    drop(keyring);
    stage.write("during.txt", &token("during"));
    stage.until("it goes on with the key that it has", |s| s.tokens().len() == 2);
    assert!(stage.fine(), "{:?}", stage.problems());
}

#[test]
fn other_rules_under_a_locked_keyring_go_on_with_the_key_that_is_known() {
    let mut stage = Stage::new();
    let _keyring = Keyring::start(&stage);
    stage.write("before.txt", &token("before"));
    stage.start();
    let before = stage.findings();
    lock(&stage);
    stage.call("Reload", &()).unwrap();
    stage.until("it is loaded", |s| s.log().contains("are loaded anew"));
    stage.write("during.txt", &token("during"));
    goes_on(&mut stage, &before);
}

#[test]
fn a_keyring_on_a_bus_that_was_restarted_is_asked_there() {
    if !common::apart::possible() {
        return;
    }
    let (mut stage, keyring) = with_key();
    let _calm = stage.calm();
    stage.start();
    let before = stage.findings();
    stage.bus.kill();
    drop(keyring);
    stage.bus = Bus::at(&stage.dir.path().join("bus"), stage.dir.path());
    let _keyring = Keyring::start(&stage);
    stage.until("it answers again", |s| s.tokens().len() == 1);
    // Under other rules it asks for the key once more.
    stage.call("Reload", &()).unwrap();
    stage.until("it is loaded", |s| s.log().contains("are loaded anew"));
    stage.write("during.txt", &token("during"));
    goes_on(&mut stage, &before);
}
