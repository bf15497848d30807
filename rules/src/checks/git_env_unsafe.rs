//! Variables that make Git careless or make it run something.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::predicate::suspicious_command;

pub(crate) const CHECK: Check = Check {
    id: "git.env-unsafe",
    title: "Environment variable makes Git unsafe",
    severity: Severity::High,
    why: "The variable applies to every Git command that you or your tools start, and no configuration file shows it.",
    advice: "Unset it now, and take it out of the start-up file that sets it.",
    command: Some("unset {key}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git#_environment_variables"],
    run: Run::Home(run),
    fix: Fix::None,
};

/// Variables whose value Git runs.
const COMMANDS: &[&str] = &[
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_PROXY_COMMAND",
    "GIT_ASKPASS",
    "GIT_PAGER",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_EXTERNAL_DIFF",
];

fn run(facts: &dyn Facts) -> Vec<Found> {
    let mut found = Vec::new();
    let mut tell = |name: &str, why: &str, severity| {
        let preview = format!("{name} {why}");
        found.push(Found { key: name.to_owned(), preview, severity, ..Found::default() });
    };
    // Git looks only at whether it is set: `0` switches the checks off as well.
    if facts.env("GIT_SSL_NO_VERIFY").is_some() {
        tell("GIT_SSL_NO_VERIFY", "is set: TLS certificates are not verified", None);
    }
    let value = |name: &str| facts.env(name).filter(|v| !v.is_empty());
    if value("GIT_SSH_COMMAND").is_some_and(|v| git::careless_ssh(&v)) {
        tell("GIT_SSH_COMMAND", "switches the check of host keys off", None);
    }
    for name in COMMANDS {
        if let Some(why) = value(name).as_deref().and_then(suspicious_command) {
            tell(name, why, None);
        }
    }
    let template = value("GIT_TEMPLATE_DIR").and_then(|v| git::path(facts, None, &v));
    if let Some(why) = template.and_then(|dir| git::template_trouble(facts, &dir)) {
        tell("GIT_TEMPLATE_DIR", &why, None);
    }
    if value("GIT_ALLOW_PROTOCOL").is_some_and(|v| v.split(':').any(|p| p == "ext" || p == "fd")) {
        tell("GIT_ALLOW_PROTOCOL", "lets repositories name commands to run", Some(Severity::Medium));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::scan_home;
    use crate::testing::Home;

    fn told(home: Home) -> Vec<String> {
        scan_home(&home, CHECK.id).into_iter().map(|f| f.preview).collect()
    }

    #[test]
    fn unsafe_variables_are_found() {
        for (name, value) in [
            ("GIT_SSL_NO_VERIFY", "0"),
            ("GIT_SSH_COMMAND", "ssh -o StrictHostKeyChecking=no"),
            ("GIT_SSH_COMMAND", "ssh -o 'UserKnownHostsFile /dev/null'"),
            ("GIT_EDITOR", "/tmp/x"),
            ("GIT_TEMPLATE_DIR", "/dev/shm/t"),
            ("GIT_ALLOW_PROTOCOL", "https:ext"),
        ] {
            let told = told(Home::default().var(name, value));
            assert!(told.len() == 1 && told[0].starts_with(name), "{name}: {told:?}");
        }
    }

    #[test]
    fn ordinary_ones_are_not() {
        let home = Home::default()
            .var("GIT_SSH_COMMAND", "ssh -i /home/dev/.ssh/work -o StrictHostKeyChecking=accept-new")
            .var("GIT_EDITOR", "nvim")
            .var("GIT_PAGER", "delta")
            .var("GIT_ALLOW_PROTOCOL", "https:ssh")
            .var("GIT_TEMPLATE_DIR", "/usr/share/git-core/templates");
        assert!(told(home).is_empty());
    }
}
