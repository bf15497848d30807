//! What is given up cannot be had back, so each test runs in a process of its own: this very program, once more, told by a
//! variable where it may work.
#![expect(clippy::disallowed_methods, reason = "tests make files of their own, and try what must fail")]

use super::*;
use crate::desktop::testing::{Bus, tool};
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};

const PLACE: &str = "LAPWING_TEST_SANDBOX";
const BUS: &str = "LAPWING_TEST_BUS";

/// A home with a file in it, a state directory beside it, and a socket that listens.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    fn state(&self) -> PathBuf {
        self.dir.join("home/.local/state/lapwing")
    }

    fn enter() -> (Place, Sandbox) {
        let place = Place { dir: std::env::var_os(PLACE).expect("run by the test of the same name").into() };
        let sandbox = begin().confine(&Paths {
            home: &place.home(),
            read: &[place.dir.join("packs"), place.dir.join("absent")],
            write: &[place.state()],
        });
        (place, sandbox)
    }
}

/// Runs a part of this file in a process of its own.
fn apart(part: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path().to_owned() };
    std::fs::create_dir_all(place.state()).unwrap();
    std::fs::create_dir(dir.path().join("packs")).unwrap();
    for file in ["home/.npmrc", "packs/own.toml", "outside"] {
        std::fs::write(dir.path().join(file), "text").unwrap();
    }
    let git = Command::new(tool("git")).args(["init", "-q"]).arg(place.home().join("repo")).status();
    assert!(git.unwrap().success());
    let bus = Bus::new();
    let abstract_name = SocketAddr::from_abstract_name(dir.path().as_os_str().as_encoded_bytes()).unwrap();
    let _abstract = UnixListener::bind_addr(&abstract_name).unwrap();
    let _journal = UnixDatagram::bind(dir.path().join("journal")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("sandbox::tests::{part}"), "--ignored", "--nocapture"]);
    let out = command.env(PLACE, dir.path()).env(BUS, &bus.address).stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    said
}

fn denied<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn the_home_can_be_read_and_only_the_state_written() {
    apart("files");
}

#[test]
#[ignore = "cannot be undone: run by `the_home_can_be_read_and_only_the_state_written`"]
fn files() {
    let (place, sandbox) = Place::enter();
    let file = place.home().join(".npmrc");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
    assert_eq!(std::fs::read_dir(place.home()).unwrap().count(), 3);
    assert_eq!(std::fs::read_to_string(place.dir.join("packs/own.toml")).unwrap(), "text");
    let own = place.state().join("ledger.db");
    std::fs::write(&own, "state").unwrap();
    std::fs::rename(&own, place.state().join("old.db")).unwrap();
    std::fs::remove_file(place.state().join("old.db")).unwrap();
    std::fs::write("/dev/null", "nothing").unwrap();
    works(&place);
    if sandbox.landlock == Landlock::Absent {
        println!("this kernel has no Landlock: what is refused was not tried");
        return;
    }
    assert!(denied(std::fs::write(&file, "changed")));
    assert!(denied(std::fs::write(place.home().join("new"), "made")));
    assert!(denied(std::fs::remove_file(&file)));
    assert!(std::fs::rename(&file, place.state().join("taken")).is_err());
    assert!(denied(std::fs::create_dir(place.home().join("dir"))));
    assert!(denied(std::fs::read(place.dir.join("outside"))));
    let copy = place.state().join("program");
    std::fs::copy("/bin/true", &copy).unwrap();
    assert!(denied(Command::new(&copy).status()), "what it writes cannot be run");
    // Root has a way around this.
    if !rustix::process::geteuid().is_root() {
        let parent = std::os::unix::process::parent_id();
        assert!(
            denied(std::fs::read(format!("/proc/{parent}/environ"))),
            "what a sweep of the agent leaves out"
        );
    }
}

