//! Answers the questions of rules from the real machine.

use crate::home::Home;
use crate::machine::ask::ask;
use crate::machine::{files, process};
use lapwing_rules::facts::{Fact, Facts, FileKind, Meta, Program};
use rustix::fs::{FileType, Stat};
use std::process::Command;
use std::time::Duration;

/// How long to wait for a tool that is asked about itself: those in Python take a second, on a busy machine ten.
const PATIENCE: Duration = Duration::from_secs(30);

/// The machine as seen from one home.
pub(crate) struct Machine {
    home: Home,
    /// Who owns the home: files of others are foreign.
    owner: u32,
}

impl Machine {
    pub(crate) fn new(home: &Home) -> Machine {
        let owner =
            rustix::fs::stat(home.root()).map_or_else(|_| rustix::process::getuid().as_raw(), |s| s.st_uid);
        Machine { home: home.clone(), owner }
    }

    /// What rules may know of a file.
    pub(crate) fn meta(&self, stat: &Stat) -> Meta {
        let kind = match files::kind(stat) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Dir,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        Meta {
            mode: stat.st_mode & 0o7777,
            own: stat.st_uid == self.owner,
            root: stat.st_uid == 0,
            kind,
            size,
        }
    }
}

impl Facts for Machine {
    fn stat(&self, path: &str) -> Fact<Meta> {
        use rustix::io::Errno;
        match rustix::fs::stat(self.home.path(path)) {
            Ok(stat) => Fact::Known(self.meta(&stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Fact::Absent,
            Err(e) => Fact::Unknown(std::io::Error::from(e).to_string()),
        }
    }

    fn read(&self, path: &str) -> Fact<Vec<u8>> {
        match files::read_small(&self.home.path(path)) {
            Ok(Some(bytes)) => Fact::Known(bytes),
            Ok(None) => Fact::Absent,
            Err(why) => Fact::Unknown(why),
        }
    }

    fn list(&self, path: &str) -> Fact<Vec<String>> {
        let path = self.home.path(path);
        match files::list(&path) {
            Some(paths) => {
                let mut names: Vec<String> = paths
                    .iter()
                    .filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
                    .collect();
                names.sort();
                Fact::Known(names)
            }
            None if rustix::fs::stat(&path).is_err() => Fact::Absent,
            None => Fact::Unknown("cannot be listed".to_owned()),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.home.is_own().then(|| std::env::var_os(name)).flatten().map(|v| v.to_string_lossy().into_owned())
    }

    fn told(&self, program: &str, args: &[&str]) -> Fact<String> {
        if !self.home.is_own() {
            return Fact::Unknown("whose search path that is cannot be told".to_owned());
        }
        match ask(Command::new(program).args(args), PATIENCE) {
            Fact::Known(said) => Fact::Known(String::from_utf8_lossy(&said).into_owned()),
            Fact::Absent => Fact::Absent,
            Fact::Unknown(why) => Fact::Unknown(why),
        }
    }

    fn programs(&self) -> Fact<Vec<Program>> {
        if !self.home.is_own() {
            return Fact::Absent;
        }
        process::running([self.home.root(), self.home.canonical()]).map_or_else(Fact::Unknown, Fact::Known)
    }

    fn age_days(&self, path: &str) -> Fact<u64> {
        match rustix::fs::stat(self.home.path(path)) {
            Ok(stat) => {
                Fact::Known(u64::try_from((crate::text::now() - stat.st_mtime) / 86_400).unwrap_or_default())
            }
            Err(_) => Fact::Absent,
        }
    }

    fn now(&self) -> i64 {
        crate::text::now()
    }

    fn tilde(&self, path: &str) -> String {
        self.home.shown(std::path::Path::new(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_files_say_how_old_they_are() {
        let machine = Machine::new(&Home::own().unwrap());
        let version = machine.version("git").known().unwrap();
        assert!(
            version.split('.').count() >= 2 && version.starts_with(|c: char| c.is_ascii_digit()),
            "{version}"
        );
        assert_eq!(machine.version("no-such-program-anywhere"), Fact::Absent);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(machine.age_days(&dir.path().display().to_string()), Fact::Known(0));
        assert_eq!(machine.age_days("/no/such/file"), Fact::Absent);
        assert!(matches!(Machine::new(&Home::other(dir.path())).version("git"), Fact::Unknown(_)));
    }
}
