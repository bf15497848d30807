//! `PATH` entries in which somebody else can leave a program: empty and relative ones, temporary directories, and
//! directories that others may write.

use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts, FileKind, Meta};
use crate::rule::{Profile, Safety, Severity};
use std::collections::BTreeSet;

pub(crate) const CHECK: Check = Check {
    id: "rc.path",
    title: "Search path with a directory that others can fill",
    severity: Severity::Medium,
    why: "A program left in that directory under the name of a common command, or of one you mistype, runs as you.",
    advice: "Take the entry out of PATH in your shell's start-up file, or take write permission from others with `chmod go-w`. \
             Start a new session, and look at what lies in the directory.",
    command: None,
    safety: Safety::Manual,
    profile: Profile::Default,
    references: &["https://cwe.mitre.org/data/definitions/427.html"],
    run: Run::Home(run),
    fix: Fix::None,
};

/// Directories that everybody may write.
const TEMPORARY: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Some(path) = facts.env("PATH") else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for entry in path.split(':') {
        if !seen.insert(entry.trim_end_matches('/')) {
            continue;
        }
        if let Some(why) = risky(entry, facts) {
            let shown = facts.tilde(entry);
            let directory = entry.starts_with('/') || entry.starts_with('~');
            found.push(Found {
                preview: format!(
                    "PATH has {} ({why})",
                    if entry.is_empty() { "an empty entry" } else { &shown }
                ),
                key: shown.clone(),
                path: directory.then_some(shown),
                ..Found::default()
            });
        }
    }
    found
}

/// Why an entry is risky.
fn risky(entry: &str, facts: &dyn Facts) -> Option<&'static str> {
    if entry.is_empty() || entry == "." {
        return Some("the current directory");
    }
    if !entry.starts_with('/') && !entry.starts_with('~') {
        return Some("relative to the current directory");
    }
    // Windows drives under WSL: their modes say nothing.
    if entry.strip_prefix("/mnt/").is_some_and(|rest| rest.split('/').next().is_some_and(|d| d.len() == 1)) {
        return None;
    }
    let Fact::Known(meta) = facts.stat(entry) else { return None };
    if meta.kind != FileKind::Dir {
        return None;
    }
    let within =
        |dir: &&str| entry.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if TEMPORARY.iter().any(within) {
        return Some("a temporary directory");
    }
    open_to_others(&meta).then_some("others may write it")
}

/// Whether somebody else may write: everybody, or the group of somebody else's directory. A group-writable directory
/// of the user's own is left alone: on most systems everybody has a group of their own.
pub(super) fn open_to_others(meta: &Meta) -> bool {
    meta.mode & 0o002 != 0 || (meta.mode & 0o020 != 0 && meta.foreign())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{HOME, Home};

    fn found(home: Home) -> Vec<String> {
        run(&home).into_iter().map(|f| f.preview).collect()
    }

    #[test]
    fn empty_relative_and_temporary_entries_are_found() {
        let home = Home::default()
            .var("PATH", "/usr/bin::bin:.:/tmp/tools:/tmp/gone:/tmpfiles")
            .file_mode("/tmp/tools/x", b"", 0o755)
            .file_mode("/tmpfiles/x", b"", 0o755)
            .file_mode("/usr/bin/ls", b"", 0o755);
        assert_eq!(
            found(home),
            [
                "PATH has an empty entry (the current directory)",
                "PATH has bin (relative to the current directory)",
                "PATH has . (the current directory)",
                "PATH has /tmp/tools (a temporary directory)",
            ]
        );
    }

    #[test]
    fn directories_that_others_write_are_found_once() {
        let home = Home::default()
            .var("PATH", &format!("{HOME}/open:{HOME}/open/:/opt/shared"))
            .file_mode("~/open/", b"", 0o777)
            .file_mode("/opt/shared/", b"", 0o1777);
        assert_eq!(
            found(home),
            ["PATH has ~/open (others may write it)", "PATH has /opt/shared (others may write it)"]
        );
    }

    #[test]
    fn an_ordinary_path_is_fine() {
        let path =
            format!("{HOME}/.local/bin:{HOME}/.cargo/bin:/usr/local/bin:/usr/bin:/gone:/mnt/c/Windows");
        let home = Home::default()
            .var("PATH", &path)
            .file_mode("~/.local/bin/", b"", 0o775)
            .file_mode("~/.cargo/bin/", b"", 0o755)
            .file_mode("/usr/local/bin/", b"", 0o775)
            .file_mode("/usr/bin/", b"", 0o755)
            .file_mode("/mnt/c/Windows/", b"", 0o777);
        assert!(found(home).is_empty());
        assert!(run(&Home::default()).is_empty());
    }

    #[test]
    fn the_group_of_somebody_else_counts() {
        let meta = |mode, own, root| Meta { mode, own, root, kind: FileKind::Dir, size: 0 };
        assert!(open_to_others(&meta(0o775, false, false)));
        assert!(!open_to_others(&meta(0o775, true, false)));
        assert!(!open_to_others(&meta(0o775, false, true)));
        assert!(!open_to_others(&meta(0o755, false, false)));
    }
}
