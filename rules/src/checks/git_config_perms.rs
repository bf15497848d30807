//! Git configuration that somebody else could write.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.config-perms",
    title: "Git's configuration can be changed by others",
    severity: Severity::High,
    why: "Git's configuration can name programs to run. Whoever can write this file runs code as you the next time that \
          Git is used.",
    advice: "Take the permission away, then check that the file says what you think it says.",
    command: Some("chmod go-w {path}"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git-config#FILES"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Close(0o022),
};

fn run(target: &Target<'_>, _: &[Entry], _: &dyn Facts) -> Vec<Found> {
    let Some(meta) = target.meta.filter(|_| !git::is(target, git::MODULES)) else { return Vec::new() };
    let preview = if meta.mode & 0o002 != 0 {
        format!("mode {:04o}", meta.mode)
    } else if meta.foreign() {
        "it belongs to another user".to_owned()
    } else {
        return Vec::new();
    };
    vec![Found { preview, ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::scan;
    use crate::testing::Home;

    #[test]
    fn only_what_others_may_write_is_found() {
        let found = |path: &str, mode| {
            scan(&Home::default().file_mode(path, b"[user]\n\tname = Dev\n", mode), CHECK.id, path).len()
        };
        assert_eq!(found("~/.gitconfig", 0o666), 1);
        assert_eq!(found("~/src/a/.git/config", 0o646), 1);
        assert_eq!(found("~/.gitconfig", 0o644), 0);
        assert_eq!(found("~/.gitconfig", 0o664), 0);
        assert_eq!(found("~/src/a/.gitmodules", 0o666), 0);
    }
}
