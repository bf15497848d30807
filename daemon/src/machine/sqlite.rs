//! Commands from histories that are SQLite databases: Atuin, Nushell, IPython.
//!
//! The database is the user's and may be in use, so it is read without a trace: never a lock, a journal or an index written
//! beside it. Without a write-ahead log the file is opened as immutable. With one, its newest rows can be read only
//! through the log, for which SQLite needs the `-shm` file; where that is missing, the rows that have reached the
//! database are read and the rest is told as a problem.
//!
//! The file may also be damaged or made to do harm: only a plain table is read, SQLite's work is counted and ended, and
//! whatever is wrong becomes an [`Unread`].

use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which tool's database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sqlite {
    /// `history.db`
    Atuin,
    /// `history.sqlite3`
    Nushell,
    /// `history.sqlite`
    IPython,
}

/// What was read, besides the commands themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Commands {
    /// How many commands were handed out.
    pub(crate) read: u64,
    /// How many of them were longer than [`LONGEST`] and were cut there.
    pub(crate) cut: u64,
    /// Why some were not read, one sentence each.
    pub(crate) problems: Vec<String>,
}

/// Why a database could not be read, or not to its end. Commands that were handed out before are good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("holds no table of commands")]
    NoTable,
    #[error("takes more work to read than any history should")]
    TooMuchWork,
    #[error("{0}")]
    Damaged(rusqlite::Error),
}

/// Bytes of a command that are handed out.
const LONGEST: usize = 64 << 10;
/// Rows that are read, newest first.
const ROWS: u64 = 2_000_000;
/// Bytes that SQLite may hold for one value: a longer one ends the reading.
const VALUE: i32 = 64 << 20;
/// Instructions of SQLite's machine between two looks at the count.
const STEP: i32 = 10_000;
/// Steps allowed: about ten times what [`ROWS`] rows need.
const STEPS: u32 = 20_000;
/// How long to wait for a writer.
const PATIENCE: Duration = Duration::from_millis(250);

impl Sqlite {
    /// The database of the place with this id.
    pub(crate) fn of_place(id: &str) -> Option<Sqlite> {
        match id {
            "atuin-history" => Some(Sqlite::Atuin),
            "nushell-history" => Some(Sqlite::Nushell),
            "ipython-history" => Some(Sqlite::IPython),
            _ => None,
        }
    }

    fn column(self) -> &'static str {
        match self {
            Sqlite::Atuin => "command",
            Sqlite::Nushell => "command_line",
            Sqlite::IPython => "source",
        }
    }
}

/// Hands out every command with its row id, the newest first, also those that the tool only marks as deleted.
pub(crate) fn commands(
    path: &Path,
    kind: Sqlite,
    mut each: impl FnMut(i64, &str),
) -> Result<Commands, Unread> {
    if !regular(path)? {
        return Err(Unread::NotAFile);
    }
    let mut seen = Commands::default();
    let connection = open(path, &mut seen.problems)?;
    read(&connection, kind, &mut seen, &mut each).map(|()| seen)
}

fn regular(path: &Path) -> std::io::Result<bool> {
    std::fs::symlink_metadata(path).map(|meta| meta.is_file())
}

