//! The real agent on a real bus, in a home of the test's own.
#![allow(dead_code, reason = "each test file uses its part")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

use lapwing_rules::testing::fill;
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::OwnedValue;

pub(crate) const NAME: &str = "org.lapwing.Agent1";
pub(crate) const PATH: &str = "/org/lapwing/Agent1";
/// The longest wait for anything: a loaded machine is slow, not wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A finding as the bus tells it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) rule: String,
    pub(crate) path: String,
}

/// A bus without any service.
pub(crate) struct Bus {
    child: Child,
    pub(crate) address: String,
}

impl Bus {
    pub(crate) fn start(dir: &Path) -> Bus {
        Bus::at(&dir.join("bus"), dir)
    }

    /// A bus on this socket, such as the one before it had.
    pub(crate) fn at(socket: &Path, dir: &Path) -> Bus {
        let _ = fs::remove_file(socket);
        let config = dir.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            socket.display()
        );
        fs::write(&config, text).unwrap();
        let mut child = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg("--print-address")
            .arg(format!("--config-file={}", config.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Bus { child, address: address.trim().to_owned() }
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A home, a bus, and perhaps an agent.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) bus: Bus,
    pub(crate) agent: Option<Child>,
    /// Variables that the agent gets besides the usual ones.
    pub(crate) env: Vec<(String, String)>,
    /// What the agent is started by, if not directly.
    pub(crate) wrap: Vec<String>,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let dir = tempfile::Builder::new().prefix("agent").tempdir().unwrap();
        for below in ["home", "run"] {
            fs::create_dir(dir.path().join(below)).unwrap();
            fs::set_permissions(dir.path().join(below), fs::Permissions::from_mode(0o700)).unwrap();
        }
        let bus = Bus::start(dir.path());
        Stage { dir, bus, agent: None, env: Vec::new(), wrap: Vec::new() }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".local/state/lapwing")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// A command with the environment of the home.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.dir.path().join("run"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus.address)
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .envs(self.env.iter().cloned())
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Starts the agent and does not wait for anything.
    pub(crate) fn launch(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let binary = env!("CARGO_BIN_EXE_lapwingd").to_owned();
        let line: Vec<String> = self.wrap.iter().cloned().chain([binary]).collect();
        let mut command = self.command(&line[0]);
        command.args(&line[1..]).env("LAPWING_LOG", "debug").stdout(Stdio::null()).stderr(log);
        self.agent = Some(command.spawn().unwrap());
    }

    /// Starts the agent and waits until it watches and has swept.
    pub(crate) fn start(&mut self) {
        self.launch();
        self.until("the agent watches", |stage| stage.swept().is_some() && stage.state_word() == "watching");
    }

    /// Ends the agent as a service manager does; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut child = self.agent.take().unwrap();
        signal(&child, "TERM");
        child.wait().unwrap().code()
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.agent.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Waits for something; on a deadline says what, and what the agent has logged.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Stage) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn connection(&self) -> zbus::Result<Connection> {
        zbus::blocking::connection::Builder::address(self.bus.address.as_str())?.build()
    }

    fn proxy(&self) -> zbus::Result<Proxy<'static>> {
        let builder = zbus::blocking::proxy::Builder::new(&self.connection()?);
        builder
            .destination(NAME)?
            .path(PATH)?
            .interface(NAME)?
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
    }

    pub(crate) fn property<T>(&self, name: &str) -> Option<T>
    where
        T: TryFrom<OwnedValue>,
        T::Error: Into<zbus::Error>,
    {
        self.proxy().ok()?.get_property(name).ok()
    }

    pub(crate) fn state_word(&self) -> String {
        self.property("State").unwrap_or_default()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.property("Problems").unwrap_or_default()
    }

    /// When the last sweep ended, and whether it was complete.
    pub(crate) fn swept(&self) -> Option<HashMap<String, OwnedValue>> {
        self.property::<HashMap<String, OwnedValue>>("LastSweep").filter(|sweep| !sweep.is_empty())
    }

    pub(crate) fn call<B>(&self, method: &str, body: &B) -> zbus::Result<()>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.proxy()?.call::<_, _, ()>(method, body)
    }

    /// Open findings, in order.
    pub(crate) fn findings(&self) -> Vec<Told> {
        let open = zbus::zvariant::Value::from("open");
        let mut told = Vec::new();
        loop {
            let offset = zbus::zvariant::Value::from(u32::try_from(told.len()).unwrap());
            let filter = HashMap::from([("state", &open), ("offset", &offset)]);
            let answer: zbus::Result<(Vec<HashMap<String, OwnedValue>>, u32)> =
                self.proxy().and_then(|proxy| proxy.call("List", &(filter,)));
            // Where the next page begins; nowhere after the last.
            let Ok((page, next)) = answer else { return Vec::new() };
            told.extend(page.iter().map(Told::of));
            if next == 0 {
                break;
            }
        }
        told.sort();
        told
    }

    /// Whether a finding of this rule is open in this file.
    pub(crate) fn finds(&self, rule: &str, path: &str) -> bool {
        self.findings().iter().any(|told| told.rule == rule && told.path == path)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut child) = self.agent.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Told {
    pub(crate) fn of(record: &HashMap<String, OwnedValue>) -> Told {
        let text = |dict: &HashMap<String, OwnedValue>, key: &str| {
            dict.get(key).and_then(|v| String::try_from(v.clone()).ok()).unwrap_or_default()
        };
        let sightings = record
            .get("sightings")
            .and_then(|v| Vec::<HashMap<String, OwnedValue>>::try_from(v.clone()).ok());
        let path = sightings.and_then(|all| all.first().map(|first| text(first, "path")));
        Told { id: text(record, "id"), rule: text(record, "rule"), path: path.unwrap_or_default() }
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
}

/// A GitHub token that never was one, another one for each seed.
pub(crate) fn token(seed: &str) -> String {
    let body = fill("{{alnum:30}}", seed);
    let mut sum = crc32fast::hash(body.as_bytes());
    let mut tail = [b'0'; 6];
    for digit in tail.iter_mut().rev() {
        *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(sum % 62) as usize];
        sum /= 62;
    }
    format!("ghp_{body}{}", String::from_utf8_lossy(&tail))
}

pub(crate) const TOKEN_RULE: &str = "github-pat";
