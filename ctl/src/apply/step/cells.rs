//! Masks a value in the cells of a database: in SQLite's own transactions, so that whoever has it open loses nothing,
//! and so that nothing of the value stays in free pages or in the log.

use super::{Bench, Pending, own};
use crate::apply::busy;
use crate::apply::busy::Running;
use crate::apply::receipt::{Change, Deed, State};
use crate::apply::refused::Refused;
use crate::apply::spot::Spot;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::io::Read as _;
use std::time::Duration;
use zeroize::Zeroizing;

/// What stands in place of the value.
const MARKER: &str = "REDACTED-BY-LAPWING";
/// How long to wait for a writer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How every SQLite database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Cells that are about to be masked.
pub(crate) struct Cells {
    spot: Spot,
    path: String,
    secret: Zeroizing<Vec<u8>>,
    masked: u64,
}

/// Prepares a database.
pub(crate) fn prepare(bench: &Bench<'_>, shown: &str, secret: &[u8]) -> Result<Cells, Refused> {
    let spot = Spot::find(bench.home, shown)?;
    let (mut file, stat) = spot.open()?;
    own(&stat)?;
    let mut head = [0; 16];
    let length = file.read(&mut head).map_err(|e| Refused::from_io("read it", &e))?;
    if head[..length] != *MAGIC {
        return Err(Refused::Changed("content"));
    }
    let place = bench.rules.place(shown).map(|p| p.id.as_str());
    // Shells' histories are made to be shared; an editor would write its own copy over ours.
    if !place.is_some_and(|p| p.ends_with("-history")) {
        busy::check(bench.running, &spot, &stat, place, bench.ours)?;
    }
    let path = bench.home.shown(&spot.real);
    Ok(Cells { spot, path, secret: Zeroizing::new(secret.to_vec()), masked: 0 })
}

impl Cells {
    fn run(&mut self) -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut db = Connection::open_with_flags(&self.spot.real, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "trusted_schema", false)?;
        db.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
        let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut masked = 0;
        for (table, columns) in tables(&work)? {
            masked += mask(&work, &table, &columns, &self.secret)?;
        }
        work.commit()?;
        self.masked = masked;
        // From here on the rows are right whatever happens; this is about what they have left behind.
        truncate(&db)?;
        db.execute_batch("VACUUM")?;
        truncate(&db)
    }
}

/// Empties the write-ahead log, where there is one.
fn truncate(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Tables of rows, with their columns: no views, no virtual tables, nothing of SQLite's own.
fn tables(db: &Connection) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let list = "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let names: Vec<String> = db.prepare(list)?.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for name in names {
        // `hidden`: 0 for those that can be written; generated columns follow by themselves.
        let columns = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0";
        let columns = db.prepare(columns)?.query_map([&name], |r| r.get(0))?.collect::<Result<_, _>>()?;
        all.push((name, columns));
    }
    Ok(all)
}

/// Masks the value in a table; how many cells had it.
fn mask(db: &Connection, table: &str, columns: &[String], secret: &[u8]) -> rusqlite::Result<u64> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let table = quoted(table);
    let mut masked = 0;
    for column in columns.iter().map(|c| quoted(c)) {
        // Bytes are searched as bytes: a text's may not be UTF-8.
        let bytes = format!("CAST({column} AS BLOB)");
        let new = format!("replace(CAST({column} AS TEXT), CAST(?1 AS TEXT), ?2)");
        for (kind, new) in [("text", new.clone()), ("blob", format!("CAST({new} AS BLOB)"))] {
            let update = format!(
                "UPDATE {table} SET {column} = {new} WHERE typeof({column}) = '{kind}' AND instr({bytes}, ?1) > 0"
            );
            masked += db.execute(&update, rusqlite::params![secret, MARKER])? as u64;
        }
    }
    Ok(masked)
}

