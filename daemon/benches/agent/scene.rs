//! Homes of a size, and the agent in them as its unit starts it.

use crate::common::{Stage, token};
use crate::measure::{self, Use};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// As in `systemd/lapwingd.service`.
const UNIT: &str = include_str!("../../../systemd/lapwingd.service");

/// A home with so many directories below `~/work`, of which the first `findings` have a token each.
pub(crate) fn home(dirs: usize, findings: usize) -> Stage {
    let stage = Stage::new();
    fill(&stage.home(), dirs, findings);
    stage
}

pub(crate) fn fill(home: &Path, dirs: usize, findings: usize) {
    for n in 0..dirs {
        let dir = dir(home, n);
        fs::create_dir_all(&dir).unwrap();
        let text = if n < findings {
            format!("token = {}\n", token(&format!("known {n}")))
        } else {
            "nothing\n".to_owned()
        };
        fs::write(dir.join("notes.txt"), text).unwrap();
    }
    let config = home.join(".config/lapwing");
    fs::create_dir_all(&config).unwrap();
    // Some of the default are kept for repositories.
    fs::write(config.join("config.toml"), "[agent]\nmax-watches = 21000\n").unwrap();
}

/// The directory of a number.
pub(crate) fn dir(home: &Path, n: usize) -> std::path::PathBuf {
    home.join(format!("work/p{}/d{n}", n / 100))
}

/// Starts the agent with what its unit has in its environment.
pub(crate) fn launch(stage: &mut Stage, wrap: &[String]) {
    let log = fs::OpenOptions::new().create(true).append(true).open(stage.dir.path().join("log")).unwrap();
    let line: Vec<String> = wrap.iter().cloned().chain([env!("CARGO_BIN_EXE_lapwingd").to_owned()]).collect();
    let mut command = stage.command(&line[0]);
    command.args(&line[1..]).stdout(Stdio::null()).stderr(log);
    let environment = UNIT.lines().filter_map(|line| line.strip_prefix("Environment="));
    let pairs = environment.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    stage.agent = Some(command.envs(pairs).spawn().unwrap());
}

/// Starts the agent and waits until it has swept and is at rest.
pub(crate) fn start(stage: &mut Stage, wrap: &[String]) {
    launch(stage, wrap);
    let end = Instant::now() + Duration::from_secs(600);
    while stage.swept().is_none() || stage.state_word() != "watching" {
        assert!(Instant::now() < end, "the agent does not come to rest\n{}", stage.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    calm(stage);
    // What its plan has added is swept once more, ten seconds later.
    std::thread::sleep(Duration::from_secs(10));
    calm(stage);
}

pub(crate) fn used(stage: &Stage) -> Use {
    measure::of(stage.agent.as_ref().unwrap().id())
}

/// Waits until the agent has had nothing to do for three seconds, longer than anything that it waits for in a crowd.
pub(crate) fn calm(stage: &Stage) {
    let (mut before, mut since) = (used(stage).fine, Instant::now());
    let end = Instant::now() + Duration::from_secs(300);
    while since.elapsed() < Duration::from_secs(3) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
        let now = used(stage).fine;
        if now.saturating_sub(before) > Duration::from_millis(2) {
            since = Instant::now();
        }
        before = now;
    }
}
