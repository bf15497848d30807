//! Who is using a file at this moment: programs that have it open for writing, editors that have it in memory, and
//! shells that will write their history back when they end.
#![expect(clippy::disallowed_methods, reason = "an edge: what the kernel tells of processes")]

use super::refused::Refused;
use super::spot::Spot;
use rustix::fs::{OFlags, Stat};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A transcript that was written less than this many seconds ago is being written.
const FRESH: i64 = 10;

/// What runs at this moment, looked at once for many files.
#[derive(Default)]
pub(crate) struct Running {
    /// Files that are open for writing: device and inode, with who has them.
    writers: HashMap<(u64, u64), (String, u32)>,
    shells: Vec<Shell>,
}

/// A shell that somebody types in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shell {
    /// `bash`, `zsh` or `fish`.
    pub(crate) name: String,
    /// Its process.
    pub(crate) id: u32,
}

impl Running {
    /// Looks at every process that this user may look into, but this one.
    pub(crate) fn now() -> Running {
        let mut running = Running::default();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = process.file_name();
            let Some(id) = name.to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
            if id == std::process::id() {
                continue;
            }
            running.look(&process.path(), id);
        }
        running
    }

    fn look(&mut self, process: &Path, id: u32) {
        let Ok(owner) = rustix::fs::stat(process) else { return };
        if owner.st_uid != rustix::process::geteuid().as_raw() {
            return;
        }
        let name = fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned();
        if ["bash", "zsh", "fish"].contains(&name.trim_start_matches('-')) && has_terminal(process) {
            self.shells.push(Shell { name: name.trim_start_matches('-').to_owned(), id });
        }
        for open in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
            let Ok(stat) = rustix::fs::stat(open.path()) else { continue };
            let plain =
                rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
            if plain && writes(process, &open.file_name()) {
                self.writers.insert((stat.st_dev, stat.st_ino), (name.clone(), id));
            }
        }
    }

    /// Who has a file open for writing.
    pub(crate) fn writer(&self, stat: &Stat) -> Option<&(String, u32)> {
        self.writers.get(&(stat.st_dev, stat.st_ino))
    }

    /// Shells of this name that somebody types in.
    pub(crate) fn shells(&self, name: &str) -> Vec<&Shell> {
        self.shells.iter().filter(|s| s.name == name).collect()
    }
}

/// Whether a process has this descriptor open for writing.
fn writes(process: &Path, descriptor: &std::ffi::OsStr) -> bool {
    let info = fs::read_to_string(process.join("fdinfo").join(descriptor)).unwrap_or_default();
    let flags = info.lines().find_map(|l| l.strip_prefix("flags:"));
    let flags = flags.and_then(|f| u32::from_str_radix(f.trim(), 8).ok()).unwrap_or_default();
    flags & OFlags::RWMODE.bits() != OFlags::RDONLY.bits()
}

/// Whether a process has a terminal, so that somebody may be typing in it: field 7 of its `stat`.
fn has_terminal(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().nth(4).is_some_and(|terminal| terminal != "0")
}

/// A file as it is at this moment: device, inode and when it was written.
pub(crate) type Written = (u64, u64, i64, u64);

pub(crate) fn written(stat: &Stat) -> Written {
    (stat.st_dev, stat.st_ino, stat.st_mtime, stat.st_mtime_nsec)
}

/// Whether a file must be left for later. That `ours` were written a moment ago is our own doing.
pub(crate) fn check(
    running: &Running,
    spot: &Spot,
    stat: &Stat,
    place: Option<&str>,
    ours: &HashSet<Written>,
) -> Result<(), Refused> {
    if let Some((name, id)) = running.writer(stat) {
        return Err(Refused::Busy(name.clone(), *id));
    }
    editor(running, spot)?;
    let transcript = place.is_some_and(|p| p.ends_with("-transcript"));
    if transcript && now() - stat.st_mtime < FRESH && !ours.contains(&written(stat)) {
        return Err(Refused::Fresh);
    }
    Ok(())
}

