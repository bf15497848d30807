use super::testing::{Bus, received, tool, until};
use super::*;
use crate::notice::{Quiet, Urgency};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use zbus::MatchRule;
use zbus::zvariant::Value;

fn notice(id: u64, finding: &str, body: &str) -> Notice {
    Notice {
        id,
        title: "GitHub token".to_owned(),
        body: body.to_owned(),
        urgency: Urgency::Normal,
        command: format!("lapwing show {finding}"),
        ids: vec![finding.to_owned()],
    }
}

async fn desktop(bus: &Bus) -> (Connection, Desktop, Receiver<DesktopEvent>) {
    let session = bus.connect().await;
    let (out, events) = mpsc::channel(16);
    let desktop = Desktop::start(&session, true, out).await.unwrap();
    (session, desktop, events)
}

async fn dunst(bus: &mut Bus) -> usize {
    bus.service(NAME, &tool("dunst"), &["-conf", "/dev/null"]).await
}

fn dunstctl(bus: &Bus, args: &[&str]) -> String {
    let mut command = bus.command(&tool("dunstctl"));
    let out = command.args(args).stdout(std::process::Stdio::piped()).output().unwrap();
    assert!(out.status.success(), "dunstctl {args:?}");
    String::from_utf8(out.stdout).unwrap()
}

fn choice(finding: &str, answer: Answer) -> DesktopEvent {
    DesktopEvent::Choice(Choice { ids: vec![finding.to_owned()], answer })
}

#[tokio::test]
async fn dunst_shows_it_and_brings_the_answer_back() {
    let mut bus = Bus::new();
    bus.display();
    dunst(&mut bus).await;
    let (_session, desktop, mut events) = desktop(&bus).await;
    assert!(desktop.tell(notice(1, "F-1", "ghp_…(40) in ~/a & <b>b</b>:12")));
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(1));
    // A click on it: dunst takes what is on top of the screen.
    until("it is displayed", async || dunstctl(&bus, &["count", "displayed"]).trim().eq("1").then_some(()))
        .await;
    dunstctl(&bus, &["action", "0"]);
    assert_eq!(received(&mut events).await, choice("F-1", Answer::Show));
    desktop.tell(notice(2, "F-2", "body"));
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(2));
    dunstctl(&bus, &["close"]);
    assert_eq!(received(&mut events).await, choice("F-2", Answer::Closed));
    let history: serde_json::Value = serde_json::from_str(&dunstctl(&bus, &["history"])).unwrap();
    let shown = history.to_string();
    for text in ["ghp_…(40) in ~/a", "GitHub token", "Lapwing"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
}

#[tokio::test]
async fn dunst_says_when_it_is_not_to_disturb() {
    let mut bus = Bus::new();
    bus.display();
    let asker = Asker::new(Some(bus.connect().await), None);
    assert_eq!(asker.quiet().await, Quiet::No, "nobody is there to say so");
    dunst(&mut bus).await;
    assert_eq!(asker.quiet().await, Quiet::No);
    dunstctl(&bus, &["set-paused", "true"]);
    assert_eq!(asker.quiet().await, Quiet::DoNotDisturb);
    dunstctl(&bus, &["set-paused", "false"]);
    assert_eq!(asker.quiet().await, Quiet::No);
}

#[tokio::test]
async fn a_service_that_comes_later_or_dies_is_waited_for() {
    let mut bus = Bus::new();
    bus.display();
    let (_session, desktop, mut events) = desktop(&bus).await;
    desktop.tell(notice(1, "F-1", "body"));
    assert_eq!(received(&mut events).await, DesktopEvent::Problem(Problem::Absent));
    desktop.tell(notice(2, "F-2", "body"));
    let service = dunst(&mut bus).await;
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(1));
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(2));
    bus.stop(service);
    until("its death is seen", async || {
        desktop.tell(notice(3, "F-3", "body"));
        events.try_recv().ok().filter(|event| *event == DesktopEvent::Problem(Problem::Absent))
    })
    .await;
    dunst(&mut bus).await;
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(3));
}

