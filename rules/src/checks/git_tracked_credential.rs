//! Credential files that a repository tracks.

use super::git::{self, index};
use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::fix::append;
use crate::fix::plan::{Draft, Step};
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::{Entry, text};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "git.tracked-credential",
    title: "A credential file is part of a Git repository",
    severity: Severity::High,
    why: "Everybody who can read the repository has the credential, and so does every clone and every old commit, also \
          after the file is deleted.",
    advice: "Revoke the credential first. Then, inside the repository, run `git rm --cached` on the file, add it to \
             `.gitignore`, and rewrite the history if the repository is shared.",
    command: None,
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git-rm"],
    run: Run::Entries("gitconfig", run),
    fix: Fix::Steps("adds the file to `.gitignore` and runs `git rm --cached`, which keeps your copy", fix),
};

/// The end of a path, and a word that such a file holds when it holds a credential (none: whatever is in it).
const FILES: &[(&str, &str)] = &[
    (".git-credentials", "://"),
    (".netrc", "password"),
    (".pgpass", ":"),
    (".pypirc", "password"),
    (".vault-token", ""),
    (".my.cnf", "password"),
    ("id_rsa", "PRIVATE KEY"),
    ("id_dsa", "PRIVATE KEY"),
    ("id_ecdsa", "PRIVATE KEY"),
    ("id_ed25519", "PRIVATE KEY"),
    (".aws/credentials", "aws_secret_access_key"),
    (".docker/config.json", "\"auth\""),
    (".config/gh/hosts.yml", "oauth_token"),
    (".claude/.credentials.json", "Token"),
    (".cargo/credentials.toml", "token"),
    (".cargo/credentials", "token"),
    (".gem/credentials", ":"),
    (".kube/config", "client-key-data"),
    (".terraform.d/credentials.tfrc.json", "token"),
];

/// Folders whose keys are made for tests and manuals.
const MADE_UP: &[&str] =
    &["test", "spec", "fixture", "example", "sample", "mock", "doc", "demo", "vendor", "node_modules"];
/// More than this of one repository says nothing new.
const FOUND: usize = 20;

fn run(target: &Target<'_>, entries: &[Entry], facts: &dyn Facts) -> Vec<Found> {
    let Some(git_dir) = git::git_dir(target) else { return Vec::new() };
    let (Some(tree), Some(bytes)) =
        (git_dir.strip_suffix("/.git"), facts.read(&format!("{git_dir}/index")).known())
    else {
        return Vec::new();
    };
    let sha256 = git::last(entries, "extensions.objectformat") == Some("sha256");
    let mut tracked = Vec::new();
    index::paths(&bytes, if sha256 { 32 } else { 20 }, &mut |path| {
        if let Some((_, word)) = FILES.iter().find(|(end, _)| ends(path, end.as_bytes()))
            && tracked.len() < FOUND
        {
            tracked.push((text(path), *word));
        }
    });
    tracked.retain(|(path, _)| !made_up(path));
    let found = |(path, word): (String, &str)| {
        let file = format!("{tree}/{path}");
        let bytes = facts.read(&file).known()?;
        let holds = !bytes.is_empty() && memchr::memmem::find(&bytes, word.as_bytes()).is_some();
        let preview = format!("{path} is tracked in {tree}");
        holds.then(|| Found { preview, path: Some(file), ..Found::default() })
    };
    tracked.into_iter().filter_map(found).collect()
}

