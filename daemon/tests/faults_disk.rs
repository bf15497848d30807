//! Disks that are full: of the state, and of the whole home. What could not be remembered is found again once there is room.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Stage, apart, token};
use std::collections::BTreeSet;

/// Takes up all the room that a directory's file system has.
fn fill(dir: &str) -> String {
    format!("dd if=/dev/zero of={dir}/fill bs=4096 2>/dev/null && exit 1; true")
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    if !apart::possible() {
        return;
    }
    let mut stage = Stage::new();
    let state = stage.state().display().to_string();
    let mut beside =
        stage.apart(&format!("mkdir -p -m 700 {state}; mount -t tmpfs -o size=2m,mode=700 none {state}"));
    stage.write("before.txt", &token("before"));
    stage.start();
    beside.run(&stage, &fill(&state));
    let mut planted = BTreeSet::from(["~/before.txt".to_owned()]);
    for n in 0..40 {
        let name = format!("full-{n}.txt");
        stage.write(&name, &token(&name));
        planted.insert(format!("~/{name}"));
    }
    stage.until("it says so", |s| {
        s.problems()
            .iter()
            .any(|problem| problem.starts_with("ledger: ") && problem.contains("the disk is full"))
    });
    // It answers from what it has.
    assert!(stage.tokens().contains("~/before.txt"));
    beside.run(&stage, &format!("rm {state}/fill"));
    stage.until("all of it is found", |s| s.tokens() == planted);
    stage.until("it is no problem any more", Stage::fine);
    let whole = beside.run(&stage, &format!("sqlite3 {state}/ledger.db 'PRAGMA integrity_check'"));
    assert_eq!(whole.trim(), "ok");
    assert_eq!(stage.stop(), Some(0));
}

/// A home on a file system of its own that is full before the agent starts.
fn full_home(options: &str, fill: &str) {
    if !apart::possible() {
        return;
    }
    let mut stage = Stage::new();
    let home = stage.home().display().to_string();
    let mut beside = stage.apart(&format!(
        "mount -t tmpfs -o mode=700,{options} none {home}; cd {home}; printf '%s' {} >notes.txt; ({fill})",
        token("home")
    ));
    stage.launch();
    stage.until("it says so", |s| !s.fine() && !s.problems().is_empty());
    beside.run(&stage, &format!("rm -r {home}/fill"));
    stage.until("it goes on", |s| s.tokens().contains("~/notes.txt"));
    beside.run(&stage, &format!("printf '%s' {} >{home}/more.txt", token("more")));
    stage.until("it watches", |s| s.tokens().len() == 2);
    stage.until("it is no problem any more", Stage::fine);
    assert_eq!(stage.stop(), Some(0));
}

#[test]
fn a_home_without_room_is_examined_when_there_is_some() {
    full_home("size=1m", &fill("."));
}

#[test]
fn a_home_without_room_for_names_is_examined_when_there_is_some() {
    // Nothing can be made in it, not even a directory.
    full_home(
        "size=8m,nr_inodes=64",
        "mkdir fill; n=0; while touch fill/$n 2>/dev/null; do n=$((n + 1)); done; true",
    );
}
