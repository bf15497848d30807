//! Core dumps: the memory of programs that crashed, as files. Whether they are there, not what is in them.

use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts, FileKind};
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "sys.core-dump",
    title: "Memory of a crashed program kept as a file",
    severity: Severity::Low,
    why: "A core dump holds whatever the program had in memory: passwords that were typed, keys that were unlocked, tokens that were in use. Backups, bug reports and uploads take it along.",
    advice: "Delete it unless somebody is debugging that crash (`coredumpctl list` tells what systemd keeps), and look into it before it is attached to a report. To keep none in future, set `Storage=none` in /etc/systemd/coredump.conf, or run `ulimit -c 0`.",
    command: None,
    safety: Safety::Manual,
    profile: Profile::Default,
    references: &["https://www.freedesktop.org/software/systemd/man/latest/coredump.conf.html"],
    run: Run::Home(run),
    fix: Fix::None,
};

/// Programs that hold secrets of many others for as long as they run.
const HOLDERS: &[&str] = &[
    "ssh-agent",
    "gpg-agent",
    "gnome-keyring",
    "kwalletd",
    "1password",
    "bitwarden",
    "keepassxc",
    "firefox",
    "chrome",
    "chromium",
    "code",
    "cursor",
    "claude",
    "codex",
    "node",
    "vault",
];
/// Files looked at in one directory: more crashes than this say nothing more.
const MOST: usize = 4096;
/// Programs named of one directory.
const NAMED: usize = 5;

fn run(facts: &dyn Facts) -> Vec<Found> {
    let names = |dir: &str| facts.list(dir).known().unwrap_or_default();
    let home = names("~").into_iter().take(MOST).filter_map(|name| {
        let program = in_home(&name)?;
        let path = format!("~/{name}");
        let dump = dump(facts, &path, program).filter(|d| is_core(facts, &path, named(&name), d.size))?;
        Some(found(path, &[dump]))
    });
    // What the system keeps it also throws away after some days: one finding for all of it.
    let system: [(&str, Named); 2] = [("/var/lib/systemd/coredump", by_systemd), ("/var/crash", by_apport)];
    let system = system.into_iter().filter_map(|(dir, of)| {
        let names = names(dir);
        let dumps = names.iter().take(MOST).filter_map(|name| {
            let path = format!("{dir}/{name}");
            dump(facts, &path, of(name)?).filter(|_| opens(facts, &path))
        });
        let dumps: Vec<Dump> = dumps.collect();
        (!dumps.is_empty()).then(|| found(dir.to_owned(), &dumps))
    });
    home.chain(system).collect()
}

/// A core dump.
struct Dump {
    /// Whose memory it is, as far as its name says so.
    program: String,
    size: u64,
    /// Every account may read it.
    open: bool,
}

fn found(path: String, dumps: &[Dump]) -> Found {
    let mut programs: Vec<&str> = dumps.iter().map(|d| d.program.as_str()).collect();
    programs.sort_unstable();
    programs.dedup();
    let holder = programs.iter().any(|p| HOLDERS.iter().any(|holder| p.starts_with(holder)));
    let more = if programs.len() > NAMED { ", …" } else { "" };
    programs.truncate(NAMED);
    let size: u64 = dumps.iter().map(|d| d.size).sum();
    let open = if dumps.iter().any(|d| d.open) { ", readable by others" } else { "" };
    let preview = format!("memory of {}{more}, {} MiB{open}", programs.join(", "), size.div_ceil(1 << 20));
    let severity = (holder || !open.is_empty()).then_some(Severity::Medium);
    Found { preview, severity, path: Some(path), ..Found::default() }
}

/// From the name of a file, the program whose memory it may be (empty when it does not say so).
type Named = fn(&str) -> Option<&str>;

/// `core`, `core.4711`, `core.program.4711`, `program.core`, `vgcore.4711`
fn in_home(name: &str) -> Option<&str> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if name == "core" {
        return Some("");
    }
    if let Some(rest) = name.strip_prefix("core.").or_else(|| name.strip_prefix("vgcore.")) {
        return match rest.rsplit_once('.') {
            Some((program, pid)) if number(pid) => Some(program),
            _ => number(rest).then_some(""),
        };
    }
    name.strip_suffix(".core").filter(|program| !program.is_empty())
}

/// `core.PROGRAM.UID.BOOT.PID.TIME.zst`
fn by_systemd(name: &str) -> Option<&str> {
    name.strip_prefix("core.").map(|rest| rest.split('.').next().unwrap_or(rest))
}

/// `_usr_bin_PROGRAM.UID.crash`
fn by_apport(name: &str) -> Option<&str> {
    let (path, _) = name.strip_suffix(".crash")?.rsplit_once('.')?;
    Some(path.rsplit('_').next().unwrap_or(path))
}

fn dump(facts: &dyn Facts, path: &str, program: &str) -> Option<Dump> {
    let meta = facts.stat(path).known().filter(|m| m.kind == FileKind::File && m.size > 0)?;
    // A mode of 640 may be a list of those who may read it.
    let may = meta.own || meta.mode & 0o044 != 0;
    let program = if program.is_empty() { "a program".to_owned() } else { plain(program) };
    may.then_some(Dump { program, size: meta.size, open: meta.mode & 0o004 != 0 })
}

