//! Secrets in what git keeps: what is staged, what commits have added, and all of the history, made with the real program.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Document, Home, Run, checked, must, secret, text};
use std::path::Path;
use std::process::Command;

/// A repository at `~/app`, in a home of its own.
struct Repo(Home);

impl Repo {
    fn new() -> Repo {
        Repo::with(&[])
    }

    fn with(init: &[&str]) -> Repo {
        let home = Home::new();
        must(home.tool("git", ["init", "-q", "-b", "main"]).args(init).arg("app"));
        Repo(home)
    }

    fn tool(&self, dir: &str, args: &[&str]) -> Command {
        let mut command = self.0.tool("git", ["-c", "user.name=Dev", "-c", "user.email=dev@example.org"]);
        command.args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"]).args(args);
        command.current_dir(self.0.path(dir));
        command
    }

    fn git(&self, args: &[&str]) -> String {
        must(&mut self.tool("app", args))
    }

    fn write(&self, path: &str, content: &str) {
        self.0.write_mode(&format!("app/{path}"), content, 0o644);
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    fn run_in(&self, dir: &str, args: &[&str]) -> Run {
        let mut command = self.0.lapwing(&["scan", "--format", "json"]);
        common::run(command.args(args).current_dir(self.0.path(dir)))
    }

    fn scan(&self, args: &[&str], code: i32) -> Document {
        self.run_in("app", args).document(code)
    }

    fn staged(&self, code: i32) -> Document {
        self.scan(&["--staged"], code)
    }

    fn history(&self, code: i32) -> Document {
        self.scan(&["--history"], code)
    }

    /// The short id of a commit, as findings show it.
    fn id(&self, name: &str) -> String {
        format!("commit {}", &self.git(&["rev-parse", name])[..10])
    }
}

/// Where the only finding was seen: path, part, line.
#[track_caller]
fn only(doc: &Document) -> (String, Option<String>, u64) {
    let at = &doc.only()["sightings"][0];
    (text(&at["path"]), at["inside"].as_str().map(str::to_owned), at["line"].as_u64().unwrap())
}

fn line(label: &str) -> String {
    format!("token: {}\n", checked("ghp_", label))
}

#[test]
fn a_first_commit_is_searched_before_it_is_made() {
    let repo = Repo::new();
    assert_eq!(repo.staged(0).count("files"), 0);
    repo.write("src/a.yml", &line("first"));
    assert_eq!(repo.staged(0).count("files"), 0, "nothing is staged yet");
    repo.git(&["add", "."]);
    assert_eq!(only(&repo.staged(1)), ("src/a.yml".to_owned(), None, 1));
    assert_eq!(only(&repo.run_in("app/src", &["--staged"]).document(1)).0, "../src/a.yml");
    assert_eq!(only(&repo.run_in("", &["--staged", "app"]).document(1)).0, "app/src/a.yml");
}

#[test]
fn only_lines_that_are_new_count() {
    let repo = Repo::new();
    repo.write("old.yml", &line("old"));
    repo.write("gone.yml", &line("gone"));
    repo.commit("one");
    repo.write("old.yml", &format!("# a comment\n{}more: 1\n", line("old")));
    repo.git(&["mv", "gone.yml", "renamed.yml"]);
    repo.git(&["add", "."]);
    assert_eq!(repo.staged(0).count("files"), 1, "what is only renamed is not read");
    repo.git(&["rm", "-q", "-f", "renamed.yml"]);
    repo.staged(0);
    repo.write("old.yml", &format!("{}{}", line("old"), line("new")));
    repo.git(&["add", "."]);
    assert_eq!(only(&repo.staged(1)), ("old.yml".to_owned(), None, 2));
    // A line that is touched is news, whatever it said before.
    repo.write("old.yml", &format!("  {}", line("old")));
    repo.git(&["add", "."]);
    assert_eq!(repo.staged(1).findings().len(), 1);
}

#[test]
fn what_is_staged_counts_and_not_what_is_there() {
    let repo = Repo::new();
    repo.write("a.yml", "a: 1\n");
    repo.commit("one");
    repo.write("a.yml", &format!("a: 1\n{}", line("staged")));
    repo.git(&["add", "."]);
    repo.write("a.yml", &format!("{}a: 1\n", line("not staged")));
    assert_eq!(only(&repo.staged(1)), ("a.yml".to_owned(), None, 2));
    repo.write("logo.png", "\u{89}PNG");
    std::fs::write(repo.0.path("app/logo.png"), [b"\x89PNG\r\n".as_slice(), line("png").as_bytes()].concat())
        .unwrap();
    repo.git(&["add", "."]);
    assert!(repo.staged(1).gap("opaque").is_some());
}

#[test]
fn a_hook_refuses_the_commit() {
    let repo = Repo::new();
    repo.write("a.yml", "a: 1\n");
    repo.commit("one");
    let hook = format!("#!/bin/sh\nexec '{}' scan --staged --quiet\n", env!("CARGO_BIN_EXE_lapwing"));
    repo.0.write_mode("app/.git/hooks/pre-commit", hook, 0o755);
    repo.write("a.yml", &line("hook"));
    // `-a` makes git use another index than its usual one, and say so to the hook.
    let refused = common::run(&mut repo.tool("app", &["commit", "-q", "-a", "-m", "two"]));
    assert_eq!(refused.code, 1, "{}", refused.both());
    assert!(refused.both().contains("a.yml:1"), "{}", refused.both());
    repo.write("a.yml", "a: 2\n");
    repo.git(&["commit", "-q", "-a", "-m", "two"]);
}

#[test]
fn commits_since_a_name_are_searched() {
    let repo = Repo::new();
    repo.write("old.yml", &line("old"));
    repo.commit("one");
    repo.git(&["tag", "start"]);
    repo.write("new.yml", &line("new"));
    repo.commit("two");
    let two = repo.id("HEAD");
    repo.git(&["rm", "-q", "new.yml"]);
    repo.write("old.yml", &format!("{}# more\n", line("old")));
    repo.commit("three");
    assert_eq!(only(&repo.scan(&["--since", "start"], 1)), ("new.yml".to_owned(), Some(two), 1));
    repo.scan(&["--since", "HEAD~1"], 0);
    for name in ["nowhere", "--output=x", "HEAD..start"] {
        let run = repo.run_in("app", &[&format!("--since={name}")]);
        assert_eq!((run.code, run.stderr().contains("knows no commit")), (2, true), "{}", run.both());
    }
}

#[test]
fn a_merge_adds_only_what_none_of_its_parents_has() {
    let repo = Repo::new();
    repo.write("a.yml", "a: 1\n");
    repo.commit("one");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("side.yml", &line("side"));
    repo.commit("side");
    let side = repo.id("HEAD");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("b.yml", "b: 1\n");
    repo.commit("two");
    repo.git(&["merge", "-q", "--no-commit", "side"]);
    repo.write("a.yml", &format!("a: 1\n{}", line("merge")));
    repo.commit("merge");
    let doc = repo.scan(&["--since", "main~2"], 1);
    let mut seen: Vec<_> = doc.findings().iter().map(|f| text(&f["sightings"][0]["inside"])).collect();
    assert!(doc.findings().iter().all(|f| f["sightings"].as_array().unwrap().len() == 1), "{:#}", doc.0);
    let mut want = vec![side, repo.id("HEAD")];
    seen.sort();
    want.sort();
    assert_eq!(seen, want);
}

/// A history with a secret in a branch, a stash, a deleted branch and a file that is gone.
fn storied(init: &[&str]) -> (Repo, usize) {
    let repo = Repo::with(init);
    repo.write("README", "hello\n");
    repo.commit("zero");
    repo.write("gone.yml", &line("gone"));
    repo.commit("one");
    repo.git(&["rm", "-q", "gone.yml"]);
    let long: String =
        (0..400).map(|n| format!("# line {n}: {}\n", secret("{{lower:40}}", &n.to_string()))).collect();
    for n in 0..10 {
        let more = if n == 5 { line("delta") } else { String::new() };
        repo.write("src/long.yml", &format!("{long}# {n}\n{more}"));
        repo.commit("long");
    }
    repo.write("src/long.yml", &line("stash"));
    repo.git(&["stash", "-q"]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("side.yml", &line("deleted branch"));
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["branch", "-q", "-D", "side"]);
    (repo, 4)
}

#[test]
fn the_whole_history_is_searched_packed_or_not() {
    let (repo, count) = storied(&[]);
    let loose = repo.history(1);
    assert_eq!(loose.findings().len(), count, "{:#}", loose.0);
    assert!(loose.complete(), "{:#}", loose.0["coverage"]);
    let gone = loose.findings().into_iter().find(|f| f["sightings"][0]["path"] == "gone.yml").unwrap();
    assert_eq!(text(&gone["sightings"][0]["inside"]), repo.id("main~10"));
    assert!(text(&gone["note"]).contains("removing the line is not enough"));
    repo.git(&["gc", "-q"]);
    let packed = repo.history(1);
    assert_eq!(packed.0["findings"], loose.0["findings"]);
    assert!(repo.git(&["count-objects", "-v"]).contains("in-pack: "));
    // From anywhere in it, and only what git keeps.
    repo.write("untracked.yml", &line("untracked"));
    assert_eq!(repo.run_in("app/src", &["--history"]).document(1).ids(), loose.ids());
    assert_eq!(repo.run_in("", &["--history", "app"]).document(1).ids(), loose.ids());
}

#[test]
fn bare_repositories_work_trees_and_sha256() {
    let (repo, count) = storied(&["--object-format=sha256"]);
    assert_eq!(repo.history(1).findings().len(), count);
    repo.git(&["gc", "-q"]);
    assert_eq!(repo.history(1).findings().len(), count);
    repo.write("new.yml", &line("new"));
    repo.git(&["add", "."]);
    assert_eq!(only(&repo.staged(1)).0, "new.yml");
    repo.git(&["reset", "-q"]);
    repo.git(&["worktree", "add", "-q", "../tree", "HEAD"]);
    repo.0.write_mode("tree/other.yml", line("other"), 0o644);
    must(&mut repo.tool("tree", &["add", "other.yml"]));
    assert_eq!(only(&repo.run_in("tree", &["--staged"]).document(1)).0, "other.yml");
    assert!(repo.run_in("tree", &["--history"]).document(1).findings().len() >= count);
    must(&mut repo.tool("", &["clone", "-q", "--bare", "--no-local", "app", "bare.git"]));
    let bare = repo.run_in("", &["--history", "bare.git"]).document(1);
    assert_eq!(bare.findings().len(), 2, "the stash and the deleted branch stay at home");
    let at = &bare.findings()[0]["sightings"][0];
    assert_eq!(text(&at["path"]), "bare.git");
    assert!(text(&at["inside"]).starts_with("commit ") && text(&at["inside"]).ends_with(".yml"), "{at}");
}

#[test]
fn one_secret_in_many_versions_is_one_finding_with_few_sightings() {
    let repo = Repo::new();
    for n in 0..30 {
        repo.write("a.yml", &format!("{}n: {n}\n", line("many")));
        repo.commit("again");
    }
    let doc = repo.history(1);
    assert_eq!(doc.only()["sightings"].as_array().unwrap().len(), 3);
    assert_eq!(text(&doc.only()["sightings"][0]["inside"]), repo.id("HEAD~29"));
    repo.scan(&["--since", "HEAD~20"], 0);
}

#[test]
fn what_is_elsewhere_is_told() {
    let repo = Repo::new();
    repo.write("a.yml", &line("a"));
    repo.commit("one");
    repo.write("a.yml", "a: 1\n");
    repo.commit("two");
    let from = format!("file://{}", repo.0.path("app").display());
    must(&mut repo.tool("", &["clone", "-q", "--depth=1", &from, "shallow"]));
    let shallow = repo.run_in("", &["--history", "shallow"]).document(0);
    assert!(text(&shallow.gap("elsewhere").unwrap()["why"]).contains("shallow"));
    // A clone that borrows its objects from outside of the home, and one that does so inside.
    must(&mut repo.tool("", &["clone", "-q", "--shared", "app", "shared"]));
    assert_eq!(repo.run_in("", &["--history", "shared"]).document(1).findings().len(), 1);
    let beside = repo.0.beside("beside");
    std::fs::rename(repo.0.path("app"), &beside).unwrap();
    let alternates = format!("{}\n", beside.join(".git/objects").display());
    repo.0.write("shared/.git/objects/info/alternates", alternates);
    let outside = repo.run_in("", &["--history", "shared"]).document(0);
    assert!(text(&outside.gap("elsewhere").unwrap()["why"]).contains("outside of the home"));
    // A submodule is a repository of its own.
    must(&mut repo.tool("", &["init", "-q", "outer"]));
    must(&mut repo.tool("outer", &["submodule", "--quiet", "add", beside.to_str().unwrap(), "inner"]));
    repo.run_in("outer", &["--staged"]).document(0);
    assert_eq!(repo.run_in("outer/inner", &["--history"]).document(1).findings().len(), 1);
}

#[test]
fn damage_is_a_gap_and_no_repository_is_a_mistake() {
    let (repo, _) = storied(&[]);
    repo.git(&["gc", "-q"]);
    let pack = common::files(&repo.0.path("app/.git/objects/pack"));
    let pack = pack.iter().find(|p| p.extension().is_some_and(|e| e == "pack")).unwrap();
    let good = std::fs::read(pack).unwrap();
    common::set_mode(pack, 0o644);
    for at in (12..good.len()).step_by(good.len() / 40) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        std::fs::write(pack, &bad).unwrap();
        let run = repo.run_in("app", &["--history"]);
        assert!(matches!(run.code, 1 | 3), "{}", run.both());
    }
    std::fs::write(pack, &good[..good.len() / 3]).unwrap();
    assert!(!repo.run_in("app", &["--history"]).document(3).complete());
    for mode in ["--staged", "--history", "--since=HEAD"] {
        let run = repo.run_in("", &[mode]);
        assert_eq!((run.code, run.stderr().contains("not in a git repository")), (2, true), "{}", run.both());
    }
}

