//! A bus of a test's own, and programs on it. Everything ends with the test.
#![expect(clippy::disallowed_methods, reason = "tests make files of their own")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use zbus::Connection;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// No services to activate: what is there was started by the test.
const CONFIG: &str = "<busconfig><type>session</type><listen>unix:dir=@DIR@</listen><auth>EXTERNAL</auth>\
    <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
    <allow own=\"*\"/></policy></busconfig>";

/// A program's path.
pub(crate) fn tool(name: &str) -> PathBuf {
    let dirs = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin", "/lib/systemd"];
    let found = dirs.iter().map(|dir| Path::new(dir).join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not installed; .ci/test installs what the tests need"))
}

/// A dbus-daemon, a home, and what runs there.
pub(crate) struct Bus {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) address: String,
    display: Option<String>,
    children: Vec<Child>,
}

impl Bus {
    pub(crate) fn new() -> Bus {
        let dir = tempfile::Builder::new().prefix("lw-").tempdir().unwrap();
        let config = dir.path().join("bus.conf");
        std::fs::write(&config, CONFIG.replace("@DIR@", dir.path().to_str().unwrap())).unwrap();
        let mut daemon = Command::new(tool("dbus-daemon"));
        daemon.arg("--nofork").arg("--print-address=1").arg(format!("--config-file={}", config.display()));
        let (child, address) = first_line(&mut daemon);
        Bus { dir, address, display: None, children: vec![child] }
    }

    /// An X server without a screen.
    pub(crate) fn display(&mut self) {
        let mut server = Command::new(tool("Xvfb"));
        server.args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]);
        let (child, number) = first_line(&mut server);
        self.children.push(child);
        self.display = Some(format!(":{number}"));
    }

    /// A command that knows this bus, this home and this display, and no other.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.dir.path()).env("LANG", "C.UTF-8");
        command.env("XDG_RUNTIME_DIR", self.dir.path());
        for bus in ["DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"] {
            command.env(bus, &self.address);
        }
        if let Some(display) = &self.display {
            command.env("DISPLAY", display);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts a service and waits for its name; its number for [`Bus::stop`].
    pub(crate) async fn service(&mut self, name: &str, program: &Path, args: &[&str]) -> usize {
        let child = self.command(program).args(args).spawn().unwrap();
        self.children.push(child);
        let bus = self.connect().await;
        let proxy = zbus::fdo::DBusProxy::new(&bus).await.unwrap();
        until(&format!("{name} is there"), async || {
            proxy.name_has_owner(name.try_into().unwrap()).await.unwrap().then_some(())
        })
        .await;
        self.children.len() - 1
    }

    /// A service of python-dbusmock.
    pub(crate) async fn mock(&mut self, name: &str, template: &str, parameters: &str) -> usize {
        let args = ["-m", "dbusmock", "--template", template, "--parameters", parameters];
        self.service(name, &tool("python3"), &args).await
    }

    /// Ends a service.
    pub(crate) fn stop(&mut self, number: usize) {
        self.children[number].kill().unwrap();
        self.children[number].wait().unwrap();
    }

    pub(crate) async fn connect(&self) -> Connection {
        zbus::connection::Builder::address(self.address.as_str()).unwrap().build().await.unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a program and waits for the first line that it prints.
fn first_line(command: &mut Command) -> (Child, String) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.ends_with('\n'), "{command:?} has said nothing");
    (child, line.trim().to_owned())
}

/// Polls until something is there.
pub(crate) async fn until<T>(what: &str, mut there: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = there().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What comes next.
pub(crate) async fn received<T>(from: &mut tokio::sync::mpsc::Receiver<T>) -> T {
    tokio::time::timeout(PATIENCE, from.recv()).await.expect("nothing has come").expect("it has ended")
}
