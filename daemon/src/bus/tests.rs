//! The object on a real bus of the test's own, before a small core that answers.
#![expect(clippy::disallowed_methods, reason = "tests make files of their own")]

use super::*;
use crate::client::wire::tests::Dice;
use crate::client::{Absent, Agent as Client, Doing, Filter, Happening, Trouble};
use crate::home::Home;
use crate::record::{Reason, State};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

/// A bus of the test's own, which lets everybody in.
struct Daemon {
    dir: tempfile::TempDir,
    child: Child,
    address: String,
}

impl Daemon {
    fn start() -> Daemon {
        let dir = tempfile::Builder::new().prefix("lw-bus-").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = dir.path().join("bus.conf");
        let socket = dir.path().join("bus");
        let text = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig><type>session</type>\
             <listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/></policy>\
             <limit name=\"max_replies_per_connection\">50000</limit></busconfig>",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is not installed; .ci/test installs what the tests need");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Daemon { dir, child, address: line.trim().to_owned() }
    }

    fn home(&self) -> Home {
        Home::other(self.dir.path())
    }

    fn client(&self) -> Result<Client, Absent> {
        Client::at(&self.address, &self.home())
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Another program that asks.
    async fn busctl(&self, user: Option<u32>, args: &[&str]) -> (bool, String) {
        let mut command = match user {
            Some(uid) => {
                let mut command = tokio_command("setpriv");
                command.args([format!("--reuid={uid}"), "--clear-groups".to_owned(), "busctl".to_owned()]);
                command
            }
            None => tokio_command("busctl"),
        };
        command.arg(format!("--address={}", self.address)).args(args);
        tokio::task::spawn_blocking(move || {
            let out = command.output().expect("busctl or setpriv is not installed");
            (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
        })
        .await
        .unwrap()
    }
}

fn tokio_command(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").stdin(Stdio::null());
    command
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A core that knows some findings and does what it is told.
struct Core {
    calls: mpsc::Sender<Call>,
    status: watch::Sender<Status>,
    asked: Arc<Mutex<Vec<String>>>,
    known: Arc<Vec<Record>>,
    _task: tokio::task::JoinHandle<()>,
}

fn records(n: usize) -> Vec<Record> {
    let mut dice = Dice(3);
    (0..n).map(|i| Record { id: format!("F-{i:08}"), state: State::Open, ..dice.record() }).collect()
}

impl Core {
    fn new(home: &Home, n: usize) -> Core {
        let (calls, inbox) = mpsc::channel(WAITING);
        let (status, _) = watch::channel(Status::starting(home, 1_795_348_800));
        let known = Arc::new(records(n));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(answer(inbox, Arc::clone(&known), Arc::clone(&asked)));
        Core { calls, status, asked, known, _task: task }
    }

    async fn serve(&self, at: At) -> Result<Bus, BusTrouble> {
        super::serve(at, self.calls.clone(), self.status.subscribe()).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(mut inbox: mpsc::Receiver<Call>, known: Arc<Vec<Record>>, asked: Arc<Mutex<Vec<String>>>) {
    let find = |id: &str| match known.iter().filter(|r| r.id.starts_with(id)).count() {
        0 => Err(Refusal::NoFinding { id: id.to_owned() }),
        1 => Ok(known.iter().find(|r| r.id.starts_with(id)).unwrap().clone()),
        count => Err(Refusal::Ambiguous { id: id.to_owned(), count: count as u64 }),
    };
    while let Some(call) = inbox.recv().await {
        let note = |what: String| asked.lock().unwrap().push(what);
        match call {
            Call::List { reply } => drop(reply.send(Ok(Arc::clone(&known)))),
            Call::Get { id, reply } => drop(reply.send(find(&id))),
            Call::Coverage { reply } => drop(reply.send(Ok(vec![gap()]))),
            Call::Rescan { paths, reply } => {
                note(format!(
                    "rescan {}",
                    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ")
                ));
                drop(reply.send(Ok(())));
            }
            Call::Ignore { id, reason, until, reply } => {
                let state = State::Ignored { reason, until };
                drop(reply.send(find(&id).map(|r| Record { state, ..r })));
            }
            Call::Unignore { id, reply } => drop(reply.send(find(&id))),
            Call::Pause { time, reply } => {
                note(format!("pause {}", time.map_or(0, |t| t.as_secs())));
                drop(reply.send(Ok(())));
            }
            Call::Resume { reply } => {
                note("resume".to_owned());
                drop(reply.send(Ok(())));
            }
            Call::Reload { reply } => {
                drop(reply.send(Err(Refusal::Refused("~/.config/lapwing/config.toml: line 2".to_owned()))));
            }
        }
    }
}

fn gap() -> Gap {
    Gap {
        reason: Reason::Unreadable,
        policy: false,
        count: 2,
        paths: vec!["~/a".to_owned()],
        why: "no".to_owned(),
    }
}

fn swept() -> Swept {
    Swept { at: 5, millis: 6, files: 7, unchanged: 8, bytes: 9, opened: 1, resolved: 0, complete: true }
}

fn json(thing: &impl Serialize) -> String {
    serde_json::to_string(thing).unwrap()
}

/// The client blocks: it has a thread of its own, as it has a process of its own in life.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(work)).await.expect("not in time").unwrap()
}

async fn with_client<T: Send + 'static>(
    daemon: &Daemon,
    ask: impl FnOnce(Client) -> T + Send + 'static,
) -> T {
    let (address, home) = (daemon.address.clone(), daemon.home());
    blocking(move || ask(Client::at(&address, &home).unwrap())).await
}

#[tokio::test]
async fn what_is_known_comes_over_the_bus_as_it_is() {
    let daemon = Daemon::start();
    // More than one answer holds.
    let core = Core::new(&daemon.home(), 2 * crate::client::PAGE + 7);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let all = with_client(&daemon, |client| client.list(&Filter::default()).unwrap()).await;
    assert_eq!(json(&all), json(&*core.known));
    let kind = Some(core.known[0].kind);
    let filter = Filter { kind, ..Filter::default() };
    let passes: Vec<Record> = core.known.iter().filter(|r| filter.passes(r)).cloned().collect();
    let some = with_client(&daemon, move |client| client.list(&filter).unwrap()).await;
    assert!(!some.is_empty() && some.len() < all.len());
    assert_eq!(json(&some), json(&passes));
    let one = with_client(&daemon, |client| client.get("F-00000012").unwrap()).await;
    assert_eq!(json(&one), json(&core.known[12]));
    let gaps = with_client(&daemon, |client| client.coverage().unwrap()).await;
    assert_eq!(json(&gaps), json(&vec![gap()]));
}

#[tokio::test]
async fn what_is_asked_for_is_done_or_refused_with_a_name() {
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 20);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let refused = with_client(&daemon, |client| {
        let ignored = client.ignore("F-00000003", "tested", Some(99)).unwrap();
        assert_eq!(ignored.state, State::Ignored { reason: "tested".to_owned(), until: Some(99) });
        let forever = client.ignore("F-00000003", "tested", None).unwrap();
        assert_eq!(forever.state, State::Ignored { reason: "tested".to_owned(), until: None });
        assert_eq!(client.unignore("F-00000003").unwrap().state, State::Open);
        client.pause(90).unwrap();
        client.resume().unwrap();
        client.rescan(&["~/a".to_owned(), "/b".to_owned()]).unwrap();
        client.rescan(&[]).unwrap();
        let refusal = |e: Trouble| if let Trouble::Refused(refusal) = e { refusal } else { panic!("{e}") };
        [
            refusal(client.get("F-9").err().unwrap()),
            refusal(client.get("F-0").err().unwrap()),
            refusal(client.reload().unwrap_err()),
            refusal(client.rescan(&["relative".to_owned()]).unwrap_err()),
            refusal(client.rescan(&["/a/../b".to_owned()]).unwrap_err()),
            refusal(client.rescan(&vec!["/a".to_owned(); 257]).unwrap_err()),
            refusal(client.ignore("F-00000003", " ", None).err().unwrap()),
            refusal(client.ignore("F-00000003", &"x".repeat(4097), None).err().unwrap()),
        ]
    })
    .await;
    assert_eq!(refused[0], Refusal::NoFinding { id: "F-9".to_owned() });
    assert_eq!(refused[1], Refusal::Ambiguous { id: "F-0".to_owned(), count: 20 });
    assert_eq!(refused[2], Refusal::Refused("~/.config/lapwing/config.toml: line 2".to_owned()));
    assert!(refused[3..].iter().all(|r| matches!(r, Refusal::Refused(_))), "{refused:?}");
    assert_eq!(core.asked(), ["pause 90", "resume", "rescan ~/a /b", "rescan "]);
}

#[tokio::test]
async fn another_program_is_answered_in_the_words_of_the_bus() {
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 3);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let object = [NAME, PATH, INTERFACE];
    let call = |args: &[&'static str]| [&["call"][..], &object[..], args].concat();
    let (fine, text) = daemon.busctl(None, &call(&["List", "a{sv}", "1", "limit", "u", "1"])).await;
    assert!(fine && text.starts_with("aa{sv}u 1 ") && text.trim_end().ends_with(" 1"), "{text}");
    let (fine, text) = daemon.busctl(None, &call(&["List", "a{sv}", "1", "limits", "u", "1"])).await;
    assert!(!fine && text.contains("unknown field `limits`"), "{text}");
    let (fine, text) = daemon.busctl(None, &call(&["Get", "s", "F-9"])).await;
    assert!(!fine && text.contains("no finding F-9 is known here"), "{text}");
    let (fine, text) = daemon
        .busctl(None, &[&["get-property"][..], &object, &["State", "Findings", "Problems"]].concat())
        .await;
    assert!(fine && text.contains("s \"starting\"") && text.contains("a{su} 5 "), "{text}");
    let (fine, text) =
        daemon.busctl(None, &[&["set-property"][..], &object, &["State", "s", "paused"]].concat()).await;
    assert!(!fine, "{text}");
}

#[tokio::test]
async fn nobody_else_is_answered() {
    assert!(rustix::process::geteuid().is_root(), "only root can be somebody else");
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 3);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let object = [NAME, PATH, INTERFACE];
    let pause = [&["call"][..], &object, &["Pause", "u", "5"]].concat();
    let list = [&["call"][..], &object, &["List", "a{sv}", "0"]].concat();
    let state = [&["get-property"][..], &object, &["State"]].concat();
    let all = ["call", NAME, PATH, "org.freedesktop.DBus.Properties", "GetAll", "s", INTERFACE];
    for args in [&pause[..], &list, &state, &all] {
        let (fine, text) = daemon.busctl(Some(65534), args).await;
        let denied = text.contains("only the user whose agent this is") || text.contains("Access denied");
        assert!(!fine && denied, "{args:?}: {text}");
        assert!(!text.contains("F-0"), "{text}");
        let (fine, text) = daemon.busctl(None, args).await;
        assert!(fine, "{args:?}: {text}");
    }
    assert_eq!(core.asked(), ["pause 5"]);
}

/// A core that never answers: what is waiting is bounded, and everybody else is told at once.
#[tokio::test]
async fn a_flood_is_bounded_and_ends_in_busy() {
    let daemon = Daemon::start();
    let (calls, mut inbox) = mpsc::channel(WAITING);
    let (status, watched) = watch::channel(Status::starting(&daemon.home(), 0));
    let _bus = super::serve(At::Address(daemon.address.clone()), calls, watched).await.unwrap();
    let flood = Builder::address(daemon.address.as_str()).unwrap().build().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5000 {
        let flood = flood.clone();
        tasks.spawn(
            async move { flood.call_method(Some(NAME), PATH, Some(INTERFACE), "Coverage", &()).await },
        );
    }
    let mut busy = 0;
    // All but those that wait for the core come back, though it answers nothing.
    while busy < 5000 - guard::EACH {
        let done =
            tokio::time::timeout(PATIENCE, tasks.join_next()).await.expect("not in time").unwrap().unwrap();
        match done {
            Err(zbus::Error::MethodError(name, ..)) => {
                assert_eq!(name.as_str(), "org.lapwing.Agent1.Error.Busy");
                busy += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let mut waiting = 0;
    while let Ok(call) = inbox.try_recv() {
        let Call::Coverage { reply } = call else { panic!("nobody has asked for this") };
        assert!(reply.send(Ok(vec![gap()])).is_ok());
        waiting += 1;
    }
    assert_eq!(waiting, guard::EACH);
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    drop(status);
}

/// Many who ask at once: the core is given no more than its channel holds.
#[tokio::test]
async fn a_crowd_is_bounded_too() {
    let daemon = Daemon::start();
    let (calls, inbox) = mpsc::channel(WAITING);
    let (_status, watched) = watch::channel(Status::starting(&daemon.home(), 0));
    let _bus = super::serve(At::Address(daemon.address.clone()), calls, watched).await.unwrap();
    let (mut crowd, mut tasks) = (Vec::new(), tokio::task::JoinSet::new());
    for _ in 0..WAITING / guard::EACH + 2 {
        let one = Builder::address(daemon.address.as_str()).unwrap().build().await.unwrap();
        for _ in 0..guard::EACH {
            let one = one.clone();
            tasks.spawn(
                async move { one.call_method(Some(NAME), PATH, Some(INTERFACE), "Resume", &()).await },
            );
        }
        crowd.push(one);
    }
    for _ in 0..2 * guard::EACH {
        let done =
            tokio::time::timeout(PATIENCE, tasks.join_next()).await.expect("not in time").unwrap().unwrap();
        assert!(
            matches!(&done, Err(zbus::Error::MethodError(name, ..)) if name.ends_with("Busy")),
            "{done:?}"
        );
    }
    assert_eq!(inbox.len(), WAITING);
    // A core that ends says so to all who wait.
    drop(inbox);
    while let Some(done) = tasks.join_next().await {
        assert!(matches!(done.unwrap(), Err(zbus::Error::MethodError(name, ..)) if name.ends_with("Failed")));
    }
}

#[tokio::test]
async fn there_is_one_agent() {
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 0);
    let first = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let second = core.serve(At::Address(daemon.address.clone())).await.err().unwrap();
    let pid = std::process::id();
    assert!(matches!(second, BusTrouble::AlreadyRunning { pid: Some(p) } if p == pid), "{second}");
    assert_eq!(second.to_string(), format!("an agent is already running (process {pid})"));
    drop(first);
    // The name goes with the connection; the bus may take a moment to notice.
    let deadline = Instant::now() + PATIENCE;
    while let Err(e) = core.serve(At::Address(daemon.address.clone())).await {
        assert!(Instant::now() < deadline, "{e}");
    }
}

#[tokio::test]
async fn a_bus_that_ends_is_noticed_and_another_is_used() {
    let mut daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 1);
    let bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    daemon.stop();
    tokio::time::timeout(PATIENCE, bus.closed()).await.expect("not in time");
    // Nothing fails and nothing hangs for it.
    bus.opened(&core.known[0]).await;
    drop(bus);
    assert!(matches!(
        core.serve(At::Address(daemon.address.clone())).await.err().unwrap(),
        BusTrouble::NoBus(_)
    ));
    let next = Daemon::start();
    let _bus = core.serve(At::Address(next.address.clone())).await.unwrap();
    let (fine, text) = next.busctl(None, &["call", NAME, PATH, INTERFACE, "Resume"]).await;
    assert!(fine, "{text}");
}

#[tokio::test]
async fn what_happens_is_followed() {
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 2);
    let bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let mut live = with_client(&daemon, |client| client.live().unwrap()).await;
    // Anybody may say anything.
    let liar = Builder::address(daemon.address.as_str()).unwrap().build().await.unwrap();
    let lie = told(&core.known[1]).unwrap();
    liar.emit_signal(None::<&str>, PATH, INTERFACE, "Opened", &lie).await.unwrap();
    bus.opened(&core.known[0]).await;
    bus.resolved(&core.known[1]).await;
    bus.sweep_done(&swept()).await;
    let heard = blocking(move || {
        let mut heard = Vec::new();
        while heard.len() < 3 {
            heard.push(match live.wait().unwrap() {
                Happening::Opened(r) => format!("opened {}", json(&r)),
                Happening::Resolved(r) => format!("resolved {}", json(&r)),
                Happening::Swept(s) => format!("swept {}", json(&s)),
                Happening::Gone | Happening::Back => panic!("the agent is there"),
            });
        }
        (heard, live)
    });
    let (heard, mut live) = heard.await;
    assert_eq!(heard[0], format!("opened {}", json(&core.known[0])));
    assert_eq!(heard[1], format!("resolved {}", json(&core.known[1])));
    assert_eq!(heard[2], format!("swept {}", json(&swept())));
    drop(bus);
    let mut live = blocking(move || {
        assert!(matches!(live.wait().unwrap(), Happening::Gone));
        live
    })
    .await;
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let mut live = blocking(move || {
        assert!(matches!(live.wait().unwrap(), Happening::Back));
        live
    })
    .await;
    drop(daemon);
    blocking(move || assert!(live.wait().is_err())).await;
}

#[tokio::test]
async fn properties_are_what_the_core_says_and_changes_are_told() {
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 0);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let status = with_client(&daemon, |client| client.status().clone()).await;
    assert_eq!(status.state, Doing::Starting);
    assert_eq!((status.last_sweep, status.paused_until), (None, None));
    let listener = Builder::address(daemon.address.as_str()).unwrap().build().await.unwrap();
    let properties = zbus::fdo::PropertiesProxy::builder(&listener)
        .destination(NAME)
        .unwrap()
        .path(PATH)
        .unwrap()
        .build()
        .await
        .unwrap();
    let mut changes = properties.receive_properties_changed().await.unwrap();
    core.status.send_modify(|s| {
        s.state = Doing::Paused;
        s.paused_until = Some(77);
        s.rss = 1 << 20;
        s.last_sweep = Some(swept());
        s.findings.insert(lapwing_rules::rule::Severity::High, 3);
        s.problems = vec!["a watch limit".to_owned()];
    });
    let next = std::future::poll_fn(|cx| {
        zbus::export::futures_core::Stream::poll_next(std::pin::Pin::new(&mut changes), cx)
    });
    let change = tokio::time::timeout(PATIENCE, next).await.expect("not in time").unwrap();
    let args = change.args().unwrap();
    let mut names: Vec<&str> = args.changed_properties().keys().copied().collect();
    names.sort_unstable();
    assert_eq!(names, ["Findings", "LastSweep", "PausedUntil", "Problems", "State"]);
    let now = with_client(&daemon, |client| client.status().clone()).await;
    let mut want = core.status.borrow().clone();
    for severity in lapwing_rules::rule::Severity::ALL {
        want.findings.entry(severity).or_default();
    }
    assert_eq!(now, want);
}

