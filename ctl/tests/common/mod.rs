//! Homes, tools and runs for the end-to-end tests: every test has a home of its own, an empty environment, and real
//! tools. A tool that is not installed fails the test; `.ci/test` installs them all.
#![allow(dead_code, reason = "each test file uses its own part of this")]

pub(crate) mod messy;
pub(crate) mod planted;
pub(crate) mod python;
pub(crate) mod registry;
pub(crate) mod session;
pub(crate) mod shell;

use data_encoding::BASE64URL_NOPAD;
use lapwing_rules::testing::fill;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Where tools are looked for.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A home directory that goes away with the test.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    root: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Home {
        let dir = tempfile::Builder::new().prefix("lw-").tempdir().unwrap();
        // Others may enter what is around the home, not the home: some tests run as somebody else.
        set_mode(dir.path(), 0o755);
        let root = dir.path().canonicalize().unwrap().join("dev");
        directories(&root, 0o700);
        Home { dir, root }
    }

    /// The home directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Outside the home, beside it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.with_file_name(name)
    }

    /// A path in it, with or without `~/`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches("~/"))
    }

    /// Where lapwing keeps its state.
    pub(crate) fn state(&self) -> PathBuf {
        self.path(".local/state/lapwing")
    }

    /// Writes a file with mode 0600.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.write_mode(path, content, 0o600)
    }

    /// Writes a file; directories on the way have the mode that people's have.
    pub(crate) fn write_mode(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(path);
        directories(path.parent().unwrap(), 0o755);
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(mode).open(&path).unwrap();
        file.write_all(content.as_ref()).unwrap();
        set_mode(&path, mode);
        path
    }

    /// Adds to the end of a file that may not be there yet.
    pub(crate) fn append(&self, path: &str, content: &str) {
        let before = std::fs::read(self.path(path)).unwrap_or_default();
        self.write(path, [&before, content.as_bytes()].concat());
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        let path = self.path(path);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// `lapwing` in this home, with nothing in its environment but what it needs.
    pub(crate) fn lapwing(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lapwing"));
        self.at_home(&mut command);
        command.args(args);
        command
    }

    /// Runs `lapwing` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&mut self.lapwing(args))
    }

    /// Runs `lapwing` in a terminal, where somebody types these lines.
    pub(crate) fn answer(&self, args: &[&str], lines: &str) -> Run {
        let program = [env!("CARGO_BIN_EXE_lapwing")];
        let line: Vec<String> = program.iter().chain(args).map(|word| format!("'{word}'")).collect();
        self.answer_line(&line.join(" "), lines)
    }

    /// Runs a line of shell in a terminal, where somebody types these lines.
    pub(crate) fn answer_line(&self, line: &str, lines: &str) -> Run {
        let mut command = self.tool("script", ["-qec", line, "/dev/null"]);
        command.env("TERM", "xterm").env("SHELL", "/bin/sh").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        finish(child)
    }

    /// `lapwing doctor --format json`.
    pub(crate) fn doctor(&self) -> Run {
        self.run(&["doctor", "--format", "json"])
    }

    /// A tool in this home.
    pub(crate) fn tool<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(tool(name));
        self.at_home(&mut command);
        command.args(args);
        command
    }

    /// Runs a tool, which must succeed; what it printed.
    pub(crate) fn must<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> String {
        must(&mut self.tool(name, args))
    }

    fn at_home(&self, command: &mut Command) {
        command.env_clear().env("HOME", &self.root).env("PATH", PATH).env("LANG", "C.UTF-8");
        command.current_dir(&self.root).stdin(Stdio::null());
    }
}

/// Where Debian has the source of Git's helper for the keyring.
const HELPER: &str = "/usr/share/doc/git/contrib/credential/libsecret";

/// Gives a session Git's helper for the keyring, built as Debian's users do.
pub(crate) fn git_helper(session: &mut session::Session) {
    let dir = session.home.beside("helper");
    std::fs::create_dir(&dir).unwrap();
    for name in ["Makefile", "git-credential-libsecret.c"] {
        std::fs::copy(Path::new(HELPER).join(name), dir.join(name)).unwrap();
    }
    must(session.home.tool("make", ["-s", "-C"]).arg(&dir));
    session.programs_in(dir);
}

/// Runs a command, which must succeed; what it printed.
pub(crate) fn must(command: &mut Command) -> String {
    let out = run(command);
    assert!(out.code == 0, "{command:?} ended with {}: {}{}", out.code, out.stdout(), out.stderr());
    out.stdout()
}

/// A tool's path.
pub(crate) fn tool(name: &str) -> PathBuf {
    let found = PATH.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("`{name}` is not installed in {PATH}; .ci/test installs what the tests need")
    })
}

/// What a program has left.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code, or 128 and the signal that ended it.
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
}

