//! `lapwing` and an agent on a bus of the test's own: what it asks, what it makes of the answers, and what it does when
//! there are none. The agent here is a stand-in that speaks the contract as `ctl/FORMATS.md` has it, without a line of the
//! code that `lapwing` reads it with.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, Run, checked, finish, run, set_mode, text, until};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedValue, Value};

const NAME: &str = "org.lapwing.Agent1";
const PATH: &str = "/org/lapwing/Agent1";

type Dict = HashMap<String, Value<'static>>;

/// An object of the JSON as the bus has it.
fn dict(json: &Json) -> Dict {
    let some = json.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    some.map(|(name, value)| (name.clone(), variant(value))).collect()
}

fn variant(json: &Json) -> Value<'static> {
    match json {
        Json::Bool(b) => (*b).into(),
        Json::Number(n) => n.as_i64().unwrap().into(),
        Json::String(text) => text.clone().into(),
        Json::Object(_) => dict(json).into(),
        Json::Array(items) => items.iter().map(dict).collect::<Vec<_>>().into(),
        Json::Null => unreachable!("is left out"),
    }
}

/// What the stand-in was asked.
type Asked = Arc<Mutex<Vec<String>>>;

struct Agent {
    findings: Vec<Json>,
    home: String,
    asked: Asked,
    /// Findings in one answer.
    page: usize,
    busy: bool,
}

enum Refusal {
    NoFinding(String),
    Ambiguous(String, u64),
    Busy,
    Refused(&'static str),
}

impl zbus::DBusError for Refusal {
    fn create_reply(&self, call: &zbus::message::Header<'_>) -> zbus::Result<zbus::Message> {
        let error = zbus::Message::error(call, self.name())?;
        match self {
            Refusal::NoFinding(id) => error.build(&("none", id)),
            Refusal::Ambiguous(id, count) => error.build(&("many", id, count)),
            Refusal::Busy => error.build(&("come again",)),
            Refusal::Refused(why) => error.build(&(why,)),
        }
    }

    fn name(&self) -> zbus::names::ErrorName<'_> {
        zbus::names::ErrorName::from_static_str_unchecked(match self {
            Refusal::NoFinding(_) => "org.lapwing.Agent1.Error.NoFinding",
            Refusal::Ambiguous(..) => "org.lapwing.Agent1.Error.Ambiguous",
            Refusal::Busy => "org.lapwing.Agent1.Error.Busy",
            Refusal::Refused(_) => "org.lapwing.Agent1.Error.Refused",
        })
    }

    fn description(&self) -> Option<&str> {
        None
    }
}

impl Agent {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn find(&self, id: &str) -> Result<&Json, Refusal> {
        let hits: Vec<&Json> = self.findings.iter().filter(|f| text(&f["id"]).starts_with(id)).collect();
        match hits[..] {
            [one] => Ok(one),
            [] => Err(Refusal::NoFinding(id.to_owned())),
            _ => Err(Refusal::Ambiguous(id.to_owned(), hits.len() as u64)),
        }
    }
}

#[zbus::interface(name = "org.lapwing.Agent1")]
impl Agent {
    #[zbus(out_args("findings", "next"))]
    fn list(&self, filter: HashMap<String, OwnedValue>) -> Result<(Vec<Dict>, u32), Refusal> {
        self.note("list".to_owned());
        if self.busy {
            return Err(Refusal::Busy);
        }
        let offset = filter.get("offset").map_or(0, |v| i64::try_from(v.clone()).unwrap()) as usize;
        let page: Vec<Dict> = self.findings.iter().skip(offset).take(self.page).map(dict).collect();
        let next = offset + page.len();
        Ok((page, if next < self.findings.len() { next as u32 } else { 0 }))
    }

    fn get(&self, id: String) -> Result<Dict, Refusal> {
        self.note(format!("get {id}"));
        self.find(&id).map(dict)
    }

    fn coverage(&self) -> Vec<Dict> {
        Vec::new()
    }

    fn rescan(&self, paths: Vec<String>) {
        self.note(format!("rescan {}", paths.join(" ")));
    }

    fn ignore(&self, id: String, reason: String, until: i64) -> Result<Dict, Refusal> {
        self.note(format!("ignore {id} {reason} {until}"));
        let mut finding = self.find(&id)?.clone();
        finding["state"] = serde_json::json!({"is": "ignored", "reason": reason});
        if until != 0 {
            finding["state"]["until"] = until.into();
        }
        Ok(dict(&finding))
    }

    fn unignore(&self, id: String) -> Result<Dict, Refusal> {
        self.note(format!("unignore {id}"));
        self.find(&id).map(dict)
    }

