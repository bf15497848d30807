//! Credentials that move to where their tools keep them encrypted, with a real keyring and the real tools: found, moved,
//! found no more, still of use to the tool, and taken back.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::registry::{Answer, Registry};
use common::session::Session;
use common::{Home, Run, finish, git_helper, must, run, tool};
use data_encoding::BASE64;
use lapwing_rules::testing::fill;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn moved(session: &Session, rule: &str) -> Run {
    session.answer(&["fix", "--rule", rule], "y\ny\ny\n")
}

fn git(session: &Session, host: &str) -> Run {
    let mut command = session.tool("git", &["credential", "fill"]);
    command.env("GIT_TERMINAL_PROMPT", "0");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    write!(child.stdin.take().unwrap(), "protocol=https\nhost={host}\n\n").unwrap();
    finish(child)
}

#[test]
fn git_finds_its_credentials_in_the_keyring() {
    let mut session = Session::new(Home::new());
    git_helper(&mut session);
    let secrets = [fill("{{alnum:30}}", "one"), fill("{{alnum:30}}", "two")];
    let config = "[user]\n\tname = Dev\n\temail = d@x.test\n[credential]\n\thelper = store\n";
    session.home.write(".gitconfig", config);
    let text = format!("https://me:{}@a.example\nhttps://d%40x:{}@b.example\n", secrets[0], secrets[1]);
    session.home.write(".git-credentials", text);
    assert!(git(&session, "a.example").stdout().contains(&secrets[0]));
    assert_eq!(session.doctor().of("git.credentials-file").len(), 2);
    let fixed = moved(&session, "git.credentials-file");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert!(!secrets.iter().any(|s| fixed.both().contains(s)), "{}", fixed.both());
    assert!(session.doctor().of("git.credentials-file").is_empty());
    for (secret, host) in secrets.iter().zip(["a.example", "b.example"]) {
        let filled = git(&session, host);
        assert!(filled.stdout().contains(&format!("password={secret}\n")), "{}", filled.both());
        assert_eq!(session.holding(secret), Vec::<PathBuf>::new());
    }
    assert!(git(&session, "b.example").stdout().contains("username=d@x\n"));
    // Twice is as good as once.
    let again = session.run(&["fix", "--rule", "git.credentials-file", "--yes"]);
    assert_eq!(again.code, 0, "{}", again.both());
    let undone = session.run(&["undo"]);
    assert_eq!(undone.code, 0, "{}", undone.both());
    assert!(undone.said().contains("stays in the keyring"), "{}", undone.both());
    assert_eq!(session.home.read(".gitconfig"), config.as_bytes());
    assert!(secrets.iter().all(|s| session.holding(s).is_empty()));
}

#[test]
fn what_only_git_reads_in_netrc_goes_to_its_helper() {
    let mut session = Session::new(Home::new());
    git_helper(&mut session);
    let secrets = ["forge", "other"].map(|name| fill("q7{{alnum:28}}", name));
    let other = format!("machine api.company.test login me password {}\n", secrets[1]);
    let text = format!("{other}machine github.com\n  login me\n  password {}\n", secrets[0]);
    session.home.write(".netrc", &text);
    assert_eq!(session.doctor().of("cred.netrc").len(), 2);
    // Whichever comes first: what cannot be mended is asked about again until somebody goes on.
    let fixed = session.answer(&["fix", "--rule", "cred.netrc"], "y\nn\ny\n");
    assert!(fixed.code == 1 && fixed.said().contains("1 finding mended, 1 left open"), "{}", fixed.both());
    assert!(fixed.said().contains("would lock them out"), "{}", fixed.both());
    assert_eq!(session.home.read(".netrc"), other.as_bytes());
    assert!(
        git(&session, "github.com").stdout().contains(&format!("username=me\npassword={}\n", secrets[0]))
    );
    assert_eq!(session.doctor().of("cred.netrc").len(), 1);
    assert_eq!(session.run(&["undo"]).code, 0);
    assert_eq!(session.home.read(".netrc"), other.as_bytes());
}