/// Whether the user may read a file of the system. One that is too large to be handed out has been opened.
fn opens(facts: &dyn Facts, path: &str) -> bool {
    match facts.read(path) {
        Fact::Known(_) => true,
        Fact::Unknown(why) => !why.starts_with("cannot be opened"),
        Fact::Absent => false,
    }
}

/// Larger than any other file that happens to be called like a dump and that rules may read.
const LARGE: u64 = 4 << 20;

/// Whether a name says by itself that a file is a dump: `core` alone may be anything.
fn named(name: &str) -> bool {
    name.len() > "core".len() && name.ends_with(|c: char| c.is_ascii_digit())
}

/// Whether a file begins like a dump; one that is too large to be read is one by its name and its size.
fn is_core(facts: &dyn Facts, path: &str, named: bool, size: u64) -> bool {
    match facts.read(path) {
        Fact::Known(bytes) => elf_core(&bytes),
        Fact::Unknown(_) => named && size > LARGE,
        Fact::Absent => false,
    }
}

/// Whether bytes begin an ELF file of type `ET_CORE`.
fn elf_core(bytes: &[u8]) -> bool {
    match bytes.get(..18) {
        Some([0x7f, b'E', b'L', b'F', _, order, .., low, high]) => {
            (if *order == 2 { [*high, *low] } else { [*low, *high] }) == [4, 0]
        }
        _ => false,
    }
}

/// A name from a directory in which others may write.
fn plain(program: &str) -> String {
    program.chars().take(40).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    fn core(order: u8) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, order, 1];
        head.resize(16, 0);
        head.extend(if order == 1 { [4, 0] } else { [0, 4] });
        head.resize(4096, 0);
        head
    }

    fn found(path: &str, bytes: &[u8], mode: u32) -> Option<(Option<Severity>, String)> {
        let found = run(&Home::default().file_mode(path, bytes, mode));
        found.into_iter().next().map(|f| (f.severity, f.preview))
    }

    #[test]
    fn dumps_where_they_are_left() {
        let low = |program: &str| Some((None, format!("memory of {program}, 1 MiB")));
        let medium = |text: &str| Some((Some(Severity::Medium), format!("memory of {text}")));
        assert_eq!(found("~/core", &core(1), 0o600), low("a program"));
        assert_eq!(found("~/core.4711", &core(2), 0o600), low("a program"));
        assert_eq!(found("~/core.tool.4711", &core(1), 0o600), low("tool"));
        assert_eq!(found("~/tool.core", &core(1), 0o600), low("tool"));
        assert_eq!(found("~/core.4711", &core(1), 0o644), medium("a program, 1 MiB, readable by others"));
        assert_eq!(found("~/core.ssh-agent.1", &core(1), 0o600), medium("ssh-agent, 1 MiB"));
        let systemd = "/var/lib/systemd/coredump/core.firefox.1000.0123abcd.4711.1700000000000000.zst";
        assert_eq!(found(systemd, b"zstd", 0o640), medium("firefox, 1 MiB"));
        let apport = found("/var/crash/_usr_bin_tool.1000.crash", b"ProblemType: Crash", 0o644);
        assert_eq!(apport, medium("tool, 1 MiB, readable by others"));
    }

    #[test]
    fn one_finding_for_what_the_system_keeps() {
        let name = |program, pid| format!("/var/lib/systemd/coredump/core.{program}.1000.ab.{pid}.1.zst");
        let home = ["a", "b", "b", "c", "d", "e", "f"]
            .iter()
            .enumerate()
            .fold(Home::default(), |home, (pid, program)| {
                home.file_mode(&name(*program, pid), b"zstd", 0o640)
            });
        let found = run(&home);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path.as_deref(), Some("/var/lib/systemd/coredump"));
        assert_eq!(found[0].preview, "memory of a, b, c, d, e, …, 1 MiB");
        assert_eq!(found[0].severity, None);
    }

    #[test]
    fn what_is_none() {
        for (path, bytes) in [
            ("~/core", b"notes on the core".as_slice()),
            ("~/core.py", &core(1)),
            ("~/core/mod.rs", &core(1)),
            ("~/core.4711", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0"),
            ("~/core.4711", b""),
            ("~/hardcore.txt", &core(1)),
            ("~/.core", &core(1)),
            ("/var/crash/kexec_cmd", b"x"),
            ("/var/lib/systemd/coredump/.keep", b"x"),
        ] {
            assert_eq!(found(path, bytes, 0o600), None, "{path}");
        }
        // A file of another user that only he can read.
        assert_eq!(found("/var/lib/systemd/coredump/core.tool.0.ab.1.2.zst", b"zstd", 0o600), None);
    }

    #[test]
    fn one_byte_decides() {
        assert!(elf_core(&core(1)) && elf_core(&core(2)));
        assert!(!elf_core(&core(1)[..17]) && !elf_core(b""));
    }
}