/// Editors keep the file in memory, not open: vim has `.NAME.swp` open instead, Emacs leaves the link `.#NAME`.
fn editor(running: &Running, spot: &Spot) -> Result<(), Refused> {
    let name = spot.name.to_string_lossy();
    for swap in [format!(".{name}.swp"), format!(".{name}.swo")] {
        if let Some(stat) = spot.beside(swap)?.stat()?
            && let Some((name, id)) = running.writer(&stat)
        {
            return Err(Refused::Busy(name.clone(), *id));
        }
    }
    let link = spot.beside(format!(".#{name}"))?;
    let who = rustix::fs::readlinkat(&link.dir, &link.name, Vec::new());
    let who = who.map(|w| w.to_string_lossy().into_owned()).unwrap_or_default();
    // `user@host.123:456`
    let id = who.split(':').next().and_then(|w| w.rsplit('.').next()).and_then(|id| id.parse::<u32>().ok());
    match id.filter(|id| Path::new("/proc").join(id.to_string()).exists()) {
        Some(id) => Err(Refused::Busy("Emacs".to_owned(), id)),
        None => Ok(()),
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// Start-up files in which people say how their shell keeps its history.
fn start_up(shell: &str, home: &Path) -> Vec<PathBuf> {
    let names: &[&str] = match shell {
        "bash" => &[".bashrc", ".bash_profile", ".profile"],
        "zsh" => &[".zshrc", ".zshenv", ".zprofile", ".config/zsh/.zshrc"],
        _ => &[],
    };
    names.iter().map(|n| home.join(n)).collect()
}

/// A history may be changed while its shell runs, unless that shell is told to write it back from memory: then the line
/// would come back when the shell ends. Shells append by themselves (`ctl/tests/histories.rs` tries it with each).
pub(crate) fn history(running: &Running, home: &Path, place: Option<&str>) -> Result<(), Refused> {
    let Some(shell) = place.and_then(|p| p.strip_suffix("-history")) else { return Ok(()) };
    let Some(first) = running.shells(shell).first().copied().cloned() else { return Ok(()) };
    let said = start_up(shell, home).iter().any(|file| {
        let text = fs::read(file).unwrap_or_default();
        text.len() < 1 << 20 && rewrites(shell, &String::from_utf8_lossy(&text))
    });
    if said { Err(Refused::Shell(first.name, first.id)) } else { Ok(()) }
}

/// Whether a start-up file makes the shell write its history from memory.
fn rewrites(shell: &str, text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|l| !l.starts_with('#'));
    let mut plain = lines.map(|l| l.to_ascii_lowercase().replace('_', ""));
    match shell {
        "bash" => plain.any(|l| l.contains("history -w")),
        "zsh" => plain.any(|l| {
            let off = l.contains("unsetopt") || l.contains("setopt +o");
            l.contains("noappendhistory") || (off && l.contains("appendhistory") && !l.contains("incappend"))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_agent::home::Home;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    #[test]
    fn whoever_has_a_file_open_for_writing_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "x").unwrap();
        let spot = Spot::find(&Home::other(dir.path()), "~/log").unwrap();
        let stat = spot.stat().unwrap().unwrap();
        let file = fs::File::options().append(true).open(&path).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::from(file)).spawn().unwrap();
        let none = HashSet::new();
        let found = check(&Running::now(), &spot, &stat, None, &none);
        assert_eq!(found, Err(Refused::Busy("cat".to_owned(), child.id())));
        child.stdin.take().unwrap().flush().unwrap();
        child.wait().unwrap();
        assert_eq!(check(&Running::now(), &spot, &stat, None, &none), Ok(()));
        let transcript =
            |ours: &HashSet<Written>| check(&Running::now(), &spot, &stat, Some("claude-transcript"), ours);
        assert_eq!(transcript(&none), Err(Refused::Fresh));
        assert_eq!(transcript(&HashSet::from([written(&stat)])), Ok(()));
    }

    #[test]
    fn a_lock_of_emacs_counts_while_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "x").unwrap();
        let spot = Spot::find(&Home::other(dir.path()), "~/a").unwrap();
        let link = dir.path().join(".#a");
        std::os::unix::fs::symlink(format!("dev@host.lan.{}:17", std::process::id()), &link).unwrap();
        assert!(matches!(editor(&Running::default(), &spot), Err(Refused::Busy(name, _)) if name == "Emacs"));
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("dev@host.999999999:17", &link).unwrap();
        assert_eq!(editor(&Running::default(), &spot), Ok(()));
    }

    #[test]
    fn settings_that_write_histories_back_are_known() {
        assert!(rewrites("bash", "PROMPT_COMMAND='history -a; history -w'\n"));
        assert!(!rewrites("bash", "# history -w\nPROMPT_COMMAND='history -a'\nshopt -s histappend\n"));
        for text in ["setopt NO_APPEND_HISTORY", "unsetopt append_history", "setopt noappendhistory"] {
            assert!(rewrites("zsh", text), "{text}");
        }
        assert!(!rewrites("zsh", "setopt INC_APPEND_HISTORY SHARE_HISTORY\nunsetopt inc_append_history\n"));
    }
}
