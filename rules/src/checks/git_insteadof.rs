//! `url.<base>.insteadOf`: rewrites that send what you fetch somewhere else.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::{Entry, text};
use crate::settings::predicate::{loopback, url_host};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.insteadof",
    title: "Git rewrites addresses to another or an unencrypted server",
    severity: Severity::High,
    why: "Whoever runs the other server, or listens on the way to it, gets your credentials and decides which code you \
          fetch, while every URL you see still names the server you trust.",
    advice: "Unset the rewrite. If you did not set it, fetch again from the real server, compare, and change the \
             credentials that Git has used since.",
    command: Some("git config --file {path} --unset-all {key}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git-config#Documentation/git-config.txt-urlltbasegtinsteadOf"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Unset,
};

/// Servers that many fetch from. Those of one line belong together.
const FORGES: &[&[&str]] = &[
    &["github.com", "githubusercontent.com", "ghcr.io"],
    &["gitlab.com"],
    &["bitbucket.org"],
    &["codeberg.org"],
    &["gitea.com"],
    &["gitee.com"],
    &["sr.ht"],
    &["dev.azure.com", "visualstudio.com"],
    &["kernel.org"],
    &["googlesource.com"],
    &["huggingface.co", "hf.co"],
    &["debian.org"],
    &["freedesktop.org"],
    &["gnome.org"],
    &["kde.org"],
    &["savannah.gnu.org"],
];

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    if git::is(target, git::MODULES) {
        return Vec::new();
    }
    let found = |e: &Entry| {
        let rest = e.key.strip_prefix("url.")?;
        let base = rest.strip_suffix(".insteadof").or_else(|| rest.strip_suffix(".pushinsteadof"))?;
        why(base, &e.value, facts).map(|why| git::found(e, why))
    };
    entries.iter().filter_map(found).collect()
}

fn why(base: &str, value: &str, facts: &dyn Facts) -> Option<&'static str> {
    let to = host(base);
    if to.is_some_and(loopback) {
        return None;
    }
    if plain(base) && !plain(value) {
        return Some("without encryption");
    }
    let to = to?;
    let elsewhere = match host(value) {
        Some(from) => {
            let forge = FORGES.iter().find(|names| belongs(from, names))?;
            !belongs(to, forge) && !alias(base, to, forge, facts)
        }
        None => matches!(value, "https://" | "ssh://" | "http://" | "git://" | "git@"),
    };
    elsewhere.then_some("to another server")
}

fn plain(url: &str) -> bool {
    let url = url.to_ascii_lowercase();
    url.starts_with("http://") || url.starts_with("git://")
}

/// The host of a URL or of `user@host:path`.
fn host(url: &str) -> Option<&str> {
    if url.contains("://") {
        return url_host(url);
    }
    let (place, _) = url.split_once(':')?;
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    // Before a colon, and without a user, one word is a shorthand such as `gh:`.
    (!host.contains('/') && (place.contains('@') || host.contains('.'))).then_some(host)
}

fn belongs(host: &str, names: &[&str]) -> bool {
    let host = host.to_ascii_lowercase();
    names
        .iter()
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// A name of the user's own ssh configuration, as people have who use two accounts of one forge.
fn alias(base: &str, host: &str, forge: &[&str], facts: &dyn Facts) -> bool {
    let ssh = !base.contains("://") || base.starts_with("ssh://") || base.starts_with("git+ssh://");
    let account = || {
        // `github.com-work` is no name that the internet has.
        let rest = forge.iter().find_map(|name| host.strip_prefix(name));
        rest.is_some_and(|r| r.starts_with(['-', '_']) && !r.contains('.'))
    };
    ssh && (!host.contains('.') || account() || configured(host, facts))
}

fn configured(host: &str, facts: &dyn Facts) -> bool {
    let Fact::Known(config) = facts.read("~/.ssh/config") else { return false };
    text(&config).lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some_and(|w| w.eq_ignore_ascii_case("host")) && words.any(|w| w == host)
    })
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::global;
    use crate::testing::Home;

    fn rewrite(base: &str, value: &str) -> bool {
        let home = Home::default().file("~/.ssh/config", "Host work-github.com\n  HostName github.com\n");
        !global(home, CHECK.id, &format!("[url \"{base}\"]\n\tinsteadOf = {value}\n")).is_empty()
    }

    #[test]
    fn other_servers_and_plain_text_are_found() {
        for (base, value) in [
            ("https://mirror.example/github.com/", "https://github.com/"),
            ("git@git.example:", "git@github.com:"),
            ("https://github.com.example/", "https://github.com/"),
            ("https://notgithub.com/", "https://github.com/"),
            ("ssh://git@github.com-work.example/", "ssh://git@github.com/"),
            ("http://github.com/", "https://github.com/"),
            ("git://github.com/", "git@github.com:"),
            ("http://", "https://"),
            ("https://proxy.example/", "https://"),
        ] {
            assert!(rewrite(base, value), "{base} {value}");
        }
    }

    #[test]
    fn ordinary_rewrites_are_not() {
        for (base, value) in [
            ("git@github.com:", "https://github.com/"),
            ("https://github.com/", "git://github.com/"),
            ("https://", "git://"),
            ("git@github.com:", "gh:"),
            ("ssh://git@ssh.github.com:443/", "git@github.com:"),
            ("git@github.com-work:", "git@github.com:"),
            ("git@gh-work:team/", "https://github.com/team/"),
            ("git@work-github.com:", "git@github.com:"),
            ("git@ssh.dev.azure.com:v3/", "https://dev.azure.com/"),
            ("http://localhost:8080/", "https://github.com/"),
            ("https://git.corp.example/", "https://old.corp.example/"),
            ("/srv/mirror/", "https://github.com/"),
            ("ssh://git@git.corp.example/", "https://git.corp.example/"),
        ] {
            assert!(!rewrite(base, value), "{base} {value}");
        }
    }

    #[test]
    fn pushes_count_too() {
        let text = "[url \"git@x.example:\"]\n\tpushInsteadOf = https://gitlab.com/\n";
        assert_eq!(global(Home::default(), CHECK.id, text).len(), 1);
    }
}
