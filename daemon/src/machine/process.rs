//! Environments and command lines of the programs that run now. Straight from `/proc`: of each, three small files.

use super::ask::ask;
use super::files;
use lapwing_rules::facts::{Fact, Program};
use rustix::fs::{Mode, OFlags, open};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use zeroize::Zeroizing;

/// What is read of one environment or one command line.
const LONGEST: u64 = 1 << 20;
/// What is kept of all of them, each text once.
const MOST: usize = 32 << 20;
/// How long to wait for the service manager.
const PATIENCE: Duration = Duration::from_secs(2);

/// A variable as `NAME=value`, or a command line; with the programs that have it.
pub(crate) type Text = (Zeroizing<Vec<u8>>, BTreeSet<String>);

/// What programs were given.
#[derive(Default)]
pub(crate) struct Given {
    variables: HashMap<u64, Text>,
    commands: HashMap<u64, Text>,
    /// There was more than may be kept.
    pub(crate) full: bool,
    bytes: usize,
    state: RandomState,
}

impl Given {
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Text> {
        self.variables.values()
    }

    pub(crate) fn commands(&self) -> impl Iterator<Item = &Text> {
        self.commands.values()
    }
}

/// Of the user's programs that run in this home. Those that do not let themselves be looked at (agents for keys, password
/// managers) are none of our business.
pub(crate) fn given(homes: [&Path; 2]) -> Given {
    let user = rustix::process::getuid().as_raw();
    let own = std::process::id();
    let mut given = Given::default();
    for dir in files::list(Path::new("/proc")).unwrap_or_default() {
        let number = dir.file_name().and_then(OsStr::to_str).and_then(|n| n.parse::<u32>().ok());
        if number.is_none() || rustix::fs::stat(&dir).is_ok_and(|s| s.st_uid != user) {
            continue;
        }
        let Some(environment) = read(&dir.join("environ")) else { continue };
        let variables = || environment.split(|b| *b == 0).filter(|v| !v.is_empty());
        let at_home = |v: &[u8]| v.strip_prefix(b"HOME=").is_some_and(|h| homes.contains(&path(h)));
        if !variables().any(at_home) {
            continue;
        }
        let name = read(&dir.join("comm")).map(|n| String::from_utf8_lossy(n.trim_ascii()).into_owned());
        let name = name.unwrap_or_default();
        let name = name.trim_start_matches('-');
        for variable in variables() {
            let hash = given.state.hash_one(variable);
            given.full |= !add(&mut given.variables, hash, &mut given.bytes, variable, name);
        }
        if let Some(command) = read(&dir.join("cmdline")).filter(|_| number != Some(own)) {
            let mut command = command;
            command.iter_mut().filter(|b| **b == 0).for_each(|b| *b = b' ');
            let hash = given.state.hash_one(command.trim_ascii());
            given.full |= !add(&mut given.commands, hash, &mut given.bytes, command.trim_ascii(), name);
        }
    }
    given
}

/// The user's programs, but this one and those that say that they run in another home. One that does not say is taken in:
/// a program that wants to be overlooked must not be.
pub(crate) fn running(homes: [&Path; 2]) -> Result<Vec<Program>, String> {
    let user = rustix::process::getuid().as_raw();
    let dirs = files::list(Path::new("/proc")).ok_or("/proc cannot be listed, so what runs is not known")?;
    let mut running = Vec::new();
    for dir in dirs {
        let number = dir.file_name().and_then(OsStr::to_str).and_then(|n| n.parse::<u32>().ok());
        let Some(id) = number.filter(|id| *id != std::process::id()) else { continue };
        if rustix::fs::stat(&dir).is_ok_and(|s| s.st_uid != user) {
            continue;
        }
        let environment = read(&dir.join("environ")).unwrap_or_default();
        let mut set = environment.split(|b| *b == 0).filter_map(|v| v.strip_prefix(b"HOME="));
        if set.next().is_some_and(|home| !homes.contains(&path(home))) {
            continue;
        }
        let Some(line) = read(&dir.join("cmdline")).filter(|line| !line.is_empty()) else { continue };
        let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|b| *b == 0);
        running.push(Program { id, argv: words.map(|w| String::from_utf8_lossy(w).into_owned()).collect() });
    }
    Ok(running)
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn add(texts: &mut HashMap<u64, Text>, hash: u64, bytes: &mut usize, text: &[u8], name: &str) -> bool {
    if let Some((_, names)) = texts.get_mut(&hash) {
        names.insert(name.to_owned());
        return true;
    }
    *bytes += text.len();
    if *bytes > MOST {
        return false;
    }
    texts.insert(hash, (Zeroizing::new(text.to_owned()), BTreeSet::from([name.to_owned()])));
    true
}