fn refused(error: &rusqlite::Error) -> Refused {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Refused::Locked("SQLite's own lock".to_owned())
        }
        Some(ErrorCode::DiskFull) => Refused::Full,
        Some(ErrorCode::ReadOnly) => Refused::ReadOnly,
        Some(ErrorCode::CannotOpen) => Refused::Link,
        // Its message may quote a value.
        Some(code) => Refused::System("change the database", format!("{code:?}")),
        None => Refused::System("change the database", "SQLite cannot read it".to_owned()),
    }
}

impl Pending for Cells {
    fn change(&self) -> Change {
        Change { path: self.path.clone(), state: State::Intended, deed: Deed::Cells { cells: self.masked } }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        self.spot.again()?.open()?;
        self.run().map_err(|e| refused(&e))
    }

    /// What SQLite has committed is for good: nobody keeps what stood there.
    fn revert(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests {
    use super::*;
    use lapwing_agent::home::Home;
    use lapwing_rules::testing::fill;

    const SCHEMA: &str = "
        PRAGMA journal_mode = WAL;
        CREATE TABLE history (id TEXT PRIMARY KEY, timestamp INTEGER NOT NULL, command TEXT NOT NULL, cwd TEXT NOT NULL);
        CREATE INDEX idx_history_command ON history (command);
        CREATE TABLE \"odd \"\"name\" (data BLOB, size INTEGER GENERATED ALWAYS AS (length(data)));
        CREATE VIEW v AS SELECT command FROM history;
    ";

    fn everything(dir: &std::path::Path) -> Vec<u8> {
        let files = std::fs::read_dir(dir).unwrap();
        files.flat_map(|f| std::fs::read(f.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn nothing_of_the_value_stays_in_the_file_or_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let secret = fill("{{alnum:36}}", "cells");
        let path = dir.path().join("history.db");
        // Somebody else has it open all the while, so that the log stays.
        let other = Connection::open(&path).unwrap();
        other.execute_batch(SCHEMA).unwrap();
        for n in 0..200 {
            let command = if n % 50 == 0 { format!("curl -u dev:{secret} x{n}") } else { format!("ls {n}") };
            other
                .execute("INSERT INTO history VALUES (?1, ?2, ?3, '/')", (n.to_string(), n, command))
                .unwrap();
        }
        let blob = [&[0, 0xff], secret.as_bytes(), &[0, 1]].concat();
        other.execute("INSERT INTO \"odd \"\"name\" (data) VALUES (?1)", [&blob]).unwrap();
        // A row that is gone leaves its bytes in a free page.
        other.execute("DELETE FROM history WHERE id = '50'", []).unwrap();
        assert!(memchr_in(&everything(dir.path()), secret.as_bytes()));
        let spot = Spot::find(&Home::other(dir.path()), "~/history.db").unwrap();
        let secret = Zeroizing::new(secret.into_bytes());
        let mut cells = Cells { spot, path: "~/history.db".to_owned(), secret: secret.clone(), masked: 0 };
        cells.commit().unwrap();
        assert_eq!(cells.masked, 4);
        assert!(!memchr_in(&everything(dir.path()), &secret), "nothing is left");
        let count = |sql: &str| other.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM history"), 199);
        assert_eq!(
            count("SELECT count(*) FROM history WHERE command LIKE 'curl -u dev:REDACTED-BY-LAPWING x%'"),
            3
        );
        let kept: Vec<u8> = other.query_row("SELECT data FROM \"odd \"\"name\"", [], |r| r.get(0)).unwrap();
        assert_eq!(kept, [&[0, 0xff][..], MARKER.as_bytes(), &[0, 1]].concat());
        assert_eq!(other.query_row("PRAGMA integrity_check", [], |r| r.get::<_, String>(0)).unwrap(), "ok");
    }

    fn memchr_in(bytes: &[u8], what: &[u8]) -> bool {
        bytes.windows(what.len()).any(|w| w == what)
    }
}
