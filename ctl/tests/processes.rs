//! Secrets that running programs were given, and what an ordinary session is given and is none.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Document, Home, checked, secret, text};
use std::process::{Child, Command, Stdio};

/// A program that runs until the test ends.
struct Running(Child);

impl Running {
    fn new(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> Running {
        // The shell waits for a line that never comes; what follows its script are only names.
        let mut command = home.tool("sh", ["-c", "read line", "sh"]);
        command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::piped());
        Running(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn insides(doc: &Document, n: usize) -> Vec<String> {
    let finding = doc.findings()[n];
    finding["sightings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| format!("{} {}", text(&s["path"]), text(&s["inside"])))
        .collect()
}

#[test]
fn a_token_in_the_environment_is_one_finding_of_middling_weight() {
    let home = Home::new();
    let token = checked("ghp_", "environment");
    let _all: Vec<Running> = (0..5).map(|_| Running::new(&home, &[("DEPLOY_TOKEN", &token)], &[])).collect();
    let _another = Running::new(&home, &[("GITHUB_TOKEN", &token)], &[]);
    let doc = home.doctor().document(1);
    assert_eq!(
        insides(&doc, 0),
        [
            "(processes) environment variable DEPLOY_TOKEN of sh",
            "(processes) environment variable GITHUB_TOKEN of sh"
        ]
    );
    assert_eq!((doc.findings().len(), &doc.only()["severity"]), (1, &"medium".into()));
    assert!(text(&doc.only()["note"]).contains("every program of yours"));
    let again = home.doctor().document(1);
    assert_eq!(again.0["findings"], doc.0["findings"]);
    // On disk too it is what it always was, and the environment tells that it is in use.
    home.write(".bash_history", format!("curl -H 'Authorization: Bearer {token}' https://api.github.com\n"));
    let both = home.doctor().document(1);
    assert_eq!(both.only()["id"], doc.only()["id"]);
    assert_eq!(both.only()["severity"], "critical");
    assert!(text(&both.only()["note"]).contains("still in use here: (processes)"), "{:#}", both.0);
}

#[test]
fn a_command_line_weighs_more_and_is_resolved_when_its_program_ends() {
    let home = Home::new();
    let token = checked("ghp_", "command");
    let running = Running::new(&home, &[], &["--token", &token]);
    let doc = home.doctor().document(1);
    assert_eq!(insides(&doc, 0), ["(processes) command line of sh"]);
    assert_eq!(doc.only()["severity"], "high");
    assert!(!serde_json::to_string(&doc.0).unwrap().contains(&token));
    drop(running);
    home.doctor().document(0);
    let resolved = home.run(&["list", "--format", "json", "--state", "resolved"]).document(0);
    assert_eq!(resolved.only()["id"], doc.only()["id"]);
}

#[test]
fn programs_of_another_home_are_not_looked_at() {
    let (home, other) = (Home::new(), Home::new());
    let _theirs = Running::new(&other, &[("A_TOKEN", &checked("ghp_", "other"))], &[]);
    home.doctor().document(0);
    let mut doctor = home.lapwing(&["doctor", "--format", "json", "--home"]);
    common::run(doctor.arg(other.root())).document(0);
}

/// What a desktop, a terminal, an editor and an agent give to every program.
fn ordinary() -> Vec<(&'static str, String)> {
    let hex = |n: usize, label: &str| secret(&format!("{{{{hex:{n}}}}}"), label);
    let base64 = secret("{{alnum:120}}", "base64");
    let uuid = uuid();
    [
        ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh".to_owned()),
        ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path=/run/user/1000/bus,guid={}", hex(32, "guid"))),
        ("XAUTHORITY", format!("/run/user/1000/.mutter-Xwaylandauth.{}", secret("{{alnum:6}}", "x"))),
        ("GPG_AGENT_INFO", "/run/user/1000/gnupg/S.gpg-agent:0:1".to_owned()),
        ("INVOCATION_ID", hex(32, "invocation")),
        ("JOURNAL_STREAM", "8:31337".to_owned()),
        ("SESSION_MANAGER", "local/dev:@/tmp/.ICE-unix/2101,unix/dev:/tmp/.ICE-unix/2101".to_owned()),
        ("MEMORY_PRESSURE_WRITE", "c29tZSAyMDAwMDAgMjAwMDAwMAA=".to_owned()),
        ("GNOME_TERMINAL_SCREEN", format!("/org/gnome/Terminal/screen/{}", uuid.replace('-', "_"))),
        ("XDG_ACTIVATION_TOKEN", format!("gnome-shell/Terminal/2101-3-dev_TIME{}", 1_234_567)),
        ("DESKTOP_STARTUP_ID", format!("i3/firefox/2101-3-dev_TIME{}", 1_234_567)),
        ("XDG_SESSION_ID", "2".to_owned()),
        ("KITTY_PUBLIC_KEY", format!("1:{}", secret("{{alnum:40}}", "kitty"))),
        ("STARSHIP_SESSION_KEY", "1234567890123456".to_owned()),
        ("ATUIN_SESSION", hex(32, "atuin")),
        ("ITERM_SESSION_ID", format!("w0t0p0:{uuid}")),
        ("TERM_SESSION_ID", uuid.clone()),
        ("VSCODE_GIT_IPC_AUTH_TOKEN", hex(64, "ipc")),
        ("VSCODE_GIT_IPC_HANDLE", format!("/run/user/1000/vscode-git-{}.sock", hex(10, "ipc"))),
        ("VSCODE_NONCE", uuid.clone()),
        ("CURSOR_TRACE_ID", hex(32, "cursor")),
        ("CLAUDE_CODE_SESSION_ID", uuid.clone()),
        ("CLAUDE_CODE_ENTRYPOINT", "cli".to_owned()),
        ("CLAUDE_CODE_SSE_PORT", "43123".to_owned()),
        ("CODEX_SANDBOX_NETWORK_DISABLED", "1".to_owned()),
        ("COPILOT_AGENT_SESSION_ID", uuid.clone()),
        ("DIRENV_DIFF", format!("eJz{base64}")),
        ("__MISE_DIFF", format!("eAF{base64}")),
        ("TMUX", "/tmp/tmux-1000/default,2101,0".to_owned()),
        ("LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33".to_owned()),
        ("GITHUB_TOKEN", String::new()),
        ("AWS_PROFILE", "work".to_owned()),
        ("AWS_ACCESS_KEY_ID", "${KEY}".to_owned()),
        ("VAULT_ADDR", "https://vault.example.org:8200".to_owned()),
        ("SECRET_KEY_BASE_FILE", "/run/secrets/key".to_owned()),
        ("DATABASE_URL", "postgres://localhost/dev".to_owned()),
        ("http_proxy", "http://proxy.example.org:3128".to_owned()),
        ("KRB5CCNAME", "KCM:1000".to_owned()),
        ("COMMAND_HISTORY_TOKEN_LIMIT", "200000".to_owned()),
        ("NIX_PROFILES", "/nix/var/nix/profiles/default /home/dev/.nix-profile".to_owned()),
        (
            "BASH_FUNC_which%%",
            "() {  ( alias; eval ${which_declare} ) | /usr/bin/which --read-alias $@\n}".to_owned(),
        ),
    ]
    .into()
}

fn uuid() -> String {
    let hex = |n: usize| secret(&format!("{{{{hex:{n}}}}}"), "uuid");
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

#[test]
fn an_ordinary_session_yields_nothing() {
    let home = Home::new();
    let variables = ordinary();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let handle = format!(
        "--metrics-shmem-handle=4,i,{},262144",
        secret("{{hex:20}}", "h").replace(|c: char| !c.is_ascii_digit(), "7")
    );
    let client = format!("--metrics-client-id={}", uuid());
    let data = format!("--gpu-preferences=UAAAAAAAAAAgAAAEAAAAAAAAAAAAAAAAAABgAAEAAAA{}", "A".repeat(40));
    let seed = format!("--variations-seed-version=20{}", &secret("{{hex:6}}", "v"));
    let commands = [
        "--type=renderer",
        &handle,
        &client,
        &data,
        &seed,
        "--password-store=gnome-libsecret",
        "--field-trial-handle=3,i,12345678901234567890,9876543210987654321,262144",
        "-Dsecret.file=/run/x",
        "--enable-crash-reporter=, ",
    ];
    let _session = Running::new(&home, &variables, &commands);
    home.doctor().document(0);
}

#[test]
fn an_agent_that_hides_is_no_gap() {
    let home = Home::new();
    let mut agent = Command::new(common::tool("ssh-agent"));
    let agent = agent
        .args(["-D", "-a"])
        .arg(home.path("agent.sock"))
        .env("HOME", home.root())
        .stdout(Stdio::null())
        .spawn();
    let _agent = Running(agent.unwrap());
    common::until("the agent listens", || home.path("agent.sock").exists().then_some(()));
    assert!(home.doctor().document(0).complete());
}
