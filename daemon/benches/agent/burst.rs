//! Ten thousand files at once.

use crate::common::{Stage, Told, token};
use crate::measure::{load, mib};
use crate::scene;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

const FILES: usize = 10_000;

pub(crate) fn run(wrap: &[String]) {
    let mut stage = scene::home(2000, 500);
    scene::start(&mut stage, wrap);
    let before = scene::used(&stage);
    let begun = Instant::now();
    churn(&stage);
    let written = begun.elapsed();
    scene::calm(&stage);
    let seen = known(&stage);
    let after = scene::used(&stage);
    // What a sweep that knows nothing finds is what is there.
    stage.stop();
    fs::remove_dir_all(stage.state()).unwrap();
    scene::start(&mut stage, wrap);
    let there = known(&stage);
    println!(
        "burst: {FILES} files in {:.2} s: {} findings there, {} of them not known, {} known that are not there; {}",
        written.as_secs_f64(),
        there.len(),
        there.difference(&seen).count(),
        seen.difference(&there).count(),
        load()
    );
    println!(
        "burst: {} resident before, {} after, {} at most; {:.2} s of processor time",
        mib(before.rss),
        mib(after.rss),
        mib(after.peak),
        after.cpu.saturating_sub(before.cpu).as_secs_f64()
    );
}

/// Every tenth has a token; some of those move away, some go, some are written again without.
fn churn(stage: &Stage) {
    let (dir, other) = (scene::dir(&stage.home(), 0), scene::dir(&stage.home(), 1));
    let path = |n: usize| dir.join(format!("file-{n}.txt"));
    for n in 0..FILES {
        let text = if n % 10 == 0 {
            format!("token = {}\n", token(&format!("burst {n}")))
        } else {
            "nothing\n".to_owned()
        };
        fs::write(path(n), text).unwrap();
    }
    for n in (0..FILES).step_by(30) {
        fs::rename(path(n), other.join(format!("moved-{n}.txt"))).unwrap();
    }
    for n in (10..FILES).step_by(60) {
        fs::remove_file(path(n)).unwrap();
    }
    for n in (20..FILES).step_by(60) {
        fs::write(path(n), "nothing any more\n").unwrap();
    }
}

fn known(stage: &Stage) -> BTreeSet<(String, String)> {
    stage.findings().into_iter().map(|Told { rule, path, .. }| (rule, path)).collect()
}
