//! `lapwingd`: the agent that watches a home, remembers what it finds, and tells it.

use std::process::ExitCode;

fn main() -> ExitCode {
    lapwing_agent::start::run(std::env::args_os().skip(1))
}
