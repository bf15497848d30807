//! `lapwing`: examines a developer's home for leaked secrets and risky settings, and says what to do about them.
//!
//! `cli` is what can be typed, `commands` what it does, `render` what is printed, `exit` how it ends.

mod apply;
mod cli;
mod commands;
mod crash;
mod dates;
mod exit;
mod mend;
mod progress;
mod render;
mod vault;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(cli) => crash::guard(|| commands::run(cli)).into(),
        Err(error) => {
            // Help and version come this way too. If they cannot be printed there is nobody left to tell.
            let _ = error.print();
            if error.use_stderr() { exit::Exit::Usage.into() } else { exit::Exit::Clean.into() }
        }
    }
}