/// Runs a program to its end, which must come in time.
pub(crate) fn run(command: &mut Command) -> Run {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits for a program that was started with pipes.
pub(crate) fn finish(child: std::process::Child) -> Run {
    let id = child.id();
    let (send, receive) = channel();
    let waiter = std::thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = receive.recv_timeout(PATIENCE) else {
        let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        panic!("process {id} did not end within {PATIENCE:?}");
    };
    waiter.join().unwrap().unwrap();
    let output = output.unwrap();
    let code = output.status.code().or_else(|| output.status.signal().map(|s| 128 + s)).unwrap();
    Run { code, out: output.stdout, err: output.stderr }
}

impl Run {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }

    /// Everything that was printed, as if there were no end of lines: texts are wrapped.
    pub(crate) fn said(&self) -> String {
        self.both().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Everything that was printed, for messages.
    pub(crate) fn both(&self) -> String {
        format!("exit code {}\n{}{}", self.code, self.stdout(), self.stderr())
    }

    /// The document, from a run with this exit code and not a word on standard error.
    #[track_caller]
    pub(crate) fn document(&self, code: i32) -> Document {
        assert_eq!(self.code, code, "{}", self.both());
        assert_eq!(self.stderr(), "", "nothing was expected on standard error");
        Document(serde_json::from_slice(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.both())))
    }
}

/// What `--format json` printed.
pub(crate) struct Document(pub(crate) Value);

impl Document {
    pub(crate) fn findings(&self) -> Vec<&Value> {
        self.0["findings"].as_array().unwrap().iter().collect()
    }

    /// Findings of one rule.
    pub(crate) fn of(&self, rule: &str) -> Vec<&Value> {
        self.findings().into_iter().filter(|f| f["rule"] == rule).collect()
    }

    /// The only finding.
    #[track_caller]
    pub(crate) fn only(&self) -> &Value {
        let all = self.findings();
        assert_eq!(all.len(), 1, "{:#}", self.0);
        all[0]
    }

    /// Ids, sorted.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.findings().iter().map(|f| text(&f["id"])).collect();
        ids.sort();
        ids
    }

    /// What of the coverage is for this reason.
    pub(crate) fn gap(&self, reason: &str) -> Option<&Value> {
        self.0["coverage"].as_array().unwrap().iter().find(|gap| gap["reason"] == reason)
    }

    /// A number of the summary.
    pub(crate) fn count(&self, field: &str) -> u64 {
        self.0["summary"][field].as_u64().unwrap_or_else(|| panic!("no {field}: {:#}", self.0["summary"]))
    }

    pub(crate) fn complete(&self) -> bool {
        self.0["summary"]["complete"].as_bool().unwrap()
    }
}

/// Something in a home that takes a while to examine, and no time to make.
pub(crate) fn long_work(home: &Home) {
    for n in 0..LONG {
        let file = std::fs::File::create(home.write_mode(&format!("data/{n}.dat"), "", 0o644)).unwrap();
        file.set_len(32 << 20).unwrap();
    }
}

/// How many files [`long_work`] makes.
pub(crate) const LONG: usize = 20;

/// Starts `lapwing` and waits until its workers are at work.
pub(crate) fn working(command: &mut Command) -> std::process::Child {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let name = |task: &Path| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
    until("the sweep begins", || {
        let mut tasks = std::fs::read_dir(&tasks).ok()?.flatten();
        tasks.any(|task| name(&task.path()).starts_with("sweep")).then_some(())
    });
    child
}

/// A string of a document.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// Paths at which a finding was seen.
pub(crate) fn paths(finding: &Value) -> Vec<String> {
    let mut paths: Vec<String> =
        finding["sightings"].as_array().unwrap().iter().map(|s| text(&s["path"])).collect();
    paths.dedup();
    paths
}

/// A made-up secret, another one for each label; `template` as for examples of rules.
pub(crate) fn secret(template: &str, label: &str) -> String {
    fill(template, &format!("e2e {label}"))
}

/// A token whose last six characters are the checksum that GitHub and npm put there.
pub(crate) fn checked(prefix: &str, label: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = secret("{{alnum:30}}", label);
    let mut sum = crc32fast::hash(body.as_bytes()) as usize;
    let mut tail = [0; 6];
    for digit in tail.iter_mut().rev() {
        *digit = DIGITS[sum % 62];
        sum /= 62;
    }
    format!("{prefix}{body}{}", String::from_utf8_lossy(&tail))
}

/// A token of PyPI: a macaroon that is good for one project.
pub(crate) fn macaroon(label: &str) -> String {
    let field = |kind: u8, text: &str| [&[kind, text.len() as u8], text.as_bytes()].concat();
    let (id, signature) =
        (secret("{{alnum:36}}", label), secret("{{alnum:32}}", &format!("{label} signature")));
    let caveat = field(2, "[1, [\"shop\"]]");
    let bytes =
        [vec![2], field(1, "pypi.org"), field(2, &id), vec![0], caveat, vec![0, 0], field(6, &signature)];
    format!("pypi-{}", BASE64URL_NOPAD.encode(&bytes.concat()))
}

/// Text as UTF-16, low bytes first.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Makes a directory and those above it; `.ssh` and `.gnupg` are private, as their tools make them.
pub(crate) fn directories(path: &Path, mode: u32) {
    if path.is_dir() {
        return;
    }
    directories(path.parent().unwrap(), 0o755);
    let private = path.file_name().is_some_and(|n| n == ".ssh" || n == ".gnupg");
    std::fs::DirBuilder::new().mode(if private { 0o700 } else { mode }).create(path).unwrap();
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Every file below a directory, links included and not followed.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// Polls until something is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
