//! A messy home goes from red to green with one session in the terminal, and back with one command; and histories that
//! are databases.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, checked, files, secret};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

/// Everything of the user's: name, mode and content.
fn everything(home: &Home) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let own = files(home.root()).into_iter().filter(|f| !f.starts_with(home.state()));
    own.map(|f| (f.clone(), (f.metadata().unwrap().mode() & 0o7777, std::fs::read(&f).unwrap()))).collect()
}

fn find(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|w| w == what.as_bytes())
}

/// Fills a home with mistakes that can be mended; the secrets in it.
fn messy(home: &Home) -> [String; 3] {
    let (pat, other) = (checked("ghp_", "whole one"), checked("ghp_", "whole two"));
    let password = secret("{{alnum:20}}", "whole password");
    home.write_mode(
        ".gitconfig",
        "# mine\n[user]\n\tname = Dev\n\temail = dev@x.test\n[http]\n\tsslVerify = false\n[alias]\n\tst = status\n",
        0o644,
    );
    home.write(
        ".ssh/config",
        "Host *\n  StrictHostKeyChecking no\n\nHost shop\n  HostName shop.test # the shop\n",
    );
    home.write_mode(".bash_history", format!("ls\nexport GITHUB_TOKEN={pat}\nmake\n"), 0o644);
    home.write(
        ".zsh_history",
        format!(": 1764374100:0;curl -H 'Authorization: token {other}' x\n: 1764374101:0;ls\n"),
    );
    home.write(
        ".local/share/fish/fish_history",
        format!(
            "- cmd: mysql --password={password} shop\n  when: 1764374100\n- cmd: ls\n  when: 1764374101\n"
        ),
    );
    let said = serde_json::json!({ "type": "user", "message": { "content": format!("try {pat}\nplease") } });
    let transcript = ".claude/projects/-home-dev-shop/1.jsonl";
    home.write(transcript, format!("{said}\n{{\"type\":\"assistant\"}}\n"));
    home.must("touch", ["-d", "1 hour ago", transcript]);
    [pat, other, password]
}

#[test]
fn from_red_to_green_in_one_session_and_back_with_one_command() {
    let home = Home::new();
    let secrets = messy(&home);
    let found = home.doctor().document(1).findings().len();
    assert!(found >= 6, "{found}");
    let before = everything(&home);

    let run = home.answer(&["fix"], &"y\n".repeat(found));
    assert_eq!(run.code, 0, "{}", run.both());
    home.doctor().document(0);
    let mended = everything(&home);
    assert_eq!(mended.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (path, (_, bytes)) in &mended {
        for secret in &secrets {
            assert!(!find(bytes, secret), "{}: {}", path.display(), run.both());
        }
    }
    assert!(home.must("git", ["config", "--global", "alias.st"]).contains("status"));
    assert!(
        home.must("ssh", ["-G", "-F", home.path(".ssh/config").to_str().unwrap(), "shop"])
            .contains("shop.test")
    );
    // A second session has nothing to do.
    let again = home.answer(&["fix"], "y\n");
    assert!(again.said().contains("Nothing to mend is known here"), "{}", again.both());
    assert_eq!(everything(&home), mended);

    // To the byte, except what was secret.
    let run = home.run(&["undo"]);
    assert_eq!(run.code, 0, "{}", run.both());
    let after = everything(&home);
    for (path, (mode, bytes)) in &before {
        let mut want = String::from_utf8(bytes.clone()).unwrap();
        for secret in &secrets {
            want = want.replace(secret.as_str(), "REDACTED-BY-LAPWING");
        }
        let (now_mode, now) = &after[path];
        assert_eq!(String::from_utf8_lossy(now), want, "{}", path.display());
        assert_eq!(now_mode, mode, "{}", path.display());
    }
    assert_eq!(after.len(), before.len());
}

/// The schema of atuin 18, as its migrations leave it.
const ATUIN: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE history (
        id text primary key, timestamp integer not null, duration integer not null, exit integer not null,
        command text not null, cwd text not null, session text not null, hostname text not null,
        deleted_at integer, author text, intent text, shell text, author_kind text,
        unique(timestamp, cwd, command)
    );
    CREATE INDEX idx_history_timestamp ON history (timestamp);
    CREATE INDEX idx_history_command ON history (command);
    CREATE INDEX idx_history_command_timestamp ON history (command, timestamp);
";

#[test]
fn nothing_stays_in_the_database_of_atuin_or_in_its_log() {
    let home = Home::new();
    let token = checked("ghp_", "atuin");
    let path = home.write(".local/share/atuin/history.db", "");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(ATUIN).unwrap();
    for n in 0..300 {
        let command =
            if n % 100 == 7 { format!("export GITHUB_TOKEN={token} # {n}") } else { format!("ls -l {n}") };
        let row = (format!("{n:032x}"), 1_764_374_100_000_000_000_i64 + n, command);
        db.execute(
            "INSERT INTO history VALUES (?1, ?2, 5, 0, ?3, '/home/dev', 's', 'h:dev', NULL, NULL, NULL, 'bash', NULL)",
            row,
        )
        .unwrap();
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.doctor().document(1).of("github-pat").len(), 1);
    // atuin has it open all the while.
    let run = home.answer(&["fix", "--rule", "github-pat"], "y\n");
    assert_eq!(run.code, 0, "{}", run.both());
    for file in files(&home.path(".local/share/atuin")) {
        assert!(!find(&std::fs::read(&file).unwrap(), &token), "{}", file.display());
    }
    let count = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM history"), 300);
    assert_eq!(
        count(
            "SELECT count(*) FROM history WHERE command LIKE 'export GITHUB_TOKEN=REDACTED-BY-LAPWING # %'"
        ),
        3
    );
    assert_eq!(db.query_row("PRAGMA integrity_check", [], |r| r.get::<_, String>(0)).unwrap(), "ok");
    home.doctor().document(0);
    assert_eq!(home.run(&["undo"]).code, 0);
}
