//! Nothing happens.

use crate::measure::{load, mib};
use crate::scene;
use std::time::{Duration, Instant};

const DIRS: usize = 20_000;
const FINDINGS: usize = 5_000;

pub(crate) fn run(wrap: &[String], time: Duration) {
    let mut stage = scene::home(DIRS, FINDINGS);
    let begun = Instant::now();
    scene::start(&mut stage, wrap);
    println!("idle: first sweep and rest after {:.1} s", begun.elapsed().as_secs_f64());
    // Long enough for what is tried again and again to be tried seldom.
    std::thread::sleep(Duration::from_secs(20));
    println!("idle: {} resident before anybody has asked anything", mib(scene::used(&stage).rss));
    let watched: u32 = stage.property("Watched").unwrap_or_default();
    let known = stage.findings().len();
    std::thread::sleep(Duration::from_secs(5));
    let before = scene::used(&stage);
    std::thread::sleep(time);
    let after = scene::used(&stage);
    let cpu = after.fine.saturating_sub(before.fine);
    println!("idle: {watched} directories watched, {known} findings known, {}", load());
    println!(
        "idle: over {} s: {:.3} ms of processor time, {:.4} %",
        time.as_secs(),
        cpu.as_secs_f64() * 1000.0,
        cpu.as_secs_f64() / time.as_secs_f64() * 100.0
    );
    println!("idle: {} wake-ups", after.woken - before.woken);
    for ((name, from, _), (_, to, _)) in
        before.by_thread.iter().zip(&after.by_thread).filter(|(a, b)| a.1 != b.1)
    {
        println!("idle:   {} of `{name}`", to - from);
    }
    println!("idle: {} resident, {} at most, {} threads", mib(after.rss), mib(after.peak), after.threads);
}
