//! `ForwardAgent` for hosts that nobody has named.

use super::{Check, Fix, Found, Run, at};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::settings::predicate::boolean;
use crate::settings::readers::ssh_config::broad;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.forward-agent",
    title: "SSH agent forwarded to every host",
    severity: Severity::Medium,
    why: "On each host you log in to, its administrator, or whoever has broken in, can use your keys through the forwarded agent for as long as you are connected.",
    advice: "Remove the line. Reach machines behind a gateway with `ProxyJump`, which needs no agent there; where forwarding is needed, say so under the `Host` block of that one machine.",
    command: None,
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/ssh_config#ForwardAgent"],
    run: Run::Entries("ssh_config", run),
    fix: Fix::Unset,
};

fn run(_: &Target<'_>, entries: &[Entry], _: &dyn Facts) -> Vec<Found> {
    // A value that is no boolean names the agent's socket, and forwards it too.
    let forwards = |e: &&Entry| e.key == "forwardagent" && boolean(&e.value) != Some(false);
    entries.iter().filter(forwards).filter(|e| broad(&e.scope)).map(found).collect()
}

/// A finding about an entry that is risky because of its scope.
pub(crate) fn found(entry: &Entry) -> Found {
    let scope = if entry.scope.is_empty() { "every host" } else { &entry.scope };
    Found {
        key: format!("{} / {}", entry.scope, entry.key),
        setting: entry.key.clone(),
        preview: format!("{scope}: {} = {}", entry.key, entry.value),
        at: at(entry),
        ..Found::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::Home;

    fn fires(config: &str, id: &str) -> bool {
        let home = Home::default().file("~/.ssh/config", config);
        home.scan(&Engine::builtin(), "~/.ssh/config").findings.iter().any(|f| f.page.id == id)
    }

    #[test]
    fn forwarding_to_everybody_is_told() {
        for config in [
            "ForwardAgent yes",
            "Host *\n  ForwardAgent yes",
            "Host * !work\n forwardagent=YES",
            "Match all\n  ForwardAgent $SSH_AUTH_SOCK",
        ] {
            assert!(fires(config, "ssh.forward-agent"), "{config}");
        }
    }

    #[test]
    fn forwarding_to_one_host_is_not() {
        for config in [
            "Host work\n  ForwardAgent yes",
            "Host *\n  ForwardAgent no",
            "Host *.work.example\n  ForwardAgent yes",
            "Host *\n  # ForwardAgent yes",
            "Host jump\n  ProxyJump gate",
        ] {
            assert!(!fires(config, "ssh.forward-agent"), "{config}");
        }
    }

    #[test]
    fn x11_to_everybody_and_to_one() {
        assert!(fires("Host *\n  ForwardX11 yes", "ssh.forward-x11"));
        assert!(fires("ForwardX11Trusted yes", "ssh.forward-x11"));
        assert!(!fires("Host cad\n  ForwardX11 yes", "ssh.forward-x11"));
        assert!(!fires("Host *\n  ForwardX11 no", "ssh.forward-x11"));
    }
}
