#![expect(clippy::disallowed_methods, reason = "tests read their own tree, and make files of their own")]

use super::*;
use crate::desktop::testing::tool;
use crate::record::Reason;
use lapwing_rules::rule::{Grade, Severity};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

const CATALOG: &str = include_str!("../../../systemd/lapwing.catalog");
const PAGE: &str = include_str!("../../JOURNAL.md");

/// A message of each kind.
fn say_everything(sandbox: &Sandbox) {
    let record = crate::notice::tests::record("F-7K3Q2MAB", Severity::Critical, Some(Grade::Proved));
    opened(&record);
    resolved(&record);
    let sweep =
        Swept { at: 1, millis: 1, files: 3, unchanged: 0, bytes: 1, opened: 1, resolved: 0, complete: true };
    swept(&sweep, &BTreeMap::from([(Severity::High, 2)]));
    let paths = vec!["~/a\nb\u{1b}[2J".to_owned()];
    gap(&Gap { reason: Reason::Unreadable, policy: false, count: 1, why: paths[0].clone(), paths });
    let why = "not valid TOML: error at line 2\n  |\n2 | key = \"value\"\n".to_owned();
    refused(&format!("~/.config/lapwing/config.toml: {why}"));
    trouble("ledger", "the disk is full");
    reloaded();
    started(7);
    stopped("asked to");
    limited("inotify watches", "the rest is swept");
    untold(&crate::desktop::Problem::Absent);
    sandboxed(sandbox);
    tracing::error!(target: "zbus::connection", "what a library says");
}

#[test]
fn numbers_are_numbers_and_each_its_own() {
    let ids: BTreeSet<&str> = Message::ALL.iter().map(|m| m.id()).collect();
    let events: BTreeSet<&str> = Message::ALL.iter().map(|m| m.event()).collect();
    assert_eq!((ids.len(), events.len()), (Message::ALL.len(), Message::ALL.len()));
    let lower =
        |id: &&str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    assert!(ids.iter().all(lower));
}

#[test]
fn the_catalog_explains_each_message_and_no_other() {
    let explained: Vec<&str> = CATALOG.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
    assert_eq!(explained, Message::ALL.map(Message::id));
    // What an entry puts into its text is a field that its message has.
    for (message, entry) in Message::ALL.into_iter().zip(CATALOG.split("\n-- ").skip(1)) {
        let start = format!("| `{}` |", message.event());
        let row = PAGE.lines().find(|line| line.starts_with(&start)).unwrap();
        for field in entry.split('@').skip(1).step_by(2) {
            assert!(row.contains(&format!("`{field}`")), "{} has no {field}", message.event());
        }
    }
}

#[test]
fn the_page_documents_each_message_and_field() {
    for message in Message::ALL {
        let row = format!("| `{}` | `{}` |", message.event(), message.id());
        assert!(PAGE.contains(&row), "not documented: {row}");
    }
    let (_, fields) = PAGE.split_once("## Fields").unwrap();
    let source = include_str!("../log.rs");
    let said = source.split_whitespace().filter(|w| w.starts_with("LAPWING_") && *w != "LAPWING_LOG");
    for field in said.map(|w| w.trim_end_matches([',', ';'])) {
        assert!(fields.contains(&format!("`{field}`")), "not documented: {field}");
    }
}

#[test]
fn levels_are_words() {
    assert_eq!((level("warn"), level("off")), (Some(LevelFilter::WARN), Some(LevelFilter::OFF)));
    assert_eq!(level("loud"), None);
}

/// This very program once more, saying everything.
fn speaker() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "log::tests::speak", "--ignored", "--nocapture"]).stdin(Stdio::null());
    command
}

#[test]
#[ignore = "the log is opened once for the process: run by others"]
fn speak() {
    // As in the agent: what was given up must leave a way to the journal.
    let home = std::env::temp_dir();
    let paths = crate::sandbox::Paths { home: &home, read: &[], write: &[] };
    let sandbox = crate::sandbox::begin().confine(&paths);
    let log = open(LevelFilter::INFO);
    say_everything(&sandbox);
    log.set_level(LevelFilter::ERROR);
    reloaded();
}

