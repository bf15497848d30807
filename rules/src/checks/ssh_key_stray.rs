//! Private keys in directories from which files are shared, synchronised or committed.

use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::keys::{self, Container};
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.key-stray",
    title: "Private key where files are shared or exported from",
    severity: Severity::High,
    why: "What lies here is uploaded, synchronised, attached or committed without a second thought, and a copy of a key works as well as the key.",
    advice: "Move it to ~/.ssh with mode 600, or delete it if it is a copy. If it was synchronised or committed, replace it.",
    command: None,
    safety: Safety::Manual,
    profile: Profile::Default,
    references: &[],
    run: Run::File(run),
    fix: Fix::None,
};

/// Directories of a home that are for handing things around.
const SHARED: &[&str] = &[
    "Desktop",
    "Documents",
    "Downloads",
    "Dropbox",
    "Google Drive",
    "GoogleDrive",
    "MEGA",
    "Nextcloud",
    "OneDrive",
    "Public",
    "Seafile",
    "Sync",
    "ownCloud",
    "pCloudDrive",
];

fn run(target: &Target<'_>, facts: &dyn Facts) -> Vec<Found> {
    let Some(rest) = target.path.strip_prefix("~/").filter(|rest| !rest.starts_with(".ssh/")) else {
        return Vec::new();
    };
    let Some(key) = keys::in_file(target.bytes) else { return Vec::new() };
    let (top, name) = (rest.split('/').next().unwrap_or(rest), rest.rsplit('/').next().unwrap_or(rest));
    let nested = rest.contains('/');
    // Keys of servers are part of many repositories, for tests; keys of people are not.
    let personal = key.container != Container::Pem || name.starts_with("id_");
    let place = if nested && (SHARED.contains(&top) || renamed(top, facts)) {
        format!("in ~/{top}")
    } else if let Some(repository) = repository(target.path, facts).filter(|_| personal) {
        format!("in the repository {repository}")
    } else {
        return Vec::new();
    };
    let (preview, severity) = match key.locked {
        true => (format!("{place}, with a passphrase"), Some(Severity::Medium)),
        false => (format!("{place}, without a passphrase"), None),
    };
    vec![Found { preview, severity, ..Found::default() }]
}

/// Whether the desktop names one of these directories so, in the user's language.
fn renamed(top: &str, facts: &dyn Facts) -> bool {
    let Fact::Known(bytes) = facts.read("~/.config/user-dirs.dirs") else { return false };
    let names = ["XDG_DESKTOP_DIR=", "XDG_DOCUMENTS_DIR=", "XDG_DOWNLOAD_DIR=", "XDG_PUBLICSHARE_DIR="];
    String::from_utf8_lossy(&bytes).lines().any(|line| {
        let value = names.iter().find_map(|name| line.trim().strip_prefix(name));
        value.is_some_and(|v| v.trim_matches('"').strip_prefix("$HOME/").is_some_and(|dir| dir == top))
    })
}

/// The nearest directory above that git knows, below the home itself.
fn repository<'a>(path: &'a str, facts: &dyn Facts) -> Option<&'a str> {
    let mut dir = path;
    loop {
        dir = dir.rsplit_once('/')?.0;
        if dir == "~" {
            return None;
        }
        if matches!(facts.stat(&format!("{dir}/.git")), Fact::Known(_)) {
            return Some(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::rule::Severity;
    use crate::testing::{Home, fill};

    fn found(path: &str, key: &str) -> Option<(Severity, String)> {
        let home = Home::default()
            .file(path, &fill(key, "stray"))
            .file("~/src/tool/.git/config", "")
            .file("~/.config/user-dirs.dirs", "XDG_DOWNLOAD_DIR=\"$HOME/Stiahnuté\"\n");
        let report = home.scan(&Engine::builtin(), path);
        let one = report.findings.into_iter().find(|f| f.page.id == "ssh.key-stray");
        one.map(|f| (f.severity, f.preview))
    }

    #[test]
    fn keys_that_lie_around() {
        let severity = |path, key| found(path, key).map(|(severity, _)| severity);
        assert_eq!(severity("~/Downloads/aws.pem", "{{pem:rsa}}"), Some(Severity::High));
        assert_eq!(severity("~/Desktop/a/b/key", "{{pem:openssh-locked}}"), Some(Severity::Medium));
        assert_eq!(severity("~/Stiahnuté/key", "{{pem:openssh}}"), Some(Severity::High));
        let inside = found("~/src/tool/deploy/key", "{{pem:openssh}}");
        assert_eq!(inside.unwrap().1, "in the repository ~/src/tool, without a passphrase");
    }

    #[test]
    fn keys_at_home_and_files_that_are_none() {
        for (path, text) in [
            ("~/.ssh/id_ed25519", "{{pem:openssh}}"),
            ("~/keys/backup", "{{pem:openssh}}"),
            ("~/Downloads/notes.txt", "my key:\n{{pem:openssh}}"),
            ("~/src/tool/tests/server.pem", "{{pem:rsa}}"),
            ("~/Documents/id_rsa.pub", "ssh-rsa AAAA me"),
        ] {
            assert_eq!(found(path, text), None, "{path}");
        }
    }
}
