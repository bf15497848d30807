//! `ForwardX11` and `ForwardX11Trusted` for hosts that nobody has named.

use super::ssh_forward_agent::found;
use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::settings::predicate::boolean;
use crate::settings::readers::ssh_config::broad;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.forward-x11",
    title: "Your screen and keyboard forwarded to every host",
    severity: Severity::Medium,
    why: "On each host you log in to, whoever controls it can read your keystrokes and look at your windows through the forwarded display.",
    advice: "Remove the line and use `ssh -X` when you need a window from elsewhere, or say it under the `Host` block of that one machine.",
    command: None,
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/ssh_config#ForwardX11"],
    run: Run::Entries("ssh_config", run),
    fix: Fix::Unset,
};

fn run(target: &Target<'_>, entries: &[Entry], _: &dyn Facts) -> Vec<Found> {
    // Distributions ship `ForwardX11Trusted yes` in /etc, where it does nothing until somebody asks for X11.
    let own = target.path.starts_with("~/");
    let key = |e: &Entry| e.key == "forwardx11" || (own && e.key == "forwardx11trusted");
    let risky = |e: &&Entry| key(e) && boolean(&e.value) == Some(true) && broad(&e.scope);
    entries.iter().filter(risky).map(found).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::Home;

    #[test]
    fn what_fedora_ships_is_fine() {
        let path = "/etc/ssh/ssh_config.d/50-redhat.conf";
        let home = Home::default().file(path, "Match final all\n\tForwardX11Trusted yes\n");
        assert!(home.scan(&Engine::builtin(), path).findings.is_empty());
    }
}
