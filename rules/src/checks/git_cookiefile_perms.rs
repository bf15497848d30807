//! Cookie files of Git that others could read. (`~/.gitcookies` is a place of its own, with its mode.)

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::{Facts, FileKind};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.cookiefile-perms",
    title: "Git's cookie file can be read by others",
    severity: Severity::Medium,
    why: "The cookies in it sign in to the Git server without a password.",
    advice: "Take the permission away. On a machine that others use, sign out of the old session too.",
    command: Some("chmod 600 {path}"),
    safety: Safety::Safe,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpcookieFile"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Close(0o077),
};

fn run(_: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    let ours = |e: &&Entry| e.key.starts_with("http.") && e.key.ends_with(".cookiefile");
    let found = |e: &Entry| {
        let path = git::path(facts, None, &e.value).filter(|p| p != "~/.gitcookies")?;
        let meta = facts.stat(&path).known()?;
        let open = meta.kind == FileKind::File && meta.mode & 0o077 != 0;
        open.then(|| Found {
            preview: format!("mode {:04o}", meta.mode),
            path: Some(path),
            ..Found::default()
        })
    };
    entries.iter().filter(ours).filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::global;
    use crate::testing::Home;

    #[test]
    fn only_open_cookie_files_are_found() {
        let found = |mode| {
            let home = Home::default().file_mode("~/.cookies", b"x", mode);
            global(home, CHECK.id, "[http \"https://x.example/\"]\n\tcookieFile = ~/.cookies\n")
        };
        assert_eq!(found(0o644)[0].path.as_deref(), Some("~/.cookies"));
        assert!(found(0o600).is_empty());
        assert!(global(Home::default(), CHECK.id, "[http]\n\tcookieFile = ~/.cookies\n").is_empty());
    }
}
