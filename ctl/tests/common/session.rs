//! A session bus of the test's own with a real gnome-keyring that is unlocked.

use super::{Document, Home, PATH, Run, directories, files, finish, must, run, tool, until};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const SERVICE: &str = "org.freedesktop.secrets";

/// A home, a session bus, and its keyring.
pub(crate) struct Session {
    pub(crate) home: Home,
    address: String,
    /// The bus, then the keyring.
    children: Vec<Child>,
    /// Where programs are looked for first.
    path: Vec<PathBuf>,
}

impl Session {
    pub(crate) fn new(home: Home) -> Session {
        let mut session = Session { home, address: String::new(), children: Vec::new(), path: Vec::new() };
        directories(&session.home.beside("run"), 0o700);
        let mut bus = session.home.tool("dbus-run-session", ["--", "sh", "-c"]);
        // The bus lives as long as its standard input.
        bus.arg("echo \"$DBUS_SESSION_BUS_ADDRESS\" > \"$1\"; exec cat")
            .arg("sh")
            .arg(session.home.beside("bus"));
        tool("cat");
        session
            .children
            .push(bus.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        session.address = until("the bus tells its address", || {
            let told = std::fs::read_to_string(session.home.beside("bus")).ok()?;
            told.ends_with('\n').then(|| told.trim().to_owned())
        });
        session.keyring();
        session
    }

    fn keyring(&mut self) {
        let password = self.home.beside("password");
        std::fs::write(&password, "a login password").unwrap();
        let mut daemon =
            self.tool("gnome-keyring-daemon", &["--foreground", "--unlock", "--components=secrets"]);
        daemon.stdin(std::fs::File::open(password).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(daemon.spawn().unwrap());
        until("the keyring answers", || {
            (run(&mut self.tool("busctl", &["--user", "status", SERVICE])).code == 0).then_some(())
        });
    }

    /// Looks for programs there first.
    pub(crate) fn programs_in(&mut self, dir: PathBuf) {
        self.path.push(dir);
    }

    /// Looks for programs there before anywhere else.
    pub(crate) fn programs_first(&mut self, dir: PathBuf) {
        self.path.insert(0, dir);
    }

    /// Forgets where else programs are.
    pub(crate) fn no_programs(&mut self) {
        self.path.clear();
    }

    /// A program of the search path, wherever on it.
    pub(crate) fn program(&self, name: &str, args: &[&str]) -> Command {
        let mut command = self.tool("env", &[name]);
        command.args(args);
        command
    }

    /// What `doctor` finds, whatever that is.
    pub(crate) fn doctor(&self) -> Document {
        let run = self.run(&["doctor", "--format", "json"]);
        run.document(i32::from(run.code == 1))
    }

    /// Files of the home and of the state that hold this, but those of the keyring.
    pub(crate) fn holding(&self, secret: &str) -> Vec<PathBuf> {
        // Sockets of the keyring cannot be read.
        let holds = |file: &PathBuf| {
            std::fs::read(file).is_ok_and(|b| b.windows(secret.len()).any(|w| w == secret.as_bytes()))
        };
        let all = files(self.home.root()).into_iter();
        all.filter(|f| !f.to_string_lossy().contains("/keyrings/")).filter(holds).collect()
    }

    /// Runs `lapwing` in a terminal, where somebody types these lines.
    pub(crate) fn answer(&self, args: &[&str], lines: &str) -> Run {
        let words: Vec<String> =
            [env!("CARGO_BIN_EXE_lapwing")].iter().chain(args).map(|word| format!("'{word}'")).collect();
        let mut command = self.tool("script", &["-qec", &words.join(" "), "/dev/null"]);
        command.env("TERM", "xterm").env("SHELL", "/bin/bash").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        finish(child)
    }

    /// Runs `lapwing` in a terminal, where somebody waits for a text and then types a line, as often as there are pairs.
    pub(crate) fn converse(&self, args: &[&str], talk: &[(&str, &str)]) -> Run {
        let words: Vec<String> =
            [env!("CARGO_BIN_EXE_lapwing")].iter().chain(args).map(|word| format!("'{word}'")).collect();
        let mut command = self.tool("script", &["-qec", &words.join(" "), "/dev/null"]);
        command.env("TERM", "xterm").env("SHELL", "/bin/bash").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let listener = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                ear.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        let mut from = 0;
        for (wait, say) in talk {
            from = until(wait, || {
                let heard = heard.lock().unwrap();
                let at = heard[from..].windows(wait.len()).position(|w| w == wait.as_bytes())?;
                Some(from + at + wait.len())
            });
            writeln!(input, "{say}").unwrap();
        }
        let code = child.wait().unwrap().code().unwrap();
        listener.join().unwrap();
        let out = heard.lock().unwrap().clone();
        Run { code, out, err: Vec::new() }
    }

    /// Ends the keyring, as a crash would.
    pub(crate) fn lose_keyring(&mut self) {
        if let Some(mut daemon) = self.children.pop() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    pub(crate) fn tool(&self, name: &str, args: &[&str]) -> Command {
        let mut command = self.home.tool(name, args);
        self.at(&mut command);
        command
    }

    /// Gives a command the session.
    pub(crate) fn at(&self, command: &mut Command) {
        command
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("XDG_RUNTIME_DIR", self.home.beside("run"));
        if !self.path.is_empty() {
            let dirs = self.path.iter().cloned().chain(std::env::split_paths(PATH));
            command.env("PATH", std::env::join_paths(dirs).unwrap());
        }
    }

    /// Runs `lapwing` in it.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let mut command = self.home.lapwing(args);
        self.at(&mut command);
        run(&mut command)
    }

    /// Unlocks the keyring, as the next login does.
    pub(crate) fn unlock(&mut self) {
        self.lose_keyring();
        self.keyring();
    }

    /// Locks the keyring; nobody is there to unlock it.
    pub(crate) fn lock(&self) {
        let call = [
            "--user",
            "call",
            SERVICE,
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service",
            "Lock",
            "ao",
            "1",
            "/org/freedesktop/secrets/collection/login",
        ];
        must(&mut self.tool("busctl", &call));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // The bus ends by itself when its input does, and takes its daemon with it; the keyring is told.
            if child.stdin.take().is_none() {
                let _ = child.kill();
            }
            let _ = child.wait();
        }
    }
}
