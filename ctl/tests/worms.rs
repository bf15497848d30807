//! Worms first: what they leave is found, put away in the safe order, and nothing that takes a credential away is done before.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, checked, files, text, until};
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Child, Command, Stdio};

const UNIT: &str = ".config/systemd/user/gh-token-monitor.service";
const WANTS: &str = ".config/systemd/user/default.target.wants/gh-token-monitor.service";
const SCRIPT: &str = ".local/bin/gh-token-monitor.sh";
const TOKEN: &str = ".config/gh-token-monitor/token";

/// A home that a worm has struck, with a token in a history.
fn struck() -> (Home, String) {
    let home = Home::new();
    home.write_mode(
        UNIT,
        "[Service]\nExecStart=%h/.local/bin/gh-token-monitor.sh\n[Install]\nWantedBy=default.target\n",
        0o644,
    );
    home.write(".config/systemd/user/default.target.wants/.keep", "");
    symlink(home.path(UNIT), home.path(WANTS)).unwrap();
    home.write_mode(SCRIPT, "#!/bin/sh\nread line\n", 0o755);
    home.write(TOKEN, "x\n");
    let token = checked("ghp_", "worm");
    home.write(".bash_history", format!("export GITHUB_TOKEN={token}\n"));
    (home, token)
}

fn fix(home: &Home, args: &[&str], code: i32) -> Value {
    let run = home.run(&[&["fix", "--format", "json"], args].concat());
    assert_eq!(run.code, code, "{}", run.both());
    serde_json::from_slice(&run.out).unwrap_or_else(|e| panic!("{e}: {}", run.both()))
}

#[test]
fn it_is_found_with_everything_it_has_left() {
    let (home, _) = struck();
    let doc = home.doctor().document(1);
    let found = doc.of("ioc.gh-token-monitor");
    assert_eq!(found.len(), 1, "{:#}", doc.0);
    assert_eq!((&found[0]["severity"], &found[0]["kind"]), (&Value::from("critical"), &Value::from("check")));
    let mut paths: Vec<String> =
        found[0]["sightings"].as_array().unwrap().iter().map(|s| text(&s["path"])).collect();
    paths.sort();
    let want = [
        "~/.config/gh-token-monitor",
        "~/.config/systemd/user/default.target.wants/gh-token-monitor.service",
    ];
    assert_eq!(paths[..2], want);
    assert_eq!(paths[2..], [format!("~/{UNIT}"), format!("~/{SCRIPT}")]);
    // Another look says the same, and a scan of the directory finds what lies there.
    assert_eq!(home.doctor().document(1).of("ioc.gh-token-monitor")[0]["sightings"], found[0]["sightings"]);
    let scan = home.run(&["scan", ".config", "--format", "json"]).document(1);
    assert_eq!(scan.of("ioc.gh-token-monitor").len(), 1, "{:#}", scan.0);
    let page = home.run(&["explain", "ioc.gh-token-monitor"]);
    assert!(page.stdout().contains("Do not revoke"), "{}", page.both());
}

#[test]
fn what_takes_a_credential_away_waits_until_it_is_gone() {
    let (home, token) = struck();
    home.write(".gitconfig", "[http]\n\tsslVerify = false\n[user]\n\tname = Dev\n\temail = d@x.test\n");
    home.doctor().document(1);
    let history = home.read(".bash_history");
    let refused = home.answer(&["fix", "--rule", "github-pat"], "y\n");
    assert_eq!(refused.code, 1, "{}", refused.both());
    let said = refused.said();
    assert!(said.contains("signs of a worm") && said.contains("Do this first, in this order: 1."), "{said}");
    assert!(said.find("lapwing fix F-").unwrap() < said.find("rotate every credential").unwrap(), "{said}");
    assert_eq!(home.read(".bash_history"), history);
    let report = fix(&home, &["--rule", "github-pat", "--dry-run"], 1);
    assert_eq!(report["results"][0]["reason"]["word"], "worm", "{report:#}");
    // What takes none away goes on.
    fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 0);
    // A worm that came since the last examination counts too.
    let worm = home.answer(&["fix", "--rule", "ioc.*"], "y\n");
    assert_eq!(worm.code, 0, "{}", worm.both());
    for path in [UNIT, WANTS, SCRIPT, TOKEN] {
        assert!(std::fs::symlink_metadata(home.path(path)).is_err(), "{path}");
    }
    assert!(home.doctor().document(1).of("ioc.gh-token-monitor").is_empty());
    home.write(".pkg_history", "x");
    let again = home.answer(&["fix", "--rule", "github-pat"], "y\n");
    assert!(again.code == 1 && home.read(".bash_history") == history, "{}", again.both());
    std::fs::remove_file(home.path(".pkg_history")).unwrap();
    let done = home.answer(&["fix", "--rule", "github-pat"], "y\n");
    assert_eq!(done.code, 0, "{}", done.both());
    assert!(!String::from_utf8(home.read(".bash_history")).unwrap().contains(&token));
}

