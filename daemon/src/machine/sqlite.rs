//! Opens databases of others: SQLite files that programs of the user keep, and may be writing at this moment.
//!
//! Such a file is read without a trace: never a lock, a journal or an index written beside it. Without a write-ahead log
//! it is opened as immutable. With one, its newest rows can be read only through the log, for which SQLite needs the
//! `-shm` file; where that is missing, the rows that have reached the database are read (the log is a file of its own,
//! and searched as one).
//!
//! The file may also be damaged or made to do harm: SQLite's work is counted and ended, its memory is limited, nothing
//! that a schema could compute is asked for, and whatever is wrong becomes an [`Unread`].

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How every SQLite database begins.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Why a database could not be read, or not to its end. What was handed out before is good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("takes more work to read than a database of this size should")]
    TooMuchWork,
    #[error("{0}")]
    Damaged(rusqlite::Error),
}

/// Bytes that SQLite may hold for one value.
pub(crate) const VALUE: usize = 4 << 20;
/// Bytes that SQLite may hold for all databases together, our own among them: what a schema says stays in memory, and
/// may be a hundred times as large there.
const MEMORY: i64 = 512 << 20;
/// Bytes of SQL that make one table: no person or program writes more.
const SQL: i32 = 1 << 20;
/// Instructions of SQLite's machine between two looks at the count.
const STEP: i32 = 10_000;
/// Steps allowed in any case: a tenth of a second or so.
const STEPS: u64 = 1_000;
/// Instructions allowed for each byte of a database: rows of nothing but small numbers need less than one.
const EFFORT: u64 = 3;
/// Largest size that is taken for one: what is larger is sparse, or one of the few that need more than a run.
const LARGEST: u64 = 16 << 30;
/// How long to wait for a writer.
const PATIENCE: Duration = Duration::from_millis(250);

/// An open database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    /// Bytes that it and its log may hold.
    pub(crate) size: u64,
}

/// Opens the database as it stands, or through its write-ahead log where that can be done without writing.
pub(crate) fn open(path: &Path) -> Result<Database, Unread> {
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut size = holds(&meta);
    let log = std::fs::symlink_metadata(beside(path, "-wal")).ok().filter(|m| m.is_file() && m.len() > 0);
    let shared = std::fs::symlink_metadata(beside(path, "-shm")).is_ok_and(|m| m.is_file());
    if let Some(log) = log.filter(|_| shared) {
        size += holds(&log);
        // Opening touches nothing; only a first look tells whether the log can be used.
        if let Ok(live) = connect(path, "mode=ro&readonly_shm=1", size)
            && live.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok()
        {
            return Ok(Database { connection: live, size });
        }
    }
    connect(path, "mode=ro&immutable=1", size)
        .map(|connection| Database { connection, size })
        .map_err(failure)
}

/// Bytes that a file may really hold: holes hold nothing, and file systems that compress do not save more than this.
fn holds(meta: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    meta.len().min(meta.blocks() * 512 * 8 + (1 << 20)).min(LARGEST)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn connect(path: &Path, query: &str, size: u64) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(uri(path.as_os_str(), query), flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(VALUE).unwrap_or(i32::MAX))?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, SQL)?;
    let mut left = STEPS + size.saturating_mul(EFFORT) / u64::from(STEP.unsigned_abs());
    let ended = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    connection.progress_handler(STEP, Some(ended))?;
    for pragma in ["query_only", "cell_size_check"] {
        connection.pragma_update(None, pragma, true)?;
    }
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "hard_heap_limit", MEMORY, |_| Ok(()))?;
    Ok(connection)
}

/// `file:/home/dev/a%3fb?…`: every byte that means something in a URI is written as `%` and its hexadecimal digits.
fn uri(path: &OsStr, query: &str) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri + "?" + query
}

pub(crate) fn failure(error: rusqlite::Error) -> Unread {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => Unread::TooMuchWork,
        _ => Unread::Damaged(error),
    }
}
