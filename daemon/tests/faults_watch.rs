//! What may happen to watching: more changes than can be taken in, fewer watches than there are directories, an agent that
//! stood still, a clock that was set back. Whatever was not seen is found by the sweep that makes up for it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Stage, apart, signal, token};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use zbus::zvariant::OwnedValue;

/// Writes so many files into a directory, of which every fiftieth holds a token; these.
fn flood(stage: &Stage, dir: &str, count: usize) -> BTreeSet<String> {
    let mut planted = BTreeSet::new();
    for n in 0..count {
        let name = format!("{dir}/f{n}.txt");
        if n % 50 == 0 {
            fs::write(stage.home().join(&name), format!("token: {}\n", token(&name))).unwrap();
            planted.insert(format!("~/{name}"));
        } else {
            fs::write(stage.home().join(&name), "nothing\n").unwrap();
        }
    }
    planted
}

/// Bytes of memory that the agent has.
fn resident(stage: &Stage) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", stage.agent.as_ref().unwrap().id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn ten_thousand_files_at_once_are_all_looked_at() {
    let mut stage = Stage::new();
    fs::create_dir_all(stage.home().join("src/burst")).unwrap();
    stage.start();
    let before = resident(&stage);
    let planted = flood(&stage, "src/burst", 10_000);
    assert_eq!(planted.len(), 200);
    stage.until("all tokens are found", |s| s.tokens().len() >= planted.len());
    assert_eq!(stage.tokens(), planted);
    let grown = resident(&stage).saturating_sub(before);
    assert!(grown < 128 << 20, "{} MiB more", grown >> 20);
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn what_happens_while_it_stands_still_is_found() {
    let mut stage = Stage::new();
    for dir in ["src/still", "src/later"] {
        fs::create_dir_all(stage.home().join(dir)).unwrap();
    }
    stage.start();
    signal(stage.agent.as_ref().unwrap(), "STOP");
    let mut planted = flood(&stage, "src/still", 100);
    // Longer than any of its own clocks takes for a short while.
    std::thread::sleep(Duration::from_secs(60));
    planted.extend(flood(&stage, "src/later", 100));
    // Calls that nobody answers wait as well.
    let asked = std::thread::scope(|scope| {
        let ask = scope.spawn(|| stage.problems());
        signal(stage.agent.as_ref().unwrap(), "CONT");
        ask.join()
    });
    assert!(asked.is_ok());
    stage.until("all tokens are found", |s| s.tokens() == planted);
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn events_that_the_kernel_drops_cost_a_sweep_and_nothing_else() {
    if !apart::possible() {
        return;
    }
    let mut stage = Stage::new();
    let _calm = stage.calm();
    fs::create_dir_all(stage.home().join("src/flood")).unwrap();
    stage.start();
    signal(stage.agent.as_ref().unwrap(), "STOP");
    // The kernel keeps this many events; the same twice in a row is one.
    let queue: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    for n in 0..queue.max(20_000) {
        fs::write(stage.home().join(["src/flood/a.log", "src/flood/b.log"][n % 2]), "nothing\n").unwrap();
    }
    // There is no event of these at all.
    let mut planted = flood(&stage, "src/flood", 2000);
    assert_eq!(planted.len(), 40);
    signal(stage.agent.as_ref().unwrap(), "CONT");
    stage.until("it says so", |s| s.log().contains("more files changed at once than could be followed"));
    stage.until("all tokens are found", |s| s.tokens().len() >= planted.len());
    assert_eq!(stage.tokens(), planted);
    stage.until("it is no problem any more", Stage::fine);
    // It watches what it did before.
    stage.write("src/flood/after.txt", &token("after"));
    planted.insert("~/src/flood/after.txt".to_owned());
    stage.until("it watches still", |s| s.tokens() == planted);
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn a_storm_of_renames_ends_with_what_is_there() {
    let mut stage = Stage::new();
    for n in 0..40 {
        stage.write(&format!("src/storm/d{n}/in/.env"), &format!("TOKEN={}\n", token(&n.to_string())));
    }
    stage.start();
    let before = resident(&stage);
    let storm = stage.home().join("src/storm");
    let mut names: Vec<String> = (0..40).map(|n| format!("d{n}")).collect();
    let (mut renames, begun) = (0_u32, Instant::now());
    while renames < 3000 {
        let at = renames as usize % names.len();
        let new = format!("d{at}-{renames}");
        fs::rename(storm.join(&names[at]), storm.join(&new)).unwrap();
        names[at] = new;
        renames += 1;
        // A thousand a second.
        let ahead = Duration::from_millis(u64::from(renames)).saturating_sub(begun.elapsed());
        std::thread::sleep(ahead);
    }
    let there: BTreeSet<String> = names.iter().map(|name| format!("~/src/storm/{name}/in/.env")).collect();
    stage.until("everything is found where it is", |s| s.tokens() == there);
    let grown = resident(&stage).saturating_sub(before);
    assert!(grown < 128 << 20, "{} MiB more", grown >> 20);
    assert_eq!(stage.stop(), Some(0));
}

/// Gaps in coverage for directories that are not watched: how many directories.
fn unwatched(stage: &Stage) -> i64 {
    let proxy = stage.proxy().unwrap();
    let gaps: Vec<HashMap<String, OwnedValue>> = proxy.call("Coverage", &()).unwrap();
    let text = |gap: &HashMap<String, OwnedValue>, key: &str| String::try_from(gap[key].clone()).unwrap();
    let gaps = gaps.iter().filter(|gap| text(gap, "reason") == "unwatched");
    gaps.map(|gap| i64::try_from(gap["count"].clone()).unwrap()).sum()
}

/// A home with many directories, of which few can be watched.
fn wide() -> Stage {
    let stage = Stage::new();
    stage.write(".gitconfig", "[user]\n\tname = dev\n");
    for n in 0..60 {
        stage.write(&format!("work/w{n}/deep/notes.txt"), "nothing\n");
    }
    stage
}

/// Places are watched; what is not is found when it is asked for.
fn is_found_in_the_end(stage: &Stage) {
    stage.write(".gitconfig", "[http]\n\tsslVerify = false\n");
    stage.until("a place is watched", |s| s.finds("git.tls-verify-off", "~/.gitconfig"));
    let planted: BTreeSet<String> = (0..60).map(|n| format!("~/work/w{n}/deep/notes.txt")).collect();
    for path in &planted {
        stage.write(&path[2..], &token(path));
    }
    stage.call("Rescan", &(Vec::<String>::new(),)).unwrap();
    stage.until("all of it is found", |s| s.tokens() == planted);
}

#[test]
fn with_few_watches_places_come_first_and_the_rest_is_swept() {
    if !apart::possible() {
        return;
    }
    let mut stage = wide();
    let _calm = stage.apart("echo 64 > /proc/sys/user/max_inotify_watches");
    stage.start();
    stage.until("it watches a quarter of them", |s| s.property::<u32>("Unwatched").is_some_and(|n| n > 60));
    let watched = stage.property::<u32>("Watched").unwrap();
    assert!((4..=17).contains(&watched), "{watched}");
    // As soon as the first sweep has met them.
    stage.until("what is not watched is told", |s| unwatched(s) > 60);
    is_found_in_the_end(&stage);
    assert_eq!(stage.stop(), Some(0));
}

/// Holds watches until its input ends.
const HOLD: &str = "import ctypes, os, sys
libc = ctypes.CDLL(None)
held = libc.inotify_init()
for n in range(58):
    os.mkdir(f'{sys.argv[1]}/held-{n}')
    assert libc.inotify_add_watch(held, f'{sys.argv[1]}/held-{n}'.encode(), 2) > 0
open(f'{sys.argv[1]}/held', 'w').close()
sys.stdin.read()
";

#[test]
fn watches_that_others_hold_are_told_and_made_up_for() {
    if !apart::possible() {
        return;
    }
    let mut stage = wide();
    let dir = stage.dir.path().display().to_string();
    fs::write(stage.dir.path().join("hold.py"), HOLD).unwrap();
    let _calm = stage.apart(&format!(
        "echo 64 > /proc/sys/user/max_inotify_watches; (cat {dir}/orders | python3 {dir}/hold.py {dir}) & \
         until [ -e {dir}/held ]; do sleep 0.02; done"
    ));
    stage.start();
    stage.until("it says so and what to do", |s| {
        s.problems().iter().any(|p| p.contains("the kernel gives this user no more") && p.contains("sysctl"))
    });
    assert!(stage.property::<u32>("Watched").is_some_and(|n| n <= 6));
    // As soon as the first sweep has met them.
    stage.until("what is not watched is told", |s| unwatched(s) > 60);
    is_found_in_the_end(&stage);
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn without_any_watch_it_says_so_and_sweeps() {
    if !apart::possible() {
        return;
    }
    let mut stage = wide();
    let _calm = stage.apart("echo 0 > /proc/sys/user/max_inotify_instances");
    stage.start();
    stage.until("it says so and what to do", |s| {
        s.problems().iter().any(|p| p.contains("nothing is watched") && p.contains("sysctl"))
    });
    assert_eq!(stage.property::<u32>("Watched"), Some(0));
    // As soon as the first sweep has met them.
    stage.until("what is not watched is told", |s| unwatched(s) > 60);
    stage.write("work/w7/deep/notes.txt", &token("unseen"));
    stage.call("Rescan", &(Vec::<String>::new(),)).unwrap();
    stage.until("it is found", |s| s.tokens().len() == 1);
    assert_eq!(stage.stop(), Some(0));
}

/// Where Debian and Fedora keep the library that gives a process another clock.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

#[test]
fn a_clock_that_is_set_back_changes_nothing() {
    let Some(library) = FAKETIME.into_iter().find(|path| Path::new(path).exists()) else {
        apart::skipped("libfaketime (package faketime)");
        return;
    };
    let mut stage = Stage::new();
    // In the home, because the agent may read nothing else of ours.
    let clock = stage.home().join("clock");
    fs::write(&clock, "+0\n").unwrap();
    // The wall clock alone: the kernel's time since the start is not set by anybody.
    for (name, value) in [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_DISABLE_SHM", "1"),
    ] {
        stage.env.push((name.to_owned(), value.to_owned()));
    }
    stage.write("before.txt", &token("before"));
    stage.start();
    fs::write(&clock, "-400d\n").unwrap();
    stage.write("after.txt", &token("after"));
    stage.until("what comes later is found", |s| s.tokens().len() == 2);
    let times: Vec<i64> =
        stage.ledger("SELECT first_seen FROM finding").iter().map(|t| t.parse().unwrap()).collect();
    let apart = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert!(apart > 300 * 86_400, "the clock was not set back: {times:?}");
    stage.call("Rescan", &(Vec::<String>::new(),)).unwrap();
    fs::remove_file(stage.home().join("before.txt")).unwrap();
    stage.until("what is gone is resolved", |s| s.tokens() == BTreeSet::from(["~/after.txt".to_owned()]));
    // Nothing is told twice, nothing again.
    assert_eq!(stage.log().matches("in ~/before.txt").count(), 1, "{}", stage.log());
    assert_eq!(stage.stop(), Some(0));
    stage.intact();
}
