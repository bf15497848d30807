//! Policy: a hook looks for secrets before they are committed or pushed.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.secret-hook",
    title: "No hook looks for secrets before they are pushed",
    severity: Severity::Info,
    why: "A secret that is committed by mistake is public as soon as it is pushed, and removing the commit does not take \
          it back.",
    advice: "Install a hook that looks for secrets, in the repository or for all of them with `core.hooksPath`.",
    command: None,
    safety: Safety::Manual,
    profile: Profile::Strict,
    references: &["https://git-scm.com/docs/githooks"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::None,
};

/// Words of hooks and hook managers' files that look for secrets.
const GUARDS: &[&str] = &[
    "lapwing",
    "gitleaks",
    "ggshield",
    "trufflehog",
    "detect-secrets",
    "git-secrets",
    "git secrets",
    "talisman",
    "kingfisher",
    "ripsecrets",
    "detect-private-key",
    "secretlint",
];

/// Where hook managers keep what their hooks run, from the working tree.
const MANAGERS: &[&str] = &[
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".lefthook.yml",
    "lefthook.yaml",
    ".husky/pre-commit",
    ".husky/pre-push",
    ".overcommit.yml",
    "package.json",
];

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    let Some(git_dir) = git::git_dir(target) else { return Vec::new() };
    let Some(tree) = git_dir.strip_suffix("/.git") else { return Vec::new() };
    let user = git::user_config(facts).map(|(_, entries)| entries).unwrap_or_default();
    let all = || user.iter().chain(entries);
    let set = all().rfind(|e| e.key == "core.hookspath");
    let dir =
        set.and_then(|e| git::hooks_path(facts, target, e)).unwrap_or_else(|| format!("{git_dir}/hooks"));
    let hooks = git::hooks(facts, &dir);
    let hooks: Vec<_> = hooks.iter().filter(|h| h.name == "pre-commit" || h.name == "pre-push").collect();
    let configured = all().any(|e| e.key.starts_with("hook.") && guards(e.value.as_bytes()));
    let managed =
        || MANAGERS.iter().any(|f| facts.read(&format!("{tree}/{f}")).known().is_some_and(|b| guards(&b)));
    if configured || hooks.iter().any(|h| guards(&h.bytes)) || (!hooks.is_empty() && managed()) {
        return Vec::new();
    }
    let preview =
        if hooks.is_empty() { "no pre-commit or pre-push hook" } else { "the hooks do not look for secrets" };
    vec![Found { preview: preview.to_owned(), ..Found::default() }]
}

fn guards(bytes: &[u8]) -> bool {
    GUARDS.iter().any(|word| memchr::memmem::find(bytes, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::scan;
    use crate::testing::Home;

    fn found(home: Home) -> usize {
        scan(&home.file("~/a/.git/config", "[core]\n\tbare = false\n"), CHECK.id, "~/a/.git/config").len()
    }

    #[test]
    fn repositories_without_a_guard_are_found() {
        assert_eq!(found(Home::default()), 1);
        assert_eq!(found(Home::default().file_mode("~/a/.git/hooks/pre-commit", b"make lint", 0o755)), 1);
        assert_eq!(found(Home::default().file("~/a/.pre-commit-config.yaml", "- id: gitleaks\n")), 1);
    }

    #[test]
    fn every_kind_of_guard_counts() {
        let hook = |text: &[u8]| Home::default().file_mode("~/a/.git/hooks/pre-commit", text, 0o755);
        assert_eq!(found(hook(b"gitleaks git --staged\n")), 0);
        assert_eq!(
            found(hook(b"exec pre-commit\n").file("~/a/.pre-commit-config.yaml", "- id: gitleaks\n")),
            0
        );
        let global = Home::default().file("~/.gitconfig", "[core]\n\thooksPath = ~/h\n").file_mode(
            "~/h/pre-push",
            b"ggshield secret scan pre-push\n",
            0o755,
        );
        assert_eq!(found(global), 0);
        let config = "[hook \"guard\"]\n\tevent = pre-commit\n\tcommand = trufflehog git file://.\n";
        assert_eq!(found(Home::default().file("~/.gitconfig", config)), 0);
    }
}
