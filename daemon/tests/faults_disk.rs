//! Disks that are full: of the state, and of the whole home. What could not be remembered is found again once there is room.

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

#[test]
fn a_home_without_room_is_examined_when_there_is_some() {
    if !apart::possible() {
        return;
    }
    let mut stage = Stage::new();
    let home = stage.home().display().to_string();
    let mut beside = stage.apart(&format!(
        "mount -t tmpfs -o mode=700,size=1m none {home}; cd {home}; printf '%s' {} >notes.txt; ({})",
        token("home"),
        fill(".")
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
fn a_state_directory_that_cannot_be_made_is_made_by_a_new_agent() {
    if !apart::possible() {
        return;
    }
    let mut stage = Stage::new();
    // There is somebody who starts it anew.
    stage.env.push(("NOTIFY_SOCKET".to_owned(), stage.dir.path().join("nobody").display().to_string()));
    let home = stage.home().display().to_string();
    // Every name is taken: not even a directory can be made.
    let mut beside = stage.apart(&format!(
        "mount -t tmpfs -o mode=700,size=8m,nr_inodes=64 none {home}; cd {home}; printf '%s' {} >notes.txt; mkdir fill; \
         n=0; while touch fill/$n 2>/dev/null; do n=$((n + 1)); done",
        token("home")
    ));
    stage.launch();
    stage.until("it says so", |s| s.problems().iter().any(|problem| problem.starts_with("ledger: ")));
    beside.run(&stage, &format!("rm -r {home}/fill"));
    stage.until("it ends", |s| s.log().contains("its directory is to be made again"));
    assert_eq!(stage.agent.take().unwrap().wait().unwrap().code(), Some(75));
}

#[test]
fn a_state_directory_that_is_deleted_is_made_by_a_new_agent() {
    if !apart::possible() {
        return;
    }
    let mut stage = Stage::new();
    let _calm = stage.calm();
    stage.env.push(("NOTIFY_SOCKET".to_owned(), stage.dir.path().join("nobody").display().to_string()));
    stage.write("before.txt", &token("before"));
    stage.start();
    std::fs::remove_dir_all(stage.state()).unwrap();
    stage.write("after.txt", &token("after"));
    stage.until("it ends", |s| s.log().contains("its directory is to be made again"));
    assert_eq!(stage.agent.take().unwrap().wait().unwrap().code(), Some(75));
    stage.start();
    assert_eq!(stage.tokens().len(), 2);
    assert_eq!(stage.stop(), Some(0));
}