    fn pause(&self, seconds: u32) {
        self.note(format!("pause {seconds}"));
    }

    fn resume(&self) {
        self.note("resume".to_owned());
    }

    fn reload(&self) -> Result<(), Refusal> {
        Err(Refusal::Refused("~/.config/lapwing/config.toml: not valid TOML; the old one stays in force"))
    }

    #[zbus(property)]
    fn version(&self) -> String {
        "7.7.7".to_owned()
    }

    #[zbus(property)]
    fn home(&self) -> String {
        self.home.clone()
    }

    #[zbus(property)]
    fn state(&self) -> String {
        "watching".to_owned()
    }

    #[zbus(property)]
    fn since(&self) -> i64 {
        1_795_348_800
    }

    #[zbus(property)]
    fn last_sweep(&self) -> Dict {
        Dict::new()
    }

    #[zbus(property)]
    fn findings(&self) -> HashMap<String, u32> {
        HashMap::from([("critical".to_owned(), 3), ("low".to_owned(), 0)])
    }

    #[zbus(property)]
    fn ignored(&self) -> u32 {
        0
    }

    #[zbus(property)]
    fn watched(&self) -> u32 {
        41
    }

    #[zbus(property)]
    fn unwatched(&self) -> u32 {
        0
    }

    #[zbus(property)]
    fn problems(&self) -> Vec<String> {
        vec!["the watch limit is low; raise it".to_owned()]
    }

    #[zbus(property)]
    fn sandbox(&self) -> String {
        "Landlock".to_owned()
    }

    #[zbus(property)]
    fn rss(&self) -> u64 {
        20_000_000
    }

    #[zbus(property)]
    fn paused_until(&self) -> i64 {
        0
    }
}

/// A home with findings, a session bus without services, and no agent yet.
struct Session {
    home: Home,
    address: String,
    bus: Child,
}