#[test]
fn a_repository_cannot_make_anything_run() {
    let repo = Repo::new();
    repo.write("a.yml", &line("a"));
    repo.commit("one");
    repo.git(&["gc", "-q"]);
    let trap = repo.0.write_mode(
        "trap.sh",
        format!("#!/bin/sh\ntouch '{}'\n", repo.0.path("sprung").display()),
        0o755,
    );
    let trap = trap.display().to_string();
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.external",
        "diff.x.textconv",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.x.command",
        "gpg.program",
        "core.editor",
        "credential.helper",
        "core.alternateRefsCommand",
    ] {
        repo.git(&["config", key, &trap]);
    }
    for (key, value) in [
        ("remote.origin.url", "ext::sh -c trap"),
        ("remote.origin.promisor", "true"),
        ("log.showSignature", "true"),
        ("remote.origin.partialclonefilter", "blob:none"),
        ("extensions.partialClone", "origin"),
        ("protocol.ext.allow", "always"),
    ] {
        repo.git(&["config", key, value]);
    }
    repo.0.write_mode("app/.gitattributes", "* diff=x filter=x\n", 0o644);
    for hook in ["pre-commit", "post-index-change", "reference-transaction"] {
        repo.0.write_mode(&format!("app/.git/hooks/{hook}"), format!("#!/bin/sh\nexec {trap}\n"), 0o755);
    }
    let index = Path::new("app/.git/index");
    let before = std::fs::metadata(repo.0.path(index.to_str().unwrap())).unwrap().modified().unwrap();
    repo.staged(0);
    repo.scan(&["--since", "HEAD"], 0);
    repo.history(1);
    assert!(!repo.0.path("sprung").exists(), "something ran");
    assert_eq!(std::fs::metadata(repo.0.path("app/.git/index")).unwrap().modified().unwrap(), before);
}