#[test]
fn an_address_keeps_the_name_and_git_the_token() {
    let mut session = Session::new(Home::new());
    git_helper(&mut session);
    let secret = fill("{{alnum:30}}", "url");
    session.home.must("git", ["init", "-q", "app"]);
    let remote = format!("https://me:{secret}@host.example/team/app.git");
    session.home.must("git", ["-C", "app", "remote", "add", "origin", &remote]);
    assert_eq!(session.doctor().of("git.remote-userinfo").len(), 1);
    let fixed = moved(&session, "git.remote-userinfo");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    let url = session.home.must("git", ["-C", "app", "remote", "get-url", "origin"]);
    assert_eq!(url, "https://me@host.example/team/app.git\n");
    assert!(git(&session, "host.example").stdout().contains(&format!("password={secret}\n")));
    assert_eq!(session.holding(&secret), Vec::<PathBuf>::new());
    assert!(session.doctor().of("git.remote-userinfo").is_empty());
}

#[test]
fn a_keyring_that_is_locked_changes_nothing() {
    let mut session = Session::new(Home::new());
    git_helper(&mut session);
    let config = "[user]\n\tname = Dev\n[credential]\n\thelper = store\n";
    session.home.write(".gitconfig", config);
    let text = format!("https://me:{}@a.example\n", fill("{{alnum:30}}", "locked"));
    session.home.write(".git-credentials", &text);
    let bashrc = format!("export GITLAB_TOKEN={}\n", fill("glpat-{{alnum:20}}", "locked"));
    session.home.write(".bashrc", &bashrc);
    // The key of ids is in a file: what is locked here is where credentials go.
    session.home.doctor().document(1);
    session.lock();
    for rule in ["git.credentials-file", "gitlab*"] {
        let fixed = moved(&session, rule);
        assert_eq!(fixed.code, 1, "{}", fixed.both());
    }
    let same = |session: &Session| {
        assert!(session.holding("lapwing secret get").is_empty());
        assert_eq!(session.home.read(".gitconfig"), config.as_bytes());
        assert_eq!(session.home.read(".git-credentials"), text.as_bytes());
        assert_eq!(session.home.read(".bashrc"), bashrc.as_bytes());
    };
    same(&session);
    session.lose_keyring();
    for rule in ["git.credentials-file", "gitlab*"] {
        assert_eq!(moved(&session, rule).code, 1);
    }
    same(&session);
}

#[test]
fn a_key_of_ids_that_is_locked_away_is_told() {
    let session = Session::new(Home::new());
    session.home.write(".gitconfig", "[http]\n\tsslVerify = false\n");
    session.doctor();
    session.lock();
    let fixed = session.run(&["fix", "--all", "--yes"]);
    assert!(fixed.code == 4 && fixed.stderr().contains("unlock"), "{}", fixed.both());
}

#[test]
fn without_a_helper_or_a_keyring_it_stays_with_people() {
    let home = Home::new();
    home.write(".git-credentials", format!("https://me:{}@a.example\n", fill("{{alnum:30}}", "none")));
    let bashrc = format!("export GITLAB_TOKEN={}\n", fill("glpat-{{alnum:20}}", "none"));
    home.write(".bashrc", &bashrc);
    home.doctor().document(1);
    let shown = home.run(&["fix", "--rule", "git.credentials-file", "--dry-run"]);
    assert!(shown.code == 1 && shown.said().contains("git-credential-libsecret"), "{}", shown.both());
    let fixed = home.answer(&["fix", "--rule", "gitlab*"], "y\n");
    assert!(fixed.code == 1 && fixed.said().contains("no keyring answers"), "{}", fixed.both());
    assert_eq!(home.read(".bashrc"), bashrc.as_bytes());
}

/// The directory of the program under test, for shells that look it up.
fn ours() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_lapwing")).parent().unwrap().to_owned()
}

