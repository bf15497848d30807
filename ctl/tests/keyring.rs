//! The key of finding ids in a real keyring, on a bus of the test's own.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::session::Session;
use common::{Document, Home, checked, files, run, text};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use std::os::unix::fs::PermissionsExt as _;

fn doctor(session: &Session) -> Document {
    session.run(&["doctor", "--format", "json"]).document(1)
}

/// The key as the keyring keeps it.
fn stored(session: &Session) -> Vec<u8> {
    let found = run(&mut session.tool("secret-tool", &["search", "--all", "service", "lapwing"]));
    assert!(found.both().contains("service = lapwing"), "{}", found.both());
    let mut lookup = session.tool("secret-tool", &["lookup", "service", "lapwing"]);
    let key = run(&mut lookup);
    assert!(key.code == 0 && key.out.len() == 32, "{} bytes, {}", key.out.len(), key.stderr());
    key.out
}

fn home() -> Home {
    let home = Home::new();
    home.write("notes.txt", format!("token: {}\n", checked("ghp_", "keyring")));
    home
}

/// Whether a file of the state holds the key in some form.
fn kept_in_files(home: &Home, key: &[u8]) -> bool {
    let forms =
        [key.to_vec(), HEXLOWER.encode(key).into(), HEXUPPER.encode(key).into(), BASE64.encode(key).into()];
    let holds = |bytes: &[u8]| forms.iter().any(|form| bytes.windows(form.len()).any(|w| w == form));
    files(&home.state()).iter().any(|file| holds(&std::fs::read(file).unwrap()))
}

#[test]
fn the_key_is_in_the_keyring_and_nowhere_else() {
    let session = Session::new(home());
    let first = doctor(&session);
    let key = stored(&session);
    assert!(!kept_in_files(&session.home, &key));
    assert_eq!(doctor(&session).ids(), first.ids());
    // The ids come from this key: without a ledger they are the same.
    std::fs::remove_file(session.home.state().join("ledger.db")).unwrap();
    assert_eq!(doctor(&session).ids(), first.ids());
    assert_eq!(stored(&session), key);
}

#[test]
fn a_locked_keyring_costs_memory_not_findings() {
    let session = Session::new(home());
    let before = doctor(&session);
    session.lock();
    session.home.write("more.txt", checked("ghp_", "while locked"));
    let doc = doctor(&session);
    assert_eq!(doc.of("github-pat").len(), 2, "{:#}", doc.0);
    let gap = doc.gap("ledger").unwrap();
    let why = text(&gap["why"]);
    assert!(why.contains("keyring") && why.contains("unlock") && !why.contains('\n'), "{gap:#}");
    assert!(!doc.complete());
    let shown = session.run(&["doctor"]);
    let said = shown.stdout().lines().filter(|l| l.contains("keyring")).count();
    assert!(shown.code == 1 && said == 1, "{}", shown.both());
    // What was known is known, and answered without the keyring.
    let listed = session.run(&["list", "--format", "json"]).document(1);
    assert_eq!(listed.ids(), before.ids());
}

#[test]
fn without_a_bus_the_key_is_in_a_private_file() {
    let home = home();
    let first = home.doctor().document(1);
    let key = home.state().join("key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(home.doctor().document(1).ids(), first.ids());
    // Losing it costs ids, not safety.
    std::fs::remove_file(&key).unwrap();
    home.write("notes.txt", home.read("notes.txt"));
    let anew = home.doctor().document(1);
    assert_eq!(anew.findings().len(), 1, "{:#}", anew.0);
    assert_ne!(anew.ids(), first.ids());
}

#[test]
fn a_bus_without_a_keyring_is_as_no_bus() {
    let home = home();
    // An address at which nobody listens.
    let mut command = home.lapwing(&["doctor", "--format", "json"]);
    command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", home.beside("nobody").display()));
    let first = run(&mut command).document(1);
    assert_eq!(home.state().join("key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(&mut command).document(1).ids(), first.ids());
    assert!(first.complete(), "{:#}", first.0["coverage"]);
}