impl Session {
    fn new() -> Session {
        let home = Home::new();
        for label in ["one", "two", "three"] {
            home.write(&format!("{label}.txt"), format!("token: {}\n", checked("ghp_", label)));
        }
        assert_eq!(home.run(&["doctor", "--quiet"]).code, 1);
        let config = home.beside("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
            home.beside("bus").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut bus = home.tool("dbus-daemon", ["--nofork", "--print-address"]);
        bus.arg(format!("--config-file={}", config.display())).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut bus = bus.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Session { home, address: address.trim().to_owned(), bus }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.lapwing(args);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    fn agent(&self, home: &str, page: usize, busy: bool) -> (Connection, Asked) {
        let asked = Asked::default();
        let known = self.home.run(&["list", "--state", "all", "--format", "json"]);
        let known: Json = serde_json::from_slice(&known.out).unwrap();
        let findings = known["findings"].as_array().unwrap().clone();
        assert_eq!(findings.len(), 3);
        let agent = Agent { findings, home: home.to_owned(), asked: Arc::clone(&asked), page, busy };
        let connection = Builder::address(self.address.as_str()).unwrap();
        let connection = connection.serve_at(PATH, agent).unwrap().name(NAME).unwrap().build().unwrap();
        (connection, asked)
    }

    /// As the agent names the home.
    fn about(&self) -> String {
        let parts = [self.home.root(), Path::new(".local/state/lapwing")].map(|p| p.to_str().unwrap());
        let digest = Sha256::digest(parts.join("\0"));
        data_encoding::HEXLOWER.encode(&digest[..16])
    }

    fn first_id(&self) -> String {
        let known = self.home.run(&["list", "--format", "json"]).document(1);
        known.ids().remove(0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn same(a: &Run, b: &Run) {
    assert_eq!(a.both(), b.both());
    assert_eq!((&a.out, &a.err), (&b.out, &b.err));
}

#[test]
fn the_agent_and_the_ledger_give_the_same_bytes() {
    let session = Session::new();
    let id = session.first_id();
    let asks: [&[&str]; 9] = [
        &["list"],
        &["list", "--format", "json"],
        &["list", "--format", "jsonl"],
        &["list", "--format", "sarif"],
        &["list", "--format", "csv", "--state", "all"],
        &["list", "--state", "resolved"],
        &["list", "--severity", "low", "--rule", "github*", "--kind", "secret"],
        &["show", &id],
        &["show", "F-!"],
    ];
    let alone: Vec<Run> = asks.iter().map(|args| session.run(args)).collect();
    let (_agent, asked) = session.agent(&session.about(), 2, false);
    for (args, alone) in asks.iter().zip(&alone) {
        asked.lock().unwrap().clear();
        same(&session.run(args), alone);
        assert!(!asked.lock().unwrap().is_empty(), "{args:?} did not ask the agent");
    }
    let several = session.run(&["show", "F-"]);
    assert_eq!(
        (several.code, several.stderr().trim_end()),
        (2, "error: F- stands for 3 findings; write more of it")
    );
}

#[test]
fn decisions_go_to_the_agent() {
    let session = Session::new();
    let id = session.first_id();
    let (agent, asked) = session.agent(&session.about(), 100, false);
    let ignored = session.run(&["ignore", &id, "--reason", " tested ", "--format", "json"]);
    assert_eq!(ignored.code, 0, "{}", ignored.both());
    let told = session.run(&["unignore", &id]);
    drop(agent);
    // The stand-in has kept nothing: the ledger still has to be told, and answers in the same words.
    same(&session.run(&["ignore", &id, "--reason", " tested ", "--format", "json"]), &ignored);
    same(&session.run(&["unignore", &id]), &told);
    assert_eq!(*asked.lock().unwrap(), [format!("ignore {id} tested 0"), format!("unignore {id}")]);
}

#[test]
fn the_agent_is_told_what_to_do() {
    let session = Session::new();
    for args in [&["pause"][..], &["resume"], &["rescan"], &["reload"], &["watch"]] {
        let alone = session.run(args);
        assert_eq!(alone.code, 4, "{}", alone.both());
        assert!(
            alone.stderr().contains("`systemctl --user enable --now lapwingd` starts it"),
            "{}",
            alone.both()
        );
        assert_eq!(session.run(&[args, &["--home", "/"]].concat()).code, 2);
    }
    let (_agent, asked) = session.agent(&session.about(), 100, false);
    for args in [&["pause", "90m"][..], &["pause"], &["resume"], &["rescan", "one.txt", "."], &["rescan"]] {
        let run = session.run(args);
        assert!(run.code == 0 && run.stdout().starts_with("The agent "), "{}", run.both());
    }
    let root = session.home.root().display();
    let want = ["pause 5400", "pause 3600", "resume", &format!("rescan {root}/one.txt {root}"), "rescan "];
    assert_eq!(*asked.lock().unwrap(), want);
    let refused = session.run(&["reload"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr().contains("not valid TOML; the old one stays in force"), "{}", refused.both());
    assert_eq!(session.run(&["rescan", "not-there"]).code, 2);
}

#[test]
fn status_with_and_without_an_agent() {
    let session = Session::new();
    let alone = session.run(&["status"]);
    assert_eq!(alone.code, 0, "{}", alone.both());
    assert!(
        alone.stdout().contains("The agent does not run") && alone.stdout().contains("3 critical"),
        "{}",
        alone.both()
    );
    let json: Json = serde_json::from_slice(&session.run(&["status", "--format", "json"]).out).unwrap();
    assert_eq!((&json["running"], &json["findings"]["critical"]), (&false.into(), &3.into()));
    let (_agent, _) = session.agent(&session.about(), 100, false);
    let told = session.run(&["status"]);
    assert_eq!((told.code, told.stderr()), (0, String::new()), "{}", told.both());
    for line in [
        "The agent is watching.",
        "Watched:  41 directories",
        "  - the watch limit is low",
        "Open:     3 critical",
    ] {
        assert!(told.stdout().contains(line), "{line}\n{}", told.both());
    }
    let json: Json = serde_json::from_slice(&session.run(&["status", "--format", "json"]).out).unwrap();
    assert_eq!((&json["running"], &json["agent"]["version"]), (&true.into(), &"7.7.7".into()));
}

/// An agent of another home, one that has too much to do, one that hangs, a bus that hangs, a bus that is gone.
#[test]
fn without_an_answer_the_ledger_has_to_do() {
    let mut session = Session::new();
    let alone = session.run(&["list"]);
    let (agent, asked) = session.agent("another home", 100, false);
    same(&session.run(&["list"]), &alone);
    assert!(asked.lock().unwrap().is_empty());
    drop(agent);
    let (agent, _) = session.agent(&session.about(), 100, true);
    let busy = session.run(&["list"]);
    assert_eq!((&busy.out, busy.code), (&alone.out, alone.code));
    assert!(
        busy.stderr().contains("too much to do") && busy.stderr().contains("the ledger knows"),
        "{}",
        busy.both()
    );
    drop(agent);
    // It has the name, and never answers.
    let hangs = Builder::address(session.address.as_str()).unwrap().name(NAME).unwrap().build().unwrap();
    let silent = session.run(&["list"]);
    assert_eq!((&silent.out, silent.code), (&alone.out, alone.code), "{}", silent.both());
    drop(hangs);
    let stop =
        |signal: &str| common::must(&mut session.home.tool("kill", [signal, &session.bus.id().to_string()]));
    stop("-STOP");
    let stopped = session.run(&["list"]);
    stop("-CONT");
    assert_eq!((&stopped.out, stopped.code), (&alone.out, alone.code), "{}", stopped.both());
    assert!(stopped.stderr().contains("does not answer"), "{}", stopped.both());
    session.bus.kill().unwrap();
    session.bus.wait().unwrap();
    same(&session.run(&["list"]), &alone);
}

/// Asking must not start an agent that the bus could start.
#[test]
fn asking_starts_nothing() {
    let session = Session::new();
    let (services, mark) = (session.home.beside("services"), session.home.beside("started"));
    std::fs::create_dir(&services).unwrap();
    let script = session.home.beside("agent.sh");
    std::fs::write(&script, format!("#!/bin/sh\n: > {}\n", mark.display())).unwrap();
    set_mode(&script, 0o755);
    let service = format!("[D-BUS Service]\nName={NAME}\nExec={}\n", script.display());
    std::fs::write(services.join("org.lapwing.Agent1.service"), service).unwrap();
    let config = session.home.beside("bus.conf");
    let text = std::fs::read_to_string(&config).unwrap();
    let text =
        text.replace("<busconfig>", &format!("<busconfig><servicedir>{}</servicedir>", services.display()));
    std::fs::write(&config, text).unwrap();
    let signal = [
        "--address",
        &session.address,
        "call",
        "org.freedesktop.DBus",
        "/",
        "org.freedesktop.DBus",
        "ReloadConfig",
    ];
    session.home.must(
        "busctl",
        [&format!("--address={}", session.address)]
            .into_iter()
            .map(String::as_str)
            .chain(signal[2..].iter().copied()),
    );
    for args in [&["list"][..], &["status"], &["show", "F-1"], &["pause"], &["watch"]] {
        session.run(args);
    }
    assert!(!mark.exists());
    // The bus could have: this is what asking by name does.
    let _ = run(&mut session
        .home
        .tool("busctl", [&format!("--address={}", session.address), "call", NAME, PATH, NAME, "Resume"]));
    until("the service is started", || mark.exists().then_some(()));
}

#[test]
fn watching_prints_what_happens() {
    let session = Session::new();
    let (agent, _) = session.agent(&session.about(), 100, false);
    let known = session.home.run(&["list", "--format", "json"]).document(1);
    let finding = dict(known.findings()[0]);
    for (args, opened, back) in [
        (&["watch"][..], "  opened    critical  F-", "the agent has ended"),
        (&["watch", "--format", "jsonl"], "\"type\":\"opened\"", "\"type\":\"agent-gone\""),
    ] {
        let mut child = session.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let emit = || agent.emit_signal(None::<&str>, PATH, NAME, "Opened", &finding).unwrap();
        // It says nothing about having begun to listen in this format: told until it is heard.
        let (stop, end) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|threads| {
            threads.spawn(move || {
                while end.recv_timeout(std::time::Duration::from_millis(50)).is_err() {
                    emit();
                }
            });
            let line =
                lines.by_ref().map(Result::unwrap).find(|line| !line.starts_with("Following")).unwrap();
            assert!(line.contains(opened), "{line}");
            stop.send(()).unwrap();
        });
        agent.release_name(NAME).unwrap();
        assert!(lines.by_ref().map(Result::unwrap).any(|line| line.contains(back)));
        agent.request_name(NAME).unwrap();
        common::must(&mut session.home.tool("kill", ["-INT", &child.id().to_string()]));
        assert_eq!(finish(child).code, 128 + 2);
    }
}

#[test]
fn history_tells_what_happened() {
    let session = Session::new();
    let id = session.first_id();
    session.home.run(&["ignore", &id, "--reason", "tested"]);
    std::fs::remove_file(session.home.path("two.txt")).unwrap();
    session.home.run(&["doctor", "--quiet"]);
    let history = session.run(&["history", "--format", "json"]);
    let json: Json = serde_json::from_slice(&history.out).unwrap();
    let what: Vec<&str> =
        json["events"].as_array().unwrap().iter().map(|e| e["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["resolved", "ignored", "opened", "opened", "opened"]);
    assert_eq!((&json["schema"], &json["events"][0]["path"]), (&1.into(), &"~/two.txt".into()));
    let told = session.run(&["history", "--limit", "2", "--since", "1d"]);
    assert_eq!(told.code, 0, "{}", told.both());
    assert!(told.stdout().contains("resolved") && told.stdout().contains(&id), "{}", told.both());
    assert!(told.stdout().ends_with("There may be more: lapwing history --limit 20\n"), "{}", told.both());
    assert_eq!(session.run(&["history", "--since", "tomorrow"]).code, 2);
}
