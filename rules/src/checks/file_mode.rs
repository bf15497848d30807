//! Credential files that other users of the computer can read: places with a mode of their own, and unencrypted
//! private keys wherever they are.

use super::{Case, Check, Fix, Found, Run};
use crate::facts::{Facts, FileKind};
use crate::fix::mode;
use crate::fix::plan::Draft;
use crate::keys;
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "file.mode-wide",
    title: "Credentials readable by others",
    severity: Severity::High,
    why: "Every other account and service on this computer that can enter the directory can read what is in this file, or change it.",
    advice: "Close the file to everybody else. If strangers have accounts here, replace what it holds.",
    command: Some("chmod 600 {path}"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &[],
    run: Run::File(run),
    fix: Fix::Steps("takes the permission away", fix),
};

/// For keys that no place speaks of.
const KEY: u32 = 0o600;

fn run(target: &Target<'_>, _: &dyn Facts) -> Vec<Found> {
    let Some(meta) = target.meta.filter(|m| m.kind == FileKind::File && m.size > 0 && m.mode & 0o077 != 0)
    else {
        return Vec::new();
    };
    let Some(want) = expected(target).filter(|want| meta.mode & 0o077 & !want != 0) else {
        return Vec::new();
    };
    let preview = format!("mode {:04o}, should be {want:04o}", meta.mode);
    vec![Found { preview, ..Found::default() }]
}

fn fix(case: &Case<'_>) -> Option<Draft> {
    let target = case.target?;
    mode::close(target.path.to_owned(), target.meta?, 0o077 & !expected(target)?)
}

/// The widest mode that is fine.
fn expected(target: &Target<'_>) -> Option<u32> {
    let place = target.place.and_then(|p| p.mode.map(|mode| (p.id.as_str(), mode)));
    match place {
        // A certificate or a public half may lie among the keys.
        Some(("ssh-key", mode)) => keys::in_file(target.bytes).map(|_| mode),
        // What belongs to the system has the mode that the system gave it.
        Some((_, mode)) => (!target.path.starts_with('/')).then_some(mode),
        None => keys::in_file(target.bytes).filter(|key| !key.locked).map(|_| KEY),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::{Home, fill};

    fn preview(path: &str, text: &str, mode: u32) -> Option<String> {
        let home = Home::default().file_mode(path, fill(text, "mode").as_bytes(), mode);
        let report = home.scan(&Engine::builtin(), path);
        report.findings.into_iter().find(|f| f.page.id == "file.mode-wide").map(|f| f.preview)
    }

    #[test]
    fn open_credentials_are_told() {
        for (path, text, mode) in [
            ("~/.ssh/id_ed25519", "{{pem:openssh-locked}}", 0o644),
            ("~/.ssh/id_rsa", "{{pem:rsa}}", 0o640),
            ("~/keys/deploy", "{{pem:openssh}}", 0o604),
        ] {
            let want = format!("mode {mode:04o}, should be 0600");
            assert_eq!(preview(path, text, mode), Some(want), "{path}");
        }
    }

    #[test]
    fn closed_or_harmless_files_are_not() {
        for (path, text, mode) in [
            ("~/.ssh/id_ed25519", "{{pem:openssh}}", 0o600),
            ("~/.ssh/id_ed25519", "{{pem:openssh}}", 0o400),
            ("~/.ssh/id_ed25519.pub", "ssh-ed25519 AAAA me", 0o644),
            ("~/.ssh/ca.pem", "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----", 0o644),
            ("~/.ssh/id_ed25519", "", 0o644),
            ("~/keys/deploy", "{{pem:openssh-locked}}", 0o644),
            ("~/src/readme.md", "hello", 0o666),
        ] {
            assert_eq!(preview(path, text, mode), None, "{path}");
        }
    }
}