#[test]
#[ignore = "the log is opened once for the process: run by another"]
fn speak_again_and_again() {
    let _log = open(LevelFilter::INFO);
    for word in ["before", "during", "after"] {
        let go = std::path::Path::new("/run").join(word);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !go.exists() {
            assert!(std::time::Instant::now() < end, "nobody says {word}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        trouble("ledger", word);
        std::fs::write(go.with_extension("said"), "").unwrap();
    }
}

#[test]
fn without_a_journal_it_is_one_harmless_line_each() {
    let out = speaker().env_remove("JOURNAL_STREAM").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let said = String::from_utf8(out.stderr).unwrap();
    let lines: Vec<&str> = said.lines().filter(|l| l.starts_with("lapwingd: ")).collect();
    assert_eq!(lines.len(), Message::ALL.len(), "{said}");
    assert_eq!(lines[0], "lapwingd: warning: F-7K3Q2MAB (critical): GitHub token in ~/.bash_history:12");
    assert!(said.contains(r"not examined: ~/a\u{a}b\u{1b}[2J"), "{said}");
    assert!(said.contains("configuration refused: ~/.config/lapwing/config.toml: not valid TOML"), "{said}");
    assert!(!said.contains("value") && !said.contains("library"), "{said}");
}

/// Runs a script as root of namespaces of its own, where `/run` is empty.
fn apart(script: &str) -> std::process::Output {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-euc", &format!("mount -t tmpfs tmpfs /run\n{script}")]);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_journal_has_every_field() {
    let journald = tool("systemd-journald").display().to_string();
    let program = speaker();
    let words: Vec<_> = std::iter::once(program.get_program()).chain(program.get_args()).collect();
    let words: Vec<_> = words.iter().map(|w| format!("'{}'", w.to_str().unwrap())).collect();
    // As systemd does it for units; systemd-cat has done so too only since 254.
    let connected = "export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2); exec \"$@\"";
    let out = apart(&format!(
        "mkdir -p /run/systemd/journal /run/log/journal\n\
         {journald} & n=0\n\
         until [ -S /run/systemd/journal/stdout ]; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.05; done\n\
         systemd-cat sh -c '{connected}' sh {}\n\
         journalctl --sync\n\
         journalctl -t lapwingd -o json",
        words.join(" ")
    ));
    let said = String::from_utf8(out.stdout).unwrap();
    let entries: Vec<serde_json::Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let ids: Vec<&str> = entries.iter().filter_map(|e| e["MESSAGE_ID"].as_str()).collect();
    let all: BTreeSet<&str> = Message::ALL.iter().map(|m| m.id()).collect();
    let problem = String::from_utf8_lossy(&out.stderr);
    assert_eq!((ids.len(), ids.iter().copied().collect()), (all.len(), all), "{said}{problem}");
    let first = &entries[0];
    for (field, value) in [
        ("SYSLOG_IDENTIFIER", "lapwingd"),
        ("PRIORITY", "4"),
        ("LAPWING_EVENT", "finding-opened"),
        ("LAPWING_FINDING", "F-7K3Q2MAB"),
        ("LAPWING_RULE", "github-token"),
        ("LAPWING_SEVERITY", "critical"),
        ("LAPWING_GRADE", "proved"),
        ("LAPWING_PATH", "~/.bash_history"),
        ("LAPWING_LINE", "12"),
    ] {
        assert_eq!(first[field], value, "{field} of {first}");
    }
}

#[test]
fn a_journal_that_is_killed_and_comes_back_is_spoken_to_again() {
    let journald = tool("systemd-journald").display().to_string();
    let program = std::env::current_exe().unwrap();
    let out = apart(&format!(
        "mkdir -p /run/systemd/journal /run/log/journal; cd /run\n\
         until_is() {{ n=0; until [ $1 $2 ]; do n=$((n + 1)); [ $n -lt 1200 ]; sleep 0.05; done; }}\n\
         {journald} & journal=$!; until_is -S systemd/journal/stdout\n\
         systemd-cat sh -c 'export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2); exec \"$@\" >/run/out' sh \
             '{}' --exact log::tests::speak_again_and_again --ignored & speaker=$!\n\
         touch before; until_is -e before.said; journalctl --sync\n\
         kill -KILL $journal; wait $journal || true\n\
         touch during; until_is -e during.said\n\
         rm -f systemd/journal/stdout systemd/journal/socket systemd/journal/dev-log\n\
         {journald} & until_is -S systemd/journal/stdout\n\
         touch after; wait $speaker; journalctl --sync\n\
         journalctl -t lapwingd -o cat",
        program.display()
    ));
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("ledger: before") && said.contains("ledger: after"), "{said}");
}

#[test]
fn journalctl_understands_the_catalog() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = dir.path().join("usr/lib/systemd/catalog");
    std::fs::create_dir_all(&catalog).unwrap();
    std::fs::create_dir_all(dir.path().join("var/lib/systemd/catalog")).unwrap();
    std::fs::write(catalog.join("lapwing.catalog"), CATALOG).unwrap();
    let journalctl = |args: &[&str]| {
        let out = Command::new(tool("journalctl")).arg("--root").arg(dir.path()).args(args).output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    journalctl(&["--update-catalog"]);
    let list = journalctl(&["--list-catalog"]);
    for message in Message::ALL {
        let line = list.lines().find(|line| line.starts_with(message.id()));
        assert!(line.is_some_and(|l| l.contains("Lapwing: ")), "{} in {list}", message.event());
    }
}
