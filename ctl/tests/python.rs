//! Passwords of pip and twine that move to a real keyring through Python's `keyring`, with the real tools: found, moved, found
//! no more, still of use to the tool, and taken back. Where the tool would not find them again, nothing is moved.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::registry::{Answer, Registry};
use common::session::Session;
use common::{Home, PATH, Run, must, python, run};
use data_encoding::BASE64;
use lapwing_rules::testing::fill;
use std::path::PathBuf;

const CONFIG: &str = ".config/pip/pip.conf";
const WHEEL: &str = "acme-1.0-py3-none-any.whl";

/// With pip in one environment, and `keyring` and `twine` in another.
fn session() -> Session {
    let mut session = Session::new(Home::new());
    session.programs_in(python::pip());
    session.programs_in(python::programs());
    session
}

/// A package that can be downloaded and uploaded.
fn wheel(home: &Home) -> PathBuf {
    let info = "wheel/acme-1.0.dist-info";
    home.write(&format!("{info}/METADATA"), "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n");
    home.write(&format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
    home.write(&format!("{info}/RECORD"), "");
    must(home.tool("zip", ["-q", "-r", &format!("../{WHEEL}"), "."]).current_dir(home.path("wheel")));
    home.path(WHEEL)
}

fn basic(secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("dev:{secret}").as_bytes()))
}

/// A package index that has one package, for who knows the password.
fn index(home: &Home, secret: &str) -> Registry {
    let package = std::fs::read(wheel(home)).unwrap();
    Registry::demanding(basic(secret), move |path, _| {
        if path.ends_with(".whl") {
            Answer::bytes(package.clone())
        } else {
            Answer::html(format!("<a href=\"/files/{WHEEL}\">{WHEEL}</a>"))
        }
    })
}

fn download(session: &Session) -> Run {
    let to = session.home.beside("downloaded").display().to_string();
    let _ = std::fs::remove_dir_all(&to);
    let args = ["download", "--no-input", "--no-deps", "--no-cache-dir", "-q", "-d", &to, "acme"];
    run(&mut session.program("pip", &args))
}

fn upload(session: &Session) -> Run {
    let wheel = session.home.path(WHEEL).display().to_string();
    run(&mut session
        .program("twine", &["upload", "--non-interactive", "--disable-progress-bar", "-r", "own", &wheel]))
}

fn fix(session: &Session, rule: &str) -> Run {
    session.answer(&["fix", "--rule", rule], "y\n")
}

fn config(port: u16, user: &str) -> String {
    format!("# ours\n[global]\n    index-url = http://{user}@127.0.0.1:{port}/simple\n    timeout = 9\n")
}

#[test]
fn pip_asks_the_keyring() {
    let session = session();
    let secret = fill("q7{{alnum:20}}", "pip");
    let index = index(&session.home, &secret);
    session.home.write(CONFIG, config(index.port, &format!("dev:{secret}")));
    assert_eq!(download(&session).code, 0);
    assert_eq!(session.doctor().of("pkg.index-userinfo.pip").len(), 1);
    let fixed = fix(&session, "pkg.index-userinfo.pip");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert!(!fixed.both().contains(&secret), "{}", fixed.both());
    assert!(session.doctor().of("pkg.index-userinfo.pip").is_empty());
    assert_eq!(session.holding(&secret), Vec::<PathBuf>::new());
    // pip reads the file as it is meant, asks, and gets what it wants.
    let told = must(&mut session.program("pip", &["config", "list"]));
    for line in [
        format!("global.index-url='http://dev@127.0.0.1:{}/simple'", index.port),
        "global.keyring-provider='subprocess'".to_owned(),
        "global.timeout='9'".to_owned(),
    ] {
        assert!(told.lines().any(|said| said == line), "{line}: {told}");
    }
    let before = index.credentials().len();
    let again = download(&session);
    assert_eq!(again.code, 0, "{}", again.both());
    assert!(session.home.beside("downloaded").join(WHEEL).is_file());
    assert!(index.credentials()[before..].contains(&basic(&secret)));
    let place = format!("127.0.0.1:{}", index.port);
    assert_eq!(must(&mut session.program("keyring", &["get", &place, "dev"])), format!("{secret}\n"));
    // Twice is as good as once.
    let twice = session.run(&["fix", "--rule", "pkg.index-userinfo.pip", "--yes"]);
    assert_eq!(twice.code, 0, "{}", twice.both());
    session.lock();
    assert_ne!(download(&session).code, 0);
    let undone = session.run(&["undo"]);
    assert!(undone.code == 0 && undone.said().contains("keyring del"), "{}", undone.both());
    assert_eq!(session.home.read(CONFIG), config(index.port, "dev").as_bytes());
}

