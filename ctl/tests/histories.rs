//! Histories of shells that run: what is taken out does not come back when they end, and nothing that is typed is lost.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::shell::Shell;
use common::{Home, checked};

/// A shell, how it is set up, and where it keeps its history.
struct Kind {
    line: &'static [&'static str],
    start_up: (&'static str, &'static str),
    history: &'static str,
    /// It writes what was typed only when it ends.
    late: bool,
}

const BASH: Kind =
    Kind { line: &["bash", "-i"], start_up: (".bashrc", "PS1='$ '\n"), history: ".bash_history", late: true };
const ZSH: &str = "HISTFILE=~/.zsh_history; HISTSIZE=1000; SAVEHIST=1000; PS1='%# '\n";

fn zsh(options: &'static str) -> Kind {
    Kind { line: &["zsh", "-i"], start_up: (".zshrc", options), history: ".zsh_history", late: false }
}

fn text(home: &Home, kind: &Kind) -> String {
    String::from_utf8_lossy(&std::fs::read(home.path(kind.history)).unwrap_or_default()).into_owned()
}

fn start<'a>(home: &'a Home, kind: &Kind) -> Shell<'a> {
    Shell::start(home, kind.line, &[])
}

/// One session leaves a secret, a second one has loaded it, and a third types one of its own: all are taken out while
/// two of them run.
fn stays_gone(kind: &Kind) {
    let home = Home::new();
    home.write(kind.start_up.0, kind.start_up.1);
    let (old, new) = (checked("ghp_", "earlier"), checked("ghp_", "now"));
    let first = start(&home, kind);
    first.type_line(&format!("export ONE={old}")).type_line("echo fir''st").wait("first");
    first.exit();
    assert!(text(&home, kind).contains(&old), "{}", text(&home, kind));
    let second = start(&home, kind);
    second.type_line("echo sec''ond").wait("second");
    let third = start(&home, kind);
    third.type_line(&format!("export TWO={new}")).type_line("echo th''ird").wait("third");
    if !kind.late {
        common::until("the shell writes", || text(&home, kind).contains(&new).then_some(()));
    }
    let found = home.doctor().document(1).of("github-pat").len();
    assert_eq!(found, if kind.late { 1 } else { 2 });
    let run = home.answer(&["fix", "--rule", "github-pat"], "a\n");
    assert!(run.said().contains("mended"), "{}", run.both());
    assert!(!text(&home, kind).contains(&old), "{}", run.both());
    second.type_line("echo aft''er").wait("after");
    second.exit();
    third.type_line("echo la''st").wait("last");
    third.exit();
    let now = text(&home, kind);
    assert!(!now.contains(&old), "it has come back: {now}");
    assert_eq!(now.contains(&new), kind.late, "{now}");
    for typed in ["REDACTED-BY-LAPWING", "fir''st", "sec''ond", "th''ird", "aft''er", "la''st"] {
        assert!(now.contains(typed), "{typed} is lost: {now}");
    }
    if kind.late {
        // What a shell had in memory is written when it ends, and found and taken out then.
        assert_eq!(home.doctor().document(1).of("github-pat").len(), 1);
        home.answer(&["fix", "--rule", "github-pat"], "a\n");
        assert!(!text(&home, kind).contains(&new));
    }
    // fish makes completions from manuals, and those have examples of their own.
    let left = home.run(&["doctor", "--format", "json"]);
    let left: serde_json::Value = serde_json::from_slice(&left.out).unwrap();
    assert!(!left.to_string().contains("github-pat"), "{left}");
}

#[test]
fn bash_as_it_comes() {
    stays_gone(&BASH);
}

#[test]
fn bash_that_appends_and_bash_that_writes_at_every_prompt() {
    stays_gone(&Kind { start_up: (".bashrc", "PS1='$ '; shopt -s histappend\n"), ..BASH });
    stays_gone(&Kind {
        start_up: (".bashrc", "PS1='$ '; PROMPT_COMMAND='history -a'\n"),
        late: false,
        ..BASH
    });
}

#[test]
fn zsh_as_it_comes() {
    stays_gone(&Kind { late: true, ..zsh(ZSH) });
}

#[test]
fn zsh_that_appends_at_once() {
    stays_gone(&zsh(concat!(
        "HISTFILE=~/.zsh_history; HISTSIZE=1000; SAVEHIST=1000; PS1='%# '\n",
        "setopt INC_APPEND_HISTORY EXTENDED_HISTORY\n"
    )));
}

#[test]
fn zsh_that_shares() {
    stays_gone(&zsh(concat!(
        "HISTFILE=~/.zsh_history; HISTSIZE=1000; SAVEHIST=1000; PS1='%# '\n",
        "setopt SHARE_HISTORY HIST_FCNTL_LOCK\n"
    )));
}

#[test]
fn fish() {
    stays_gone(&Kind {
        line: &["fish", "-i"],
        start_up: (
            ".config/fish/config.fish",
            "function fish_prompt; echo '> '; end\nset -g fish_greeting\n",
        ),
        history: ".local/share/fish/fish_history",
        late: false,
    });
}

/// Shells that write their history from memory would bring the line back: while one runs, it waits.
#[test]
fn a_shell_that_rewrites_is_waited_for() {
    let kinds = [
        Kind { start_up: (".bashrc", "PS1='$ '; PROMPT_COMMAND='history -w'\n"), late: false, ..BASH },
        zsh(concat!(
            "HISTFILE=~/.zsh_history; HISTSIZE=1000; SAVEHIST=1000; PS1='%# '\n",
            "setopt NO_APPEND_HISTORY\n"
        )),
    ];
    for kind in kinds {
        let home = Home::new();
        home.write(kind.start_up.0, kind.start_up.1);
        let token = checked("ghp_", "rewrites");
        let first = start(&home, &kind);
        first.type_line(&format!("export ONE={token}")).type_line("echo fir''st").wait("first");
        first.exit();
        let second = start(&home, &kind);
        second.type_line("echo sec''ond").wait("second");
        home.doctor().document(1);
        let run = home.answer(&["fix", "--rule", "github-pat"], "a\n");
        assert!(run.said().contains("is set up to write its history back from memory"), "{}", run.both());
        assert!(text(&home, &kind).contains(&token));
        second.exit();
        home.doctor().document(1);
        let run = home.answer(&["fix", "--rule", "github-pat"], "a\n");
        assert_eq!(run.code, 0, "{}", run.both());
        assert!(!text(&home, &kind).contains(&token));
        start(&home, &kind).exit();
        assert!(!text(&home, &kind).contains(&token));
    }
}
