//! Shell start-up files that others may write.

use super::path_writable::open_to_others;
use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "rc.file-perms",
    title: "Shell start-up file that others may write",
    severity: Severity::High,
    why: "Another account on this machine can add a line that runs as you the next time you open a terminal.",
    advice: "Take write permission from others, then look through the file for lines that you did not write.",
    command: Some("chmod go-w {path}"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &[],
    run: Run::File(run),
    fix: Fix::Close(0o022),
};

fn run(target: &Target<'_>, _facts: &dyn Facts) -> Vec<Found> {
    let rc = target.place.is_some_and(|p| p.id == "shell-rc");
    match target.meta.filter(|meta| rc && open_to_others(meta)) {
        Some(meta) => vec![Found { preview: format!("mode {:o}", meta.mode), ..Found::default() }],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::Home;

    fn found(path: &str, mode: u32) -> bool {
        let report = Home::default().file_mode(path, b"umask 022\n", mode).scan(&Engine::builtin(), path);
        report.findings.iter().any(|f| f.page.id == "rc.file-perms")
    }

    #[test]
    fn a_start_up_file_open_to_everybody_is_found() {
        assert!(found("~/.bashrc", 0o666));
        assert!(found("~/.config/fish/conf.d/x.fish", 0o646));
    }

    #[test]
    fn ordinary_modes_and_other_files_are_not() {
        assert!(!found("~/.bashrc", 0o644));
        assert!(!found("~/.bashrc", 0o664));
        assert!(!found("~/notes.txt", 0o666));
    }
}
