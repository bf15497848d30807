//! Every cell of every ordinary table of a database, as text or bytes, one after the other.
//!
//! Only what is stored is read: no view, no virtual table, no computed column. What a row costs is charged to a budget
//! that grows with the file, so that cells which share their bytes (a damaged or forged file) end the reading.

use super::sqlite::{self, Database, Unread, VALUE, failure};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Statement};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

/// A cell that holds text or bytes.
pub(crate) struct Cell<'c> {
    pub(crate) table: &'c str,
    pub(crate) column: &'c str,
    pub(crate) row: Number,
    /// What the row calls its value, in a table of keys and values.
    pub(crate) key: Option<&'c str>,
    pub(crate) content: Content<'c>,
}

/// How a row is found again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Number {
    /// By its `rowid`.
    Id(i64),
    /// By its place in the table, from 1.
    Nth(u64),
}

/// What a cell holds.
pub(crate) enum Content<'c> {
    Text(&'c [u8]),
    Blob(&'c [u8]),
    /// More than SQLite may hold in memory.
    Long(&'c mut dyn Read),
    /// More than that, in a table from which a cell cannot be read piece by piece. So many bytes.
    TooLong(u64),
}

/// What a row costs besides its cells: no row takes less in a file.
const ROW: u64 = 4;
/// Most tables: nobody has more, and SQLite keeps every one in memory.
const TABLES: u64 = 20_000;
/// Columns read at once: SQLite hands out two thousand values at most, of which one is the row's number, and for each
/// column its length may be another.
const COLUMNS: usize = 900;
/// Longest name that a key may give to its value.
const KEY: usize = 64;

/// A table, or a part of a very wide one, with the columns whose values are stored.
struct Table {
    name: String,
    columns: Vec<String>,
    /// A name for the `rowid`, when there is one and no column has taken all its names.
    rowid: Option<&'static str>,
    /// Positions of a key and its value.
    pair: Option<(usize, usize)>,
}

/// How much more may be handed out.
struct Budget(u64);

impl Budget {
    fn spend(&mut self, bytes: u64) -> Result<(), Unread> {
        self.0 = self.0.checked_sub(bytes).ok_or(Unread::TooMuchWork)?;
        Ok(())
    }
}

type Each<'e> = &'e mut dyn FnMut(Cell<'_>) -> ControlFlow<()>;

/// Hands out every cell, table by table, until there are no more or `each` has had enough.
pub(crate) fn each(path: &Path, each: Each<'_>) -> Result<(), Unread> {
    let Database { connection, size } = sqlite::open(path)?;
    let mut budget = Budget(size.saturating_mul(2) + (1 << 20));
    for table in tables(&connection)? {
        if read(&connection, &table, &mut budget, each)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The tables that have pages of their own. What only pretends to be one (a view, a virtual table) is passed over by how
/// it was made: SQLite's own list would look into views, which may take for ever.
fn tables(connection: &Connection) -> Result<Vec<Table>, Unread> {
    let list = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND sql LIKE 'create table%' \
                UNION ALL SELECT 'sqlite_schema'";
    let mut statement = connection.prepare(list).map_err(failure)?;
    let mut rows = statement.query([]).map_err(failure)?;
    let mut tables = Vec::new();
    while let Some(row) = rows.next().map_err(failure)? {
        let name: String = row.get(0).map_err(failure)?;
        let columns = columns(connection, &name)?;
        tables.extend(columns.chunks(COLUMNS).map(|columns| table(connection, &name, columns)));
        if tables.len() as u64 > TABLES {
            return Err(Unread::TooMuchWork);
        }
    }
    Ok(tables)
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, Unread> {
    // 0 is an ordinary column, 3 a computed one whose value is stored.
    let list = "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden IN (0, 3)";
    let mut statement = connection.prepare_cached(list).map_err(failure)?;
    let names = statement.query_map([table], |row| row.get::<_, String>(0)).map_err(failure)?;
    names.collect::<Result<Vec<_>, _>>().map_err(failure)
}

fn table(connection: &Connection, name: &str, columns: &[String]) -> Table {
    let position =
        |wanted: &[&str]| columns.iter().position(|c| wanted.iter().any(|w| w.eq_ignore_ascii_case(c)));
    let pair = position(&["key", "name", "setting", "k"]).zip(position(&["value", "val", "data", "v"]));
    let free = |id: &&str| !columns.iter().any(|c| c.eq_ignore_ascii_case(id));
    let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(free);
    let mut table = Table { name: name.to_owned(), columns: columns.to_vec(), rowid, pair };
    if connection.prepare(&table.query(false)).is_err() {
        table.rowid = None;
    }
    table
}

impl Table {
    /// All rows, or (`guarded`) one row of which only what SQLite may hold is read.
    fn query(&self, guarded: bool) -> String {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let column = |name: &String| {
            let name = quoted(name);
            // The length is known without reading what has it.
            let short = format!("CASE WHEN octet_length({name}) <= {} THEN {name} END", VALUE / 2);
            if guarded { format!("{short}, octet_length({name})") } else { name }
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        let table = quoted(&self.name);
        let columns = columns.join(", ");
        let one = if guarded { " LIMIT 1" } else { "" };
        match self.rowid {
            Some(id) => format!("SELECT {id}, {columns} FROM main.{table} WHERE {id} > ?1{one}"),
            None if guarded => format!("SELECT NULL, {columns} FROM main.{table} LIMIT 1 OFFSET ?1"),
            None => format!("SELECT NULL, {columns} FROM main.{table} LIMIT -1 OFFSET ?1"),
        }
    }
}

/// Where the reading of a table stands.
struct At {
    /// The last `rowid`, or how many rows there were.
    last: i64,
    row: Number,
}

/// Reads a table. A row with something too large ends SQLite's reading: that one is read with care, and the reading
/// goes on behind it. Each such row has some megabytes, so that it does not happen often.
fn read(
    connection: &Connection,
    table: &Table,
    budget: &mut Budget,
    each: Each<'_>,
) -> Result<ControlFlow<()>, Unread> {
    let mut plain = connection.prepare(&table.query(false)).map_err(failure)?;
    let start = if table.rowid.is_some() { i64::MIN } else { 0 };
    let mut at = At { last: start, row: Number::Nth(0) };
    // No row has the smallest number of all, but for somebody who wants not to be seen.
    if table.rowid.is_some() && one(connection, table, &mut at, "=", budget, each)?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    loop {
        match run(&mut plain, table, &mut at, budget, each) {
            Err(Unread::Damaged(e)) if too_big(&e) => {}
            other => return other,
        }
        budget.spend(VALUE as u64 / 2)?;
        if one(connection, table, &mut at, ">", budget, each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

fn too_big(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::TooBig)
}

fn run(
    statement: &mut Statement<'_>,
    table: &Table,
    at: &mut At,
    budget: &mut Budget,
    each: Each<'_>,
) -> Result<ControlFlow<()>, Unread> {
    let mut rows = statement.query([at.last]).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        at.step(table, row)?;
        budget.spend(ROW)?;
        let key = table.pair.and_then(|(key, _)| name(row, key + 1));
        for (n, column) in table.columns.iter().enumerate() {
            let content = match row.get_ref(n + 1).map_err(failure)? {
                ValueRef::Text(bytes) => Content::Text(bytes),
                ValueRef::Blob(bytes) => Content::Blob(bytes),
                _ => continue,
            };
            budget.spend(content.len())?;
            let key = table.pair.and_then(|(_, value)| key.filter(|_| value == n));
            if each(Cell { table: &table.name, column, row: at.row, key, content }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The next row (`>`), whose cells may be of any length, or the one at the very number (`=`).
fn one(
    connection: &Connection,
    table: &Table,
    at: &mut At,
    which: &str,
    budget: &mut Budget,
    each: Each<'_>,
) -> Result<ControlFlow<()>, Unread> {
    let query = table.query(true).replacen(" > ?1", &format!(" {which} ?1"), 1);
    let mut statement = connection.prepare(&query).map_err(failure)?;
    let mut rows = statement.query([at.last]).map_err(failure)?;
    let Some(row) = rows.next().map_err(failure)? else { return Ok(ControlFlow::Continue(())) };
    at.step(table, row)?;
    for (n, column) in table.columns.iter().enumerate() {
        let length = row.get_ref(2 * n + 2).ok().and_then(|v| v.as_i64().ok()).unwrap_or(0).unsigned_abs();
        budget.spend(length)?;
        let cell = |content| Cell { table: &table.name, column, row: at.row, key: None, content };
        let flow = match (row.get_ref(2 * n + 1).map_err(failure)?, table.rowid) {
            (ValueRef::Text(bytes), _) => each(cell(Content::Text(bytes))),
            (ValueRef::Blob(bytes), _) => each(cell(Content::Blob(bytes))),
            (ValueRef::Null, _) if length == 0 => continue,
            (ValueRef::Null, Some(_)) => {
                let mut blob = connection
                    .blob_open(rusqlite::MAIN_DB, table.name.as_str(), column.as_str(), at.last, true)
                    .map_err(failure)?;
                each(cell(Content::Long(&mut blob)))
            }
            (ValueRef::Null, None) => each(cell(Content::TooLong(length))),
            _ => continue,
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl At {
    fn step(&mut self, table: &Table, row: &Row<'_>) -> Result<(), Unread> {
        if table.rowid.is_some() {
            self.last = row.get_ref(0).and_then(|v| Ok(v.as_i64()?)).map_err(failure)?;
            self.row = Number::Id(self.last);
        } else {
            self.last += 1;
            self.row = Number::Nth(self.last.unsigned_abs());
        }
        Ok(())
    }
}

impl Content<'_> {
    fn len(&self) -> u64 {
        match self {
            Content::Text(bytes) | Content::Blob(bytes) => bytes.len() as u64,
            Content::TooLong(bytes) => *bytes,
            Content::Long(_) => 0,
        }
    }
}

/// The text of a cell, when it can serve as a name.
fn name<'r>(row: &'r Row<'_>, at: usize) -> Option<&'r str> {
    let text = row.get_ref(at).ok()?.as_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b' ');
    (1..=KEY).contains(&text.len()).then_some(text).filter(|t| t.bytes().all(plain))
}
