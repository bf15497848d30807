//! `fix`, `undo` and `receipts` with the real program: what is changed, what is not, and how it is taken back.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, checked, files, secret, set_mode, text};
use serde_json::Value;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

const GIT: &str = "[user]\n\tname = Dev\n\temail = dev@x.test\n# mine\n[http]\n\tsslVerify = false ; because\n\tproxy = x\n[core]\n\teditor = vi\n[alias]\n\tst = status\n";

/// A home with something safe, something to look at first, and its first examination.
fn messy() -> (Home, [String; 2]) {
    let home = Home::new();
    let tokens = [checked("ghp_", "fix one"), checked("ghp_", "fix two")];
    home.write_mode(".gitconfig", GIT, 0o644);
    let history = format!(
        "ls\nexport GITHUB_TOKEN={}\ncurl -H 'Authorization: token {}' x\nmake\n",
        tokens[0], tokens[1]
    );
    home.write(".bash_history", history);
    home.doctor().document(1);
    (home, tokens)
}

/// What `--format json` of `fix` printed, with its exit code.
fn fix(home: &Home, args: &[&str], code: i32) -> Value {
    let run = home.run(&[&["fix", "--format", "json"], args].concat());
    assert_eq!(run.code, code, "{}", run.both());
    serde_json::from_slice(&run.out).unwrap_or_else(|e| panic!("{e}: {}", run.both()))
}

fn statuses(report: &Value) -> Vec<(String, String)> {
    let of = |item: &Value| (text(&item["rule"]), text(&item["status"]));
    let mut all: Vec<_> = report["results"].as_array().unwrap().iter().map(of).collect();
    all.sort();
    all
}

fn status(rule: &str, status: &str) -> (String, String) {
    (rule.to_owned(), status.to_owned())
}

#[test]
fn what_is_safe_is_mended_and_the_rest_told_why() {
    let (home, _) = messy();
    let history = home.read(".bash_history");
    let report = fix(&home, &["--all", "--yes"], 1);
    let want = [
        status("git.tls-verify-off", "mended"),
        status("github-pat", "refused"),
        status("github-pat", "refused"),
    ];
    assert_eq!(statuses(&report), want);
    assert_eq!(report["results"][1]["reason"]["word"], "review");
    assert_eq!(home.read(".bash_history"), history);
    // Comments, order and everything else are as before.
    let want = GIT.replace("\tsslVerify = false ; because\n", "");
    assert_eq!(String::from_utf8(home.read(".gitconfig")).unwrap(), want);
    assert_eq!(home.path(".gitconfig").metadata().unwrap().mode() & 0o7777, 0o644);
    assert_eq!(home.must("git", ["config", "--global", "http.proxy"]), "x\n");
    // Twice is as good as once.
    let again = fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 0);
    assert_eq!((&again["results"], &again["receipt"]), (&serde_json::json!([]), &Value::Null));
    assert_eq!(home.doctor().document(1).of("git.tls-verify-off").len(), 0);
}

