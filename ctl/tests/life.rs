//! The life of findings between runs, what people decide about them, and what `lapwing` never touches.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Document, Home, checked, finish, paths, secret, text};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;

/// A home with a secret, a setting and a check.
fn home() -> Home {
    let home = Home::new();
    home.write("notes.txt", format!("token: {}\n", checked("ghp_", "notes")));
    home.write_mode(".gitconfig", "[http]\n\tsslVerify = false\n", 0o644);
    home.write_mode(".profile", "umask 022\n", 0o666);
    home
}

fn list(home: &Home, state: &str, code: i32) -> Document {
    home.run(&["list", "--format", "json", "--state", state]).document(code)
}

/// Everything about every file and directory but when it was read.
fn snapshot(dir: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path());
        for path in entries.chain([dir.clone()]) {
            let meta = path.symlink_metadata().unwrap();
            if meta.is_dir() && path != dir {
                dirs.push(path.clone());
            }
            let bytes = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            let what = format!(
                "{:o} {}:{} {} {}.{} {}.{} {}",
                meta.permissions().mode(),
                meta.uid(),
                meta.gid(),
                meta.ino(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.ctime(),
                meta.ctime_nsec(),
                crc32fast::hash(&bytes),
            );
            all.insert(path.display().to_string(), what);
        }
    }
    all
}

#[test]
fn a_second_look_says_the_same_and_reads_less() {
    let home = home();
    for n in 0..20 {
        home.write_mode(&format!("src/{n}.c"), "int x;\n", 0o644);
    }
    home.write("src/key.txt", secret("dop_v1_{{hex:64}}", "unchanged"));
    let first = home.doctor().document(1);
    let second = home.doctor().document(1);
    assert_eq!(first.0["findings"], second.0["findings"]);
    assert_eq!((first.findings().len(), first.count("unchanged")), (4, 0));
    assert!(second.count("unchanged") >= 21, "{:#}", second.0["summary"]);
    assert!(second.count("files") >= first.count("files"), "{:#}", second.0["summary"]);
    // `list` knows the same without looking.
    assert_eq!(list(&home, "open", 1).0["findings"], first.0["findings"]);
}

#[test]
fn what_is_gone_is_resolved_and_what_comes_back_is_the_same() {
    let home = home();
    let first = home.doctor().document(1);
    let token = text(&first.of("github-pat")[0]["id"]);
    let content = home.read("notes.txt");
    home.write("notes.txt", "nothing here\n");
    home.must("git", ["config", "--global", "--unset", "http.sslVerify"]);
    common::set_mode(&home.path(".profile"), 0o644);
    let doc = home.doctor().document(0);
    assert_eq!(doc.findings().len(), 0, "{:#}", doc.0);
    let resolved = list(&home, "resolved", 0);
    assert_eq!(resolved.ids(), first.ids());
    assert!(resolved.findings().iter().all(|f| f["state"]["is"] == "resolved" && f["state"]["at"].is_u64()));
    // Somewhere else, it is still the same secret.
    home.write("elsewhere/copy.txt", content);
    let back = home.doctor().document(1);
    assert_eq!(back.ids(), [token]);
    assert_eq!(paths(back.only()), ["~/elsewhere/copy.txt"]);
    std::fs::remove_dir_all(home.path("elsewhere")).unwrap();
    assert_eq!(home.doctor().document(0).findings().len(), 0);
}

#[test]
fn a_decision_holds_until_it_ends() {
    let home = home();
    let id = text(&home.doctor().document(1).of("github-pat")[0]["id"]);
    let ignored =
        home.run(&["ignore", &id, "--reason", "made for a talk", "--until", "30d", "--format", "json"]);
    assert_eq!(ignored.code, 0, "{}", ignored.both());
    let doc = home.doctor().document(1);
    assert_eq!((doc.of("github-pat").len(), doc.count("ignored")), (0, 1));
    let known = list(&home, "ignored", 0);
    let state = &known.only()["state"];
    assert!(state["reason"] == "made for a talk" && state["until"].is_u64(), "{state}");
    assert_eq!(home.run(&["unignore", &id]).code, 0);
    assert_eq!(home.doctor().document(1).of("github-pat").len(), 1);
    // The end of a decision is in the ledger; once it has passed, the finding counts again.
    assert_eq!(home.run(&["ignore", &id, "--reason", "for a day", "--until", "1d"]).code, 0);
    assert_eq!(home.doctor().document(1).of("github-pat").len(), 0);
    let ledger = home.state().join("ledger.db");
    common::must(
        home.tool("sqlite3", [&ledger]).arg("UPDATE finding SET until = 1000000000 WHERE until > 0;"),
    );
    assert_eq!(home.doctor().document(1).of("github-pat").len(), 1);
    let past = home.run(&["ignore", &id, "--reason", "too late", "--until", "2001-01-31"]);
    assert_eq!(past.code, 2, "{}", past.both());
}

#[test]
fn thresholds_decide_the_exit_code() {
    let home = home();
    for (threshold, code) in [("critical", 1), ("high", 1), ("info", 1), ("never", 0)] {
        assert_eq!(home.run(&["doctor", "--fail-on", threshold]).code, code, "{threshold}");
    }
    std::fs::remove_file(home.path("notes.txt")).unwrap();
    assert_eq!(home.run(&["doctor", "--fail-on", "critical"]).code, 0);
}

