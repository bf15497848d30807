//! From the end of a write to the signal, while much else is written.

use crate::common::{self, Stage, Told, token};
use crate::measure::{load, ms, quantile};
use crate::scene;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zbus::zvariant::OwnedValue;

const DIRS: usize = 20_000;
const FINDINGS: usize = 5_000;
/// How long the agent waits for a file to be left alone: `coalesce::Policy`.
const COALESCE: Duration = Duration::from_millis(150);
/// Between two writes.
const EVERY: Duration = Duration::from_millis(300);
/// Files that the other process writes in a second.
const RATE: u32 = 1000;

pub(crate) fn run(wrap: &[String], time: Duration) {
    let mut stage = scene::home(DIRS, FINDINGS);
    scene::start(&mut stage, wrap);
    measure("latency, nothing else is written", &stage, time / 3, "quiet");
    let dir = stage.home().join("build");
    let this = std::env::current_exe().unwrap();
    let mut noise = Command::new(this);
    noise.arg(NOISE).arg(&dir).arg(RATE.to_string()).stdin(Stdio::null());
    let mut noise = noise.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    measure("latency, a thousand files a second", &stage, time, "busy");
    noise.kill().unwrap();
    noise.wait().unwrap();
}

fn measure(what: &str, stage: &Stage, time: Duration, word: &str) {
    let signals = listen(stage);
    let (begun, before) = (Instant::now(), scene::used(stage));
    let mut written = HashMap::new();
    for n in 0.. {
        if begun.elapsed() > time {
            break;
        }
        let path = scene::dir(&stage.home(), (n * 37) % DIRS).join(format!("{word}-{n}.txt"));
        fs::write(&path, format!("token = {}\n", token(&format!("{word} {n}")))).unwrap();
        let shown = format!("~/{}", path.strip_prefix(stage.home()).unwrap().display());
        written.insert(shown, Instant::now());
        std::thread::sleep(EVERY);
    }
    let cpu =
        scene::used(stage).fine.saturating_sub(before.fine).as_secs_f64() / begun.elapsed().as_secs_f64();
    let (count, end) = (written.len(), Instant::now() + Duration::from_secs(70));
    let mut times = Vec::new();
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|_| !written.is_empty()) {
        let Ok((path, at)) = signals.recv_timeout(left) else { break };
        times.extend(
            written.remove(&path).map(|since| at.saturating_duration_since(since).saturating_sub(COALESCE)),
        );
    }
    let [median, most] = [0.5, 0.99].map(|share| ms(quantile(&mut times, share)));
    println!(
        "{what}: beyond {} ms: median {median}, p99 {most}, longest {}, of {count} writes, {} never told; {:.1} % of a processor; {}",
        COALESCE.as_millis(),
        ms(times.last().copied().unwrap_or_default()),
        written.len(),
        cpu * 100.0,
        load()
    );
}

/// Findings that open, with the time at which the bus has told of them.
fn listen(stage: &Stage) -> Receiver<(String, Instant)> {
    let connection = stage.connection().unwrap();
    let proxy = zbus::blocking::Proxy::new(&connection, common::NAME, common::PATH, common::NAME).unwrap();
    let signals = proxy.receive_signal("Opened").unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for message in signals {
            let at = Instant::now();
            let record: HashMap<String, OwnedValue> = message.body().deserialize().unwrap();
            if send.send((Told::of(&record).path, at)).is_err() {
                break;
            }
        }
    });
    receive
}

/// What this program is called with to be the other process.
pub(crate) const NOISE: &str = "noise";

/// Writes files of a few hundred bytes into ten directories, so many a second, until it is killed.
pub(crate) fn noise(dir: &Path, rate: u32) {
    let text = "x = 1 # nothing that anybody would look for\n".repeat(12);
    (0..10).for_each(|n| fs::create_dir_all(dir.join(n.to_string())).unwrap());
    let begun = Instant::now();
    for n in 0_u32.. {
        let (below, name) = (n % 10, n / 10 % 1000);
        fs::write(dir.join(format!("{below}/object-{name}.txt")), &text).unwrap();
        let due = Duration::from_secs(1) * n / rate;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
}
