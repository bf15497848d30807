//! `lapwing secret` with a real keyring: what is put in comes out, to whoever asks by name and to nobody else.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::session::Session;
use common::{Home, Run, files, finish, run};
use lapwing_rules::testing::fill;
use std::io::Write as _;
use std::process::Stdio;

fn set(session: &Session, name: &str, secret: &str) -> Run {
    let mut command = session.home.lapwing(&["secret", "set", name]);
    session.at(&mut command);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that refuses the name does not read.
    let _ = child.stdin.take().unwrap().write_all(secret.as_bytes());
    finish(child)
}

fn get(session: &Session, name: &str) -> Run {
    session.run(&["secret", "get", name])
}

#[test]
fn what_is_put_in_comes_out_by_name() {
    let session = Session::new(Home::new());
    let secret = fill("{{alnum:32}} with a blank, \"quotes\" and ü", "secret");
    let put = set(&session, "acme-token", &format!("{secret}\n"));
    assert_eq!(put.code, 0, "{}", put.both());
    assert!(!put.both().contains(&secret));
    // Not a byte more or less: scripts use it as it is.
    let got = get(&session, "acme-token");
    assert_eq!((got.code, got.stdout(), got.stderr()), (0, secret.clone(), String::new()));
    let mut shell = session.tool("sh", &["-c", "test \"$($0 secret get acme-token)\" = \"$1\""]);
    shell.arg(env!("CARGO_BIN_EXE_lapwing")).arg(&secret);
    assert_eq!(run(&mut shell).code, 0);
    // The keyring's own tools see it too, so nobody is locked out without Lapwing.
    let other =
        run(&mut session.tool("secret-tool", &["lookup", "application", "lapwing", "name", "acme-token"]));
    assert_eq!(other.stdout(), secret);
    let list = session.run(&["secret", "list"]);
    assert!(list.code == 0 && list.stdout().starts_with("acme-token  since "), "{}", list.both());
    assert!(!list.both().contains(&secret));
    let json = session.run(&["secret", "list", "--format", "json"]);
    let names: serde_json::Value = serde_json::from_slice(&json.out).unwrap();
    assert_eq!(names[0]["name"], "acme-token", "{names}");
    // It is in no file of ours.
    let holds = |file: &std::path::PathBuf| {
        std::fs::read(file).unwrap().windows(secret.len()).any(|w| w == secret.as_bytes())
    };
    assert!(!files(session.home.root()).iter().any(holds));
    assert_eq!(set(&session, "acme-token", "another").code, 0);
    assert_eq!(get(&session, "acme-token").stdout(), "another");
    assert_eq!(session.run(&["secret", "remove", "acme-token"]).code, 0);
    let gone = get(&session, "acme-token");
    assert!(
        gone.code == 2 && gone.out.is_empty() && gone.stderr().contains("secret list"),
        "{}",
        gone.both()
    );
    assert_eq!(session.run(&["secret", "remove", "acme-token"]).code, 2);
}

#[test]
fn a_terminal_gets_it_only_when_it_asks_to_see_it() {
    let session = Session::new(Home::new());
    let secret = fill("{{alnum:32}}", "terminal");
    assert_eq!(set(&session, "acme", &secret).code, 0);
    let on_terminal = |args: &str| {
        let line = format!("{} secret get acme {args}", env!("CARGO_BIN_EXE_lapwing"));
        run(&mut session.tool("script", &["-qec", &line, "/dev/null"]))
    };
    let refused = on_terminal("");
    assert!(
        refused.code == 2 && refused.both().contains("--show") && !refused.both().contains(&secret),
        "{}",
        refused.both()
    );
    let shown = on_terminal("--show");
    assert!(shown.code == 0 && shown.stdout().contains(&secret), "{}", shown.both());
}

#[test]
fn a_keyring_that_is_locked_or_gone_says_so() {
    let mut session = Session::new(Home::new());
    assert_eq!(set(&session, "acme", "x").code, 0);
    session.lock();
    let locked = get(&session, "acme");
    assert!(
        locked.code == 4 && locked.out.is_empty() && locked.stderr().contains("locked"),
        "{}",
        locked.both()
    );
    // For what is not there nobody has to unlock anything.
    assert_eq!(get(&session, "other").code, 2);
    assert_eq!(set(&session, "other", "y").code, 4);
    session.lose_keyring();
    // The bus may start another one, which knows nothing yet or is locked.
    let gone = get(&session, "acme");
    assert!(gone.code != 0 && gone.out.is_empty(), "{}", gone.both());
    let home = Home::new();
    let none = home.run(&["secret", "get", "acme"]);
    assert!(none.code == 4 && none.stderr().contains("no keyring answers"), "{}", none.both());
    assert_eq!(home.run(&["secret", "list"]).code, 0);
}

#[test]
fn names_and_secrets_that_make_no_sense_are_refused() {
    let session = Session::new(Home::new());
    assert_eq!(set(&session, "a b", "x").code, 2);
    assert_eq!(set(&session, "acme", "\n").code, 2);
    assert_eq!(session.run(&["secret", "get", "$(id)"]).code, 2);
}
