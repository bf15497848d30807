//! Certificates and keys for Git's connections that others could replace.

use super::git;
use super::{Case, Check, Fix, Found, Run, entry};
use crate::facts::Facts;
use crate::fix::mode;
use crate::fix::plan::Draft;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.ca-override",
    title: "Certificates that Git trusts can be changed by others",
    severity: Severity::Medium,
    why: "Whoever can write this file can make Git trust a server of their own, and then read your credentials and \
          change the code that you fetch.",
    advice: "Move the file where only you or root can write, take away the write permission of others, and check \
             that its content is what it should be.",
    command: Some("git config --file {path} --edit"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpsslCAInfo"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Steps("takes the write permission away", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let (_, entry) = entry(case.found, case.entries)?;
    let path = git::path(case.facts, None, &entry.value)?;
    let meta = case.facts.stat(&path).known()?;
    mode::close(path, meta, 0o022)
}

const NAMES: &[&str] =
    &["sslcainfo", "sslcapath", "sslcert", "sslkey", "proxysslcainfo", "proxysslcert", "proxysslkey"];

fn run(_: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    let ours = |e: &&Entry| {
        let name = e.key.rsplit('.').next().unwrap_or_default();
        e.key.starts_with("http.") && NAMES.contains(&name)
    };
    let set = entries.iter().filter(ours);
    set.filter_map(|e| git::trouble(facts, &git::path(facts, None, &e.value)?).map(|why| git::found(e, why)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::global;
    use crate::testing::Home;

    #[test]
    fn only_files_that_others_may_write_are_found() {
        let home = || Home::default().file_mode("~/open.pem", b"", 0o666).file_mode("~/ca.pem", b"", 0o644);
        let found = |text: &str| global(home(), CHECK.id, text).len();
        assert_eq!(found("[http]\n\tsslCAInfo = ~/open.pem\n"), 1);
        assert_eq!(found("[http \"https://x.example/\"]\n\tsslKey = /tmp/key.pem\n"), 1);
        assert_eq!(found("[http]\n\tsslCAInfo = ~/ca.pem\n\tsslCAPath = /etc/ssl/certs\n"), 0);
        assert_eq!(found("[http]\n\tcookieFile = ~/open.pem\n"), 0);
    }
}
