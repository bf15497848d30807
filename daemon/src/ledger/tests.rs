//! The ledger against real files.
#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use super::*;

pub(super) fn seen(n: u8, path: &str) -> Seen {
    Seen {
        id: FindingId([n; 16]),
        rule: "r".to_owned(),
        kind: Kind::Secret,
        severity: Severity::High,
        grade: Some(Grade::Shaped),
        preview: "x…".to_owned(),
        note: None,
        key: String::new(),
        path: path.to_owned(),
        inside: None,
        at: Location { line: 3, column: 1, span: Some((10, 20)) },
    }
}

pub(super) fn batch(files: Vec<(&str, Vec<Seen>)>) -> Batch {
    Batch { files: files.into_iter().map(|(p, s)| (p.to_owned(), s)).collect(), ..Batch::default() }
}

pub(super) fn ledger() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/ledger.db");
    (dir, path)
}

#[test]
fn a_finding_opens_moves_resolves_and_opens_again() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), 100).unwrap();
    db.commit(&batch(vec![("~/a", vec![]), ("~/b", vec![seen(1, "~/b")])]), 200).unwrap();
    db.settle(200).unwrap();
    assert_eq!(db.seen().unwrap(), [seen(1, "~/b")]);
    let life = db.lives().unwrap()[&FindingId([1; 16])].clone();
    assert_eq!((life.first_seen, life.resolved), (100, None));
    db.commit(&batch(vec![("~/b", vec![])]), 300).unwrap();
    db.settle(300).unwrap();
    assert_eq!(db.lives().unwrap()[&FindingId([1; 16])].resolved, Some(300));
    db.commit(&batch(vec![("~/c", vec![seen(1, "~/c")])]), 400).unwrap();
    assert_eq!(db.lives().unwrap()[&FindingId([1; 16])].resolved, None);
}

#[test]
fn parts_of_one_file_are_places_of_their_own() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    let part = |name: &str| Seen { inside: Some(name.to_owned()), ..seen(1, "~/a.zip") };
    db.commit(&batch(vec![("~/a.zip", vec![part("x/.env"), part("y/.env")])]), 1).unwrap();
    assert_eq!(db.seen().unwrap(), [part("x/.env"), part("y/.env")]);
}

/// What was remembered before parts were known stays.
#[test]
fn an_older_ledger_is_brought_along() {
    let (_dir, path) = ledger();
    drop(Ledger::open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "DROP TABLE finding; DROP TABLE sighting; DROP TABLE meta; DROP TABLE event; DROP TABLE dir; DROP TABLE history; DROP TABLE rotation",
    )
    .unwrap();
    db.execute_batch(schema::STEPS[0]).unwrap();
    db.execute(
        "INSERT INTO sighting VALUES ('~/a', 3, 1, 10, 20, ?1, 'r', 'secret', 'high', 'shaped', 'x…', NULL, '')",
        [[1u8; 16]],
    )
    .unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    let (db, note) = Ledger::open(&path).unwrap();
    assert_eq!((db.seen().unwrap(), note), (vec![seen(1, "~/a")], None));
}

#[test]
fn an_ignore_outlives_a_finding_that_goes_and_comes() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), 1).unwrap();
    db.ignore(&FindingId([1; 16]), Some(("test key", Some(99))), 2).unwrap();
    db.commit(&batch(vec![("~/a", vec![])]), 3).unwrap();
    db.settle(3).unwrap();
    db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), 4).unwrap();
    let life = db.lives().unwrap()[&FindingId([1; 16])].clone();
    assert_eq!(life.ignored, Some(("test key".to_owned(), Some(99))));
}

#[test]
fn a_damaged_file_is_set_aside_and_kept() {
    let (_dir, path) = ledger();
    drop(Ledger::open(&path).unwrap());
    std::fs::write(&path, b"this is not a database, whatever its name says".repeat(50)).unwrap();
    let (db, note) = Ledger::open(&path).unwrap();
    assert!(db.seen().unwrap().is_empty());
    assert!(note.unwrap().contains("ledger.db.damaged-"));
    let kept = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten();
    assert!(kept.into_iter().any(|e| e.file_name().to_string_lossy().contains(".damaged-")));
}

