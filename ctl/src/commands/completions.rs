//! `lapwing completions SHELL`: a completion script.

use super::Session;
use crate::cli::Cli;
use crate::exit::Exit;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

pub(super) fn run(session: &mut Session, shell: Shell) -> anyhow::Result<Exit> {
    // Made in memory first: the generator takes a reader that goes away for a bug.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lapwing", &mut script);
    session.out.write_all(&script)?;
    Ok(Exit::Clean)
}
