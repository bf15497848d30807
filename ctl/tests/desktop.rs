//! A session as people have it: a bus, a keyring, a notification daemon, a shell in a terminal, and both programs. Somebody
//! types a token, and it is told, listed and explained.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::shell::Shell;
use common::{Home, Run, checked, directories, must, run, text, until};
use serde_json::Value as Json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Session {
    home: Home,
    address: String,
    display: String,
    children: Vec<Child>,
}

impl Session {
    /// A session with everything but the agent.
    fn new() -> Session {
        let home = Home::new();
        directories(&home.beside("run"), 0o700);
        let mut session =
            Session { home, address: String::new(), display: String::new(), children: Vec::new() };
        let config = session.home.beside("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
            session.home.beside("bus").display()
        );
        std::fs::write(&config, text).unwrap();
        let config = format!("--config-file={}", config.display());
        session.address = session.first_line("dbus-daemon", &["--nofork", "--print-address", &config]);
        let screen = ["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"];
        session.display = format!(":{}", session.first_line("Xvfb", &screen));
        let password = session.home.beside("password");
        std::fs::write(&password, "a login password").unwrap();
        let mut keyring =
            session.tool("gnome-keyring-daemon", &["--foreground", "--unlock", "--components=secrets"]);
        keyring.stdin(std::fs::File::open(password).unwrap());
        session.service(keyring, "org.freedesktop.secrets");
        session.service(session.tool("dunst", &["-conf", "/dev/null"]), "org.freedesktop.Notifications");
        session
    }

    /// The agent, watching.
    fn agent(&mut self) {
        let lapwing = Path::new(env!("CARGO_BIN_EXE_lapwing"));
        let program = lapwing.with_file_name("lapwingd");
        assert!(program.exists(), "`cargo build -p lapwing-agent` makes {}", program.display());
        let mut agent = Command::new(program);
        agent.env_clear().env("HOME", self.home.root()).env("PATH", common::PATH).env("LANG", "C.UTF-8");
        self.at(&mut agent);
        agent.stdin(Stdio::null());
        self.service(agent, "org.lapwing.Agent1");
        until("the agent watches", || self.status()["agent"]["last_sweep"].is_object().then_some(()));
    }

    fn first_line(&mut self, name: &str, args: &[&str]) -> String {
        let mut command = self.tool(name, args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.children.push(child);
        assert!(!line.is_empty(), "{name} has said nothing");
        line.trim().to_owned()
    }

    /// Starts a service and waits for its name.
    fn service(&mut self, mut command: Command, name: &str) {
        self.children.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until(&format!("{name} is there"), || {
            (run(&mut self.tool("busctl", &["--user", "status", name])).code == 0).then_some(())
        });
    }

    fn tool(&self, name: &str, args: &[&str]) -> Command {
        let mut command = self.home.tool(name, args);
        self.at(&mut command);
        command
    }

    fn at(&self, command: &mut Command) {
        command
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .env("XDG_RUNTIME_DIR", self.home.beside("run"))
            .env("DISPLAY", &self.display);
    }

    fn lapwing(&self, args: &[&str]) -> Run {
        let mut command = self.home.lapwing(args);
        self.at(&mut command);
        run(&mut command)
    }

    fn status(&self) -> Json {
        serde_json::from_slice(&self.lapwing(&["status", "--format", "json"]).out).unwrap_or_default()
    }

    fn dunstctl(&self, args: &[&str]) -> String {
        must(&mut self.tool("dunstctl", args)).trim().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_token_typed_into_a_shell_is_told_listed_and_explained() {
    let mut session = Session::new();
    session.agent();
    let token = checked("ghp_", "typed");
    let shell = Shell::start(&session.home, &["bash", "--norc", "-i"], &[]);
    shell.type_line(&format!("export GITHUB_TOKEN={token}")).type_line("echo d$((1+1))ne").wait("d2ne");
    shell.exit();
    assert!(String::from_utf8(session.home.read(".bash_history")).unwrap().contains(&token));

    until("it is told", || (session.dunstctl(&["count", "displayed"]) == "1").then_some(()));
    let listed = session.lapwing(&["list", "--format", "json"]).document(1);
    let finding = listed.only();
    let id = text(&finding["id"]);
    assert_eq!(
        (text(&finding["rule"]).as_str(), &*common::paths(finding)[0]),
        ("github-pat", "~/.bash_history")
    );
    let status = session.lapwing(&["status"]).stdout();
    for line in ["The agent is watching.", "1 critical"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let shown = session.lapwing(&["show", &id]).stdout();
    let page = session.lapwing(&["explain", "github-pat"]).stdout();
    assert!(shown.contains("~/.bash_history") && page.contains("GitHub"), "{shown}{page}");

    // The one button that there is without a terminal and a service manager to open it.
    session.dunstctl(&["action", "0"]);
    let ignored = || session.lapwing(&["list", "--state", "ignored", "--format", "json"]);
    let state = until("it is ignored", || {
        let document: Json = serde_json::from_slice(&ignored().out).ok()?;
        document["findings"].get(0).filter(|f| f["id"] == id.as_str()).map(|f| f["state"].clone())
    });
    let days = (state["until"].as_i64().unwrap() - finding["first_seen"].as_i64().unwrap()) / (24 * 60 * 60);
    assert_eq!(days, 7, "{state}");
    assert!(text(&state["reason"]).contains("from its notification"), "{state}");
    assert_eq!(session.lapwing(&["list", "--format", "json"]).code, 0, "nothing is open any more");

    // A button that is pressed over the bus leaves the notification where it is.
    session.dunstctl(&["close-all"]);
    let history = until("it is in the history", || {
        let history = session.dunstctl(&["history"]);
        history.contains(".bash_history").then_some(history)
    });
    let tail = &token[token.len() - 8..];
    assert!(history.contains("GitHub") && history.contains("Lapwing"), "{history}");
    for said in [&history, &status, &shown, &page] {
        assert!(!said.contains(tail), "the secret is in {said}");
    }
}
