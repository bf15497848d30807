//! Policy: commits are signed, with a key that is there.

use super::git;
use super::{Case, Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::fix::plan::Draft;
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "git.signing",
    title: "Git does not sign commits",
    severity: Severity::Low,
    why: "Anybody can make commits that carry your name; without signatures nobody can tell them from yours.",
    advice: "Choose a key (`gpg.format ssh` with `user.signingKey` is the simplest), register it with your forge, then \
             set `commit.gpgSign` to true.",
    command: Some("git config --global commit.gpgSign true"),
    safety: Safety::Review,
    profile: Profile::Strict,
    references: &["https://git-scm.com/docs/git-config#Documentation/git-config.txt-commitgpgSign"],
    run: Run::Home(run),
    fix: Fix::Steps("sets `commit.gpgSign`, once there is a key to sign with", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let (_, entries) = git::user_config(case.facts)?;
    let ready = case.found.key == "commit.gpgsign" && git::last(&entries, "user.signingkey").is_some();
    git::set(case, "commit", "gpgSign", "true").filter(|_| ready)
}

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Some((path, entries)) = git::user_config(facts) else { return Vec::new() };
    let signs = git::last(&entries, "commit.gpgsign");
    if !signs.is_some_and(git::holds) {
        return vec![git::policy("commit.gpgSign", signs, path)];
    }
    let ssh = git::last(&entries, "gpg.format").is_some_and(|f| f.eq_ignore_ascii_case("ssh"));
    let key = git::last(&entries, "user.signingkey").filter(|_| ssh);
    let file = key.and_then(|k| git::path(facts, None, k)).filter(|p| facts.stat(p) == Fact::Absent);
    let missing = |file| Found {
        key: "user.signingkey".to_owned(),
        preview: format!("user.signingKey = {file} (there is no such file)"),
        path: Some(path),
        ..Found::default()
    };
    file.map(missing).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::policy;

    #[test]
    fn no_signatures_and_missing_keys_are_found() {
        assert_eq!(policy(CHECK.id, "[user]\n"), ["commit.gpgSign is not set"]);
        assert_eq!(policy(CHECK.id, "[commit]\ngpgSign = false\n"), ["commit.gpgSign = false"]);
        let ssh = "[commit]\ngpgSign\n[gpg]\nformat = ssh\n[user]\nsigningKey = ";
        let told = policy(CHECK.id, &format!("{ssh}~/.ssh/gone.pub\n"));
        assert_eq!(told, ["user.signingKey = ~/.ssh/gone.pub (there is no such file)"]);
        assert!(policy(CHECK.id, &format!("{ssh}~/.gitconfig\n")).is_empty());
        assert!(policy(CHECK.id, &format!("{ssh}ssh-ed25519 AAAA\n")).is_empty());
        assert!(policy(CHECK.id, "[commit]\ngpgSign = yes\n[user]\nsigningKey = ABCD\n").is_empty());
    }
}
