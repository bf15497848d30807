//! What the agent costs, and how soon it tells: the real `lapwingd` on a real bus, in homes made for it.
//!
//! `cargo bench -p lapwing-agent --bench agent -- [PART…] [--seconds N] [--pairs N] [--wrap "PROGRAM ARGS"]`
//!
//! | part | what it prints |
//! |---|---|
//! | `idle` | processor time, wake-ups and memory over a time in which nothing happens |
//! | `latency` | from the end of a write to the signal, while another process writes a thousand files a second |
//! | `tax` | how much longer `git clone`, `npm install` and `cargo build` take in a home that is watched |
//! | `burst` | ten thousand events at once: what is lost, and what it takes |
//! | `soak` | memory, descriptors and watches during all kinds of changes |
//!
//! Without a part it is all but the soak. `daemon/BENCHMARKS.md` has what was measured. `--wrap` is what the agent is started
//! by, such as `nice -n 10 chrt -b 0`, to have the priorities that its unit gives it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it makes files of its own, prints, and may fail"
)]

mod burst;
#[path = "../../tests/common/mod.rs"]
mod common;
mod idle;
mod latency;
mod measure;
mod scene;
mod soak;
mod tax;

use std::time::Duration;

/// What was asked for.
struct Asked {
    parts: Vec<String>,
    time: Option<Duration>,
    pairs: usize,
    wrap: Vec<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, dir, rate] = &arguments[..]
        && word == latency::NOISE
    {
        return latency::noise(dir.as_ref(), rate.parse().unwrap());
    }
    let asked = asked(&arguments);
    for part in &asked.parts {
        match part.as_str() {
            "idle" => idle::run(&asked.wrap, asked.time.unwrap_or(Duration::from_secs(60))),
            "latency" => latency::run(&asked.wrap, asked.time.unwrap_or(Duration::from_secs(90))),
            "tax" => tax::run(&asked.wrap, asked.pairs),
            "burst" => burst::run(&asked.wrap),
            "soak" => soak::run(&asked.wrap, asked.time.unwrap_or(Duration::from_secs(30 * 60))),
            other => println!("there is no part `{other}`: idle, latency, tax, burst, soak"),
        }
    }
}

fn asked(arguments: &[String]) -> Asked {
    let mut asked = Asked { parts: Vec::new(), time: None, pairs: 5, wrap: Vec::new() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--seconds" => asked.time = Some(Duration::from_secs(value().parse().unwrap())),
            "--pairs" => asked.pairs = value().parse().unwrap(),
            "--wrap" => asked.wrap = value().split_whitespace().map(str::to_owned).collect(),
            // Cargo says so to every benchmark.
            "--bench" => {}
            part => asked.parts.push(part.to_owned()),
        }
    }
    if asked.parts.is_empty() {
        asked.parts = ["idle", "latency", "burst", "tax"].map(str::to_owned).to_vec();
    }
    asked
}