#[test]
fn twine_asks_the_keyring() {
    let session = session();
    let secret = fill("q7{{alnum:20}}", "twine");
    let index = index(&session.home, &secret);
    let head = format!(
        "[distutils]\nindex-servers =\n    own\n\n[own]\nrepository = http://127.0.0.1:{}/legacy/\nusername = dev\n",
        index.port
    );
    session.home.write(".pypirc", format!("{head}password = {secret}\n"));
    assert_eq!(upload(&session).code, 0);
    assert_eq!(session.doctor().of("cred.pypi").len(), 1);
    let fixed = fix(&session, "cred.pypi");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert_eq!(session.home.read(".pypirc"), head.as_bytes());
    assert!(session.doctor().of("cred.pypi").is_empty());
    assert_eq!(session.holding(&secret), Vec::<PathBuf>::new());
    let before = index.credentials().len();
    let sent = upload(&session);
    assert_eq!(sent.code, 0, "{}", sent.both());
    assert_eq!(index.credentials()[before..], [basic(&secret)]);
    session.lock();
    assert!(upload(&session).code != 0 && index.credentials().len() == before + 1);
}

#[test]
fn what_would_not_be_found_again_stays_with_people() {
    let mut session = Session::new(Home::new());
    let secret = fill("q7{{alnum:20}}", "refused");
    let text = format!("[global]\nindex-url = https://dev:{secret}@pypi.company.test/simple\n");
    session.home.write(CONFIG, &text);
    let pypirc = format!(
        "[own]\nrepository = https://pypi.company.test/\nusername = dev\npassword = {}\n",
        fill("q8{{alnum:20}}", "refused")
    );
    session.home.write(".pypirc", &pypirc);
    session.doctor();
    let refused = |session: &Session, rule: &str, why: &str| {
        let fixed = fix(session, rule);
        assert!(fixed.code == 1 && fixed.said().contains(why), "{rule}: {}", fixed.both());
        assert_eq!(session.home.read(CONFIG), text.as_bytes());
        assert_eq!(session.home.read(".pypirc"), pypirc.as_bytes());
    };
    // No `keyring`, no `twine`.
    session.programs_in(python::pip());
    refused(&session, "pkg.index-userinfo.pip", "pipx install keyring");
    refused(&session, "cred.pypi", "pipx install twine");
    // All in one environment: its pip does not ask what is beside it.
    session.no_programs();
    session.programs_in(python::programs());
    refused(&session, "pkg.index-userinfo.pip", "does not ask");
    // A backend that keeps nothing, and none at all.
    session.home.write(
        ".config/python_keyring/keyringrc.cfg",
        "[backend]\ndefault-keyring=keyring.backends.null.Keyring\n",
    );
    refused(&session, "cred.pypi", "keyring.backends.null.Keyring");
    std::fs::remove_file(session.home.path(".config/python_keyring/keyringrc.cfg")).unwrap();
}

#[test]
fn without_a_session_there_is_no_keyring() {
    let home = Home::new();
    let secret = |label| fill("q7{{alnum:20}}", label);
    home.write(
        CONFIG,
        format!("[global]\nindex-url = https://dev:{}@pypi.company.test/simple\n", secret("a")),
    );
    home.write(".pypirc", format!("[pypi]\npassword = pypi-{}\n", fill("{{alnum:60}}", "b")));
    home.doctor().document(1);
    let dirs = [python::pip(), python::programs()].into_iter().chain(std::env::split_paths(PATH));
    let path = std::env::join_paths(dirs).unwrap();
    for rule in ["pkg.index-userinfo.pip", "cred.pypi"] {
        let shown = run(home.lapwing(&["fix", "--rule", rule, "--dry-run"]).env("PATH", &path));
        assert!(shown.code == 1 && shown.said().contains("finds no keyring"), "{}", shown.both());
    }
}

#[test]
fn another_password_in_the_keyring_stays() {
    let mut session = session();
    let secret = fill("q7{{alnum:20}}", "taken");
    let text = format!("[global]\nindex-url = https://dev:{secret}@pypi.company.test/simple\n");
    session.home.write(CONFIG, &text);
    // The key of ids is in a file: what is locked here is where credentials go.
    session.home.doctor().document(1);
    let place = ["pypi.company.test", "dev"];
    let other = session.home.beside("other");
    std::fs::write(&other, "another one\n").unwrap();
    let mut set = session.program("keyring", &["set", place[0], place[1]]);
    must(set.stdin(std::fs::File::open(other).unwrap()));
    let fixed = fix(&session, "pkg.index-userinfo.pip");
    assert!(
        fixed.code == 1 && fixed.said().contains("another credential is in Python's `keyring`"),
        "{}",
        fixed.both()
    );
    assert_eq!(session.home.read(CONFIG), text.as_bytes());
    assert_eq!(must(&mut session.program("keyring", &["get", place[0], place[1]])), "another one\n");
    // Nor is it when the keyring is locked and gives nothing back.
    session.lock();
    let locked = fix(&session, "pkg.index-userinfo.pip");
    assert!(locked.code == 1 && locked.said().contains("unlock it and try again"), "{}", locked.both());
    assert_eq!(session.home.read(CONFIG), text.as_bytes());
    session.unlock();
    assert_eq!(must(&mut session.program("keyring", &["get", place[0], place[1]])), "another one\n");
}