/// What the agent does all day.
fn works(place: &Place) {
    let ledger = rusqlite::Connection::open(place.state().join("test.db")).unwrap();
    ledger.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);").unwrap();
    let mut git = Command::new(tool("git"));
    git.env_clear().env("HOME", place.home());
    let said =
        git.arg("-C").arg(place.home().join("repo")).args(["rev-parse", "--git-dir"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), ".git", "{said:?}");
    let inotify = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC).unwrap();
    rustix::fs::inotify::add_watch(&inotify, place.home(), rustix::fs::inotify::WatchFlags::CREATE).unwrap();
    let worker = std::thread::Builder::new().name("worker".to_owned());
    let file = place.home().join(".npmrc");
    let read = worker.spawn(move || std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(read.join().unwrap(), "text");
}

#[test]
fn there_is_no_network_and_what_is_local_goes_on_working() {
    apart("sockets");
}

#[test]
#[ignore = "cannot be undone: run by `there_is_no_network_and_what_is_local_goes_on_working`"]
fn sockets() {
    // Also threads that are there already.
    let (ask, asked) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        asked.recv().unwrap();
        std::net::TcpStream::connect("127.0.0.1:9").unwrap_err().raw_os_error()
    });
    let (place, sandbox) = Place::enter();
    assert_eq!(sandbox.seccomp, Seccomp::Enforced, "{}", sandbox.words());
    ask.send(()).unwrap();
    assert_eq!(thread.join().unwrap(), Some(libc::EAFNOSUPPORT));
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let tcp = std::net::TcpListener::bind(address).unwrap_err();
        let udp = std::net::UdpSocket::bind(address).unwrap_err();
        assert_eq!(
            (tcp.raw_os_error(), udp.raw_os_error()),
            (Some(libc::EAFNOSUPPORT), Some(libc::EAFNOSUPPORT))
        );
    }
    UnixDatagram::unbound().unwrap().send_to(b"MESSAGE=x", place.dir.join("journal")).unwrap();
    let name = SocketAddr::from_abstract_name(place.dir.as_os_str().as_encoded_bytes()).unwrap();
    UnixStream::connect_addr(&name).expect("a bus may have an abstract address");
    UnixStream::pair().unwrap();
    let address = std::env::var(BUS).unwrap();
    let bus = zbus::blocking::connection::Builder::address(address.as_str()).unwrap().build().unwrap();
    assert!(!zbus::blocking::fdo::DBusProxy::new(&bus).unwrap().list_names().unwrap().is_empty());
    let mut bash = Command::new("bash");
    let status = bash.args(["-c", "echo < /dev/tcp/127.0.0.1/9"]).output().unwrap();
    let said = String::from_utf8_lossy(&status.stderr).into_owned();
    assert!(said.contains("not supported"), "what it starts has no network either: {said}");
}

#[test]
fn nobody_reads_its_memory() {
    apart("memory");
}

#[test]
#[ignore = "cannot be undone: run by `nobody_reads_its_memory`"]
fn memory() {
    let (_, sandbox) = Place::enter();
    assert!(!sandbox.dumpable && !sandbox.core && sandbox.no_new_privs, "{}", sandbox.words());
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.lines().any(|l| l == line), "{status}");
    }
    // What is not dumpable belongs to root.
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(std::fs::metadata("/proc/self/mem").unwrap().uid(), 0);
    assert!(unshare_fails(), "no new namespaces");
}

fn unshare_fails() -> bool {
    let mut unshare = Command::new("unshare");
    let status = unshare.args(["--user", "true"]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| !status.success())
}

#[test]
fn words_say_what_is_missing() {
    let whole = Sandbox {
        landlock: Landlock::Enforced(7),
        seccomp: Seccomp::Enforced,
        dumpable: false,
        core: false,
        no_new_privs: true,
    };
    assert!(whole.complete());
    assert_eq!(
        whole.words(),
        "files read-only (Landlock 7), no network, memory private, no core files, no new privileges"
    );
    let old = Sandbox { landlock: Landlock::Absent, seccomp: Seccomp::Absent, ..whole };
    assert!(!old.complete() && old.words().matches("NOT").count() == 2);
}