#[tokio::test]
async fn an_agent_of_another_home_is_not_asked() {
    let (daemon, other) = (Daemon::start(), tempfile::tempdir().unwrap());
    let core = Core::new(&Home::other(other.path()), 0);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let (address, home) = (daemon.address.clone(), daemon.home());
    let found = blocking(move || Client::at(&address, &home).err().unwrap()).await;
    assert!(matches!(found, Absent::OtherHome));
}

#[test]
fn a_bus_without_an_agent_says_so() {
    let daemon = Daemon::start();
    assert!(matches!(daemon.client().err().unwrap(), Absent::NotRunning));
}

#[tokio::test]
async fn the_description_is_the_one_that_is_installed() {
    let daemon = Daemon::start();
    let core = Core::new(&daemon.home(), 0);
    let _bus = core.serve(At::Address(daemon.address.clone())).await.unwrap();
    let client = Builder::address(daemon.address.as_str()).unwrap().build().await.unwrap();
    let introspectable = Some("org.freedesktop.DBus.Introspectable");
    let reply = client.call_method(Some(NAME), PATH, introspectable, "Introspect", &()).await.unwrap();
    let told: String = reply.body().deserialize().unwrap();
    let begin = told.find("  <interface name=\"org.lapwing.Agent1\">").unwrap();
    let end = told[begin..].find("  </interface>").unwrap() + begin;
    let interface = format!("{}  </interface>\n", &told[begin..end]);
    let head = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
                \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";
    let want = format!("{head}{interface}</node>\n");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/org.lapwing.Agent1.xml");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &want).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(
        kept, want,
        "the contract has changed: run this test with UPDATE=1 and look at the difference"
    );
}