#[test]
fn a_session_mends_one_by_one_and_one_command_takes_it_back() {
    let (home, tokens) = messy();
    let run = home.answer(&["fix"], "y\nn\ny\n");
    assert_eq!(run.code, 1, "{}", run.both());
    let history = String::from_utf8(home.read(".bash_history")).unwrap();
    assert_eq!(tokens.iter().filter(|t| history.contains(t.as_str())).count(), 1, "{history}");
    assert_eq!(history.lines().count(), 4);
    for token in &tokens {
        assert!(!run.stdout().contains(token.as_str()), "shown as a mask only");
    }
    assert!(!String::from_utf8(home.read(".gitconfig")).unwrap().contains("sslVerify"));
    // What was mended is known to be gone without looking again, and what was not is still open.
    assert_eq!(home.run(&["list", "--format", "json"]).document(1).findings().len(), 1);
    // One receipt for the session, and not a byte of a secret in it.
    let receipts = files(&home.state().join("receipts"));
    assert_eq!(receipts.len(), 1);
    let written = std::fs::read_to_string(&receipts[0]).unwrap();
    assert!(tokens.iter().all(|t| !written.contains(&t[8..20])), "{written}");
    assert_eq!(receipts[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let run = home.run(&["undo"]);
    assert_eq!(run.code, 0, "{}", run.both());
    assert!(run.said().contains("1 secret stay"), "{}", run.both());
    assert_eq!(String::from_utf8(home.read(".gitconfig")).unwrap(), GIT);
    assert_eq!(home.read(".bash_history"), history.as_bytes(), "what was secret stays gone");
    assert_eq!(home.run(&["undo"]).code, 2, "nothing is left to take back");
    assert_eq!(home.doctor().document(1).findings().len(), 2);
}

#[test]
fn a_section_that_is_mended_away_leaves_no_header() {
    let home = Home::new();
    let config =
        "Host a\n  UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n\nHost b\n  User x\n";
    home.write(".ssh/config", config);
    // Said twice, it is one finding.
    let git = "[user]\n\tname = Dev\n[http]\n\tsslVerify = false\n\tsslVerify = false\n";
    home.write(".gitconfig", git);
    assert_eq!(home.doctor().document(1).findings().len(), 3);
    fix(&home, &["--all", "--yes"], 0);
    assert_eq!(home.read(".ssh/config"), b"Host b\n  User x\n");
    assert_eq!(home.read(".gitconfig"), b"[user]\n\tname = Dev\n");
    assert_eq!(home.run(&["undo"]).code, 0);
    assert_eq!(home.read(".ssh/config"), config.as_bytes());
    assert_eq!(home.read(".gitconfig"), git.as_bytes());
}

#[test]
fn all_of_a_rule_is_mended_at_once() {
    let (home, tokens) = messy();
    let run = home.answer(&["fix"], "a\ny\n");
    assert_eq!(run.code, 0, "{}", run.both());
    let history = String::from_utf8(home.read(".bash_history")).unwrap();
    assert!(tokens.iter().all(|t| !history.contains(t.as_str())), "{history}");
    home.doctor().document(0);
}

#[test]
fn undo_leaves_what_was_edited_elsewhere_and_refuses_what_was_edited_there() {
    let (home, _) = messy();
    fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 0);
    home.must("git", ["config", "--global", "alias.co", "checkout"]);
    assert_eq!(home.run(&["undo"]).code, 0);
    let now = String::from_utf8(home.read(".gitconfig")).unwrap();
    assert_eq!(now, format!("{GIT}\tco = checkout\n"));
    fix(&home, &["--all", "--yes"], 1);
    home.doctor().document(1);
    fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 0);
    home.must("git", ["config", "--global", "http.proxy", "y"]);
    let before = home.read(".gitconfig");
    let run = home.run(&["undo"]);
    assert_eq!(run.code, 4, "{}", run.both());
    assert!(
        run.said().contains("~/.gitconfig: what was changed there has been edited since"),
        "{}",
        run.both()
    );
    assert_eq!(home.read(".gitconfig"), before);
}

#[test]
fn a_file_that_one_session_has_changed_again_and_again_is_taken_back_whole() {
    let home = Home::new();
    let before = format!(
        "{GIT}[http \"https://x.test\"]\n\tsslVerify = false # this one too\n[credential]\n\tuseHttpPath = true\n"
    );
    home.write_mode(".gitconfig", &before, 0o666);
    let found = home.doctor().document(1).findings().len();
    assert!(found >= 3, "{found}");
    let run = home.answer(&["fix"], &"y\n".repeat(found));
    assert_eq!(run.code, 0, "{}", run.both());
    assert!(!String::from_utf8(home.read(".gitconfig")).unwrap().contains("sslVerify"));
    let run = home.run(&["undo"]);
    assert_eq!(run.code, 0, "{}", run.both());
    assert_eq!(String::from_utf8(home.read(".gitconfig")).unwrap(), before);
    assert_eq!(home.path(".gitconfig").metadata().unwrap().mode() & 0o7777, 0o666);
}

