//! Configuration that Git includes from a file others could write.

use super::git;
use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::Entry;
use crate::settings::include::{git_include, targets};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.include-unsafe",
    title: "Git includes configuration that others can change",
    severity: Severity::High,
    why: "Git's configuration can name programs to run. Whoever can write the included file runs code as you the next \
          time that Git is used.",
    advice: "Move the file into your home, where only you can write, check what it says, and include it from there.",
    command: Some("git config --file {path} --unset-all {key}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git-config#_includes"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Unset,
};

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    // Git does not follow includes of `.gitmodules`.
    if git::is(target, git::MODULES) {
        return Vec::new();
    }
    let found = |e: &Entry| {
        let files = targets("gitconfig", target.path, e);
        files.iter().find_map(|f| git::trouble(facts, &facts.tilde(f))).map(|why| git::found(e, why))
    };
    entries.iter().filter(|e| git_include(&e.key)).filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::global;
    use crate::testing::Home;

    #[test]
    fn only_files_that_others_may_write_are_found() {
        let home = || Home::default().file_mode("~/open", b"", 0o646).file_mode("~/mine", b"", 0o664);
        let found = |text: &str| global(home(), CHECK.id, text).len();
        assert_eq!(found("[include]\n\tpath = open\n"), 1);
        assert_eq!(found("[include]\n\tpath = /home/dev/open\n"), 1);
        assert_eq!(found("[includeIf \"gitdir:~/w/\"]\n\tpath = /tmp/w.inc\n"), 1);
        assert_eq!(found("[include]\n\tpath = mine\n\tpath = gone\n\tpath = /etc/gitconfig.d/x\n"), 0);
    }
}
