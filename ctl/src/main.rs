//! `lapwing`: examines a developer's home for leaked secrets and risky settings.
mod cli;
mod dates;
mod exit;
mod render;
fn main() {}