#[tokio::test]
async fn what_is_settled_while_it_waits_is_not_shown() {
    let mut bus = Bus::new();
    bus.display();
    let (_session, desktop, mut events) = desktop(&bus).await;
    desktop.tell(notice(1, "F-1", "body"));
    desktop.tell(notice(2, "F-2", "body"));
    assert_eq!(received(&mut events).await, DesktopEvent::Problem(Problem::Absent));
    desktop.withdraw(vec!["F-1".to_owned()]);
    dunst(&mut bus).await;
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(2));
}

/// Debian and Fedora keep it in different places.
fn xfce() -> PathBuf {
    let places = [
        "/usr/lib/x86_64-linux-gnu/xfce4/notifyd/xfce4-notifyd",
        "/usr/lib/aarch64-linux-gnu/xfce4/notifyd/xfce4-notifyd",
        "/usr/lib64/xfce4/notifyd/xfce4-notifyd",
        "/usr/lib/xfce4/notifyd/xfce4-notifyd",
    ];
    let found = places.iter().map(Path::new).find(|file| file.exists());
    found.expect("`xfce4-notifyd` is not installed; .ci/test installs what the tests need").to_owned()
}

#[tokio::test]
async fn xfce_shows_it_and_takes_it_back_when_it_is_settled() {
    let mut bus = Bus::new();
    bus.display();
    bus.service(NAME, &xfce(), &[]).await;
    let (session, desktop, mut events) = desktop(&bus).await;
    let rule = MatchRule::builder().interface(NAME).unwrap().member("NotificationClosed").unwrap().build();
    let mut closed = zbus::MessageStream::for_match_rule(rule, &session, None).await.unwrap();
    desktop.tell(notice(1, "F-1", "body"));
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(1));
    desktop.withdraw(vec!["F-1".to_owned()]);
    let signal = tokio::time::timeout(testing::PATIENCE, next(&mut closed)).await.unwrap().unwrap().unwrap();
    let (_, reason): (u32, u32) = signal.body().deserialize().unwrap();
    assert_eq!(reason, 3, "closed by whoever has sent it");
    desktop.tell(notice(2, "F-2", "body"));
    assert_eq!(received(&mut events).await, DesktopEvent::Shown(2), "our own closing is no answer");
}

/// What a service that can do so much was called with.
async fn called(capabilities: &str, told: &[Notice]) -> Vec<Vec<Value<'static>>> {
    let mut bus = Bus::new();
    let parameters = format!("{{\"capabilities\": \"{capabilities}\"}}");
    bus.mock(NAME, "notification_daemon", &parameters).await;
    let (session, desktop, mut events) = desktop(&bus).await;
    for notice in told {
        desktop.tell(notice.clone());
        assert_eq!(received(&mut events).await, DesktopEvent::Shown(notice.id));
    }
    let mock = Some("org.freedesktop.DBus.Mock");
    let calls = session.call_method(Some(NAME), PATH, mock, "GetMethodCalls", &"Notify").await.unwrap();
    let body = calls.body();
    let calls: Vec<(u64, Vec<zbus::zvariant::OwnedValue>)> = body.deserialize().unwrap();
    calls.into_iter().map(|(_, args)| args.into_iter().map(Value::from).collect()).collect()
}

