//! Files in `~/.ssh` and `/etc/ssh` that others may write: whoever writes them decides what ssh runs and whom it lets in.

use super::{Check, Fix, Found, Run};
use crate::facts::{Facts, FileKind};
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.config-perms",
    title: "SSH configuration that others can change",
    severity: Severity::High,
    why: "Whoever may write this file can make ssh run a command as you, trust a false server, or let their own key log in.",
    advice: "Take the right to write from everybody else, then look through the file for lines that are not yours.",
    command: Some("chmod go-w {path}"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/ssh#FILES"],
    run: Run::File(run),
    fix: Fix::Close(0o022),
};

const PLACES: &[&str] =
    &["ssh-config", "ssh-known-hosts", "ssh-authorized-keys", "ssh-rc", "ssh-environment"];

fn run(target: &Target<'_>, _: &dyn Facts) -> Vec<Found> {
    let ours = target.place.is_some_and(|p| PLACES.contains(&p.id.as_str()));
    let Some(meta) = target.meta.filter(|m| ours && m.kind == FileKind::File && m.others_write()) else {
        return Vec::new();
    };
    // Many systems give each user a group of their own and files that it may write.
    let severity = (meta.mode & 0o002 == 0).then_some(Severity::Medium);
    let who = if severity.is_some() { "its group" } else { "everybody" };
    let preview = format!("mode {:04o}: {who} may write", meta.mode);
    vec![Found { preview, severity, ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::rule::Severity;
    use crate::testing::Home;

    fn severity(path: &str, mode: u32) -> Option<Severity> {
        let home = Home::default().file_mode(path, b"Host a\n", mode);
        let report = home.scan(&Engine::builtin(), path);
        report.findings.iter().find(|f| f.page.id == "ssh.config-perms").map(|f| f.severity)
    }

    #[test]
    fn writable_by_others_and_not() {
        assert_eq!(severity("~/.ssh/config", 0o666), Some(Severity::High));
        assert_eq!(severity("~/.ssh/config.d/work", 0o664), Some(Severity::Medium));
        assert_eq!(severity("/etc/ssh/ssh_config", 0o646), Some(Severity::High));
        assert_eq!(severity("~/.ssh/config", 0o644), None);
        assert_eq!(severity("~/.ssh/id_ed25519.pub", 0o666), None);
    }
}
