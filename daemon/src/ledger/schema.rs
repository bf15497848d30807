//! Tables, their versions, and what to do with a file that is not one of ours.

use super::{Failure, LedgerError, Result};
use crate::machine::files;
use rusqlite::Connection;
use rustix::fs::{CWD, FileType, Mode};
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Each step takes a ledger from its index to the next version. Steps are never changed, only added.
pub(super) const STEPS: &[&str] = &["
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE finding (
        id BLOB PRIMARY KEY, rule TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL, grade TEXT,
        preview TEXT NOT NULL, note TEXT, key TEXT NOT NULL, path TEXT NOT NULL,
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, resolved INTEGER, reason TEXT, until INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE sighting (
        path TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL, start INTEGER, stop INTEGER,
        finding BLOB NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL, grade TEXT,
        preview TEXT NOT NULL, note TEXT, key TEXT NOT NULL,
        PRIMARY KEY (path, finding, line, col)
    ) WITHOUT ROWID;
    CREATE INDEX sighting_finding ON sighting (finding);
    CREATE TABLE event (at INTEGER NOT NULL, finding BLOB NOT NULL, what TEXT NOT NULL);
    CREATE TABLE dir (key BLOB PRIMARY KEY, states BLOB NOT NULL) WITHOUT ROWID;
", "
    ALTER TABLE sighting RENAME TO sighting_1;
    DROP INDEX sighting_finding;
    CREATE TABLE sighting (
        path TEXT NOT NULL, inside TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL, start INTEGER, stop INTEGER,
        finding BLOB NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL, grade TEXT,
        preview TEXT NOT NULL, note TEXT, key TEXT NOT NULL,
        PRIMARY KEY (path, inside, finding, line, col)
    ) WITHOUT ROWID;
    INSERT INTO sighting SELECT path, '', line, col, start, stop, finding, rule, kind, severity, grade, preview, note, key
        FROM sighting_1;
    DROP TABLE sighting_1;
    CREATE INDEX sighting_finding ON sighting (finding);
", "
    CREATE TABLE history (key BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
", "
    CREATE TABLE rotation (finding BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"];
/// `LPWG`: tells a ledger from any other SQLite file.
const APPLICATION: i64 = 0x4c50_5747;
/// How long to wait for another writer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    // A few hundred KiB do: the index is read one directory at a time.
    db.pragma_update(None, "cache_size", -512)?;
    db.pragma_update(None, "trusted_schema", false)?;
    // The agent may write nowhere but here.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Brings a ledger to this version; one from a newer version is left as it is.
pub(super) fn migrate(db: &Connection) -> std::result::Result<(), Failure> {
    let ours = STEPS.len() as i64;
    let version = |db: &Connection| db.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0));
    let found = version(db)?;
    if found > ours {
        let why = format!(
            "it was written by a newer Lapwing (version {found}, this one knows {ours}); upgrade Lapwing, or move the file away to begin anew"
        );
        return Err(Failure::Other(LedgerError(why)));
    }
    if found == ours {
        return Ok(());
    }
    db.execute_batch("BEGIN IMMEDIATE")?;
    // Somebody else may have migrated while we waited.
    let from = usize::try_from(version(db)?).unwrap_or_default();
    for step in STEPS.iter().skip(from) {
        db.execute_batch(step)?;
    }
    db.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {ours}; COMMIT"
    ))?;
    Ok(())
}

/// Makes the ledger's directory, for the user alone, and the file before SQLite does, so that its mode is ours.
pub(super) fn private_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(dir) = path.parent() else { return Ok(()) };
    let fail = |e: std::io::Error| LedgerError(format!("{} cannot be made: {e}", dir.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fail)?;
    let fail = |e: Errno| LedgerError(std::io::Error::from(e).to_string());
    // Not opened, not even for a moment: whoever closes a file gives up all locks that the process has on it, those of SQLite's
    // connections too. The next program that closes the ledger would take itself for the last one, and remove the journal
    // under the agent.
    match rustix::fs::mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) => Ok(()),
        // A link may lead anywhere.
        Err(Errno::EXIST) => match rustix::fs::lstat(path).map(|stat| files::kind(&stat)) {
            Ok(FileType::Symlink) => Err(fail(Errno::LOOP)),
            Ok(_) => Ok(()),
            Err(e) => Err(fail(e)),
        },
        Err(e) => Err(fail(e)),
    }
}

/// Moves a damaged ledger out of the way, with its journal, and keeps it.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let aside = PathBuf::from(format!("{}.damaged-{now}", path.display()));
    let fail = |e: std::io::Error| LedgerError(format!("it is damaged and cannot be moved away: {e}"));
    std::fs::rename(path, &aside).map_err(fail)?;
    for tail in ["-wal", "-shm"] {
        let _ = std::fs::rename(format!("{}{tail}", path.display()), format!("{}{tail}", aside.display()));
    }
    private_dir(path)?;
    Ok(aside)
}
