//! Host names readable in `known_hosts`.

use super::{Case, Check, Fix, Found, Run, at};
use crate::facts::Facts;
use crate::fix::plan::{Draft, Step};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.hash-known-hosts",
    title: "Known hosts listed by name",
    severity: Severity::Low,
    why: "A worm that runs as you reads here which machines to try your keys on next.",
    advice: "Hash the names, and set `HashKnownHosts yes` so that new ones are hashed too. `ssh-keygen -H` keeps the old list as `known_hosts.old`: delete it afterwards.",
    command: Some("ssh-keygen -H -f {path}"),
    safety: Safety::Review,
    profile: Profile::Strict,
    references: &["https://man.openbsd.org/ssh_config#HashKnownHosts"],
    run: Run::Entries("ssh_known_hosts", run),
    fix: Fix::Steps("runs `ssh-keygen -H`", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let path = case.target?.path.to_owned();
    let argv = ["ssh-keygen", "-H", "-f", &path].map(str::to_owned).to_vec();
    let why = "hashes the names of hosts; the old list stays as known_hosts.old".to_owned();
    let mut draft = Draft::new("hashes the names of hosts", vec![Step::Guide { argv, why }]);
    draft.left.push("known_hosts.old, which holds the names: delete it when all is well".to_owned());
    Some(draft)
}

fn run(target: &Target<'_>, entries: &[Entry], _: &dyn Facts) -> Vec<Found> {
    // Names with wildcards and markers cannot be hashed; the machine's own list is public.
    let plain =
        |e: &&Entry| e.scope.is_empty() && !e.value.starts_with("|1|") && !e.value.contains(['*', '?']);
    let own = target.path.starts_with("~/");
    let mut readable = entries.iter().filter(plain).filter(|_| own).peekable();
    let Some(first) = readable.peek().map(|e| at(e)) else { return Vec::new() };
    let preview = format!("{} of {} entries can be read", readable.count(), entries.len());
    vec![Found { preview, at: first, ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::Home;

    fn preview(path: &str, text: &str) -> Option<String> {
        let home = Home::default().file(path, text);
        let report = home.scan(&Engine::builtin(), path);
        report.findings.into_iter().find(|f| f.page.id == "ssh.hash-known-hosts").map(|f| f.preview)
    }

    #[test]
    fn names_are_counted_and_hashes_are_not() {
        let mixed = "git.example ssh-ed25519 AAAA\n|1|a=|b= ssh-ed25519 AAAA\n";
        assert_eq!(preview("~/.ssh/known_hosts", mixed).as_deref(), Some("1 of 2 entries can be read"));
        let fine = "|1|a=|b= ssh-ed25519 AAAA\n@cert-authority *.example ssh-ed25519 AAAA\n";
        assert_eq!(preview("~/.ssh/known_hosts", fine), None);
        assert_eq!(preview("/etc/ssh/ssh_known_hosts", mixed), None);
    }
}