#[test]
fn damage_inside_a_table_is_noticed() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    let many = (0..200).map(|n| seen(n, "~/a")).collect();
    db.commit(&batch(vec![("~/a", many)]), 1).unwrap();
    drop(db);
    let mut bytes = std::fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[4096..len - 512].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let (_, note) = Ledger::open(&path).unwrap();
    assert!(note.is_some());
}

#[test]
fn a_newer_ledger_is_left_alone() {
    let (_dir, path) = ledger();
    let (db, _) = Ledger::open(&path).unwrap();
    db.db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = std::fs::read(&path).unwrap();
    let why = Ledger::open(&path).err().unwrap().to_string();
    assert!(why.contains("newer Lapwing (version 99"), "{why}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn two_writers_lose_nothing() {
    let (_dir, path) = ledger();
    drop(Ledger::open(&path).unwrap());
    let work = |base: u8| {
        let path = path.clone();
        std::thread::spawn(move || {
            let (mut db, _) = Ledger::open(&path).unwrap();
            for n in 0..50 {
                let file = format!("~/{base}-{n}");
                db.commit(&batch(vec![(&file, vec![seen(base + n, &file)])]), 1).unwrap();
            }
        })
    };
    let (a, b) = (work(0), work(100));
    a.join().unwrap();
    b.join().unwrap();
    assert_eq!(Ledger::open(&path).unwrap().0.seen().unwrap().len(), 100);
}

#[test]
fn the_index_is_dropped_with_the_rules_that_made_it() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    db.index_for("v1").unwrap();
    db.commit(&Batch { dirs: vec![([1; 16], vec![7])], ..Batch::default() }, 1).unwrap();
    db.index_for("v1").unwrap();
    let (_, state) = db.snapshot().unwrap();
    assert_eq!(Index::open(&path, state).unwrap().dir(&[1; 16]), Some(vec![7]));
    db.index_for("v2").unwrap();
    assert_eq!(Index::open(&path, state).unwrap().dir(&[1; 16]), None);
}

#[test]
fn an_index_newer_than_what_is_known_is_not_used() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    let (_, state) = db.snapshot().unwrap();
    let (mut other, _) = Ledger::open(&path).unwrap();
    other.commit(&Batch { dirs: vec![([1; 16], vec![7])], ..Batch::default() }, 1).unwrap();
    assert!(Index::open(&path, state).is_none());
    db.commit(&batch(vec![("~/b", vec![])]), 1).unwrap();
    let (_, state) = db.snapshot().unwrap();
    assert!(Index::open(&path, state).is_some());
}

#[test]
fn only_the_user_may_read_it() {
    let (_dir, path) = ledger();
    drop(Ledger::open(&path).unwrap());
    assert_eq!(rustix::fs::stat(&path).unwrap().st_mode & 0o777, 0o600);
    assert_eq!(rustix::fs::stat(path.parent().unwrap()).unwrap().st_mode & 0o777, 0o700);
}

/// Whoever closes a file gives up the locks of all connections of the process. The agent opens its ledger in several threads.
#[test]
fn another_program_never_takes_itself_for_the_last_one() {
    let (_dir, path) = ledger();
    let (mut db, _) = Ledger::open(&path).unwrap();
    db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), 1).unwrap();
    drop(Ledger::open(&path).unwrap());
    let ask = |sql: &str| {
        let out = std::process::Command::new("sqlite3").arg(&path).arg(sql).output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(ask("SELECT count(*) FROM finding"), "1");
    assert!(path.with_file_name("ledger.db-wal").exists(), "its journal was removed");
    db.commit(&batch(vec![("~/b", vec![seen(2, "~/b")])]), 2).unwrap();
    assert_eq!(ask("SELECT count(*) FROM finding"), "2");
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
}