#[test]
fn a_start_up_file_looks_its_secret_up() {
    let mut session = Session::new(Home::new());
    session.programs_in(ours());
    let secret = fill("glpat-{{alnum:20}}", "rc");
    let before = format!("alias ll='ls -l'\nexport GITLAB_TOKEN='{secret}' # mine\n");
    session.home.write(".bashrc", &before);
    assert_eq!(session.doctor().findings().len(), 1);
    let fixed = moved(&session, "gitlab*");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    let after = String::from_utf8(session.home.read(".bashrc")).unwrap();
    assert_eq!(
        after,
        "alias ll='ls -l'\nexport GITLAB_TOKEN=\"$(lapwing secret get gitlab-token)\" # mine\n"
    );
    assert!(session.doctor().findings().is_empty());
    let mut shell = session.tool("bash", &["--norc", "-c", ". ~/.bashrc; printf %s \"$GITLAB_TOKEN\""]);
    assert_eq!(must(&mut shell), secret);
    let undone = session.run(&["undo"]);
    assert!(
        undone.code == 0 && undone.said().contains("lapwing secret get gitlab-token"),
        "{}",
        undone.both()
    );
    assert!(session.holding(&secret).is_empty());
    // Another secret of the same name is not overwritten.
    session.home.write(".bashrc", format!("export GITLAB_TOKEN={}\n", fill("glpat-{{alnum:20}}", "other")));
    session.doctor();
    let taken = moved(&session, "gitlab*");
    assert!(
        taken.code == 1 && taken.said().contains("another credential is in the keyring"),
        "{}",
        taken.both()
    );
    let kept =
        run(&mut session.tool("secret-tool", &["lookup", "application", "lapwing", "name", "gitlab-token"]));
    assert_eq!(kept.stdout(), secret);
}

#[test]
fn cargo_asks_its_own_provider() {
    let mut session = Session::new(Home::new());
    session.programs_in(Path::new(env!("CARGO")).parent().unwrap().to_owned());
    let registry = Registry::new(|path, port| {
        if path.ends_with("config.json") {
            let at = format!("http://127.0.0.1:{port}");
            Answer::json(format!("{{\"dl\": \"{at}/dl\", \"api\": \"{at}\", \"auth-required\": true}}"))
        } else {
            Answer::json("{\"crates\": [], \"meta\": {\"total\": 0}}")
        }
    });
    let secret = fill("{{alnum:32}}", "cargo");
    let index = format!("sparse+http://127.0.0.1:{}/", registry.port);
    session.home.write(".cargo/config.toml", format!("[registries.own]\nindex = \"{index}\"\n"));
    session.home.write(".cargo/credentials.toml", format!("[registries.own]\ntoken = \"{secret}\"\n"));
    assert_eq!(session.doctor().of("cred.cargo").len(), 1);
    let fixed = moved(&session, "cred.cargo");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert!(session.doctor().of("cred.cargo").is_empty());
    assert_eq!(session.holding(&secret), Vec::<PathBuf>::new());
    let search = |session: &Session| {
        run(&mut session.tool("env", &[env!("CARGO"), "search", "--registry", "own", "acme"]))
    };
    let found = search(&session);
    assert_eq!(found.code, 0, "{}", found.both());
    assert!(registry.credentials().contains(&secret), "{}", found.both());
    session.lock();
    let before = registry.credentials().len();
    assert!(search(&session).code != 0 && registry.credentials().len() == before);
}

#[test]
fn npm_gets_its_token_from_a_function_of_the_shell() {
    let mut session = Session::new(Home::new());
    session.programs_in(ours());
    let registry = Registry::new(|_, _| Answer::json("{\"username\": \"me\"}"));
    let secret = fill("{{alnum:40}}", "npm");
    let at = format!("127.0.0.1:{}", registry.port);
    session.home.write(".npmrc", format!("registry=http://{at}/\n//{at}/:_authToken={secret}\n"));
    session.home.write(".bashrc", "alias ll='ls -l'\n");
    assert_eq!(session.doctor().of("cred.npm").len(), 1);
    let fixed = moved(&session, "cred.npm");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert!(session.doctor().of("cred.npm").is_empty());
    assert_eq!(session.holding(&secret), Vec::<PathBuf>::new());
    let mut shell =
        session.tool("bash", &["--norc", "-c", ". ~/.bashrc; npm whoami --update-notifier=false; env"]);
    let said = run(&mut shell);
    assert!(said.stdout().starts_with("me\n"), "{}", said.both());
    assert!(registry.credentials().contains(&format!("Bearer {secret}")));
    // No other program of the shell has it.
    assert!(!said.stdout().contains(&secret));
    let undone = session.run(&["undo"]);
    assert_eq!(undone.code, 0, "{}", undone.both());
    assert_eq!(session.home.read(".bashrc"), b"alias ll='ls -l'\n");
}