#[test]
fn a_dry_run_changes_nothing() {
    let (home, _) = messy();
    let before = (home.read(".gitconfig"), home.read(".bash_history"));
    let run = home.run(&["fix", "--dry-run"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout().contains("-     sslVerify = false ; because"), "{}", run.both());
    assert!(run.said().contains("3 findings would be mended. Nothing was changed."), "{}", run.both());
    assert_eq!((home.read(".gitconfig"), home.read(".bash_history")), before);
    assert!(files(&home.state().join("receipts")).is_empty());
    let report = fix(&home, &["--all", "--dry-run"], 1);
    assert!(statuses(&report).iter().all(|(_, s)| s == "planned"), "{report:#}");
}

#[test]
fn secrets_near_the_one_that_goes_are_masked_too() {
    let home = Home::new();
    let (one, two) = (checked("ghp_", "near one"), secret("{{alnum:24}}", "near two"));
    home.write(".bash_history", format!("mysql --password={two} db\nexport T={one}\n"));
    home.doctor().document(1);
    let run = home.run(&["fix", "--dry-run", "--rule", "github-pat"]);
    assert!(run.said().contains("mysql --password=…"), "{}", run.both());
    assert!(!run.both().contains(&two) && !run.both().contains(&one));
}

#[test]
fn without_a_terminal_it_says_what_to_give() {
    let (home, _) = messy();
    let run = home.run(&["fix"]);
    assert_eq!(run.code, 2);
    assert!(run.said().contains("--yes or --dry-run"), "{}", run.both());
    assert_eq!(home.run(&["fix", "F-00000000", "--yes"]).code, 2);
}

#[test]
fn another_home_is_not_mended() {
    let (home, _) = messy();
    let other = Home::new();
    let root = home.root().to_str().unwrap().to_owned();
    for command in ["fix", "undo"] {
        let run = other.run(&[command, "--home", &root]);
        assert_eq!(run.code, 2, "{}", run.both());
        assert!(run.said().contains("only looked at"), "{}", run.both());
    }
}

#[test]
fn what_is_gone_is_called_gone() {
    let (home, _) = messy();
    let doc = home.run(&["list", "--format", "json"]).document(1);
    let id = text(&doc.of("git.tls-verify-off")[0]["id"]);
    home.must("git", ["config", "--global", "--unset", "http.sslVerify"]);
    let report = fix(&home, &[&id, "--yes"], 0);
    assert_eq!(statuses(&report), [status("git.tls-verify-off", "gone")]);
}

#[test]
fn modes_are_narrowed_and_given_back() {
    let home = Home::new();
    let netrc = format!("machine x.test login dev password {}\n", secret("{{lower:6}}", "netrc"));
    home.write_mode(".netrc", netrc, 0o644);
    let doc = home.doctor().document(1);
    assert_eq!(doc.of("file.mode-wide").len(), 1);
    fix(&home, &["--rule", "file.mode-wide", "--yes"], 0);
    let mode = || home.path(".netrc").metadata().unwrap().mode() & 0o7777;
    assert_eq!(mode(), 0o600);
    assert_eq!(home.run(&["undo"]).code, 0);
    assert_eq!(mode(), 0o644);
    fix(&home, &["--all", "--yes"], 1);
    set_mode(&home.path(".netrc"), 0o640);
    let run = home.run(&["undo"]);
    assert!(run.said().contains("its mode has been changed since"), "{}", run.both());
}

#[test]
fn what_is_left_by_hand_says_why_once_and_only_where_there_is_more_to_say() {
    let home = Home::new();
    home.write(
        ".netrc",
        format!("machine api.acme.test login dev password {}\n", secret("q7{{alnum:12}}", "a")),
    );
    home.write("src/.env", format!("STRIPE_KEY={}\n", secret("sk_live_{{alnum:24}}", "b")));
    home.doctor().document(1);
    let said = home.answer(&["fix"], "\n\n").said();
    assert_eq!(said.matches("Left to you: curl, wget").count(), 1, "{said}");
    assert_eq!(said.matches("Left to you").count(), 1, "{said}");
    assert_eq!(said.matches("By hand:").count(), 2, "{said}");
}

#[test]
fn transcripts_stay_valid_json() {
    let home = Home::new();
    let token = checked("ghp_", "transcript");
    let line = |n: usize, text: &str| {
        format!("{}\n", serde_json::json!({ "type": "user", "n": n, "message": { "content": text } }))
    };
    let path = ".claude/projects/-home-dev-shop/1.jsonl";
    let said = format!("run \"curl -H 'Authorization: token {token}'\"\nplease");
    let lines: Vec<String> =
        (0..50).map(|n| line(n, if n == 20 { &said } else { "hello \u{1f426}" })).collect();
    home.write(path, lines.concat());
    long_ago(&home, path);
    home.doctor().document(1);
    let run = home.answer(&["fix"], "y\n");
    assert_eq!(run.code, 0, "{}", run.both());
    let now = String::from_utf8(home.read(path)).unwrap();
    assert!(!now.contains(&token));
    for (n, text) in now.lines().enumerate() {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value["n"], n);
    }
    assert_eq!(now.lines().filter(|l| !lines.contains(&format!("{l}\n"))).count(), 1);
    // One that is written at this moment is left for later.
    home.write(path, lines.concat());
    home.doctor().document(1);
    let run = home.answer(&["fix"], "y\n");
    assert_eq!(run.code, 1, "{}", run.both());
    assert!(run.said().contains("it was written a moment ago"), "{}", run.both());
    assert_eq!(home.read(path), lines.concat().as_bytes());
}