fn words(value: &Value<'_>) -> Vec<String> {
    value.try_clone().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_service_without_markup_or_actions_gets_plain_text_and_no_buttons() {
    let calls = called("body", &[notice(1, "F-1", "a < b & c"), notice(2, "F-1", "again")]).await;
    let first = &calls[0];
    assert_eq!(first[0], Value::from("Lapwing"));
    assert_eq!(first[3], Value::from("GitHub token"));
    assert_eq!(first[4], Value::from("a < b & c"));
    assert!(words(&first[5]).is_empty());
    assert_eq!((&first[1], &calls[1][1]), (&Value::from(0_u32), &Value::from(1_u32)), "the second replaces");
}

#[tokio::test]
async fn markup_is_escaped_and_the_buttons_are_named() {
    let calls = called("body body-markup actions", &[notice(1, "F-1", "<b>\"a\" & 'c'</b>")]).await;
    assert_eq!(calls[0][4], Value::from("&lt;b&gt;&quot;a&quot; &amp; &#39;c&#39;&lt;/b&gt;"));
    let buttons = ["default", "Show", "show", "Show", "ignore-week", "Ignore for a week"];
    assert_eq!(words(&calls[0][5]), buttons);
    let hints: HashMap<String, Value<'_>> = calls[0][6].try_clone().unwrap().try_into().unwrap();
    assert_eq!(hints["urgency"], Value::from(1_u8));
    assert_eq!(hints["desktop-entry"], Value::from("org.lapwing.Lapwing"));
}

#[tokio::test]
async fn an_answer_comes_before_the_closing_that_it_brings_with_it() {
    let mut bus = Bus::new();
    bus.mock(NAME, "notification_daemon", r#"{"capabilities": "body actions"}"#).await;
    let (session, desktop, mut events) = desktop(&bus).await;
    let emit = async |signal: &str, signature: &str, args: Vec<Value<'_>>| {
        let mock = Some("org.freedesktop.DBus.Mock");
        let body = (NAME, signal, signature, args);
        session.call_method(Some(NAME), PATH, mock, "EmitSignal", &body).await.unwrap();
    };
    for (number, action, answer) in [(1_u32, "ignore-week", Answer::IgnoreWeek), (2, "show", Answer::Show)] {
        let finding = format!("F-{number}");
        desktop.tell(notice(u64::from(number), &finding, "body"));
        assert_eq!(received(&mut events).await, DesktopEvent::Shown(u64::from(number)));
        // Of another program's notification.
        emit("ActionInvoked", "us", vec![Value::from(77_u32), Value::from(action)]).await;
        emit("ActionInvoked", "us", vec![Value::from(number), Value::from("of nobody")]).await;
        emit("ActionInvoked", "us", vec![Value::from(number), Value::from(action)]).await;
        emit("NotificationClosed", "uu", vec![Value::from(number), Value::from(2_u32)]).await;
        assert_eq!(received(&mut events).await, choice(&finding, answer));
    }
    assert!(events.try_recv().is_err(), "the closing of what was answered is no answer");
}

#[tokio::test]
async fn plasma_and_gnome_are_asked_in_their_own_ways() {
    let mut bus = Bus::new();
    bus.mock(NAME, "notification_daemon", "{}").await;
    let session = bus.connect().await;
    let asker = Asker::new(Some(session.clone()), None);
    let set = async |name: &str, path: &str, key: &str, value: Value<'_>| {
        let mock = Some("org.freedesktop.DBus.Mock");
        let body = (name, HashMap::from([(key, value)]));
        session.call_method(Some(name), path, mock, "AddProperties", &body).await.unwrap();
    };
    assert_eq!(asker.quiet().await, Quiet::No);
    const GNOME: &str = "org.gnome.SessionManager";
    let path = "/org/gnome/SessionManager";
    bus.service(GNOME, &tool("python3"), &["-m", "dbusmock", "--session", GNOME, path, GNOME]).await;
    // 4 keeps the machine from sleeping, 8 the screen from going dark.
    set(GNOME, path, "InhibitedActions", Value::from(4_u32)).await;
    assert_eq!(asker.quiet().await, Quiet::No);
    set(NAME, PATH, "Inhibited", Value::from(true)).await;
    assert_eq!(asker.quiet().await, Quiet::DoNotDisturb);
}

