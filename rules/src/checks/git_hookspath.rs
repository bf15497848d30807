//! `core.hooksPath` that leads to hooks somebody else may write.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.hookspath",
    title: "Git takes its hooks from an unsafe folder",
    severity: Severity::Medium,
    why: "Hooks are programs that Git starts at every commit, checkout or push. Whoever can write this folder runs \
          code as you; and while it is set, the hooks that guard each repository are not run.",
    advice: "Unset it, or point it at a folder that exists and that only you can write, by its full path.",
    command: Some("git config --file {path} --unset-all {key}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/githooks"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Unset,
};

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    let values = entries.iter().filter(|e| e.key == "core.hookspath" && !e.value.is_empty());
    values.filter_map(|e| why(target, e, facts).map(|why| git::found(e, why))).collect()
}

fn why(target: &Target<'_>, entry: &Entry, facts: &dyn Facts) -> Option<&'static str> {
    let relative = !entry.value.starts_with(['/', '~', '%']);
    if git::is(target, git::USER) && relative {
        let default = entry.value.starts_with(".git/");
        return (!default).then_some("runs the hooks that any repository brings along");
    }
    let path = git::hooks_path(facts, target, entry).filter(|p| p != "/dev/null")?;
    // A relative folder belongs to the repository, whose tools make it when they are installed.
    let missing = !relative && facts.stat(&path) == Fact::Absent;
    git::trouble(facts, &path).or(missing.then_some("there is no such folder"))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::{global, scan};
    use crate::testing::Home;

    fn hooks(home: Home, value: &str) -> bool {
        !global(home, CHECK.id, &format!("[core]\n\thooksPath = {value}\n")).is_empty()
    }

    #[test]
    fn unsafe_folders_are_found() {
        assert!(hooks(Home::default(), "/tmp/hooks"));
        assert!(hooks(Home::default(), "~/gone"));
        assert!(hooks(Home::default().file_mode("~/h/", b"", 0o777), "~/h"));
        assert!(hooks(Home::default(), ".githooks"));
    }

    #[test]
    fn ordinary_ones_are_not() {
        assert!(!hooks(Home::default().file("~/h/pre-commit", ""), "~/h"));
        assert!(!hooks(Home::default().file("~/h/pre-commit", ""), "/home/dev/h"));
        assert!(!hooks(Home::default(), ".git/hooks"));
        assert!(!hooks(Home::default(), "/dev/null"));
        let text = "[core]\n\thooksPath = .husky/_\n";
        let home = Home::default().file("~/src/a/.git/config", text).file("~/src/a/.husky/pre-commit", "");
        assert!(scan(&home, CHECK.id, "~/src/a/.git/config").is_empty());
    }

    #[test]
    fn a_relative_folder_that_everyone_may_write_is_found() {
        let text = "[core]\n\thooksPath = .githooks\n";
        let home = Home::default().file("~/a/.git/config", text).file_mode("~/a/.githooks/", b"", 0o777);
        assert_eq!(scan(&home, CHECK.id, "~/a/.git/config").len(), 1);
    }
}
