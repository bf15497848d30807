//! Credential files in the home that belong to another user.

use super::{Check, Fix, Found, Run};
use crate::facts::{Facts, FileKind};
use crate::keys;
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "file.foreign-owner",
    title: "Credentials that belong to another user",
    severity: Severity::High,
    why: "The owner of a file can read and replace it whatever its mode says, and so choose which credentials your tools use.",
    advice: "Find out how it came here. Make a copy that is yours, move the original away, and replace what it holds.",
    command: Some("ls -l {path}"),
    safety: Safety::Manual,
    profile: Profile::Default,
    references: &[],
    run: Run::File(run),
    fix: Fix::None,
};

fn run(target: &Target<'_>, _: &dyn Facts) -> Vec<Found> {
    let foreign = target.meta.is_some_and(|m| m.foreign() && m.kind == FileKind::File && m.size > 0);
    if !foreign || !target.path.starts_with("~/") {
        return Vec::new();
    }
    let credentials = target.place.is_some_and(|p| p.mode.is_some()) || keys::in_file(target.bytes).is_some();
    let found = Found { preview: "neither yours nor root's".to_owned(), ..Found::default() };
    credentials.then_some(found).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::facts::{FileKind, Meta};
    use crate::target::Target;
    use crate::testing::{Home, fill, scan};

    fn fires(path: &str, own: bool, root: bool) -> bool {
        let engine = Engine::builtin();
        let bytes = fill("{{pem:openssh-locked}}", "owner").into_bytes();
        let meta = Some(Meta { mode: 0o600, own, root, kind: FileKind::File, size: 9 });
        let target = Target { path, place: engine.places().classify(path), bytes: &bytes, meta };
        let report = scan(&engine, &target, &Home::default());
        report.findings.iter().any(|f| f.page.id == "file.foreign-owner")
    }

    #[test]
    fn only_strangers_in_the_home() {
        assert!(fires("~/.ssh/id_ed25519", false, false));
        assert!(!fires("~/.ssh/id_ed25519", true, false));
        assert!(!fires("~/.ssh/id_ed25519", false, true));
        assert!(!fires("/srv/key", false, false));
    }
}
