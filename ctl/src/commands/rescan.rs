//! `lapwing rescan`: asks the agent to take another look.

use super::Session;
use crate::exit::{Exit, usage};
use crate::render::words;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) fn run(session: &mut Session, paths: &[PathBuf]) -> anyhow::Result<Exit> {
    let paths: Vec<String> = paths.iter().map(|path| named(path)).collect::<Result<_, _>>()?;
    session.tell(|agent| agent.rescan(&paths))?;
    if !session.global.quiet {
        let what = match paths.len() as u64 {
            0 => "your home".to_owned(),
            n => words::count(n, "path", "paths"),
        };
        writeln!(
            session.out,
            "The agent takes another look at {what}. `lapwing watch` shows what it finds."
        )?;
    }
    Ok(Exit::Clean)
}

/// The whole path of what is there, as the bus takes it.
fn named(path: &Path) -> anyhow::Result<String> {
    let shown = || words::clean(&path.display().to_string());
    let whole = std::fs::canonicalize(path)
        .map_err(|e| usage(format!("{}: {}; check the path", shown(), words::line(&e.to_string()))))?;
    whole.into_os_string().into_string().map_err(|_| {
        usage(format!("{} is not UTF-8 and cannot be named; name the directory above it", shown()))
    })
}
