//! Policy: bare repositories inside others are not obeyed.

use super::git;
use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::fix::plan::Draft;
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "git.safe-bare",
    title: "Git obeys bare repositories that it comes across",
    severity: Severity::Low,
    why: "A repository that you clone can hold another, bare one among its files. Git obeys that one's configuration, \
          which can run commands, as soon as you or your prompt enter its folder.",
    advice: "Set `safe.bareRepository` to `explicit`; for bare repositories of your own, name the folder with `--git-dir`.",
    command: Some("git config --global safe.bareRepository explicit"),
    safety: Safety::Review,
    profile: Profile::Strict,
    references: &["https://git-scm.com/docs/git-config#Documentation/git-config.txt-safebareRepository"],
    run: Run::Home(run),
    fix: Fix::Steps("sets it to `explicit`", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    git::set(case, "safe", "bareRepository", "explicit")
}

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Some((path, entries)) = git::user_config(facts) else { return Vec::new() };
    match git::last(&entries, "safe.barerepository") {
        Some("explicit") => Vec::new(),
        value => vec![git::policy("safe.bareRepository", value, path)],
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::policy;

    #[test]
    fn anything_but_explicit_is_found() {
        assert_eq!(policy(CHECK.id, "[user]\n"), ["safe.bareRepository is not set"]);
        assert_eq!(policy(CHECK.id, "[safe]\nbareRepository = all\n"), ["safe.bareRepository = all"]);
        assert!(policy(CHECK.id, "[safe]\nbareRepository = explicit\n").is_empty());
    }
}
