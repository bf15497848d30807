//! What can go wrong: each time one clear line, an honest exit code, and nothing lost.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{
    Document, Home, Run, checked, directories, files, finish, must, paths, run, set_mode, text, working,
};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

/// A home with one token in it, and the token.
fn with_token() -> (Home, String) {
    let home = Home::new();
    let token = checked("ghp_", "token");
    home.write("notes.txt", format!("token: {token}\n"));
    (home, token)
}

/// `lapwing` as somebody whom permissions hold, also when the tests run as root.
fn unprivileged(home: &Home, args: &[&str]) -> Command {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return home.lapwing(args);
    }
    let program = home.beside("lapwing");
    if !program.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_lapwing"), &program).unwrap();
        must(home.tool("chown", ["-R", "65534:65534"]).arg(home.root()));
    }
    let mut command = home.tool("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
    command.arg(program).args(args);
    command
}

/// The one line of a run that could not do what was asked.
#[track_caller]
fn one_line(run: &Run, code: i32, says: &str) {
    let (out, err) = (run.stdout(), run.stderr());
    assert_eq!(run.code, code, "{}", run.both());
    assert_eq!(out, "", "nothing was expected on standard output");
    assert!(err.lines().count() == 1 && err.starts_with("error: ") && err.contains(says), "{err}");
}

/// What a document says of a gap: its one line, and that it names this path.
#[track_caller]
fn gap(doc: &Document, reason: &str, path: &str, says: &str) {
    let gap = doc.gap(reason).unwrap_or_else(|| panic!("no gap {reason}: {:#}", doc.0));
    let named = gap["paths"].as_array().unwrap().iter().any(|p| text(p).contains(path));
    assert!(named || path.is_empty(), "{gap:#}");
    let why = text(&gap["why"]);
    assert!(why.contains(says) && !why.contains('\n'), "{gap:#}");
    assert_eq!(doc.complete(), gap["policy"].as_bool().unwrap(), "{:#}", doc.0);
}

#[test]
fn what_may_not_be_read_is_told() {
    let home = Home::new();
    home.write("private/notes.txt", "x\n");
    home.write_mode("closed.txt", "x\n", 0o000);
    set_mode(&home.path("private"), 0o000);
    let json = ["doctor", "--format", "json"];
    let doc = run(&mut unprivileged(&home, &json)).document(3);
    gap(&doc, "unreadable", "~/private", "");
    gap(&doc, "unreadable", "~/closed.txt", "");
    let shown = run(&mut unprivileged(&home, &["doctor"]));
    assert!(shown.code == 3 && shown.stdout().contains("~/private ("), "{}", shown.both());
    // With a finding elsewhere that is the news, and the gap is told all the same.
    set_mode(&home.write("notes.txt", checked("ghp_", "beside a gap")), 0o644);
    gap(&run(&mut unprivileged(&home, &json)).document(1), "unreadable", "~/private", "");
    set_mode(&home.path("private"), 0o700);
}

#[test]
fn a_broken_pack_costs_itself_only() {
    let (home, token) = with_token();
    home.write("packs/bad.toml", "[[secret]\n");
    home.write("packs/good.toml", "[[secret]]\nid = \"own-token\"\ntitle = \"Own\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\nanchors = [\"own_\"]\npattern = 'own_[0-9]{20}'\n");
    home.write("own.txt", common::secret("own_{{digits:20}}\n", "own"));
    let packs = home.path("packs");
    home.write(
        ".config/lapwing/config.toml",
        format!("[scan]\npacks = [\"{}\", \"/nowhere/x.toml\"]\n", packs.display()),
    );
    let doc = home.doctor().document(1);
    gap(&doc, "bad-rule", "bad.toml", "line 1");
    gap(&doc, "bad-rule", "/nowhere/x.toml", "");
    assert_eq!((doc.of("github-pat").len(), doc.of("own-token").len()), (1, 1), "{token}: {:#}", doc.0);
    for file in ["notes.txt", "own.txt"] {
        std::fs::remove_file(home.path(file)).unwrap();
    }
    assert_eq!(home.doctor().document(3).findings().len(), 0);
}