#[test]
fn doctor_searches_the_history_of_every_repository_and_only_what_is_new() {
    let (repo, count) = storied(&[]);
    let first = repo.0.doctor().document(1);
    assert_eq!(first.findings().len(), count, "{:#}", first.0);
    let gone = first
        .findings()
        .into_iter()
        .find(|f| text(&f["sightings"][0]["inside"]).ends_with("gone.yml"))
        .unwrap();
    let at = &gone["sightings"][0];
    assert_eq!(
        (text(&at["path"]), text(&at["inside"])),
        ("~/app/.git".to_owned(), format!("{} › gone.yml", repo.id("main~10")))
    );
    let unchanged = repo.0.doctor().document(1);
    assert_eq!(unchanged.0["findings"], first.0["findings"]);
    assert!(unchanged.count("bytes") < first.count("bytes") / 2, "{:#}", unchanged.0["summary"]);

    // A new commit: what is in no work tree any more is found, and nothing is forgotten.
    repo.write("short.yml", &line("short"));
    repo.commit("oh no");
    repo.git(&["rm", "-q", "short.yml"]);
    repo.commit("better");
    let more = repo.0.doctor().document(1);
    assert_eq!(more.findings().len(), count + 1);
    assert!(first.ids().iter().all(|id| more.ids().contains(id)));
    assert!(more.count("bytes") < first.count("bytes") / 2, "{:#}", more.0["summary"]);

    // Packing moves everything and changes nothing.
    repo.git(&["gc", "-q"]);
    let packed = repo.0.doctor().document(1);
    assert_eq!(packed.ids(), more.ids());
    assert!(packed.complete(), "{:#}", packed.0["coverage"]);
    repo.0.doctor().document(1);

    // What git has forgotten is resolved.
    repo.git(&["stash", "drop", "-q"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(repo.0.doctor().document(1).findings().len(), count - 1);
    std::fs::remove_dir_all(repo.0.path("app")).unwrap();
    repo.0.doctor().document(0);
}

#[test]
fn a_secret_that_many_commits_keep_does_not_add_up() {
    let repo = Repo::new();
    for n in 0..6 {
        repo.write("a.yml", &format!("{}n: {n}\n", line("kept")));
        repo.commit("again");
        let doc = repo.0.doctor().document(1);
        let sightings = doc.only()["sightings"].as_array().unwrap();
        assert_eq!(sightings.len(), 1 + 3.min(n + 1), "{:#}", doc.0);
    }
}

#[test]
fn large_histories_are_left_out_and_the_command_is_named() {
    let (repo, count) = storied(&[]);
    repo.0.write(".config/lapwing/config.toml", "[scan]\nmax-history-size = 100\n");
    repo.git(&["gc", "-q"]);
    let doc = repo.0.doctor().document(0);
    let gap = doc.gap("history").unwrap();
    assert!(text(&gap["why"]).contains("`lapwing scan --history ~/app`"), "{gap}");
    assert_eq!(repo.0.run(&["doctor", "--all", "--format", "json"]).document(1).findings().len(), count);
    // Known is known, also when the next look leaves it out.
    assert_eq!(repo.0.doctor().document(1).findings().len(), count);
}

#[test]
fn ignores_of_the_work_tree_hold_for_its_history() {
    let repo = Repo::new();
    repo.write("tests/key.yml", &line("test"));
    repo.commit("one");
    repo.git(&["rm", "-q", "tests/key.yml"]);
    repo.commit("two");
    repo.0.doctor().document(1);
    repo.write(".lapwingignore", "tests/** made for tests\n");
    repo.0.doctor().document(0);
    repo.history(0);
}

#[test]
fn bare_repositories_and_submodules_of_a_home_are_met() {
    let (repo, _) = storied(&[]);
    must(&mut repo.tool("", &["clone", "-q", "--bare", "--no-local", "app", "mirror"]));
    must(&mut repo.tool("", &["init", "-q", "outer"]));
    must(
        &mut repo.tool(
            "outer",
            &["submodule", "--quiet", "add", repo.0.path("mirror").to_str().unwrap(), "inner"],
        ),
    );
    std::fs::remove_dir_all(repo.0.path("app")).unwrap();
    let doc = repo.0.doctor().document(1);
    let mut seen: Vec<String> = doc.findings().iter().flat_map(|f| common::paths(f)).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["~/mirror", "~/outer/.git/modules/inner"]);
}