#[test]
fn ignore_files_and_markers_are_honoured_and_idle_ones_told() {
    let home = Home::new();
    let token = |label: &str| checked("ghp_", label);
    home.write("src/a/one.txt", token("one"));
    home.write("src/a/tests/two.txt", token("two"));
    home.write("src/a/three.txt", format!("# first line\n{}\n", token("three")));
    home.write("src/a/four.txt", format!("{} # gitleaks:allow\n", token("four")));
    home.write("src/a/five.txt", format!("# lapwing:ignore-next-line\n{}\n", token("five")));
    home.write("src/a/six.txt", token("six"));
    home.write("src/b/seven.txt", token("seven"));
    let all = home.doctor().document(1);
    assert_eq!((all.findings().len(), all.count("silenced")), (5, 2));
    let of =
        |path: &str| all.findings().into_iter().find(|f| paths(f) == [path]).map(|f| text(&f["id"])).unwrap();
    let rules = format!(
        "# what may stay\n{} a canary of ours\ntests/ until=2999-12-31 made up\nnothing.txt no such file\n\
         six.txt until=2001-01-31 is over\n",
        of("~/src/a/one.txt")
    );
    home.write_mode("src/a/.lapwingignore", rules, 0o644);
    home.write_mode("src/a/.gitleaksignore", "three.txt:github-pat:2\nthree.txt:github-pat:7\n", 0o644);
    let doc = home.doctor().document(1);
    let left: Vec<_> = doc.findings().into_iter().flat_map(paths).collect();
    assert_eq!(left, ["~/src/a/six.txt", "~/src/b/seven.txt"], "{:#}", doc.0);
    assert_eq!((doc.count("ignored"), doc.count("silenced")), (3, 0), "{:#}", doc.0["summary"]);
    let mut idle: Vec<String> =
        doc.0["summary"]["unused_ignores"].as_array().unwrap().iter().map(text).collect();
    idle.sort();
    let want = ["~/src/a/.gitleaksignore:2", "~/src/a/.lapwingignore:4", "~/src/a/.lapwingignore:5"];
    assert_eq!(idle, want);
    let shown = home.run(&["doctor"]).stdout();
    assert!(shown.contains("Ignores that match nothing"), "{shown}");
    // Without a reason a line silences nothing, and says so.
    home.write_mode("src/b/.lapwingignore", "seven.txt\n", 0o644);
    let doc = home.doctor().document(1);
    assert!(doc.findings().into_iter().flat_map(paths).any(|p| p == "~/src/b/seven.txt"));
    let why = text(&doc.gap("unparsable").unwrap()["why"]);
    assert!(why.contains("line 1: say why after"), "{why}");
}

#[test]
fn several_at_once_agree_and_leave_the_ledger_whole() {
    let home = home();
    for n in 0..200 {
        home.write(&format!("src/{n}.txt"), checked("ghp_", &n.to_string()));
    }
    let start = || {
        let mut command = home.lapwing(&["doctor", "--format", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    let docs: Vec<Document> = children.into_iter().map(|child| finish(child).document(1)).collect();
    assert_eq!(docs[0].findings().len(), 203);
    for doc in &docs {
        assert_eq!(doc.ids(), docs[0].ids());
        assert!(doc.complete(), "{:#}", doc.0["coverage"]);
    }
    let ledger = home.state().join("ledger.db");
    let whole = common::must(home.tool("sqlite3", [&ledger]).arg("PRAGMA integrity_check;"));
    assert_eq!(whole.trim(), "ok");
    assert_eq!(list(&home, "all", 1).ids(), docs[0].ids());
}

#[test]
fn another_home_is_only_looked_at() {
    let (own, other) = (Home::new(), home());
    let before = snapshot(other.root());
    let dir = other.root().to_str().unwrap();
    for _ in 0..2 {
        let doc = own.run(&["doctor", "--home", dir, "--format", "json"]).document(1);
        assert_eq!(doc.findings().len(), 3, "{:#}", doc.0);
        assert!(doc.findings().into_iter().flat_map(paths).all(|p| p.starts_with("~/")));
    }
    let known = own.run(&["list", "--home", dir, "--format", "json"]).document(1);
    assert_eq!(own.run(&["ignore", "--home", dir, &known.ids()[0], "--reason", "r"]).code, 0);
    assert_eq!(snapshot(other.root()), before);
    // What is known of one home is not known of the other.
    assert_eq!(list(&own, "all", 0).findings().len(), 0);
}

#[test]
fn only_the_own_state_is_written() {
    let home = home();
    common::directories(&home.path(".local/state"), 0o755);
    home.write(".zsh_history", ": 1700000000:0;ls\n");
    home.must("sqlite3", ["history.db", "CREATE TABLE x (y); PRAGMA journal_mode = WAL;"]);
    std::fs::create_dir_all(home.path(".local/share/atuin")).unwrap();
    std::fs::rename(home.path("history.db"), home.path(".local/share/atuin/history.db")).unwrap();
    home.must("git", ["init", "-q", "src/a"]);
    common::directories(&home.state(), 0o700);
    let others = || {
        let mut all = snapshot(home.root());
        let state = home.state().display().to_string();
        all.retain(|path, _| !path.starts_with(&state));
        all
    };
    let before = others();
    for args in [&["doctor"][..], &["doctor", "--all"], &["scan", "."], &["list"]] {
        home.run(args);
    }
    let id = list(&home, "open", 1).ids().remove(0);
    assert_eq!(home.run(&["ignore", &id, "--reason", "r"]).code, 0);
    assert_eq!(others(), before);
    assert_eq!(home.state().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for file in common::files(&home.state()) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
    }
}