#[test]
fn a_broken_configuration_stops_everything() {
    for (config, says) in
        [("[scan\n", "line 1"), ("[scan]\nmax-size = 1\n", "max-size"), ("[rules]\nprofile = 7\n", "line 2")]
    {
        let (home, _) = with_token();
        home.write(".config/lapwing/config.toml", config);
        for args in [&["doctor"][..], &["scan", "."], &["list"], &["doctor", "--format", "json"]] {
            one_line(&home.run(args), 2, says);
        }
        assert!(!home.state().exists());
    }
}

#[test]
fn names_that_are_not_text_are_no_obstacle() {
    let (home, _) = with_token();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::rename(home.path("notes.txt"), home.root().join(name)).unwrap();
    let first = home.doctor().document(1);
    assert_eq!(paths(first.only()), ["~/caf\\xe9"]);
    assert_eq!(home.doctor().document(1).ids(), first.ids());
    let listed = home.run(&["list"]);
    assert!(listed.stdout().contains("caf\\xe9"), "{}", listed.both());
    std::fs::remove_file(home.root().join(name)).unwrap();
    assert_eq!(home.doctor().document(0).findings().len(), 0);
}

#[test]
fn what_is_no_file_is_never_opened() {
    let home = Home::new();
    directories(&home.path(".ssh"), 0o700);
    for fifo in [".ssh/id_rsa", ".ssh/config", ".ssh/other", ".bash_history", ".gitconfig", ".lapwingignore"]
    {
        home.must("mkfifo", [fifo]);
    }
    let _socket = UnixListener::bind(home.path(".ssh/agent.sock")).unwrap();
    symlink("/dev/zero", home.path(".npmrc")).unwrap();
    symlink("other", home.path(".ssh/id_ed25519")).unwrap();
    let doc = home.doctor().document(0);
    assert_eq!(doc.gap("special").unwrap()["count"], 7, "{:#}", doc.0["coverage"]);
    for path in ["~/.ssh/id_rsa", "~/.ssh/agent.sock"] {
        gap(&doc, "special", path, "");
    }
    gap(&doc, "link-out", "~/.npmrc", "");
}

#[test]
fn links_that_go_in_circles_end() {
    let (home, _) = with_token();
    symlink("..", home.write("a/b/c.txt", "x").with_file_name("up")).unwrap();
    symlink(".npmrc", home.path(".npmrc")).unwrap();
    symlink("two", home.path("one")).unwrap();
    symlink("one", home.path("two")).unwrap();
    let doc = home.doctor().document(1);
    assert_eq!(paths(doc.only()), ["~/notes.txt"]);
    assert!(doc.complete());
}

#[test]
fn links_are_followed_inside_the_home_only() {
    let home = Home::new();
    let outside = home.beside("npmrc");
    std::fs::write(&outside, format!("//registry.npmjs.org/:_authToken={}\n", checked("npm_", "outside")))
        .unwrap();
    symlink(&outside, home.path(".npmrc")).unwrap();
    gap(&home.doctor().document(0), "link-out", "~/.npmrc", "");
    // A place that a dotfile manager has linked is that place.
    std::fs::remove_file(home.path(".npmrc")).unwrap();
    home.write("dotfiles/npm", std::fs::read(outside).unwrap());
    symlink("dotfiles/npm", home.path(".npmrc")).unwrap();
    let doc = home.doctor().document(1);
    assert_eq!(paths(doc.only()), ["~/.npmrc"]);
}

#[test]
fn a_home_that_is_not_there() {
    let home = Home::new();
    one_line(
        &home.run(&["doctor", "--home", "/nowhere/at/all"]),
        2,
        "/nowhere/at/all: No such file or directory",
    );
    let mut gone = home.lapwing(&["doctor"]);
    one_line(&run(gone.env("HOME", home.beside("gone"))), 2, "No such file or directory");
    assert!(!home.beside("gone").exists());
}

