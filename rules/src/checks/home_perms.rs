//! A home directory that others may write: they can replace any start-up file in it, whatever the file's own mode.

use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "rc.perms",
    title: "Home directory that others may write",
    severity: Severity::High,
    why: "Another account on this machine can replace your shell's start-up files or SSH keys, and so run programs as you.",
    advice: "Take write permission from group and others, then look at what has changed in your home recently.",
    command: Some("chmod go-w ~"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &[],
    run: Run::Home(run),
    fix: Fix::Close(0o022),
};

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Fact::Known(meta) = facts.stat("~") else { return Vec::new() };
    if !meta.others_write() {
        return Vec::new();
    }
    let preview = format!("~ has mode {:o}", meta.mode);
    vec![Found { preview, path: Some("~".to_owned()), ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    fn found(mode: u32) -> usize {
        run(&Home::default().file_mode("~/", b"", mode)).len()
    }

    #[test]
    fn only_write_permission_counts() {
        assert_eq!([0o777, 0o775, 0o757].map(found), [1, 1, 1]);
        assert_eq!([0o755, 0o750, 0o711, 0o700].map(found), [0, 0, 0, 0]);
    }
}
