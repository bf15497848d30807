//! What may happen to an agent at any time: it is killed, its bus goes, its ledger goes, it is stopped halfway.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Bus, Stage, apart, token};
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the agent is killed.
const KILLS: u32 = 100;

/// Writes files with a token each until it is told to end; their names.
fn scribble(stage: &Stage, round: u32, end: &AtomicBool) -> Vec<String> {
    let mut written = Vec::new();
    while !end.load(Ordering::Relaxed) {
        let name = format!("round-{round}-{}.txt", written.len());
        stage.write(&name, &format!("token: {}\n", token(&name)));
        written.push(format!("~/{name}"));
        std::thread::sleep(Duration::from_millis(25));
    }
    written
}

#[test]
fn killed_a_hundred_times_it_has_lost_nothing() {
    let mut stage = Stage::new();
    stage.write("first.txt", &token("first"));
    // From the start to the first finding is what there is to be killed in, and as much again.
    let begun = Instant::now();
    stage.start();
    // A fast machine needs no less of it: what is written must be left alone for a while before it is looked at.
    let most = (begun.elapsed() * 2).clamp(Duration::from_millis(1500), Duration::from_secs(3));
    stage.kill();
    let mut written = BTreeSet::from(["~/first.txt".to_owned()]);
    let mut known = BTreeSet::new();
    for round in 0..KILLS {
        stage.launch();
        let end = AtomicBool::new(false);
        // Spread over the time as evenly as can be, in no order.
        let moment = most * (round * 37 % KILLS) / KILLS;
        written.extend(std::thread::scope(|scope| {
            let writer = scope.spawn(|| scribble(&stage, round, &end));
            std::thread::sleep(moment);
            end.store(true, Ordering::Relaxed);
            writer.join().unwrap()
        }));
        stage.kill();
        // To look heals what a killed writer has left; the next agent is to meet it too.
        if round % 10 == 9 {
            stage.intact();
            let now: BTreeSet<String> = stage.ledger("SELECT path FROM sighting").into_iter().collect();
            assert!(known.is_subset(&now), "what was known is forgotten");
            known = now;
        }
    }
    assert!(known.len() > 10, "{} of {} files were examined at all", known.len(), written.len());
    stage.launch();
    stage.until("it answers", |s| s.call("Rescan", &(Vec::<String>::new(),)).is_ok());
    stage.until("everything that was written is found", |s| s.tokens().len() >= written.len());
    assert_eq!(stage.tokens(), written);
    assert_eq!(stage.stop(), Some(0));
    stage.intact();
}