#[test]
fn what_is_left_of_a_large_file_is_known_without_reading_it_again() {
    let home = Home::new();
    let tokens: Vec<String> = (0..4).map(|n| checked("ghp_", &n.to_string())).collect();
    let other = secret("glpat-{{alnum:20}}", "other");
    let line = |text: &str| format!("{}\n", serde_json::json!({ "type": "user", "text": text }));
    let mut said = String::new();
    for text in tokens.iter().chain([&other]) {
        said += &line(&"so it goes on and on ".repeat(100_000));
        said += &line(&format!("and \"{text}\" it is"));
    }
    let path = ".claude/projects/-home-dev-shop/1.jsonl";
    home.write(path, &said);
    long_ago(&home, path);
    let places = |run: common::Run, code: i32| {
        let place = |f: &Value| (text(&f["id"]), f["sightings"][0]["line"].as_u64().unwrap());
        let mut all: Vec<_> = run.document(code).findings().into_iter().map(place).collect();
        all.sort();
        all
    };
    let before = places(home.doctor(), 1);
    assert_eq!(before.len(), 5);
    // The first stays, the other three of its rule go at once.
    let run = home.answer(&["fix"], "n\na\nn\n");
    assert_eq!(run.code, 1, "{}", run.both());
    let now = String::from_utf8(home.read(path)).unwrap();
    assert_eq!(tokens.iter().filter(|t| now.contains(t.as_str())).count(), 1);
    assert!(now.contains(&other) && now.lines().count() == said.lines().count());
    let left = places(home.run(&["list", "--format", "json"]), 1);
    assert!(left.len() == 2 && left.iter().all(|place| before.contains(place)), "{left:?}");
    assert_eq!(places(home.doctor(), 1), left, "a look says the same");
    long_ago(&home, path);
    let run = home.answer(&["fix"], "y\ny\n");
    assert_eq!(run.code, 0, "{}", run.both());
    assert_eq!(places(home.run(&["list", "--format", "json"]), 0), []);
    home.doctor().document(0);
}

#[test]
fn a_linked_dotfile_is_mended_where_it_is() {
    let home = Home::new();
    home.write_mode("dotfiles/gitconfig", GIT, 0o644);
    std::os::unix::fs::symlink("dotfiles/gitconfig", home.path(".gitconfig")).unwrap();
    home.doctor().document(1);
    fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 0);
    assert!(home.path(".gitconfig").is_symlink());
    assert!(!String::from_utf8(home.read("dotfiles/gitconfig")).unwrap().contains("sslVerify"));
    assert_eq!(home.run(&["undo"]).code, 0);
    assert_eq!(home.read("dotfiles/gitconfig"), GIT.as_bytes());
}

/// A file that nobody has written to for an hour.
fn long_ago(home: &Home, path: &str) {
    home.must("touch", ["-d", "1 hour ago", path]);
}
