//! `lapwingd`: the agent that watches a home, remembers what it finds, and tells it.

use std::process::ExitCode;

fn main() -> ExitCode {
    lapwing_agent::run()
}
