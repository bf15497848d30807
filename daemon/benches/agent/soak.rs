//! All kinds of changes, for a long time: what is held must not grow.

use crate::common::{Stage, token};
use crate::measure::{self, Use, load, mib};
use crate::scene;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tokens come from so many, so that what is to be remembered is bounded.
const TOKENS: usize = 500;

pub(crate) fn run(wrap: &[String], time: Duration) {
    let mut stage = scene::home(5000, 500);
    scene::start(&mut stage, wrap);
    let over = AtomicBool::new(false);
    let mut samples = Vec::new();
    std::thread::scope(|threads| {
        let (over, stage) = (&over, &stage);
        threads.spawn(move || churn(stage, over));
        let begun = Instant::now();
        let every = (time / 30).max(Duration::from_secs(10));
        // The first changes bring in what is kept from then on.
        std::thread::sleep(every);
        while begun.elapsed() < time {
            samples.push(sample(stage, begun.elapsed()));
            std::thread::sleep(every);
        }
        over.store(true, Ordering::Relaxed);
    });
    scene::calm(&stage);
    samples.push(sample(&stage, time));
    let third = |n: usize| {
        let part: Vec<u64> =
            samples.iter().skip(n * samples.len() / 3).take(samples.len() / 3).map(|s| s.rss).collect();
        mib(part.iter().sum::<u64>() / part.len().max(1) as u64)
    };
    println!("soak: mean resident in the three thirds: {}, {}, {}", third(0), third(1), third(2));
}

fn sample(stage: &Stage, at: Duration) -> Use {
    let used = scene::used(stage);
    let held = measure::held(stage.agent.as_ref().unwrap().id());
    let held =
        held.map_or_else(String::new, |(open, watches)| format!("{open} descriptors, {watches} watches, "));
    println!(
        "soak: {:>5} s: {} resident, {} at most, {held}{} threads, {} findings, {:.1} s of processor time; {}",
        at.as_secs(),
        mib(used.rss),
        mib(used.peak),
        used.threads,
        stage.findings().len(),
        used.cpu.as_secs_f64(),
        load()
    );
    used
}

fn churn(stage: &Stage, over: &AtomicBool) {
    let home = stage.home();
    for round in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        files(&home, round);
        tree(&home, round);
        if round % 5 == 0 {
            repository(stage, round);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Written, written again, replaced as editors do it, removed.
fn files(home: &Path, round: usize) {
    let dir = scene::dir(home, round * 7 % 5000);
    for n in 0..10 {
        let text = format!("token = {}\n", token(&format!("soak {}", (round * 10 + n) % TOKENS)));
        fs::write(dir.join(format!("kept-{n}.txt")), "nothing\n").unwrap();
        fs::write(dir.join("beside.tmp"), text).unwrap();
        fs::rename(dir.join("beside.tmp"), dir.join(format!("kept-{n}.txt"))).unwrap();
    }
    (0..10).for_each(|n| fs::remove_file(dir.join(format!("kept-{n}.txt"))).unwrap());
}

/// A tree comes, moves and goes.
fn tree(home: &Path, round: usize) {
    let [here, there] = ["src/come", "src/gone"].map(|name| home.join(format!("{name}-{}", round % 3)));
    for n in 0..30 {
        let dir = here.join(format!("a{}/b{n}", n % 5));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(".env"), format!("TOKEN={}\n", token(&format!("soak {}", (round + n) % TOKENS))))
            .unwrap();
    }
    fs::rename(&here, &there).unwrap();
    fs::remove_dir_all(&there).unwrap();
}

/// Commits, a branch, and now and then a repository that is thrown away.
fn repository(stage: &Stage, round: usize) {
    let dir = stage.home().join("src/repository");
    let git = |args: &[&str]| {
        let mut git = stage.command("git");
        git.args(["-c", "user.name=dev", "-c", "user.email=dev@host.example", "-C"]).arg(&dir).args(args);
        assert!(git.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "git {args:?}");
    };
    if round.is_multiple_of(250) {
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        git(&["init", "-q"]);
    }
    fs::write(dir.join(format!("f{}.txt", round % 20)), format!("round {round}\n")).unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "round"]);
    git(&["checkout", "-q", "-B", if round.is_multiple_of(2) { "even" } else { "odd" }]);
}
