//! The agent's life: it sees what happens in a home, remembers it, tells it, and ends when it is told to.
#![expect(clippy::disallowed_methods, reason = "tests make files of their own")]

mod common;

use common::{Stage, TOKEN_RULE, Told, signal, token};
use std::collections::HashMap;
use std::fs;
use std::sync::mpsc;
use zbus::zvariant::OwnedValue;

#[test]
fn what_is_written_replaced_moved_and_removed_is_noticed() {
    let mut stage = Stage::new();
    stage.write(".gitconfig", "[http]\n\tsslVerify = false\n");
    stage.write(".config/gh/hosts.yml", "github.com:\n    user: dev\n");
    stage.start();
    assert!(stage.finds("git.tls-verify-off", "~/.gitconfig"), "the first sweep sees what was there");
    // A shell appends.
    let history = stage.write(".bash_history", "ls\n");
    stage.write(".bash_history", &format!("ls\nexport GITHUB_TOKEN={}\n", token("history")));
    stage.until("a token in a history", |s| s.finds(TOKEN_RULE, "~/.bash_history"));
    // An editor writes beside and renames.
    let beside = stage.write(".config/gh/hosts.yml.new", "github.com:\n    user: dev\n");
    fs::write(&beside, format!("github.com:\n    oauth_token: {}\n", token("gh"))).unwrap();
    fs::rename(&beside, stage.home().join(".config/gh/hosts.yml")).unwrap();
    stage.until("a token in a file that was replaced", |s| s.finds(TOKEN_RULE, "~/.config/gh/hosts.yml"));
    // A whole tree comes at once.
    stage.write("src/shop/deep/down/.env", &format!("TOKEN={}\n", token("tree")));
    stage.until("a token in new directories", |s| s.finds(TOKEN_RULE, "~/src/shop/deep/down/.env"));
    let id = |stage: &Stage| stage.findings().into_iter().find(|t| t.path.starts_with("~/src")).map(|t| t.id);
    let before = id(&stage);
    fs::rename(stage.home().join("src/shop"), stage.home().join("src/store")).unwrap();
    stage.until("a tree that was moved", |s| s.finds(TOKEN_RULE, "~/src/store/deep/down/.env"));
    assert_eq!(id(&stage), before, "it is the same finding");
    stage.until("nothing where it was", |s| !s.finds(TOKEN_RULE, "~/src/shop/deep/down/.env"));
    fs::remove_file(history).unwrap();
    fs::remove_dir_all(stage.home().join("src/store")).unwrap();
    stage.write(".gitconfig", "[http]\n\tsslVerify = true\n");
    stage.until("what is gone", |s| s.findings().iter().all(|t| t.path == "~/.config/gh/hosts.yml"));
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn news_are_signals_with_everything_but_the_secret() {
    let mut stage = Stage::new();
    stage.start();
    let connection = stage.connection().unwrap();
    let (send, news) = mpsc::channel();
    let proxy = zbus::blocking::Proxy::new(&connection, common::NAME, common::PATH, common::NAME).unwrap();
    let signals = proxy.receive_all_signals().unwrap();
    std::thread::spawn(move || {
        for message in signals {
            let name = message.header().member().unwrap().to_string();
            let body: HashMap<String, OwnedValue> = message.body().deserialize().unwrap_or_default();
            if send.send((name, Told::of(&body), message.body().data().to_vec())).is_err() {
                break;
            }
        }
    });
    let secret = token("signal");
    let file = stage.write("notes.txt", &format!("the token is {secret}\n"));
    let wait = |what: &str| {
        loop {
            let (name, told, bytes) = news.recv_timeout(common::PATIENCE).unwrap();
            let tail = &secret.as_bytes()[secret.len() - 8..];
            assert!(!bytes.windows(8).any(|w| w == tail), "a secret crosses the bus");
            if name == what {
                return told;
            }
        }
    };
    let opened = wait("Opened");
    assert_eq!((opened.rule.as_str(), opened.path.as_str()), (TOKEN_RULE, "~/notes.txt"));
    fs::remove_file(file).unwrap();
    assert_eq!(wait("Resolved").id, opened.id);
    assert!(!stage.log().contains(&secret[4..]), "a secret is logged");
}

#[test]
fn what_an_included_file_says_is_noticed_in_its_place() {
    let mut stage = Stage::new();
    stage.write(".gitconfig", "[include]\n\tpath = ~/dotfiles/git.inc\n");
    stage.write("dotfiles/git.inc", "[user]\n\tname = dev\n");
    stage.start();
    assert!(stage.findings().is_empty());
    stage.write("dotfiles/git.inc", "[user]\n\tname = dev\n[http]\n\tsslVerify = false\n");
    stage.until("a setting in an included file", |s| {
        s.findings().iter().any(|t| t.rule == "git.tls-verify-off")
    });
    stage.write("dotfiles/git.inc", "[user]\n\tname = dev\n");
    stage.until("the setting is gone", |s| s.findings().is_empty());
}

#[test]
fn a_place_that_is_a_link_is_seen_through_it() {
    let mut stage = Stage::new();
    stage.write("dotfiles/gitconfig", "[user]\n\tname = dev\n");
    std::os::unix::fs::symlink("dotfiles/gitconfig", stage.home().join(".gitconfig")).unwrap();
    stage.start();
    stage.write("dotfiles/gitconfig", "[http]\n\tsslVerify = false\n");
    stage.until("a setting behind a link", |s| s.finds("git.tls-verify-off", "~/.gitconfig"));
}

#[test]
fn what_another_run_finds_is_known_and_told() {
    let mut stage = Stage::new();
    stage.start();
    // Somebody else writes to the ledger: a decision of the command line, for instance.
    stage.write("notes.txt", &format!("the token is {}\n", token("other")));
    stage.until("a finding", |s| s.finds(TOKEN_RULE, "~/notes.txt"));
    let id = stage.findings()[0].id.clone();
    let ledger = stage.state().join("ledger.db");
    let sql = "UPDATE finding SET reason = 'known'; INSERT INTO event SELECT 1, id, 'ignored' FROM finding;";
    assert!(stage.command("sqlite3").arg(&ledger).arg(sql).status().unwrap().success());
    stage.until("the decision is known", |s| s.property::<u32>("Ignored") == Some(1));
    assert!(stage.findings().iter().all(|told| told.id != id));
}

#[test]
fn a_broken_configuration_is_refused_and_the_old_one_stays() {
    let mut stage = Stage::new();
    stage.write(".gitconfig", "[http]\n\tsslVerify = false\n");
    stage.start();
    let config = stage.write(".config/lapwing/config.toml", "[rules]\nof = [\"git.*\"]\n");
    signal(stage.agent.as_ref().unwrap(), "HUP");
    stage.until("a problem is told", |s| s.problems().iter().any(|p| p.contains("config.toml")));
    assert!(stage.finds("git.tls-verify-off", "~/.gitconfig"));
    fs::write(&config, "[rules]\noff = [\"git.*\"]\n").unwrap();
    stage.call("Reload", &()).unwrap();
    stage.until("the new rules are in force", |s| {
        s.findings().is_empty() && !s.problems().iter().any(|p| p.contains("config"))
    });
}

#[test]
fn a_broken_configuration_at_the_start_ends_with_78() {
    let mut stage = Stage::new();
    stage.write(".config/lapwing/config.toml", "[scan]\nskipp = []\n");
    stage.launch();
    assert_eq!(stage.agent.take().unwrap().wait().unwrap().code(), Some(78));
    assert!(stage.log().contains("skipp"), "{}", stage.log());
}

#[test]
fn a_second_agent_says_that_one_runs() {
    let mut stage = Stage::new();
    stage.start();
    let first = stage.agent.take();
    stage.launch();
    assert_eq!(stage.agent.take().unwrap().wait().unwrap().code(), Some(69));
    assert!(stage.log().contains("another agent runs"));
    stage.agent = first;
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn nothing_but_its_own_state_is_written() {
    let mut stage = Stage::new();
    stage.write(".gitconfig", "[http]\n\tsslVerify = false\n");
    stage.write("src/a/.env", &format!("TOKEN={}\n", token("a")));
    let state = |stage: &Stage| {
        let mut all = Vec::new();
        let mut todo = vec![stage.home()];
        while let Some(dir) = todo.pop() {
            for entry in fs::read_dir(dir).unwrap().flatten() {
                let (path, meta) = (entry.path(), entry.metadata().unwrap());
                if path == stage.home().join(".local") {
                    continue;
                }
                all.push((path.clone(), meta.modified().unwrap(), meta.len()));
                if meta.is_dir() {
                    todo.push(path);
                }
            }
        }
        all.sort();
        all
    };
    let before = state(&stage);
    stage.start();
    stage.call("Rescan", &(Vec::<String>::new(),)).unwrap();
    stage.until("findings", |s| s.findings().len() == 2);
    stage.stop();
    assert_eq!(state(&stage), before);
}
