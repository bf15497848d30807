//! A keyring that is locked in the middle of a run: what was done is done, the rest is as it was, and the report says why and
//! what to do.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::session::Session;
use common::{Home, Run, files, finish, git_helper, set_mode, tool};
use lapwing_rules::testing::fill;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

const RULE: &str = "git.remote-userinfo";

/// Two repositories, each with a token in the address of its remote.
struct Two {
    session: Session,
    secrets: [String; 2],
}

const CONFIGS: [&str; 2] = ["one/.git/config", "two/.git/config"];
const HOSTS: [&str; 2] = ["one.example", "two.example"];

impl Two {
    fn new() -> Two {
        let mut session = Session::new(Home::new());
        git_helper(&mut session);
        session.home.write(".gitconfig", "[user]\n\tname = Dev\n[credential]\n\thelper = libsecret\n");
        let secrets = ["one", "two"].map(|name| {
            let secret = fill("{{alnum:30}}", name);
            session.home.must("git", ["init", "-q", name]);
            let remote = format!("https://me:{secret}@{name}.example/team/app.git");
            session.home.must("git", ["-C", name, "remote", "add", "origin", &remote]);
            secret
        });
        let doc = session.run(&["doctor", "--format", "json"]);
        assert_eq!(doc.document(1).of(RULE).len(), 2, "{}", doc.both());
        Two { session, secrets }
    }

    /// Puts a `git` first on the search path that locks the keyring once: at this point of a call that has this as its last
    /// word, when a file of the home matches this condition of the shell.
    fn lock_at(&mut self, point: Point, word: &str, condition: &str) {
        let dir = self.session.home.beside("shim");
        std::fs::create_dir(&dir).unwrap();
        for (name, config) in ["one", "two"].iter().zip(CONFIGS) {
            std::fs::copy(self.session.home.path(config), dir.join(name)).unwrap();
        }
        let (before, after) = match point {
            Point::Before => ("lock", ":"),
            Point::After => (":", "lock"),
        };
        let script = format!(
            "#!/bin/sh
for last; do :; done
changed() {{ ! cmp -s {dir}/one {home}/{} || ! cmp -s {dir}/two {home}/{}; }}
lock() {{
    if [ \"$last\" = {word} ] && {condition} && mkdir {dir}/locked 2>/dev/null; then
        busctl --user call org.freedesktop.secrets /org/freedesktop/secrets org.freedesktop.Secret.Service \\
            Lock ao 1 /org/freedesktop/secrets/collection/login >/dev/null
    fi
}}
{before}
{} \"$@\"
code=$?
{after}
exit $code
",
            CONFIGS[0],
            CONFIGS[1],
            tool("git").display(),
            dir = dir.display(),
            home = self.session.home.root().display(),
        );
        std::fs::write(dir.join("git"), script).unwrap();
        set_mode(&dir.join("git"), 0o755);
        self.session.programs_first(dir);
    }

    fn configs(&self) -> [Vec<u8>; 2] {
        CONFIGS.map(|config| self.session.home.read(config))
    }

    /// Mends both in one go.
    fn fix(&self) -> Run {
        self.session.answer(&["fix", "--rule", RULE], "a\n")
    }

    /// Which of the credentials the keyring gives, once it is unlocked.
    fn kept(&mut self) -> [bool; 2] {
        self.session.unlock();
        [0, 1].map(|n| {
            let mut git = self.session.tool("git", &["credential", "fill"]);
            git.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = git.stderr(Stdio::piped()).spawn().unwrap();
            write!(child.stdin.take().unwrap(), "protocol=https\nhost={}\n\n", HOSTS[n]).unwrap();
            finish(child).stdout().contains(&format!("password={}\n", self.secrets[n]))
        })
    }

    /// Nothing is left beside the files, and nothing in the middle.
    fn no_loose_ends(&self) {
        let loose =
            |file: &PathBuf| file.to_string_lossy().contains("lapwing-") || file.ends_with("config.lock");
        let found: Vec<PathBuf> = files(self.session.home.root()).into_iter().filter(loose).collect();
        assert_eq!(found, Vec::<PathBuf>::new());
        let told = self.session.run(&["receipts"]);
        assert!(told.code == 0 && !told.said().contains("interrupted"), "{}", told.both());
    }
}

#[derive(Clone, Copy)]
enum Point {
    Before,
    After,
}

#[test]
fn between_two_moves_the_first_is_done_and_the_second_as_it_was() {
    let mut two = Two::new();
    let before = two.configs();
    // Git has just found the first credential, with the file changed.
    two.lock_at(Point::After, "fill", "changed");
    let fixed = two.fix();
    assert_eq!(fixed.code, 1, "{}", fixed.both());
    let said = fixed.said();
    assert!(said.contains("mended: ") && said.contains("1 finding mended, 1 left open"), "{said}");
    assert!(said.contains("keyring is locked and was not unlocked; unlock it and try again"), "{said}");
    let after = two.configs();
    let done = usize::from(before[0] == after[0]);
    assert!(before[done] != after[done] && before[1 - done] == after[1 - done], "{said}");
    two.no_loose_ends();
    let mut want = [false; 2];
    want[done] = true;
    assert_eq!(two.kept(), want);
    // Unlocked, the rest is mended; each run is taken back by itself.
    let rest = two.fix();
    assert_eq!(rest.code, 0, "{}", rest.both());
    assert_eq!(two.kept(), [true; 2]);
    assert_eq!(two.session.run(&["undo"]).code, 0);
    assert_eq!(two.session.run(&["undo"]).code, 0);
}

/// A run that is locked at this point changes no file; what it says, and which credentials the keyring has.
fn in_the_middle_of_a_move(point: Point, word: &str, condition: &str) -> (Run, [bool; 2]) {
    let mut two = Two::new();
    let before = two.configs();
    two.lock_at(point, word, condition);
    let fixed = two.fix();
    assert_eq!(fixed.code, 1, "{}", fixed.both());
    assert_eq!(two.configs(), before, "{}", fixed.both());
    two.no_loose_ends();
    let kept = two.kept();
    let again = two.fix();
    assert_eq!(again.code, 0, "{}", again.both());
    assert_eq!(two.kept(), [true; 2]);
    (fixed, kept)
}

#[test]
fn before_anything_was_put_there_nothing_is() {
    let (fixed, kept) = in_the_middle_of_a_move(Point::After, "fill", ":");
    assert!(fixed.said().contains("unlock it and try again"), "{}", fixed.both());
    assert!(!fixed.said().contains("taken back"), "{}", fixed.both());
    assert_eq!(kept, [false; 2]);
}

#[test]
fn what_was_put_there_and_cannot_be_taken_back_is_told() {
    // Before it was read back, and after the file was written.
    for (point, word, condition) in [(Point::After, "approve", ":"), (Point::Before, "fill", "changed")] {
        let (fixed, kept) = in_the_middle_of_a_move(point, word, condition);
        let said = fixed.said();
        assert!(said.contains("unlock it and try again; besides, what was put into Git's helper"), "{said}");
        assert!(said.contains("remove the entry for me at "), "{said}");
        assert_eq!(kept.iter().filter(|k| **k).count(), 1);
    }
}