/// Opens the database as it stands, or through its write-ahead log where that can be done without writing.
fn open(path: &Path, problems: &mut Vec<String>) -> Result<Connection, Unread> {
    let log =
        std::fs::symlink_metadata(beside(path, "-wal")).ok().filter(|meta| meta.len() > 0 || !meta.is_file());
    if let Some(log) = log {
        if log.is_file() && regular(&beside(path, "-shm")).unwrap_or(false) {
            let live = connect(path, "mode=ro&readonly_shm=1");
            // Opening touches nothing; only a first look tells whether the log can be used.
            if let Ok(live) = live
                && live.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok()
            {
                return Ok(live);
            }
        }
        problems
            .push("the newest commands could not be read: they are still in the write-ahead log".to_owned());
    }
    connect(path, "mode=ro&immutable=1").map_err(failure)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn connect(path: &Path, query: &str) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(uri(path.as_os_str(), query), flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE)?;
    let mut left = STEPS;
    let ended = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    connection.progress_handler(STEP, Some(ended))?;
    for pragma in ["query_only", "cell_size_check"] {
        connection.pragma_update(None, pragma, true)?;
    }
    connection.pragma_update(None, "trusted_schema", false)?;
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

fn read(
    connection: &Connection,
    kind: Sqlite,
    seen: &mut Commands,
    each: &mut dyn FnMut(i64, &str),
) -> Result<(), Unread> {
    // A view or a virtual table could compute anything.
    let table =
        "SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = 'history' AND type = 'table'";
    let found = connection.query_row(table, [], |_| Ok(())).optional().map_err(failure)?;
    found.ok_or(Unread::NoTable)?;
    let column = kind.column();
    let query = format!("SELECT rowid, substr({column}, 1, {LONGEST} + 1) FROM history ORDER BY rowid DESC");
    let mut statement = connection.prepare(&query).map_err(failure)?;
    let mut rows = statement.query([]).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        if seen.read >= ROWS {
            seen.problems.push(format!("only the newest {ROWS} commands were read"));
            break;
        }
        let id = row.get_ref(0).and_then(|v| Ok(v.as_i64()?)).map_err(failure)?;
        let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = row.get_ref(1).map_err(failure)? else {
            continue;
        };
        seen.read += 1;
        // `substr` counts characters.
        let text = String::from_utf8_lossy(bytes);
        let text = &text[..text.floor_char_boundary(LONGEST)];
        seen.cut += u64::from(bytes.len() > LONGEST);
        each(id, text);
    }
    Ok(())
}