/// A file of `/proc`, which says nothing of its size.
fn read(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let fd = open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
    std::fs::File::from(fd).take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Variables that the user's service manager gives to what it starts; none without one.
pub(crate) fn services() -> Result<Vec<Zeroizing<Vec<u8>>>, String> {
    let running = std::env::var_os("XDG_RUNTIME_DIR").map(|d| Path::new(&d).join("systemd/private"));
    if running.is_none_or(|socket| rustix::fs::stat(socket).is_err()) {
        return Ok(Vec::new());
    }
    let mut command = Command::new("systemctl");
    command.args(["--user", "--no-pager", "show-environment"]).env("LC_ALL", "C");
    match ask(&mut command, PATIENCE) {
        Fact::Known(said) => {
            Ok(said.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(unquoted).collect())
        }
        Fact::Absent => Ok(Vec::new()),
        Fact::Unknown(why) => Err(why),
    }
}

/// `NAME=$'value'`, as a shell would read it, as `NAME=value`.
fn unquoted(line: &[u8]) -> Zeroizing<Vec<u8>> {
    let whole = || Zeroizing::new(line.to_owned());
    let Some(at) = memchr::memchr(b'=', line) else { return whole() };
    let Some(quoted) = line[at + 1..].strip_prefix(b"$'").and_then(|q| q.strip_suffix(b"'")) else {
        return whole();
    };
    let mut text = Zeroizing::new(line[..=at].to_owned());
    let mut rest = quoted;
    while let Some((&first, more)) = rest.split_first() {
        let (byte, next) = match (first, more) {
            (b'\\', [code, more @ ..]) => escape(*code, more),
            _ => (first, more),
        };
        text.push(byte);
        rest = next;
    }
    text
}

/// What stands for a byte after a backslash: a letter, or its number in octal or hexadecimal digits.
fn escape(code: u8, more: &[u8]) -> (u8, &[u8]) {
    let number = |digits: &[u8], radix| {
        let text = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(text, radix).ok()
    };
    let plain = match code {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'a' => 7,
        b'b' => 8,
        b'v' => 11,
        b'f' => 12,
        b'e' => 27,
        b'x' => match more.get(..2).and_then(|d| number(d, 16)) {
            Some(byte) => return (byte, &more[2..]),
            None => code,
        },
        b'0'..=b'7' => {
            let digits = [&[code], more.get(..2).unwrap_or_default()].concat();
            match number(&digits, 8).filter(|_| digits.len() == 3) {
                Some(byte) => return (byte, &more[2..]),
                None => code,
            }
        }
        other => other,
    };
    (plain, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_are_read_as_a_shell_would() {
        let read = |line: &str| String::from_utf8(unquoted(line.as_bytes()).to_vec()).unwrap();
        assert_eq!(read("A=b c"), "A=b c");
        assert_eq!(read(r"A=$'b\tc\'d\\'"), "A=b\tc'd\\");
        assert_eq!(read(r"A=$'\x41\102\q\'"), "A=ABq\\");
        assert_eq!(read("A=$'open"), "A=$'open");
        assert_eq!(read("no variable"), "no variable");
        for cut in 0..12 {
            unquoted(&br"A=$'\x4\10'"[..cut.min(11)]);
        }
    }

    #[test]
    fn programs_of_a_home_are_read_once_each() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let start = |home: &Path| {
            Command::new("sleep").arg("60").env("HOME", home).env("LW_TEST", "some value").spawn().unwrap()
        };
        let mut children = [start(home.path()), start(home.path()), start(elsewhere.path())];
        // Between fork and exec a child still looks like its parent.
        let mut given = super::given([home.path(); 2]);
        while given.commands().any(|(text, _)| text.as_slice() != b"sleep 60") || given.commands.is_empty() {
            given = super::given([home.path(); 2]);
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let (_, names) =
            given.variables().find(|(text, _)| text.as_slice() == b"LW_TEST=some value").unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["sleep"]);
        assert_eq!(given.commands().map(|(text, _)| text.to_vec()).collect::<Vec<_>>(), [b"sleep 60"]);
        assert!(!given.full);
    }
}
