//! The mode and owner of `~/.ssh` itself.

use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts, FileKind};
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "ssh.dir-mode",
    title: "SSH directory open to others",
    severity: Severity::High,
    why: "Whoever may write here can replace your configuration and keys, or add a key that logs in as you; whoever may read learns which keys and hosts you have.",
    advice: "Close the directory to everybody else. If others could write, look through its files for what is not yours.",
    command: Some("chmod 700 {path}"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/ssh#FILES"],
    run: Run::Home(run),
    fix: Fix::Close(0o077),
};

const DIR: &str = "~/.ssh";

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Fact::Known(meta) = facts.stat(DIR) else { return Vec::new() };
    if meta.kind != FileKind::Dir || (meta.mode & 0o077 == 0 && !meta.foreign()) {
        return Vec::new();
    }
    let severity = (!meta.others_write() && !meta.foreign()).then_some(Severity::Medium);
    let preview = if meta.foreign() {
        "belongs to another user".to_owned()
    } else {
        format!("mode {:04o}, should be 0700", meta.mode)
    };
    vec![Found { path: Some(DIR.to_owned()), preview, severity, ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::rule::Severity;
    use crate::testing::Home;

    fn severity(mode: u32) -> Option<Severity> {
        let home = Home::default().file_mode("~/.ssh/", b"", mode);
        let report = home.scan_home(&Engine::builtin());
        report.findings.iter().find(|f| f.page.id == "ssh.dir-mode").map(|f| f.severity)
    }

    #[test]
    fn open_and_closed() {
        assert_eq!(severity(0o777), Some(Severity::High));
        assert_eq!(severity(0o770), Some(Severity::High));
        assert_eq!(severity(0o755), Some(Severity::Medium));
        assert_eq!(severity(0o700), None);
        assert!(
            !Home::default()
                .scan_home(&Engine::builtin())
                .findings
                .iter()
                .any(|f| f.page.id == "ssh.dir-mode")
        );
    }
}
