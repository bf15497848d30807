//! What goes wrong while files are changed: after it every file is wholly old or wholly new, and a receipt says what
//! happened or nothing did.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, Run, checked, files, run, set_mode, tool};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const GIT: &str = "[user]\n\tname = Dev\n[http]\n\tsslVerify = false\n\tproxy = x\n";
const MENDED: &str = "[user]\n\tname = Dev\n[http]\n\tproxy = x\n";
const FIX: [&str; 4] = ["fix", "--rule", "git.tls-verify-off", "--yes"];

fn home() -> Home {
    let home = Home::new();
    home.write_mode(".gitconfig", GIT, 0o644);
    home.doctor().document(1);
    home
}

/// Every file of the home that is the user's, by name.
fn belongings(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    let own = files(home.root()).into_iter().filter(|f| !f.starts_with(home.path(".local")));
    own.map(|f| (f.clone(), std::fs::read(&f).unwrap())).collect()
}

fn config(home: &Home) -> String {
    String::from_utf8(home.read(".gitconfig")).unwrap()
}

/// `lapwing` under strace, which does this at the nth of its calls.
fn traced(home: &Home, call: &str, what: &str, n: usize, args: &[&str]) -> Run {
    let mut command = home.tool("strace", ["-f", "-qq", "-o", "/dev/null", "-e"]);
    command.arg(format!("trace={call}")).arg("-e").arg(format!("inject={call}:{what}:when={n}"));
    command.arg(env!("CARGO_BIN_EXE_lapwing")).args(args);
    run(&mut command)
}

/// Calls that change something: names, content, attributes, or when it reaches the disk.
const CALLS: &str = "mkdir,mkdirat,write,fchmod,fchmodat,chmod,fchown,fsetxattr,fremovexattr,fsync,linkat,symlinkat,renameat2,renameat,rename,unlinkat,unlink,flock";

/// How often a run makes each of these calls.
fn counted(home: &Home, args: &[&str]) -> BTreeMap<String, usize> {
    let log = home.beside("calls");
    let mut command = home.tool("strace", ["-f", "-qq", "-e"]);
    command.arg(format!("trace={CALLS}")).arg("-o").arg(&log);
    run(command.arg(env!("CARGO_BIN_EXE_lapwing")).args(args));
    let mut calls = BTreeMap::new();
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        let call = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start()).split('(').next().unwrap();
        *calls.entry(call.to_owned()).or_default() += 1;
    }
    calls.retain(|call, _| CALLS.split(',').any(|c| c == call));
    calls
}

/// What must hold after a run that was killed: no half file, no loose end that the next run does not tie up, and the
/// change can still be made and taken back.
fn checked_after(home: &Home, at: &str) -> bool {
    let text = config(home);
    assert!(text == GIT || text == MENDED, "{at}: {text}");
    for receipt in files(&home.state().join("receipts")) {
        if receipt.extension().is_some_and(|e| e == "json") {
            let bytes = std::fs::read(&receipt).unwrap();
            serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_else(|e| panic!("{at}: {e}"));
        }
    }
    // A lock of ours would keep git out: what is interrupted is put right by whatever of lapwing runs next.
    let told = home.run(&["receipts"]);
    assert_eq!(told.code, 0, "{at}: {}", told.both());
    assert_eq!(
        belongings(home).keys().collect::<Vec<_>>(),
        [&home.path(".gitconfig")],
        "{at}: {}",
        told.both()
    );
    assert!(!told.stdout().contains("interrupted"), "{at}: {}", told.both());
    let done = text == MENDED;
    if done {
        let undone = home.run(&["undo"]);
        assert_eq!(undone.code, 0, "{at}: {}", undone.both());
        assert_eq!(config(home), GIT, "{at}");
    } else {
        assert_eq!(home.run(&["undo"]).code, 2, "{at}: nothing was done, nothing is taken back");
    }
    done
}

/// Kills a run at its every call of this kind; whether there were runs that came before and after the change.
fn killed_at_each(home: &Home, call: &str, times: usize) -> (usize, usize) {
    let (mut before, mut after) = (0, 0);
    for n in 1..=times {
        let run = traced(home, call, "signal=KILL", n, &FIX);
        let at = format!("{call} {n} of {times}");
        if checked_after(home, &at) {
            after += 1;
        } else {
            before += 1;
        }
        assert!(run.code == 137 || run.code <= 1, "{at}: {}", run.both());
        std::fs::remove_dir_all(home.state().join("receipts")).unwrap();
    }
    (before, after)
}