#[tokio::test]
async fn a_locked_screen_and_a_presentation_are_seen() {
    const LOGIND: &str = "org.freedesktop.login1";
    let mut bus = Bus::new();
    bus.mock(LOGIND, "logind", "{}").await;
    let system = bus.connect().await;
    let asker = Asker::new(None, Some(system.clone()));
    let mock = Some("org.freedesktop.DBus.Mock");
    let own = rustix::process::getuid().as_raw();
    let session = ("c7", "seat0", own, "dev", true);
    let path = "/org/freedesktop/login1";
    system.call_method(Some(LOGIND), path, mock, "AddSession", &session).await.unwrap();
    assert_eq!(asker.quiet().await, Quiet::No);
    let object = "/org/freedesktop/login1/session/c7";
    let interface = Some("org.freedesktop.login1.Session");
    for (hint, quiet) in [(true, Quiet::Locked), (false, Quiet::No)] {
        system.call_method(Some(LOGIND), object, interface, "SetLockedHint", &hint).await.unwrap();
        assert_eq!(asker.quiet().await, quiet);
    }
    let blocked = HashMap::from([("BlockInhibited", Value::from("shutdown:idle"))]);
    let manager = ("org.freedesktop.login1.Manager", blocked);
    system.call_method(Some(LOGIND), path, mock, "AddProperties", &manager).await.unwrap();
    assert_eq!(asker.quiet().await, Quiet::Presenting);
}

#[tokio::test]
async fn showing_goes_to_the_service_manager_or_not_at_all() {
    let mut bus = Bus::new();
    let session = bus.connect().await;
    let bin = bus.dir.path().join("xterm");
    std::fs::copy("/bin/true", &bin).unwrap();
    let path = bus.dir.path().as_os_str().to_owned();
    let terminal = Terminal::find(|name| (name == "PATH").then(|| path.clone())).unwrap();
    let ids = ["F-7K3Q2MAB".to_owned()];
    assert!(!can_show(&session).await);
    let refused = show(&session, &terminal, &ids).await;
    assert!(matches!(refused, Err(Problem::NoServiceManager(_))), "{refused:?}");
    const MANAGER: &str = "org.freedesktop.systemd1";
    let (object, interface) = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
    bus.service(MANAGER, &tool("python3"), &["-m", "dbusmock", "--session", MANAGER, object, interface])
        .await;
    assert!(can_show(&session).await);
    let mock = Some("org.freedesktop.DBus.Mock");
    let method = (interface, "StartTransientUnit", "ssa(sv)a(sa(sv))", "o", "ret = '/job/1'");
    session.call_method(Some(MANAGER), object, mock, "AddMethod", &method).await.unwrap();
    show(&session, &terminal, &ids).await.unwrap();
    let calls = session.call_method(Some(MANAGER), object, mock, "GetMethodCalls", &"StartTransientUnit");
    let calls = calls.await.unwrap();
    let body = calls.body();
    let calls: Vec<(u64, Vec<zbus::zvariant::OwnedValue>)> = body.deserialize().unwrap();
    let said = format!("{:?}", calls[0].1);
    assert!(said.contains("app-lapwing-show-") && said.contains("F-7K3Q2MAB"), "{said}");
    assert!(said.contains(bin.to_str().unwrap()), "{said}");
}

#[tokio::test]
#[ignore = "needs a user's service manager on the session bus"]
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
async fn a_real_service_manager_opens_the_terminal() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (program, said) = (dir.path().join("xterm"), dir.path().join("said"));
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" $(grep NoNewPrivs: /proc/self/status) > {}\n",
        said.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().as_os_str().to_owned();
    let terminal = Terminal::find(|name| (name == "PATH").then(|| path.clone())).unwrap();
    let session = Connection::session().await.unwrap();
    // What is started by somebody else does not inherit what this process has given up.
    let paths = crate::sandbox::Paths { home: dir.path(), read: &[], write: &[] };
    crate::sandbox::begin().confine(&paths);
    assert!(can_show(&session).await);
    show(&session, &terminal, &["F-7K3Q2MAB".to_owned()]).await.unwrap();
    let told = until("the terminal was started", async || {
        std::fs::read_to_string(&said).ok().filter(|told| told.contains("NoNewPrivs:"))
    })
    .await;
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told[..3], ["-e", "sh", "-c"]);
    assert!(told.ends_with(&["lapwing", "show", "F-7K3Q2MAB", "NoNewPrivs:", "0"]), "{told:?}");
}
