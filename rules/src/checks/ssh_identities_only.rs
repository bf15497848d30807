//! Several keys, and every server is shown all of them.

use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::fix::append;
use crate::fix::plan::Draft;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::predicate::boolean;
use crate::settings::reader;

pub(crate) const CHECK: Check = Check {
    id: "ssh.identities-only",
    title: "Every server is offered all your SSH keys",
    severity: Severity::Info,
    why: "A server learns the public halves of all your keys, which tie your accounts on different services together.",
    advice: "Set `IdentitiesOnly yes` for all hosts and name the key of each host with `IdentityFile`.",
    command: None,
    safety: Safety::Review,
    profile: Profile::Strict,
    references: &["https://man.openbsd.org/ssh_config#IdentitiesOnly"],
    run: Run::Home(run),
    fix: Fix::Steps("sets `IdentitiesOnly yes` for all hosts", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let step = append::at_end(case.found.path.as_deref()?, "\nHost *\n  IdentitiesOnly yes\n", case.facts)?;
    let mut draft = Draft::new("adds `IdentitiesOnly yes` for all hosts", vec![step]);
    draft.left.push("keys with names of their own: name each with `IdentityFile` at its host".to_owned());
    Some(draft)
}

const DIR: &str = "~/.ssh";

fn run(facts: &dyn Facts) -> Vec<Found> {
    let names = facts.list(DIR).known().unwrap_or_default();
    let pairs = names.iter().filter(|n| names.contains(&format!("{n}.pub"))).count();
    if pairs < 2 || set(facts) {
        return Vec::new();
    }
    let preview = format!("{pairs} keys, IdentitiesOnly not set");
    vec![Found { path: Some(format!("{DIR}/config")), preview, ..Found::default() }]
}

/// Whether any of the user's configuration files says it.
fn set(facts: &dyn Facts) -> bool {
    let more = facts.list(&format!("{DIR}/config.d")).known().unwrap_or_default();
    let files = more.iter().map(|name| format!("{DIR}/config.d/{name}"));
    let mut files = std::iter::once(format!("{DIR}/config")).chain(files);
    files.any(|file| {
        let bytes = facts.read(&file).known().unwrap_or_default();
        let entries = reader("ssh_config").map(|r| (r.read)(&bytes).entries).unwrap_or_default();
        entries.iter().any(|e| e.key == "identitiesonly" && boolean(&e.value) == Some(true))
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::Home;

    fn fires(home: &Home) -> bool {
        home.scan_home(&Engine::builtin()).findings.iter().any(|f| f.page.id == "ssh.identities-only")
    }

    #[test]
    fn several_keys_want_it() {
        let one = Home::default().file("~/.ssh/a", "").file("~/.ssh/a.pub", "").file("~/.ssh/config", "");
        assert!(!fires(&one));
        let two = one.file("~/.ssh/b", "").file("~/.ssh/b.pub", "");
        assert!(fires(&two));
        assert!(!fires(&two.file("~/.ssh/config.d/all", "Host *\n  IdentitiesOnly yes\n")));
    }
}