#[test]
fn killed_at_any_call_every_file_is_wholly_old_or_wholly_new() {
    let home = home();
    let calls = counted(&home, &FIX);
    assert_eq!(config(&home), MENDED);
    assert_eq!(home.run(&["undo"]).code, 0);
    let (mut before, mut after) = (0, 0);
    for (call, times) in &calls {
        let (b, a) = killed_at_each(&home, call, *times);
        (before, after) = (before + b, after + a);
    }
    assert!(before > 10 && after > 3, "killed {before} times before the change and {after} times after it");
}

#[test]
fn killed_while_taking_back_it_can_be_taken_back_again() {
    let home = home();
    home.run(&FIX);
    let calls = counted(&home, &["undo"]);
    assert_eq!(config(&home), GIT);
    let mut killed = 0;
    for call in ["write", "fsync", "linkat", "renameat2", "renameat", "unlinkat"] {
        for n in 1..=calls.get(call).copied().unwrap_or_default() {
            home.doctor();
            home.run(&FIX);
            assert_eq!(config(&home), MENDED, "{call} {n}");
            killed += usize::from(traced(&home, call, "signal=KILL", n, &["undo"]).code == 137);
            let text = config(&home);
            assert!(text == GIT || text == MENDED, "{call} {n}: {text}");
            let again = home.run(&["undo"]);
            assert_eq!(again.code, if text == MENDED { 0 } else { 2 }, "{call} {n}: {}", again.both());
            assert_eq!(config(&home), GIT, "{call} {n}");
            assert_eq!(belongings(&home).len(), 1, "{call} {n}");
        }
    }
    assert!(killed > 15, "{killed}");
}

/// Failing calls: the old file stays whole, nothing is left beside it, and the reason is told.
#[test]
fn a_full_disk_leaves_the_old_file_whole() {
    let home = home();
    let calls = counted(&home, &FIX);
    home.run(&["undo"]);
    let before = belongings(&home);
    let mut refused = 0;
    for call in ["write", "fsync", "linkat", "renameat2"] {
        for n in 1..=calls.get(call).copied().unwrap_or_default() {
            let run = traced(&home, call, "error=ENOSPC", n, &FIX);
            let text = config(&home);
            assert!(text == GIT || text == MENDED, "{call} {n}: {}", run.both());
            if text == GIT {
                assert_ne!(run.code, 0, "{call} {n}: {}", run.both());
                refused += usize::from(run.said().contains("the disk is full"));
            }
            home.run(&["receipts"]);
            home.run(&["undo"]);
            assert_eq!(belongings(&home), before, "{call} {n}: {}", run.both());
        }
    }
    assert!(refused >= 3, "{refused}");
}

/// Runs a line of shell with `lapwing` as `$1` in a mount namespace of its own.
fn apart(home: &Home, line: &str) -> Run {
    let mut command = home.tool("unshare", ["-Urm", "sh", "-c", line, "sh"]);
    run(command.arg(env!("CARGO_BIN_EXE_lapwing")))
}

#[test]
fn on_a_really_full_file_system_too() {
    let home = home();
    let line = "mkdir small && mount -t tmpfs -o size=16k,nr_inodes=8 t small && cp .gitconfig small/config && rm .gitconfig && ln -s small/config .gitconfig
        head -c 12000 /dev/zero > small/fill; cat small/config > small/rest 2>/dev/null; head -c 16000 /dev/zero >> small/fill 2>/dev/null
        \"$1\" fix --rule git.tls-verify-off --yes; echo \"code $?\"; ls -A small; cat small/config";
    let run = apart(&home, line);
    let out = run.stdout();
    assert!(run.said().contains("the disk is full") && out.contains("code 1"), "{}", run.both());
    assert!(out.ends_with(GIT) && !out.contains("lapwing-"), "{}", run.both());
}

#[test]
fn a_read_only_mount_is_told() {
    let home = home();
    let line = "mkdir ro && cp .gitconfig ro/config && rm .gitconfig && ln -s ro/config .gitconfig && mount --bind ro ro && mount -o remount,bind,ro ro
        \"$1\" fix --rule git.tls-verify-off --yes; echo \"code $?\"; cat ro/config";
    let run = apart(&home, line);
    assert!(run.said().contains("mounted read-only"), "{}", run.both());
    assert!(run.said().contains("code 1") && run.stdout().ends_with(GIT), "{}", run.both());
}