#[test]
fn a_home_that_vanishes_takes_nothing_with_it() {
    let (home, _) = with_token();
    let before = home.doctor().document(1);
    common::long_work(&home);
    let child = working(&mut home.lapwing(&["doctor", "--format", "json"]));
    let away = home.beside("away");
    std::fs::rename(home.root(), &away).unwrap();
    let doc = finish(child).document(1);
    gap(&doc, "interrupted", "~", "the home went away");
    assert!(!home.root().exists(), "nothing was made in its place: {:?}", files(home.root()));
    std::fs::rename(&away, home.root()).unwrap();
    std::fs::remove_dir_all(home.path("data")).unwrap();
    let after = home.run(&["list", "--format", "json"]).document(1);
    assert_eq!(after.ids(), before.ids());
    assert_eq!(home.doctor().document(1).ids(), before.ids());
}

#[test]
fn ctrl_c_tells_what_is_known() {
    for (secret, code) in [(true, 1), (false, 3)] {
        let home = Home::new();
        if secret {
            home.write(".npmrc", format!("//registry.npmjs.org/:_authToken={}\n", checked("npm_", "first")));
        }
        common::long_work(&home);
        let child = working(&mut home.lapwing(&["doctor", "--format", "json"]));
        must(&mut home.tool("kill", ["-INT", &child.id().to_string()]));
        let doc = finish(child).document(code);
        gap(&doc, "interrupted", "", "");
        assert!(doc.count("files") < common::LONG as u64, "{:#}", doc.0["summary"]);
        std::fs::remove_dir_all(home.path("data")).unwrap();
        let after = home.doctor().document(i32::from(secret));
        assert_eq!(after.ids(), doc.ids());
    }
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let (home, _) = with_token();
    let before = home.doctor().document(1);
    let ledger = home.state().join("ledger.db");
    must(home.tool("sqlite3", [&ledger]).arg("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE);"));
    let bytes = std::fs::read(&ledger).unwrap();
    let doc = home.doctor().document(1);
    gap(&doc, "ledger", "", "newer Lapwing");
    assert_eq!(doc.ids(), before.ids());
    one_line(&home.run(&["list"]), 4, "newer Lapwing");
    one_line(&home.run(&["ignore", &doc.ids()[0], "--reason", "r"]), 4, "newer Lapwing");
    assert_eq!(std::fs::read(&ledger).unwrap(), bytes);
}

#[test]
fn a_damaged_ledger_is_set_aside() {
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes[..100].fill(b'x'),
        |bytes| bytes[4096..].fill(0xee),
        |bytes| bytes.truncate(bytes.len() / 2),
    ];
    for (n, damage) in damages.into_iter().enumerate() {
        let (home, _) = with_token();
        let before = home.doctor().document(1);
        let ledger = home.state().join("ledger.db");
        must(home.tool("sqlite3", [&ledger]).arg("PRAGMA wal_checkpoint(TRUNCATE);"));
        let mut bytes = std::fs::read(&ledger).unwrap();
        damage(&mut bytes);
        std::fs::write(&ledger, bytes).unwrap();
        let doc = home.doctor().document(1);
        assert_eq!(doc.ids(), before.ids(), "damage {n}");
        let note = text(&doc.0["summary"]["notes"][0]);
        assert!(note.contains("damaged") && !note.contains('\n'), "{note}");
        assert!(doc.complete(), "damage {n}: {:#}", doc.0["coverage"]);
        let aside = files(&home.state()).iter().any(|f| f.to_string_lossy().contains("ledger.db.damaged-"));
        assert!(aside, "damage {n}: {:?}", files(&home.state()));
        let third = home.doctor().document(1);
        assert_eq!((third.ids(), third.0["summary"]["notes"].as_array().unwrap().len()), (before.ids(), 0));
    }
}

