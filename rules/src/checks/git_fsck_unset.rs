//! Policy: objects are checked as they arrive.

use super::git;
use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::fix::plan::Draft;
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "git.fsck-unset",
    title: "Git does not check objects as they arrive",
    severity: Severity::Low,
    why: "Malformed objects and paths made to trick Git are let into your repositories; by default Git checks them only \
          when asked.",
    advice: "Set `transfer.fsckObjects` to true. Some old projects have harmless flaws in their history and then need \
             `fetch.fsck.<name> = ignore`.",
    command: Some("git config --global transfer.fsckObjects true"),
    safety: Safety::Review,
    profile: Profile::Strict,
    references: &["https://git-scm.com/docs/git-config#Documentation/git-config.txt-transferfsckObjects"],
    run: Run::Home(run),
    fix: Fix::Steps("sets it to `true`", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    git::set(case, "transfer", "fsckObjects", "true")
}

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Some((path, entries)) = git::user_config(facts) else { return Vec::new() };
    // An explicit `false` is a finding of its own.
    let set =
        git::last(&entries, "transfer.fsckobjects").or_else(|| git::last(&entries, "fetch.fsckobjects"));
    if set.is_some() { Vec::new() } else { vec![git::policy("transfer.fsckObjects", None, path)] }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::policy;

    #[test]
    fn only_silence_is_found() {
        assert_eq!(policy(CHECK.id, "[user]\n"), ["transfer.fsckObjects is not set"]);
        assert!(policy(CHECK.id, "[transfer]\nfsckObjects\n").is_empty());
        assert!(policy(CHECK.id, "[fetch]\nfsckObjects = false\n").is_empty());
    }
}