#[test]
fn a_bus_that_goes_and_comes_back_is_gone_back_to() {
    let mut stage = Stage::new();
    stage.write("before.txt", &token("before"));
    stage.start();
    for round in ["once", "twice"] {
        stage.bus.kill();
        stage.write(&format!("{round}.txt"), &token(round));
        stage.until("it says so", |s| s.log().matches("session bus").count() >= 1);
        stage.bus = Bus::at(&stage.dir.path().join("bus"), stage.dir.path());
        stage.until("it answers again", |s| s.finds(common::TOKEN_RULE, &format!("~/{round}.txt")));
        stage.until("the trouble is over", Stage::fine);
    }
    assert_eq!(stage.tokens().len(), 3);
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn a_bus_that_comes_later_is_waited_for() {
    let mut stage = Stage::new();
    stage.bus.kill();
    stage.write("before.txt", &token("before"));
    stage.launch();
    stage.until("it works without a bus", |s| {
        s.state().join("ledger.db").exists() && s.log().contains("before.txt")
    });
    stage.bus = Bus::at(&stage.dir.path().join("bus"), stage.dir.path());
    stage.until("it is there", |s| s.tokens().len() == 1);
}

/// The ledger of a running agent is damaged in some way: everything is known again, by itself.
fn damaged(how: impl Fn(&Stage)) -> Option<Stage> {
    if !apart::possible() {
        return None;
    }
    let mut stage = Stage::new();
    let _calm = stage.calm();
    stage.write("one.txt", &token("one"));
    stage.write("src/two.txt", &token("two"));
    stage.start();
    let before = stage.findings();
    assert_eq!(before.len(), 2);
    how(&stage);
    // Something happens: that is when it is noticed.
    stage.write("three.txt", &token("three"));
    stage.until("all is known again", |s| {
        let known = s.findings();
        known.len() == 3 && before.iter().all(|told| known.contains(told))
    });
    stage.until("it is no problem any more", Stage::fine);
    stage.intact();
    assert_eq!(stage.ledger("SELECT count(*) FROM sighting"), ["3"]);
    Some(stage)
}

fn aside(stage: &Stage) -> Vec<Vec<u8>> {
    let files = fs::read_dir(stage.state()).unwrap().flatten();
    let files = files.filter(|f| f.file_name().to_string_lossy().contains("ledger.db.damaged-"));
    files.map(|f| fs::read(f.path()).unwrap()).collect()
}

#[test]
fn a_ledger_that_is_deleted_is_begun_anew() {
    let delete = |stage: &Stage| {
        for tail in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(stage.state().join(format!("ledger.db{tail}")));
        }
    };
    let Some(mut stage) = damaged(delete) else { return };
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn a_ledger_that_is_overwritten_is_set_aside_and_begun_anew() {
    let garbage = "no ledger at all\n".repeat(4096);
    // What its journal has of it would mend it.
    let overwrite = |stage: &Stage| {
        for tail in ["", "-wal"] {
            fs::write(stage.state().join(format!("ledger.db{tail}")), &garbage).unwrap();
        }
    };
    let Some(mut stage) = damaged(overwrite) else { return };
    assert!(aside(&stage).iter().any(|kept| kept.starts_with(b"no ledger at all")), "{}", stage.log());
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn a_ledger_that_is_replaced_is_set_aside_and_begun_anew() {
    let garbage = "no ledger at all\n".repeat(4096);
    let replace = |stage: &Stage| {
        let beside = stage.dir.path().join("home/.local/state/lapwing/other");
        fs::write(&beside, &garbage).unwrap();
        for tail in ["-wal", "-shm"] {
            let _ = fs::remove_file(stage.state().join(format!("ledger.db{tail}")));
        }
        fs::rename(beside, stage.state().join("ledger.db")).unwrap();
    };
    let Some(stage) = damaged(replace) else { return };
    assert!(aside(&stage).iter().any(|kept| kept.starts_with(b"no ledger at all")), "{}", stage.log());
}

#[test]
fn stopped_in_the_middle_of_a_sweep_it_ends_well_and_goes_on() {
    let mut stage = Stage::new();
    for n in 0..20_000 {
        let text = if n % 1000 == 0 { token(&n.to_string()) } else { "nothing\n".to_owned() };
        stage.write(&format!("src/d{}/f{n}.txt", n % 200), &text);
    }
    stage.launch();
    stage.until("it sweeps", |s| s.state_word() == "sweeping");
    assert_eq!(stage.stop(), Some(0));
    stage.intact();
    let log = stage.log();
    assert!(log.contains("stopped: it was told to") && !log.contains("examined 2"), "{log}");
    stage.launch();
    stage.until("it sweeps again by itself", |s| s.state_word() == "sweeping" || s.swept().is_some());
    stage.until("the sweep is done", |s| s.swept().is_some());
    assert_eq!(stage.tokens().len(), 20);
    assert_eq!(stage.stop(), Some(0));
    stage.intact();
}

#[test]
fn other_programs_may_look_into_the_ledger_at_any_time() {
    let mut stage = Stage::new();
    stage.start();
    let state = stage.state().display().to_string();
    for n in 1..=20 {
        let name = format!("note-{n}.txt");
        stage.write(&name, &token(&name));
        // What it is asked to look at may be its own state: it knows better than to open that.
        stage.call("Rescan", &(vec![&state],)).unwrap();
        stage.ledger("SELECT count(*) FROM finding");
        stage.until("it is found", |s| s.tokens().len() == n);
        // The last one to close a ledger removes this; that is not the other program.
        assert!(stage.state().join("ledger.db-wal").exists(), "{n}");
    }
    assert_eq!(stage.ledger("SELECT count(*) FROM sighting"), ["20"]);
    stage.intact();
    assert_eq!(stage.stop(), Some(0));
}