#[test]
fn a_full_disk_costs_memory_not_findings() {
    let (home, _) = with_token();
    directories(&home.state(), 0o700);
    for size in ["4k", "24k", "64k"] {
        let script = format!("mount -t tmpfs -o size={size},mode=700 none \"$1\" && shift && exec \"$@\"");
        let mut command = home.tool("unshare", ["-rm", "sh", "-c", &script, "sh"]);
        command.arg(home.state()).arg(env!("CARGO_BIN_EXE_lapwing")).args(["doctor", "--format", "json"]);
        let doc = run(&mut command).document(1);
        assert_eq!(doc.of("github-pat").len(), 1, "{size}: {:#}", doc.0);
        gap(&doc, "ledger", "", "");
        let why = text(&doc.gap("ledger").unwrap()["why"]).to_lowercase();
        assert!(why.contains("full") || why.contains("no space left"), "{size}: {why}");
    }
}

#[test]
fn a_state_directory_that_cannot_be_written() {
    let json = ["doctor", "--format", "json"];
    let (home, _) = with_token();
    directories(&home.state(), 0o500);
    let doc = run(&mut unprivileged(&home, &json)).document(1);
    gap(&doc, "ledger", "", "could not be remembered");
    assert_eq!(doc.of("github-pat").len(), 1);
    set_mode(&home.state(), 0o700);
    let before = run(&mut unprivileged(&home, &json)).document(1);
    for file in files(&home.state()) {
        set_mode(&file, 0o400);
    }
    set_mode(&home.state(), 0o500);
    let doc = run(&mut unprivileged(&home, &json)).document(1);
    gap(&doc, "ledger", "", "could not be remembered");
    assert_eq!(doc.ids(), before.ids());
    set_mode(&home.state(), 0o700);
}

#[test]
fn mistakes_on_the_command_line() {
    let (home, _) = with_token();
    for args in [
        &["doctor", "--nope"][..],
        &["nope"],
        &["doctor", "--format", "xml"],
        &["ignore", "F-1"],
        &["scan", "--jobs", "0"],
    ] {
        let run = home.run(args);
        assert!(run.code == 2 && !run.stderr().is_empty(), "{args:?}: {}", run.both());
    }
    one_line(&home.run(&["scan", "nowhere.txt"]), 2, "nowhere.txt: No such file or directory");
    one_line(&home.run(&["scan", "notes.txt", "nowhere.txt"]), 2, "nowhere.txt");
    one_line(&home.run(&["show", "F-ZZZZZZZZ"]), 2, "F-ZZZZZZZZ");
    one_line(&home.run(&["unignore", "F-ZZZZZZZZ"]), 2, "F-ZZZZZZZZ");
    one_line(&home.run(&["ignore", "F-ZZZZZZZZ", "--reason", "r"]), 2, "F-ZZZZZZZZ");
    one_line(&home.run(&["explain", "gitub-pat"]), 2, "github-pat");
    one_line(&home.run(&["config", "check", "nowhere.toml"]), 2, "nowhere.toml");
    one_line(&home.run(&["rules", "check", "nowhere.toml"]), 2, "nowhere.toml");
    assert!(!home.state().join("ledger.db").exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = Home::new();
    for n in 0..400 {
        home.write(&format!("notes/{n}.txt"), checked("ghp_", &n.to_string()));
    }
    assert_eq!(home.doctor().code, 1);
    for args in ["list", "list --format json", "list --format jsonl", "list --format sarif", "rules list"] {
        let script =
            format!("set -o pipefail; {{ \"$0\" {args}; echo \"ended $?\" >&2; }} | head -c 1 > /dev/null");
        let out = run(home.tool("bash", ["-c", &script]).arg(env!("CARGO_BIN_EXE_lapwing")));
        let said: Vec<String> = out.stderr().lines().map(str::to_owned).collect();
        assert!(said.len() == 1 && said[0].starts_with("ended "), "{args}: {}", out.both());
    }
    let full =
        run(home.tool("sh", ["-c", "exec \"$0\" list > /dev/full"]).arg(env!("CARGO_BIN_EXE_lapwing")));
    one_line(&full, 4, "No space left");
}
