//! A session bus of the test's own with a real gnome-keyring that is unlocked.

use super::{Home, Run, directories, must, run, tool, until};
use std::process::{Child, Command, Stdio};

const SERVICE: &str = "org.freedesktop.secrets";

/// A home, a session bus, and its keyring.
pub(crate) struct Session {
    pub(crate) home: Home,
    address: String,
    /// The bus, then the keyring.
    children: Vec<Child>,
}

impl Session {
    pub(crate) fn new(home: Home) -> Session {
        let mut session = Session { home, address: String::new(), children: Vec::new() };
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
    }

    /// Runs `lapwing` in it.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let mut command = self.home.lapwing(args);
        self.at(&mut command);
        run(&mut command)
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
