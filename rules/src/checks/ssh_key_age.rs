//! Private keys that have been in use for years.

use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.key-age",
    title: "SSH key has not been replaced for years",
    severity: Severity::Low,
    why: "The longer a key is in use, the more machines, backups and images may hold a copy of it.",
    advice: "Make a new key, put its public half where the old one is accepted, then remove the old one everywhere.",
    command: Some("ssh-keygen -t ed25519"),
    safety: Safety::Manual,
    profile: Profile::Strict,
    references: &[],
    run: Run::File(run),
    fix: Fix::None,
};

/// Two years.
const DAYS: u64 = 730;

fn run(target: &Target<'_>, facts: &dyn Facts) -> Vec<Found> {
    if target.place.is_none_or(|p| p.id != "ssh-key") {
        return Vec::new();
    }
    match facts.age_days(target.path).known() {
        Some(days) if days > DAYS => {
            vec![Found { preview: format!("last changed {} years ago", days / 365), ..Found::default() }]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::{Home, fill};

    #[test]
    fn only_old_private_keys_are_told() {
        let engine = Engine::builtin();
        let key = fill("{{pem:openssh-locked}}", "age");
        let told = |path: &str, days| {
            let home = Home::default().file(path, &key).aged(path, days);
            home.scan(&engine, path).findings.iter().any(|f| f.page.id == "ssh.key-age")
        };
        assert!(told("~/.ssh/id_ed25519", 731));
        assert!(!told("~/.ssh/id_ed25519", 730));
        assert!(!told("~/notes.txt", 5000));
    }
}
