//! How `lapwingd` begins: what is typed, what is given up, what must be there, and with which code it ends.

use crate::home::Home;
use crate::log;
use crate::sandbox::{self, Paths};
use crate::shell::{self, End};
use crate::world::World;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;

const HELP: &str = "\
lapwingd watches your home for leaked secrets and risky settings, and tells of them. It changes none of your files.

Usually the service manager starts it:  systemctl --user enable --now lapwingd
Ask it with:                            lapwing status

Usage: lapwingd [--version | --help]

Environment: LAPWING_LOG  how much is logged: error, warn, info, debug

Exit codes: 0 told to end · 64 usage · 69 another agent runs · 71 the system gives no threads
            75 start it anew: it has grown too large, or its directory is gone · 78 configuration
";

/// Codes of `sysexits.h`, which service managers know.
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SYSTEM: u8 = 71;
const TEMPORARY: u8 = 75;
const CONFIG: u8 = 78;

/// Runs the agent with what was typed after its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // Before anything else, and before there are threads.
    let begun = sandbox::begin();
    quote_nothing();
    let arguments: Vec<OsString> = arguments.collect();
    match arguments.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().as_slice() {
        [] => {}
        [one] if one == "--version" || one == "-V" => {
            return print(&format!("lapwingd {}\n", env!("CARGO_PKG_VERSION")));
        }
        [one] if one == "--help" || one == "-h" => return print(HELP),
        [one, ..] => {
            return fail(USAGE, &format!("unknown argument `{one}`; `lapwingd --help` says what there is"));
        }
    }
    let Some(home) = Home::own() else {
        return fail(CONFIG, "there is no home directory; set HOME");
    };
    let world = match World::load(&home) {
        Ok(world) => world,
        Err(e) => return fail(CONFIG, &format!("{e}; `lapwing config check` says more")),
    };
    let log = log::open(level(&world));
    let write = writable(&home);
    let sandbox = begun.confine(&Paths { home: home.canonical(), read: &readable(&world), write: &write });
    log::sandboxed(&sandbox);
    match live(home, world, log, sandbox.words()) {
        Ok(End::Told) => ExitCode::SUCCESS,
        Ok(End::TooLarge | End::NoState) => ExitCode::from(TEMPORARY),
        Ok(End::AlreadyRunning) => fail(UNAVAILABLE, "another agent runs already; `lapwing status` asks it"),
        Err(e) => fail(SYSTEM, &format!("the agent cannot run: {e}")),
    }
}

/// Places where the agent has gone wrong that are told, at most: a mistake in a rule may be met in every file.
const WRONG: usize = 20;

/// When something goes wrong in the agent itself, one line says where. What the panic has to say may hold what was being
/// examined, and standard error leads to the journal.
fn quote_nothing() {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        let Ok(mut told) = TOLD.lock() else { return };
        if told.len() < WRONG && told.insert(at.clone()) {
            drop(told);
            log::trouble("lapwingd itself", &format!("it went wrong at {at}; please report this line"));
        }
    }));
}

fn live(home: Home, world: World, log: log::Log, sandbox: String) -> std::io::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = runtime.block_on(shell::run(home, world, log, sandbox));
    // A worker that hangs in the keyring must not hold the end up.
    runtime.shutdown_background();
    end
}

fn level(world: &World) -> LevelFilter {
    let asked = std::env::var_os(log::VARIABLE).and_then(|word| log::level(&word.to_string_lossy()));
    asked.or_else(|| log::level(&world.config.agent.log)).unwrap_or(LevelFilter::INFO)
}

/// Our own directories, made if need be: what is not there cannot be permitted.
fn writable(home: &Home) -> Vec<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let state = home.state().to_owned();
    if let Err(e) = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&state) {
        tracing::warn!(target: "lapwing", "{} cannot be made: {e}", home.shown(&state));
    }
    vec![state]
}

/// What is read beside the home and the system.
fn readable(world: &World) -> Vec<PathBuf> {
    let places = crate::sweep::moved(world.setup.engine.places());
    let configured = crate::config::user_file().into_iter().chain(world.config.scan.packs.iter().cloned());
    // Git, which is asked now and then, gives up without its configuration.
    let moved = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    configured.chain(places).chain(moved).collect()
}

fn print(text: &str) -> ExitCode {
    // Nobody is left to tell if this cannot be written.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(code: u8, why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "lapwingd: {}", crate::text::line(why));
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_rules::testing::fill;

    fn secret() -> String {
        fill("ghp_{{alnum:36}}", "in a panic")
    }

    #[test]
    #[ignore = "what happens on a panic is set for the process: run by another"]
    fn go_wrong() {
        let _log = log::open(LevelFilter::INFO);
        quote_nothing();
        for _ in 0..3 {
            // As the standard library quotes the text that is cut where no letter begins.
            let broken = std::panic::catch_unwind(|| panic!("not a letter of `{}`", secret()));
            assert!(broken.is_err());
        }
    }

    #[test]
    fn what_goes_wrong_is_told_once_and_quotes_nothing() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "start::tests::go_wrong", "--ignored", "--nocapture"]);
        let out = command.env_remove("JOURNAL_STREAM").stdin(std::process::Stdio::null()).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap() + &String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{said}");
        assert_eq!(said.matches("it went wrong at daemon/src/start.rs:").count(), 1, "{said}");
        assert!(!said.contains(&secret()[4..12]), "{said}");
    }
}