#[test]
fn dockers_helper_gets_the_password() {
    let session = Session::new(Home::new());
    tool("docker-credential-secretservice");
    let secret = fill("{{alnum:20}}", "docker");
    let auth = BASE64.encode(format!("me:{secret}").as_bytes());
    let other = BASE64.encode(b"you:changeme-changeme");
    let config = format!("{{\n\t\"auths\": {{\n\t\t\"a.example\": {{ \"auth\": \"{auth}\" }}\n\t}}\n}}\n");
    session.home.write(".docker/config.json", &config);
    assert_eq!(session.doctor().of("cred.docker").len(), 1);
    let fixed = moved(&session, "cred.docker");
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert!(session.doctor().of("cred.docker").is_empty());
    let after: serde_json::Value = serde_json::from_slice(&session.home.read(".docker/config.json")).unwrap();
    assert_eq!(after["credHelpers"]["a.example"], "secretservice", "{after}");
    assert!(session.holding(&auth).is_empty() && session.holding(&secret).is_empty() && !other.is_empty());
    let mut get = session.tool("docker-credential-secretservice", &["get"]);
    let mut child = get.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a.example").unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&finish(child).out).unwrap();
    assert_eq!((&kept["Username"], &kept["Secret"]), (&"me".into(), &secret.as_str().into()));
}

#[test]
fn a_key_gets_its_passphrase_from_its_owner() {
    let session = Session::new(Home::new());
    session.home.write(".ssh/.keep", "");
    let key = session.home.path(".ssh/id_ed25519");
    let path = key.display().to_string();
    session.home.must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", &path]);
    let public = session.home.read(".ssh/id_ed25519.pub");
    assert_eq!(session.doctor().of("ssh.key-plain").len(), 1);
    // Who answers with nothing has changed nothing, and is not told otherwise.
    let talk = |phrase| [("[q]uit:", "y"), ("new passphrase", phrase), ("passphrase again", phrase)];
    let nothing = session.converse(&["fix", "--rule", "ssh.key-plain"], &talk(""));
    assert!(nothing.code == 1 && nothing.said().contains("not changed"), "{}", nothing.both());
    // The program has written the key anew: another text, another finding, which is known without another look.
    let phrase = "correct horse";
    let fixed = session.converse(&["fix", "--rule", "ssh.key-plain"], &talk(phrase));
    assert_eq!(fixed.code, 0, "{}", fixed.both());
    assert!(!fixed.both().contains(phrase));
    assert!(session.doctor().of("ssh.key-plain").is_empty());
    let opened = run(&mut session.home.tool("ssh-keygen", ["-y", "-P", phrase, "-f", &path]));
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).split(' ').nth(1).map(|w| w.trim().to_owned());
    assert_eq!(words(&opened.out), words(&public));
    assert!(run(&mut session.home.tool("ssh-keygen", ["-y", "-P", "", "-f", &path])).code != 0);
}

#[test]
fn what_was_rotated_is_not_asked_for_again() {
    let home = Home::new();
    home.write("notes.txt", common::checked("ghp_", "rotated"));
    home.write(".gitconfig", "[http]\n\tsslVerify = false\n");
    let doc = home.doctor().document(1);
    let id = common::text(&doc.of("github-pat")[0]["id"]);
    let shown = home.run(&["show", &id]).stdout();
    assert!(
        shown.contains("To rotate it") && shown.contains("https://github.com/settings/tokens"),
        "{shown}"
    );
    assert!(shown.contains(&format!("lapwing rotated {id}")), "{shown}");
    assert_eq!(home.run(&["rotated", &id]).code, 0);
    // It holds when the file is mended, too.
    std::fs::remove_file(home.path("notes.txt")).unwrap();
    home.doctor();
    let shown = home.run(&["show", &id]).stdout();
    assert!(shown.contains("Rotated on ") && !shown.contains("[ ]"), "{shown}");
    assert_eq!(home.run(&["rotated", &id, "--undo"]).code, 0);
    assert!(home.run(&["show", &id]).stdout().contains("To rotate it"));
    let setting = common::text(&doc.of("git.tls-verify-off")[0]["id"]);
    assert_eq!(home.run(&["rotated", &setting]).code, 2);
}