#[test]
fn a_file_that_something_is_mounted_on_stays() {
    let home = home();
    let line = "cp .gitconfig other && mount --bind other .gitconfig
        \"$1\" fix --rule git.tls-verify-off --yes; echo \"code $?\"; cat .gitconfig; ls -A";
    let run = apart(&home, line);
    assert!(run.said().contains("another file system is mounted on it"), "{}", run.both());
    assert!(run.stdout().contains(GIT) && !run.said().contains("lapwing-"), "{}", run.both());
}

/// Stops a run at the first call of this kind, does something, and lets it go on.
fn meanwhile(home: &Home, call: &str, what: impl FnOnce()) -> Run {
    let inject = format!("inject={call}:delay_enter=3000000:when=1");
    let log = home.beside("meanwhile");
    let mut command = home.tool("strace", ["-f", "-qq", "-e"]);
    command.arg(format!("trace={call}")).arg("-o").arg(&log).args(["-e", &inject]);
    command.arg(env!("CARGO_BIN_EXE_lapwing")).args(FIX);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // strace writes the line when the call begins.
    common::until("the call", || std::fs::read_to_string(&log).is_ok_and(|l| l.contains(call)).then_some(()));
    what();
    common::finish(child)
}

#[test]
fn a_file_that_changes_in_the_meantime_is_left_alone() {
    let home = home();
    // At `linkat` everything is prepared and the lock of git is about to be taken.
    let mine = "[user]\n\tname = Somebody else\n[http]\n\tsslVerify = false\n";
    let run = meanwhile(&home, "linkat", || {
        home.write_mode("new", mine, 0o644);
        std::fs::rename(home.path("new"), home.path(".gitconfig")).unwrap();
    });
    assert!(run.said().contains("its content has changed since it was examined"), "{}", run.both());
    assert_eq!((run.code, config(&home).as_str()), (1, mine));
    assert_eq!(belongings(&home).len(), 1);
}

#[test]
fn a_file_written_to_in_the_very_last_moment_stays_as_it_was_written() {
    let home = home();
    let more = format!("{GIT}[alias]\n\tst = status\n");
    let run = meanwhile(&home, "renameat2", || {
        home.append(".gitconfig", "[alias]\n\tst = status\n");
    });
    assert!(run.said().contains("its content has changed"), "{}", run.both());
    assert_eq!((run.code, config(&home).as_str()), (1, more.as_str()));
    assert_eq!(belongings(&home).len(), 1, "{:?}", belongings(&home).keys());
}

#[test]
fn a_link_swapped_in_leads_nowhere() {
    let home = home();
    home.write_mode("victim", GIT, 0o644);
    let run = meanwhile(&home, "linkat", || {
        std::fs::remove_file(home.path(".gitconfig")).unwrap();
        symlink("victim", home.path(".gitconfig")).unwrap();
    });
    assert!(run.said().contains("a link stands on the way to it"), "{}", run.both());
    assert_eq!(home.read("victim"), GIT.as_bytes());
    assert!(home.path(".gitconfig").is_symlink());
}

#[test]
fn one_at_a_time() {
    let home = home();
    let mut second = None;
    let first = meanwhile(&home, "linkat", || second = Some(home.run(&FIX)));
    let second = second.unwrap();
    assert_eq!(second.code, 4, "{}", second.both());
    assert!(second.said().contains("another lapwing is changing files"), "{}", second.both());
    assert_eq!((first.code, config(&home).as_str()), (0, MENDED));
}

#[test]
fn git_waits_for_us_and_we_for_git() {
    let home = home();
    let mut said = String::new();
    let run = meanwhile(&home, "renameat2", || {
        let mut git = home.tool("git", ["config", "--global", "a.b", "c"]);
        said = common::run(&mut git).stderr();
    });
    assert!(said.contains("could not lock config file"), "{said}");
    assert_eq!((run.code, config(&home).as_str()), (0, MENDED));
    home.run(&["undo"]);
    home.write(".gitconfig.lock", "");
    let run = home.run(&FIX);
    assert!(run.said().contains(".gitconfig.lock is there"), "{}", run.both());
    assert_eq!(config(&home), GIT);
}

