//! What moves of credentials share: is a program there, which version, what a name in the keyring is called.

use super::edit::digest;
use super::plan::{Draft, Edit, Step};
use crate::facts::{Facts, FileKind};
use crate::rule::Safety;
use crate::target::Target;

/// What every move leaves as it is.
pub(super) const UNDO: &str =
    "undo puts the file back without the secret, which stays in the keyring until you remove it there";

/// A plan that stays with people: what could be done, and why it cannot.
pub(super) fn by_hand(what: &str, why: impl AsRef<str>) -> Draft {
    let summary = if what.is_empty() { why.as_ref().to_owned() } else { format!("{what}: {}", why.as_ref()) };
    let mut draft = Draft::new(format!("left to you: {summary}"), Vec::new());
    draft.safety = Some(Safety::Manual);
    draft
}

/// Edits of the file that a move is about.
pub(super) fn edited(target: &Target<'_>, edits: Vec<Edit>) -> Step {
    Step::Edit { path: target.path.to_owned(), guard: digest(target.bytes), edits }
}

/// Takes a secret out.
pub(super) fn taken(start: usize, end: usize, with: impl Into<Vec<u8>>) -> Edit {
    Edit { start, end, with: with.into(), secret: true }
}

/// Puts text in.
pub(super) fn added(at: usize, with: impl Into<Vec<u8>>) -> Edit {
    Edit { start: at, end: at, with: with.into(), secret: false }
}

/// Another file: `edit` makes the change of what stands there; a file that is not there is made with `fresh`. `None` when
/// it cannot be read.
pub(super) fn other(
    path: &str,
    facts: &dyn Facts,
    edit: impl FnOnce(&[u8]) -> Option<Vec<Edit>>,
    fresh: &str,
) -> Option<Step> {
    use crate::facts::Fact;
    match facts.read(path) {
        Fact::Known(bytes) => {
            Some(Step::Edit { path: path.to_owned(), guard: digest(&bytes), edits: edit(&bytes)? })
        }
        Fact::Absent => {
            Some(Step::Create { path: path.to_owned(), bytes: fresh.as_bytes().to_vec(), mode: 0o600 })
        }
        Fact::Unknown(_) => None,
    }
}

/// Lines at the end of a file, which may lack a last line end.
pub(super) fn appended(bytes: &[u8], lines: &str) -> Edit {
    let break_first = if bytes.is_empty() || bytes.ends_with(b"\n") { "" } else { "\n" };
    added(bytes.len(), format!("{break_first}{lines}"))
}

/// Where a program is: on the search path, or in one of these directories.
pub(super) fn program(name: &str, more: &[&str], facts: &dyn Facts) -> Option<String> {
    programs(name, more, facts).into_iter().next()
}

/// Every place where a program is, in the order in which it is looked for.
pub(super) fn programs(name: &str, more: &[&str], facts: &dyn Facts) -> Vec<String> {
    let path = facts.env("PATH").unwrap_or_default();
    let dirs = path.split(':').filter(|d| d.starts_with('/')).chain(more.iter().copied());
    let runs = |path: &String| {
        facts.stat(path).known().is_some_and(|m| m.kind == FileKind::File && m.mode & 0o111 != 0)
    };
    dirs.map(|dir| format!("{}/{name}", dir.trim_end_matches('/'))).filter(runs).collect()
}

/// Whether a program says that it is at least this version.
pub(super) fn at_least(program: &str, least: (u64, u64), facts: &dyn Facts) -> bool {
    facts.version(program).known().is_some_and(|version| release(&version) >= least)
}

/// The first two numbers of a version.
pub(super) fn release(version: &str) -> (u64, u64) {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map_while(|p| p.parse().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// A name for the keyring: small letters, digits, `.` and `-`.
pub(super) fn name(parts: &[&str]) -> String {
    let mut out = String::new();
    for c in parts.join("-").chars() {
        match c {
            c if c.is_ascii_alphanumeric() || c == '.' => out.push(c.to_ascii_lowercase()),
            _ if out.ends_with('-') || out.is_empty() => {}
            _ => out.push('-'),
        }
    }
    out.truncate(80);
    out.trim_end_matches(['-', '.']).to_owned()
}

/// The user's shell, by what it reads when it starts in a terminal.
pub(super) fn start_up(facts: &dyn Facts) -> Option<(&'static str, Shell)> {
    let shell = facts.env("SHELL")?;
    match shell.rsplit('/').next()? {
        "bash" => Some(("~/.bashrc", Shell::Posix)),
        "zsh" => Some(("~/.zshrc", Shell::Posix)),
        "fish" => Some(("~/.config/fish/config.fish", Shell::Fish)),
        _ => None,
    }
}

/// How a shell writes things.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// bash, zsh and their like.
    Posix,
    /// fish.
    Fish,
}

/// A variable for one command, from the keyring, with a blank behind it.
pub(super) fn assigned(shell: Shell, variable: &str, name: &str) -> String {
    match shell {
        Shell::Posix => format!("{variable}=\"$(lapwing secret get {name})\" "),
        Shell::Fish => format!("{variable}=(lapwing secret get {name}) "),
    }
}

/// A function that starts a program with a variable that only this program gets.
pub(super) fn wrapper(shell: Shell, program: &str, variable: &str, name: &str) -> String {
    let note = format!("# {program} gets its token from the keyring; `lapwing secret list` names it\n");
    let given = assigned(shell, variable, name);
    let function = match shell {
        Shell::Posix => format!("{program}() {{ {given}command {program} \"$@\"; }}\n"),
        Shell::Fish => {
            format!("function {program} --wraps {program}\n    {given}command {program} $argv\nend\n")
        }
    };
    note + &function
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    #[test]
    fn names_are_plain() {
        assert_eq!(name(&["npm", "registry.npmjs.org/"]), "npm-registry.npmjs.org");
        assert_eq!(name(&["GITHUB_TOKEN"]), "github-token");
        assert_eq!(name(&["a//b", ""]), "a-b");
    }

    #[test]
    fn programs_are_found_where_they_may_run() {
        let home = Home::default()
            .var("PATH", "/usr/bin:relative:/opt/bin")
            .file_mode("/opt/bin/tool", b"", 0o755)
            .file_mode("/usr/bin/tool", b"", 0o644)
            .file_mode("/usr/lib/git-core/other", b"", 0o755);
        assert_eq!(program("tool", &[], &home).as_deref(), Some("/opt/bin/tool"));
        assert_eq!(
            program("other", &["/usr/lib/git-core"], &home).as_deref(),
            Some("/usr/lib/git-core/other")
        );
        assert_eq!(program("none", &["/usr/bin"], &home), None);
    }

    #[test]
    fn versions_are_numbers() {
        let home = Home::default().program("cargo", "1.95.0").program("old", "1.9").program("odd", "v");
        assert!(at_least("cargo", (1, 74), &home) && !at_least("old", (1, 74), &home));
        assert!(!at_least("odd", (1, 0), &home) && !at_least("none", (0, 0), &home));
    }
}