#[test]
fn what_was_put_away_is_kept_and_comes_back_as_it_was() {
    let (home, _) = struck();
    home.doctor().document(1);
    let mode = |path: &str| home.path(path).metadata().unwrap().permissions().mode() & 0o777;
    let run = home.answer(&["fix", "--rule", "ioc.*"], "y\n");
    assert_eq!(run.code, 0, "{}", run.both());
    let kept = home.state().join("quarantine");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let manifests: Vec<Value> = files(&kept)
        .iter()
        .filter(|f| f.ends_with("manifest.json"))
        .map(|f| serde_json::from_slice(&std::fs::read(f).unwrap()).unwrap())
        .collect();
    assert_eq!(manifests.len(), 4, "{manifests:#?}");
    let script = manifests.iter().find(|m| text(&m["shown"]).ends_with(".sh")).unwrap();
    assert!(
        script["mode"] == 0o755 && script["digest"].as_str().is_some_and(|d| d.len() == 64),
        "{script:#}"
    );
    // What lies there is no finding.
    assert!(home.doctor().document(1).of("ioc.gh-token-monitor").is_empty());
    let back = home.run(&["undo"]);
    assert_eq!(back.code, 0, "{}", back.both());
    assert_eq!((mode(UNIT), mode(SCRIPT), home.read(TOKEN)), (0o644, 0o755, b"x\n".to_vec()));
    assert_eq!(std::fs::read_link(home.path(WANTS)).unwrap(), home.path(UNIT));
    assert!(files(&kept).is_empty());
    assert_eq!(home.doctor().document(1).of("ioc.gh-token-monitor").len(), 1);
}

/// A program of the worm that runs in a home, and ends with the test.
struct Running(Child);

impl Running {
    fn new(home: &Home) -> Running {
        let mut command = Command::new("sh");
        command.arg(home.path(SCRIPT)).env_clear().env("HOME", home.root()).stdin(Stdio::piped());
        Running(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_still_runs_is_told_and_nothing_is_put_back() {
    let (home, _) = struck();
    let running = Running::new(&home);
    let id = running.0.id().to_string();
    let doc = until("the program is seen", || {
        let doc = home.doctor().document(1);
        let seen = doc.0.to_string().contains(&format!("process {id}"));
        seen.then_some(doc)
    });
    assert_eq!(doc.of("ioc.gh-token-monitor").len(), 1);
    let run = home.answer(&["fix", "--rule", "ioc.*"], "y\n");
    assert_eq!(run.code, 1, "{}", run.both());
    assert!(run.said().contains(&format!("kill -9 {id}")), "{}", run.both());
    // It runs, but a next session does not start it again.
    assert!(!home.path(UNIT).exists() && !home.path(SCRIPT).exists());
    let left = home.doctor().document(1);
    assert_eq!(left.of("ioc.gh-token-monitor")[0]["sightings"].as_array().unwrap().len(), 1, "{:#}", left.0);
    drop(running);
    assert!(home.doctor().document(1).of("ioc.gh-token-monitor").is_empty());
    // The receipt knows what was moved.
    let back = home.run(&["undo"]);
    assert_eq!(back.code, 0, "{}", back.both());
    assert!(home.path(UNIT).exists() && home.path(SCRIPT).exists());
}

#[test]
fn an_administrators_indicators_need_no_new_program() {
    let home = Home::new();
    home.write(".acme-worm", "x");
    home.doctor().document(0);
    let pack = home.write(
        "acme.toml",
        "[[indicator]]\nid = \"ioc.acme\"\ntitle = \"Acme's worm\"\nwhy = \"w\"\ncampaign = \"c\"\npaths = [\"~/.acme-worm\"]\n\
         examples = [{ files = { \"~/.acme-worm\" = \"\" } }]\ncounter_examples = [{ files = { \"~/.acme\" = \"\" } }]\n",
    );
    home.write(".config/lapwing/config.toml", format!("[scan]\npacks = [\"{}\"]\n", pack.display()));
    assert_eq!(home.doctor().document(1).of("ioc.acme").len(), 1);
    let checked = home.run(&["rules", "check", "acme.toml"]);
    assert_eq!(checked.code, 0, "{}", checked.both());
}

#[test]
fn who_decides_to_live_with_it_may_go_on() {
    let (home, _) = struck();
    let doc = home.doctor().document(1);
    let id = text(&doc.of("ioc.gh-token-monitor")[0]["id"]);
    assert_eq!(home.run(&["ignore", &id, "--reason", "a sample that I study"]).code, 0);
    let done = home.answer(&["fix", "--rule", "github-pat"], "y\n");
    assert_eq!(done.code, 0, "{}", done.both());
}

#[test]
fn what_something_puts_back_is_not_mended_in_a_loop() {
    let home = Home::new();
    let config = "[http]\n\tsslVerify = false\n[user]\n\tname = Dev\n\temail = d@x.test\n";
    for round in 0..3 {
        home.write(".gitconfig", config);
        let doc = home.doctor().document(1);
        assert!(!doc.0.to_string().contains("something puts this back"), "round {round}: {:#}", doc.0);
        fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 0);
    }
    home.write(".gitconfig", config);
    let doc = home.doctor().document(1);
    let note = text(&doc.of("git.tls-verify-off")[0]["note"]);
    assert!(note.contains("something puts this back") && note.contains('3'), "{note}");
    let report = fix(&home, &["--rule", "git.tls-verify-off", "--yes"], 1);
    assert_eq!(report["results"][0]["reason"]["word"], "put-back", "{report:#}");
    assert_eq!(home.read(".gitconfig"), config.as_bytes());
}