#[test]
fn without_a_receipt_nothing_is_changed() {
    let home = home();
    // A file in the place of the directory.
    std::fs::remove_dir_all(home.state().join("receipts")).ok();
    home.write(".local/state/lapwing/receipts", "");
    let run = home.run(&FIX);
    assert_eq!((run.code, config(&home).as_str()), (4, GIT), "{}", run.both());
    assert!(run.said().contains("nothing was changed"), "{}", run.both());
    std::fs::remove_file(home.state().join("receipts")).unwrap();
    // A directory that is not there is made.
    assert_eq!(home.run(&FIX).code, 0);
    assert_eq!(config(&home), MENDED);
}

#[test]
fn a_file_with_two_names_keeps_both() {
    let home = home();
    std::fs::hard_link(home.path(".gitconfig"), home.path("other")).unwrap();
    let run = home.run(&FIX);
    assert!(run.said().contains("the file has 2 names"), "{}", run.both());
    assert_eq!(home.path("other").metadata().unwrap().nlink(), 2);
    assert_eq!(config(&home), GIT);
}

#[test]
fn what_belongs_to_somebody_else_is_left_alone() {
    if !rustix_is_root() {
        return;
    }
    let home = home();
    let nobody = Some(65534);
    for path in files(home.root()).iter().chain([&home.root().to_owned()]) {
        std::os::unix::fs::lchown(path, nobody, nobody).unwrap();
    }
    for dir in [".local", ".local/state", ".local/state/lapwing"] {
        std::os::unix::fs::chown(home.path(dir), nobody, nobody).unwrap();
    }
    std::os::unix::fs::chown(home.path(".gitconfig"), Some(0), Some(0)).unwrap();
    let program = copied(&home);
    let mut command = home.tool("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let run = run(command.arg(program).args(FIX));
    assert!(run.said().contains("it belongs to somebody else"), "{}", run.both());
    assert_eq!(config(&home), GIT);
}

/// The program where anybody may run it.
fn copied(home: &Home) -> PathBuf {
    let to = home.beside("lapwing");
    std::fs::copy(env!("CARGO_BIN_EXE_lapwing"), &to).unwrap();
    set_mode(&to, 0o755);
    to
}

fn rustix_is_root() -> bool {
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}

#[test]
fn access_lists_and_attributes_stay() {
    let home = home();
    let config = home.path(".gitconfig");
    let set = |args: &[&str]| common::must(Command::new(tool(args[0])).args(&args[1..]).arg(&config));
    set(&["setfacl", "-m", "u:12345:r"]);
    set(&["setfattr", "-n", "user.note", "-v", "mine"]);
    let told = |args: &[&str]| common::must(Command::new(tool(args[0])).args(&args[1..]).arg(&config));
    let before = (told(&["getfacl", "-p"]), told(&["getfattr", "-d", "--absolute-names"]));
    assert_eq!(home.run(&FIX).code, 0);
    assert_eq!(self::config(&home), MENDED);
    assert_eq!((told(&["getfacl", "-p"]), told(&["getfattr", "-d", "--absolute-names"])), before);
}

#[test]
fn a_shell_that_appends_in_the_last_moment_loses_no_line() {
    let home = Home::new();
    let token = checked("ghp_", "append");
    for call in ["linkat", "renameat2", "unlinkat"] {
        home.write(".bash_history", format!("ls\nexport T={token}\nmake\n"));
        home.doctor().document(1);
        let log = home.beside("append");
        std::fs::remove_file(&log).ok();
        // The prompt is answered with yes, and the program stops at the call that matters.
        let inject = format!("inject={call}:delay_enter=2000000:when=1");
        let line = format!(
            "strace -f -qq -e trace={call} -e {inject} -o '{}' '{}' fix",
            log.display(),
            env!("CARGO_BIN_EXE_lapwing")
        );
        let answers = std::thread::scope(|scope| {
            let session = scope.spawn(|| home.answer_line(&line, "y\n"));
            common::until(call, || {
                std::fs::read_to_string(&log).is_ok_and(|l| l.contains(call)).then_some(())
            });
            // As bash does: opened by name, added to its end, closed.
            let mut file = std::fs::File::options().append(true).open(home.path(".bash_history")).unwrap();
            std::io::Write::write_all(&mut file, b"typed meanwhile\n").unwrap();
            drop(file);
            session.join().unwrap()
        });
        let now = String::from_utf8(home.read(".bash_history")).unwrap();
        assert_eq!(
            now,
            "ls\nexport T=REDACTED-BY-LAPWING\nmake\ntyped meanwhile\n",
            "{call}: {}",
            answers.both()
        );
    }
}