fn failure(error: rusqlite::Error) -> Unread {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => Unread::TooMuchWork,
        _ if error.to_string().starts_with("no such column") => Unread::NoTable,
        _ => Unread::Damaged(error),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests make and damage the databases")]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    const ATUIN: &str = "create table history (id text primary key, timestamp integer not null, duration integer not null,
        exit integer not null, command text not null, cwd text not null, session text not null, hostname text not null,
        deleted_at integer, unique(timestamp, cwd, command))";

    fn atuin(dir: &TempDir) -> (PathBuf, Connection) {
        let path = dir.path().join("history ?#%é.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(ATUIN).unwrap();
        (path, db)
    }

    fn add(db: &Connection, id: i64, command: &str, deleted: Option<i64>) {
        let row = "insert into history values (?1, ?2, 0, 0, ?3, '/home/dev', 's', 'h:dev', ?4)";
        db.execute(row, rusqlite::params![format!("id{id}"), id, command, deleted]).unwrap();
    }

    fn got(path: &Path, kind: Sqlite) -> Result<(Vec<String>, Commands), Unread> {
        let mut list = Vec::new();
        let seen = commands(path, kind, |_, command| list.push(command.to_owned()))?;
        Ok((list, seen))
    }

    /// Every file of a directory with its bytes and its time of change.
    fn state(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
        let files = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
        files
            .map(|p| (p.clone(), (std::fs::read(&p).unwrap(), p.metadata().unwrap().modified().unwrap())))
            .collect()
    }

    #[test]
    fn newest_first_and_deleted_ones_too() {
        let dir = TempDir::new().unwrap();
        let (path, db) = atuin(&dir);
        add(&db, 1, "ls", None);
        add(&db, 2, "export A=é\nls", Some(17));
        drop(db);
        let before = state(dir.path());
        let (list, seen) = got(&path, Sqlite::Atuin).unwrap();
        assert_eq!(list, ["export A=é\nls", "ls"]);
        assert_eq!(seen, Commands { read: 2, cut: 0, problems: Vec::new() });
        assert!(state(dir.path()) == before, "something was written");
    }

    #[test]
    fn the_other_tools() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("history.sqlite");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "create table history (session integer, line integer, source text, source_raw text, primary key (session, line));
             insert into history values (1, 1, 'import os', 'import os'), (1, 2, null, null)",
        )
        .unwrap();
        assert_eq!(got(&path, Sqlite::IPython).unwrap().0, ["import os"]);
        assert!(matches!(got(&path, Sqlite::Nushell), Err(Unread::NoTable)));
        db.execute_batch("alter table history rename source to command_line").unwrap();
        assert_eq!(got(&path, Sqlite::Nushell).unwrap().0, ["import os"]);
    }

    #[test]
    fn an_open_log_is_read_through() {
        let dir = TempDir::new().unwrap();
        let (path, db) = atuin(&dir);
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        add(&db, 1, "ls", None);
        let (list, seen) = got(&path, Sqlite::Atuin).unwrap();
        assert_eq!((list, seen.problems), (vec!["ls".to_owned()], Vec::new()));
        assert!(beside(&path, "-wal").metadata().unwrap().len() > 0);
    }

    /// Copies a database in the middle of its writer's work: what a crash leaves.
    fn crashed(from: &Path, to: &Path, suffixes: &[&str]) -> PathBuf {
        let path = to.join("history.db");
        for suffix in suffixes {
            std::fs::copy(beside(from, suffix), beside(&path, suffix)).unwrap();
        }
        path
    }

    #[test]
    fn a_log_without_writer_is_read_through_or_told() {
        let (dir, with, without) =
            (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
        let (from, db) = atuin(&dir);
        add(&db, 1, "old", None);
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        add(&db, 2, "new", None);
        let path = crashed(&from, with.path(), &["", "-wal", "-shm"]);
        let before = state(with.path());
        let (list, seen) = got(&path, Sqlite::Atuin).unwrap();
        assert_eq!((list, seen.problems), (vec!["new".to_owned(), "old".to_owned()], Vec::new()));
        assert!(state(with.path()) == before, "something was written");

        let path = crashed(&from, without.path(), &["", "-wal"]);
        let before = state(without.path());
        let (list, seen) = got(&path, Sqlite::Atuin).unwrap();
        assert_eq!(list, ["old"]);
        assert_eq!(seen.problems.len(), 1);
        assert!(state(without.path()) == before, "something was written");
    }

    #[test]
    fn long_commands_are_cut() {
        let dir = TempDir::new().unwrap();
        let (path, db) = atuin(&dir);
        add(&db, 1, &"é".repeat(LONGEST), None);
        add(&db, 2, &"x".repeat(LONGEST), None);
        let (list, seen) = got(&path, Sqlite::Atuin).unwrap();
        assert_eq!(list.iter().map(String::len).collect::<Vec<_>>(), [LONGEST, LONGEST]);
        assert_eq!(seen.cut, 1);
    }

    #[test]
    fn damage_is_an_error_at_every_byte() {
        let dir = TempDir::new().unwrap();
        let (path, db) = atuin(&dir);
        (0..200).for_each(|n| add(&db, n, &"word ".repeat(20), None));
        drop(db);
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(61) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            std::fs::write(&path, &bad).unwrap();
            let _ = got(&path, Sqlite::Atuin);
        }
        let mut bad = good.clone();
        bad[4096..].fill(0xff);
        std::fs::write(&path, &bad).unwrap();
        assert!(matches!(got(&path, Sqlite::Atuin), Err(Unread::Damaged(_))));
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert!(got(&path, Sqlite::Atuin).is_err());
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("history.db");
        assert!(matches!(got(&path, Sqlite::Atuin), Err(Unread::Io(_))));
        std::fs::write(&path, "ls\ncd /\n".repeat(1000)).unwrap();
        assert!(matches!(got(&path, Sqlite::Atuin), Err(Unread::Damaged(_))));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(got(&path, Sqlite::Atuin), Err(Unread::NoTable)));
        assert!(matches!(got(dir.path(), Sqlite::Atuin), Err(Unread::NotAFile)));
    }

    #[test]
    fn pipes_and_links_are_not_opened() {
        let dir = TempDir::new().unwrap();
        let (real, db) = atuin(&dir);
        add(&db, 1, "ls", None);
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(got(&pipe, Sqlite::Atuin), Err(Unread::NotAFile)));
        assert!(matches!(got(&link, Sqlite::Atuin), Err(Unread::NotAFile)));
        // A pipe in the place of the log would hold up whoever opens it.
        std::fs::rename(&pipe, beside(&real, "-wal")).unwrap();
        let (list, seen) = got(&real, Sqlite::Atuin).unwrap();
        assert_eq!((list.len(), seen.problems.len()), (1, 1));
    }

    #[test]
    fn a_database_made_to_compute_is_refused_or_ended() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("history.db");
        let db = Connection::open(&path).unwrap();
        let forever = "with recursive n(i) as (select 1 union all select i + 1 from n)";
        db.execute_batch(&format!(
            "create view history as {forever} select i as rowid, 'x' as command from n"
        ))
        .unwrap();
        assert!(matches!(got(&path, Sqlite::Atuin), Err(Unread::NoTable)));
        let live = connect(&path, "mode=ro&immutable=1").unwrap();
        let endless = live.query_row(&format!("{forever} select count(*) from n"), [], |_| Ok(()));
        assert!(matches!(endless.map_err(failure), Err(Unread::TooMuchWork)));
    }
}