fn fix(case: &Case<'_>) -> Option<Draft> {
    let tree = git::git_dir(case.target?)?.strip_suffix("/.git")?;
    let below = case.found.path.as_deref()?.strip_prefix(tree)?;
    let ignore = format!("{tree}/.gitignore");
    let pattern: String =
        below.chars().flat_map(|c| "\\*?[ ".contains(c).then_some('\\').into_iter().chain([c])).collect();
    let known = text(&case.facts.read(&ignore).known().unwrap_or_default());
    let mut steps = Vec::new();
    if !known.lines().any(|line| line == pattern) {
        steps.push(append::to_block(&ignore, &[&pattern], case.facts)?);
    }
    let argv =
        ["git", "-C", tree, "rm", "--cached", "--quiet", "--", &below[1..]].map(str::to_owned).to_vec();
    let why = "takes the file out of what the next commit records; your copy stays".to_owned();
    steps.push(Step::Guide { argv, why });
    let mut draft = Draft::new(format!("{} is ignored and tracked no longer", &below[1..]), steps);
    draft.left.push(
        "commits that have it already, here and in every clone: the credential must be replaced".to_owned(),
    );
    Some(draft)
}

/// Whether a path is this file, in whichever folder.
fn ends(path: &[u8], end: &[u8]) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
}

fn made_up(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(dir, _)| dir).to_ascii_lowercase();
    folders.split('/').any(|folder| MADE_UP.iter().any(|word| folder.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::{CHECK, Step};
    use crate::checks::git::index::tests::made;
    use crate::checks::git::tests::scan;
    use crate::testing::{Home, fill};

    fn found(tracked: &[&str], file: &str, text: &str) -> Vec<String> {
        let home = Home::default()
            .file("~/a/.git/config", "[core]\n\tbare = false\n")
            .file_mode("~/a/.git/index", &made(tracked), 0o644)
            .file(&format!("~/a/{file}"), text);
        scan(&home, CHECK.id, "~/a/.git/config").into_iter().map(|f| f.path.unwrap()).collect()
    }

    #[test]
    fn the_file_is_ignored_and_git_is_asked_to_let_go_of_it() {
        let netrc = fill("machine h.example login me password {{alnum:20}}\n", "netrc");
        let home = Home::default()
            .file("~/a/.git/config", "[core]\n\tbare = false\n")
            .file_mode("~/a/.git/index", &made(&["my home/.netrc"]), 0o644)
            .file("~/a/my home/.netrc", &netrc);
        let plans =
            |home: &Home| crate::testing::plans(&crate::engine::Engine::builtin(), home, "~/a/.git/config");
        let first = plans(&home);
        let (_, plan) = first.iter().find(|(f, _)| f.page.id == CHECK.id).unwrap();
        let [Step::Create { path, bytes, .. }, Step::Guide { argv, .. }] = &plan.steps[..] else {
            panic!("other steps")
        };
        assert_eq!(
            (path.as_str(), argv.last().map(String::as_str)),
            ("~/a/.gitignore", Some("my home/.netrc"))
        );
        assert_eq!(bytes, b"# lapwing: begin\n/my\\ home/.netrc\n# lapwing: end\n");
        let again = plans(&home.mended(plan).unwrap());
        let (_, plan) = again.iter().find(|(f, _)| f.page.id == CHECK.id).unwrap();
        assert!(matches!(&plan.steps[..], [Step::Guide { .. }]));
    }

    #[test]
    fn tracked_credentials_are_found() {
        let netrc = fill("machine h.example login me password {{alnum:20}}\n", "netrc");
        assert_eq!(found(&["README", "home/.netrc"], "home/.netrc", &netrc), ["~/a/home/.netrc"]);
        let key = fill("{{pem:openssh}}\n", "key");
        assert_eq!(found(&["deploy/id_ed25519"], "deploy/id_ed25519", &key), ["~/a/deploy/id_ed25519"]);
    }

    #[test]
    fn untracked_empty_and_made_up_ones_are_not() {
        let netrc = fill("machine h.example login me password {{alnum:20}}\n", "netrc");
        assert!(found(&["README"], ".netrc", &netrc).is_empty());
        assert!(found(&[".netrc"], ".netrc", "machine h.example login me\n").is_empty());
        assert!(found(&["tests/.netrc"], "tests/.netrc", &netrc).is_empty());
        assert!(found(&["my.netrc"], "my.netrc", &netrc).is_empty());
        assert!(found(&["id_rsa.pub"], "id_rsa.pub", "ssh-rsa AAAA\n").is_empty());
    }
}
