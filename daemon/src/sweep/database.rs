//! A SQLite database: its cells, and what deleted rows have left in it.

use super::file::{File, Outcome, guarded, opaque};
use super::part::{Is, Parts};
use super::{Done, Scope};
use crate::machine::cells::{self, Cell, Content, Number};
use crate::machine::files::Buffer;
use crate::machine::slack::Slack;
use crate::record::Reason;
use crate::unpack::{self, Budget, Kind, ReadAt, Take};
use lapwing_rules::finding::Location;
use lapwing_rules::place::Place;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;

/// Cells up to this length are searched together.
const SMALL: usize = 64 << 10;
/// So many bytes of them.
const BATCH: usize = 256 << 10;
/// Behind each cell: no name, no pattern and no marker reaches over it.
const APART: &[u8] = b"\0\n\n";
/// Before the first cell, so that how it begins does not decide how the others are read.
const LEAD: [u8; 512] = [b'\n'; 512];
/// Longest value that is shown to the rules as the value of its column's name.
const VALUE: usize = 4096;
/// What one compressed value may become …
const UNPACKED: u64 = 8 << 20;
/// … and all of a database together: this much, or so many times its size.
const ALL_UNPACKED: (u64, u64) = (64 << 20, 8);
/// Longest name of a table or column that is shown.
const NAME: usize = 48;
/// Programs whose databases are full of the tokens of web sites, which come and go.
const BROWSERS: &[&str] = &[
    "/.mozilla/",
    "/firefox/",
    "/.thunderbird/",
    "/google-chrome",
    "/chromium",
    "/BraveSoftware/",
    "/microsoft-edge",
    "/vivaldi",
    "/opera",
];

/// Where the cells of a batch begin.
struct Start {
    /// The line, from 1.
    line: u64,
    /// What was written before the value.
    dressed: usize,
    inside: (usize, usize, Number),
}

/// Small cells, one behind the other.
struct Together<'p> {
    bytes: Zeroizing<Vec<u8>>,
    line: u64,
    starts: Vec<Start>,
    /// Names of tables and columns that are met.
    names: Vec<String>,
    place: Option<&'p Place>,
    /// Whether the names of columns and keys are evidence.
    telling: bool,
    /// Bytes that compressed values may still become.
    left: u64,
    /// What they did not become.
    partly: Option<String>,
    stop: &'p AtomicBool,
}

/// A compressed value.
struct Packed<'b>(&'b [u8]);

impl ReadAt for Packed<'_> {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }
}

/// Has what a value holds searched.
struct Within<'m, 's, 'a, 'b> {
    inside: &'m str,
    parts: &'m mut Parts<'s, 'a>,
    buffer: &'m mut Buffer<'b>,
    done: &'m mut Done,
    read: u64,
}

impl Take for Within<'_, '_, '_, '_> {
    fn wants(&mut self, _: &str) -> bool {
        true
    }

    fn member(&mut self, _: &str, head: &[u8], from: &mut dyn Read) -> bool {
        if !opaque(head) {
            match self.parts.read(self.inside, from, self.buffer, self.done) {
                Ok(read) => self.read += read,
                Err(e) => self.parts.incomplete(Reason::Unparsable, format!("{}: {e}", self.inside)),
            }
        }
        !self.parts.full()
    }
}

/// Examines a database cell by cell; one that SQLite cannot read, byte by byte.
pub(super) fn examine(scope: &Scope<'_>, file: &File<'_>, buffer: &mut Buffer, done: &mut Done) -> Outcome {
    let mut parts = Parts::of(scope, file);
    let telling = !BROWSERS.iter().any(|b| file.shown.contains(b));
    let mut together = Together::new(file.place, telling, &scope.watch.stop);
    let size = u64::try_from(file.stat.st_size).unwrap_or_default();
    together.left = ALL_UNPACKED.0.max(size.saturating_mul(ALL_UNPACKED.1));
    let read = cells::each(file.path, &mut |cell| {
        together.take(cell, &mut parts, buffer, done);
        if parts.full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    together.search(&mut parts, done);
    let is = together.is();
    let rest = match read {
        Ok(()) => Slack::unused(file.fd, size)
            .map(|mut slack| parts.rest("free space", is, &mut slack, buffer, done)),
        Err(why) => {
            // For other files the bytes are all that anybody would look at.
            if file.place.is_some() {
                parts.incomplete(Reason::Unparsable, format!("rows could not be read: {why}"));
            }
            Some(match Slack::all(file.fd, size) {
                Some(mut pages) => parts.rest("pages", is, &mut pages, buffer, done),
                None => parts.rest("", is, &mut Bytes { file, at: 0 }, buffer, done),
            })
        }
    };
    if let Some(Err(e)) = rest {
        parts.incomplete(Reason::Unreadable, e.to_string());
    }
    if scope.stopped() {
        parts.incomplete(Reason::Interrupted, "the run was stopped".to_owned());
    }
    let outcome = parts.finish(done);
    let Some(why) = together.partly else { return outcome };
    done.note(Reason::PartlyUnpacked, file.shown, Some(why));
    match outcome {
        Outcome::Examined => Outcome::Partly,
        other => other,
    }
}

/// Examines a write-ahead log page by page: rows that have not reached their database, and rows that have left it.
pub(super) fn log(
    scope: &Scope<'_>,
    file: &File<'_>,
    buffer: &mut Buffer,
    done: &mut Done,
) -> Option<Outcome> {
    let size = u64::try_from(file.stat.st_size).unwrap_or_default();
    let mut pages = Slack::all(file.fd, size)?;
    let mut parts = Parts::new(scope, file.shown);
    if let Err(e) = parts.rest("pages", Is::Text, &mut pages, buffer, done) {
        parts.incomplete(Reason::Unreadable, e.to_string());
    }
    Some(parts.finish(done))
}

impl<'p> Together<'p> {
    fn new(place: Option<&'p Place>, telling: bool, stop: &'p AtomicBool) -> Together<'p> {
        let bytes = Zeroizing::new(Vec::with_capacity(BATCH + SMALL + VALUE));
        let (starts, names) = (Vec::new(), Vec::new());
        let mut new = Together { bytes, line: 1, starts, names, place, telling, left: 0, partly: None, stop };
        new.clear();
        new
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&LEAD);
        self.line = 1 + LEAD.len() as u64;
        self.starts.clear();
        self.names.clear();
    }

    fn is(&self) -> Is<'p> {
        self.place.map_or(Is::Text, Is::Of)
    }

    fn take(&mut self, cell: Cell<'_>, parts: &mut Parts<'_, '_>, buffer: &mut Buffer, done: &mut Done) {
        let inside = || label(&shorten(cell.table), &shorten(cell.column), cell.row);
        let (bytes, text) = match cell.content {
            Content::Text(bytes) => (bytes, true),
            Content::Blob(bytes) if matches!(Kind::of(bytes), Some(Kind::Gz | Kind::Zst)) => {
                return self.unpack(bytes, &inside(), parts, buffer, done);
            }
            Content::Blob(bytes) if opaque(bytes) => return,
            Content::Blob(bytes) => (bytes, false),
            Content::Long(from) => {
                if let Err(e) = parts.read(&inside(), from, buffer, done) {
                    parts.incomplete(Reason::Unparsable, format!("{}: {e}", inside()));
                }
                return;
            }
            Content::TooLong(bytes) => {
                let why = format!("{} has {} MiB: too large to be read", inside(), bytes >> 20);
                return parts.incomplete(Reason::TooLarge, why);
            }
        };
        if bytes.len() > SMALL || (!text && alone(bytes)) {
            return parts.bytes(&inside(), bytes, self.is(), done);
        }
        // Nothing that short is a secret.
        if bytes.len() >= 6 {
            self.add(&cell, bytes, text);
        }
        if self.bytes.len() > BATCH {
            self.search(parts, done);
        }
    }

    /// Searches what a compressed value holds: editors and agents keep whole conversations so.
    fn unpack(
        &mut self,
        bytes: &[u8],
        inside: &str,
        parts: &mut Parts<'_, '_>,
        buffer: &mut Buffer,
        done: &mut Done,
    ) {
        let budget = Budget {
            floor: UNPACKED.min(self.left),
            ratio: 0,
            ample: 0,
            fair: 0,
            // Frames of a stream count too.
            members: 64,
            depth: 2,
            ..Budget::default()
        };
        let mut within = Within { inside, parts, buffer, done, read: 0 };
        let packed = (inside, bytes.len() as u64);
        let told = guarded(|| unpack::file(&Packed(bytes), packed, &budget, self.stop, &mut within));
        let read = within.read;
        self.left = self.left.saturating_sub(read);
        // What is damaged was not written by a program that could read it back: nothing is missed.
        let partly = told.and_then(|told| told.partly).map(|why| format!("{inside}: {why}"));
        self.partly = self.partly.take().or(partly);
    }

    fn add(&mut self, cell: &Cell<'_>, bytes: &[u8], text: bool) {
        let from = self.bytes.len();
        let names = (self.name(cell.table), self.name(cell.column));
        let dressed = dress(cell, bytes, text && self.telling, &mut self.bytes);
        self.starts.push(Start { line: self.line, dressed, inside: (names.0, names.1, cell.row) });
        self.bytes.extend_from_slice(APART);
        self.line += self.bytes[from..].iter().filter(|b| **b == b'\n').count() as u64;
    }

    /// The number of a name. Cells of a column follow each other closely: the last few names are the likely ones.
    fn name(&mut self, name: &str) -> usize {
        let name = shorten(name);
        self.names.iter().rposition(|n| *n == name).unwrap_or_else(|| {
            self.names.push(name.into_owned());
            self.names.len() - 1
        })
    }

    /// Searches what is there, and forgets it.
    fn search(&mut self, parts: &mut Parts<'_, '_>, done: &mut Done) {
        let is = self.is();
        parts.joined(&self.bytes, is, done, &|at| {
            let start = self.starts.partition_point(|s| s.line <= at.line).checked_sub(1)?;
            let Start { line, dressed, inside: (table, column, row) } = self.starts.get(start)?;
            let before = if at.line == *line { *dressed as u64 } else { 0 };
            let here =
                Location { line: at.line - line + 1, column: at.column.saturating_sub(before), span: None };
            Some((label(self.names.get(*table)?, self.names.get(*column)?, *row), here))
        });
        self.clear();
    }
}

/// Writes a value as the rules are to see it: one word of text as the value of its column's name or key. How much comes before
/// the value.
pub(crate) fn dress(cell: &Cell<'_>, bytes: &[u8], telling: bool, into: &mut Vec<u8>) -> usize {
    // The name of a cookie says what a web site calls it.
    if !telling || !word(bytes) || cell.table.to_ascii_lowercase().contains("cookie") {
        into.extend_from_slice(bytes);
        return 0;
    }
    let from = into.len();
    into.extend_from_slice(cell.key.unwrap_or(cell.column).as_bytes());
    into.extend_from_slice(b" = \"");
    let dressed = into.len() - from;
    into.extend_from_slice(bytes);
    into.push(b'"');
    dressed
}

/// What a cell is called.
pub(crate) fn inside(cell: &Cell<'_>) -> String {
    label(&shorten(cell.table), &shorten(cell.column), cell.row)
}

/// `ItemTable row 12, value`
fn label(table: &str, column: &str, row: Number) -> String {
    match row {
        Number::Id(id) => format!("{table} row {id}, {column}"),
        Number::Nth(n) => format!("{table} row no. {n}, {column}"),
    }
}

/// A name as it may be shown. Whoever makes a database chooses its names.
fn shorten(name: &str) -> std::borrow::Cow<'_, str> {
    if name.len() <= NAME && !name.contains(char::is_control) {
        return name.into();
    }
    let plain = name.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(NAME / 2).chain(std::iter::once('…')).collect::<String>().into()
}

/// Whether a value is one word, as tokens and passwords are.
fn word(bytes: &[u8]) -> bool {
    (8..=VALUE).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`' | b'\\' | b'{' | b'}'))
}

/// Whether bytes may be UTF-16, which only their beginning tells.
fn alone(bytes: &[u8]) -> bool {
    matches!(bytes, [0, b, ..] | [b, 0, ..] if *b != 0)
        || matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// The bytes of the file.
struct Bytes<'f> {
    file: &'f File<'f>,
    at: u64,
}

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = rustix::io::pread(self.file.fd, into, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests make and damage the databases")]
mod tests {
    use super::*;
    use crate::machine::files;
    use crate::sweep::scene::{ENGINE, Scene};
    use crate::unpack::made::{gz, zst};
    use lapwing_rules::testing::fill;
    use rusqlite::{Connection, params};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};
    use tempfile::TempDir;

    /// What was found in a file: rule, part, line, column; and what was not examined.
    fn found(path: &Path, place: Option<&str>) -> (Vec<(String, String, u64, u64)>, Done) {
        let scene = Scene::new(path.parent().unwrap());
        let scope = scene.scope();
        let stat = rustix::fs::stat(path).unwrap();
        let fd = files::open_path(path, &stat).unwrap();
        let place = place.and_then(|id| ENGINE.places().by_id(id));
        let file = File { fd: &fd, stat: &stat, path, shown: "~/x.db", tilde: None, place, tree: false };
        let mut done = Done::default();
        super::super::file::examine(&scope, &file, &mut Buffer::new(), &mut done);
        let seen = done.batch.files.iter().flat_map(|(_, seen)| seen);
        let list =
            seen.map(|s| (s.rule.clone(), s.inside.clone().unwrap_or_default(), s.at.line, s.at.column));
        (list.collect(), done)
    }

    fn parts(path: &Path) -> Vec<String> {
        let mut all: Vec<_> = found(path, None).0.into_iter().map(|(_, inside, ..)| inside).collect();
        all.sort();
        all
    }

    fn token(seed: &str) -> String {
        fill("glpat-{{alnum:20}}", seed)
    }

    fn made(dir: &TempDir, sql: &str) -> (PathBuf, Connection) {
        let path = dir.path().join("a ?#%é'\".db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(sql).unwrap();
        (path, db)
    }

    #[test]
    fn every_kind_of_cell_with_its_place() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(
            &dir,
            "create table ItemTable (key text unique on conflict replace, value blob);
             create table \"we\"\"ird 'name' \" (\"a \"\"b\" text, rowid text);
             create table without (id text primary key, v text) without rowid;
             create table stored (a text, b text generated always as (a || 'x') stored, c text generated always as (a) virtual);
             create view view_of_it as select value from ItemTable",
        );
        let text = |seed: &str| format!("first line\n  and {}\nlast", token(seed));
        db.execute("insert into ItemTable values ('a', 'nothing'), ('b', ?1)", [text("1")]).unwrap();
        db.execute("insert into ItemTable values ('blob', ?1)", [text("2").into_bytes()]).unwrap();
        db.execute("insert into ItemTable values ('number', 17), ('null', null), ('float', 1.5)", [])
            .unwrap();
        db.execute("insert into \"we\"\"ird 'name' \" values (?1, 'x')", [token("3")]).unwrap();
        db.execute("insert into without values ('a', 'b'), ('c', ?1)", [text("4")]).unwrap();
        db.execute("insert into stored (a) values (?1)", [format!("{}-", token("5"))]).unwrap();
        drop(db);
        let mut all: Vec<_> = found(&path, None).0.into_iter().map(|f| (f.1, f.2, f.3)).collect();
        all.sort();
        let expected = [
            ("ItemTable row 2, value", 2, 7),
            ("ItemTable row 3, value", 2, 7),
            ("stored row 1, a", 1, 1),
            ("stored row 1, b", 1, 1),
            ("we\"ird 'name'  row 1, a \"b", 1, 1),
            ("without row no. 2, v", 2, 7),
        ];
        assert_eq!(all, expected.map(|(inside, line, column)| (inside.to_owned(), line, column)));
    }

    #[test]
    fn compressed_values_are_unpacked_within_limits() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "create table t (v)");
        let text = |seed: &str| format!("first line\n  and {}\nlast", token(seed)).into_bytes();
        for packed in
            [gz(&text("1")), zst(&text("2")), gz(b"\x89PNG\r\n\x1a\n nothing"), gz(&text("4"))[..20].to_vec()]
        {
            db.execute("insert into t values (?1)", [packed]).unwrap();
        }
        let (all, done) = found(&path, None);
        let all: Vec<_> = all.iter().map(|f| (f.1.as_str(), f.2, f.3)).collect();
        assert_eq!(all, [("t row 1, v", 2, 7), ("t row 2, v", 2, 7)]);
        assert!(done.missed.is_empty());
        // Each of these becomes a thousand times larger: they are not read to their end, nor are all begun.
        let bomb = gz(&vec![b' '; 20 << 20]);
        for _ in 0..12 {
            db.execute("insert into t values (?1)", [&bomb]).unwrap();
        }
        let (all, done) = found(&path, None);
        assert_eq!(all.len(), 2);
        assert_eq!(done.missed[&Reason::PartlyUnpacked].count, 1);
    }

    #[test]
    fn large_cells_are_read_piece_by_piece() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "create table t (a, b); create table w (k primary key, v) without rowid");
        for (n, size) in [(1, 100 << 10), (2, 3 << 20), (3, 9 << 20), (4, 20 << 20), (5, 10)] {
            let long = format!("{}\n{}\n{}", "word ".repeat(size / 5), token(&n.to_string()), "x ".repeat(9));
            db.execute("insert into t values ('short', ?1)", [&long]).unwrap();
            db.execute("insert into w values (?1, ?2)", params![n, long.into_bytes()]).unwrap();
        }
        let (all, done) = found(&path, None);
        let of = |table: &str| {
            all.iter().filter(|f| f.1.starts_with(table)).map(|f| (f.1.clone(), f.2)).collect::<Vec<_>>()
        };
        let expected: Vec<_> = (1..6).map(|n| (format!("t row {n}, b"), 2)).collect();
        assert_eq!(of("t "), expected);
        // Without a row id, a cell can only be had whole.
        let expected: Vec<_> = [1, 2, 5].map(|n| (format!("w row no. {n}, v"), 2)).into();
        assert_eq!(of("w "), expected);
        assert_eq!(done.missed[&Reason::TooLarge].count, 1);
        assert!(
            done.missed[&Reason::TooLarge].why.as_deref().unwrap().starts_with("w row no. 3, v has 9 MiB")
        );
    }

    #[test]
    fn names_of_columns_and_keys_tell() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(
            &dir,
            "create table settings (key text, value text); create table users (id integer, api_token text);
             create table cookies (name text, value text)",
        );
        let secret = |seed| fill("{{alnum:36}}42", seed);
        db.execute(
            "insert into settings values ('theme', ?1), ('acme.apiToken', ?2)",
            [secret("a"), secret("b")],
        )
        .unwrap();
        db.execute("insert into users values (1, ?1)", [secret("c")]).unwrap();
        db.execute("insert into cookies values ('session_token', ?1)", [secret("d")]).unwrap();
        let all: Vec<_> = found(&path, None).0.into_iter().map(|f| (f.1, f.2, f.3)).collect();
        let expected = [("settings row 2, value", 1, 1), ("users row 1, api_token", 1, 1)];
        assert_eq!(all, expected.map(|(inside, line, column)| (inside.to_owned(), line, column)));
    }

    #[test]
    fn nothing_reaches_from_cell_to_cell() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "create table t (a text, b text)");
        let secret = fill("{{alnum:36}}42", "apart");
        let (head, tail) = (token("apart")[..12].to_owned(), token("apart")[12..].to_owned());
        let pem = fill("{{pem:rsa}}", "apart");
        let (upper, lower) = pem.split_at(pem.len() / 2);
        for (a, b) in [
            ("api_token =", secret.as_str()),
            ("- name: API_TOKEN", &format!("  value: {secret}")),
            ("<token>", &secret),
            ("api_token: \"", &secret),
            (&head, &tail),
            (upper, lower),
        ] {
            db.execute("insert into t values (?1, ?2)", [a, b]).unwrap();
        }
        // A marker is about its own cell.
        db.execute("insert into t values (?1, ?2)", [format!("{} # lapwing:ignore", token("m")), token("n")])
            .unwrap();
        db.execute("insert into t values ('# gitleaks:allow', ?1)", [token("o")]).unwrap();
        assert_eq!(parts(&path), ["t row 7, b", "t row 8, b"]);
    }

    #[test]
    fn other_encodings() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "pragma encoding = 'UTF-16le'; create table t (a text, b)");
        let wide: Vec<u8> = token("wide").encode_utf16().flat_map(u16::to_le_bytes).collect();
        db.execute("insert into t values (?1, 1), ('x', ?2), (?3, 1)", params![token("1"), wide, token("3")])
            .unwrap();
        let long = format!("{} {}", "word ".repeat(1 << 20), token("4"));
        db.execute("insert into t values (?1, 1)", [long]).unwrap();
        assert_eq!(parts(&path), ["t row 1, a", "t row 2, b", "t row 3, a", "t row 4, a"]);
        let picture = [b"\x89PNG".as_slice(), token("5").as_bytes()].concat();
        db.execute("update t set a = 'gone', b = ?1", [picture]).unwrap();
        db.execute_batch("vacuum").unwrap();
        assert_eq!(parts(&path), Vec::<String>::new());
    }

    #[test]
    fn deleted_rows_are_told_once() {
        let dir = TempDir::new().unwrap();
        let (path, db) =
            made(&dir, "pragma secure_delete = off; pragma auto_vacuum = none; create table t (a text)");
        for n in 0..300 {
            let words = format!(
                "{} {n} {}",
                "word ".repeat(60),
                if n % 100 == 50 { token(&n.to_string()) } else { String::new() }
            );
            db.execute("insert into t values (?1)", [words]).unwrap();
        }
        db.execute("insert into t values (?1)", [format!("{} {}", "text ".repeat(4000), token("long"))])
            .unwrap();
        assert_eq!(parts(&path), ["t row 151, a", "t row 251, a", "t row 301, a", "t row 51, a"]);
        db.execute("delete from t where rowid in (51, 301) or rowid between 120 and 180", []).unwrap();
        let all = found(&path, None).0.into_iter().map(|f| (f.1, f.2)).collect::<Vec<_>>();
        let (row, free) = (("t row 251, a".to_owned(), 1), ("free space".to_owned(), 0));
        assert_eq!(all, [row, free.clone(), free.clone(), free]);
        db.execute_batch("vacuum").unwrap();
        // Which also gives the rows new numbers.
        assert_eq!(parts(&path), ["t row 189, a"]);
    }

    #[test]
    fn histories_are_read_as_such() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(
            &dir,
            "create table history (id text primary key, command text not null, cwd text, deleted_at integer)",
        );
        let command = fill("deploy --password {{alnum:14}}7", "history");
        db.execute("insert into history values ('a', 'ls', '/', null), ('b', ?1, '/', 17)", [&command])
            .unwrap();
        assert_eq!(parts(&path), Vec::<String>::new());
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let (all, _) = found(&path, Some("atuin-history"));
        let all: Vec<_> = all.iter().map(|f| (f.1.as_str(), f.2)).collect();
        assert_eq!(all, [("", 0), ("history row 2, command", 1)]);
    }

    #[test]
    fn a_log_is_read_through_or_by_itself_and_nothing_is_written() {
        let dir = TempDir::new().unwrap();
        let (path, db) =
            made(&dir, "pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (a text)");
        db.execute("insert into t values (?1)", [token("log")]).unwrap();
        assert_eq!(parts(&path), ["t row 1, a"]);
        // What a crash leaves.
        let copy = |suffixes: &[&str]| {
            let to = TempDir::new().unwrap();
            for suffix in suffixes {
                let from = format!("{}{suffix}", path.display());
                std::fs::copy(from, to.path().join(format!("b.db{suffix}"))).unwrap();
            }
            to
        };
        let state = |dir: &TempDir| {
            let files = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
            let mut all: Vec<_> = files
                .map(|p| (p.metadata().unwrap().modified().unwrap(), std::fs::read(&p).unwrap(), p))
                .collect();
            all.sort();
            all
        };
        for (suffixes, expected) in [(&["", "-wal", "-shm"][..], &["t row 1, a"][..]), (&["", "-wal"], &[])] {
            let copy = copy(suffixes);
            let before = state(&copy);
            assert_eq!(parts(&copy.path().join("b.db")), expected);
            assert_eq!(parts(&copy.path().join("b.db-wal")), ["pages"]);
            assert!(state(&copy) == before, "something was written");
        }
        // Who opens a pipe waits for somebody to write to it.
        let copy = copy(&["", "-shm"]);
        let pipe = copy.path().join("b.db-wal");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(parts(&copy.path().join("b.db")), Vec::<String>::new());
    }

    /// Runs a hostile database, which must not take long.
    fn bounded(path: &Path) -> Vec<String> {
        let start = Instant::now();
        let all = parts(path);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        all
    }

    #[test]
    fn hostile_schemas_compute_nothing() {
        let dir = TempDir::new().unwrap();
        let endless = "with recursive n(i) as (select 1 union all select i + 1 from n)";
        let (path, db) = made(
            &dir,
            &format!(
                "create view endless as {endless} select i, hex(randomblob(1000)) from n;
                 create table t (a text check (length(a) > 0), b text default 'none', c as (hex(zeroblob(100000000))),
                     d text generated always as (a || a) virtual);
                 create table u (e text);
                 insert into t (a) values ('{0}'), ('b');
                 insert into u values ('{1}');
                 create trigger g after insert on u begin select hex(randomblob(100000000)); end;",
                token("1"),
                token("2")
            ),
        );
        // A collation that nobody has, and a virtual table whose module is not there.
        db.execute_batch(
            "pragma writable_schema = on;
             update sqlite_schema set sql = 'create table u (e text collate nobodys)' where name = 'u';
             insert into sqlite_schema values ('table', 'v', 'v', 0, 'create virtual table v using missing(x)');",
        )
        .unwrap();
        drop(db);
        assert_eq!(bounded(&path), ["t row 1, a", "u row 1, e"]);
    }

    #[test]
    fn one_long_default_for_many_rows_ends() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "create table t (a integer)");
        let rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) insert into t select i from n";
        db.execute_batch(rows).unwrap();
        db.execute_batch(&format!(
            "alter table t add column b text default '{}{}'",
            "word ".repeat(100_000),
            token("default")
        ))
        .unwrap();
        drop(db);
        assert!(!bounded(&path).is_empty());
    }

    /// Two thousand columns for rows that have none of them.
    #[test]
    fn work_is_counted_not_only_bytes() {
        let dir = TempDir::new().unwrap();
        let columns: Vec<_> = (0..1999).map(|n| format!("c{n}")).collect();
        let (path, db) = made(&dir, "create table t (a)");
        let rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) insert into t select null from n";
        db.execute_batch(rows).unwrap();
        let schema = format!(
            "pragma writable_schema = on; update sqlite_schema set sql = 'create table t (a, {})'",
            columns.join(", ")
        );
        db.execute_batch(&schema).unwrap();
        drop(db);
        let (all, done) = found(&path, Some("atuin-history"));
        assert!(all.iter().all(|f| f.0 == "file.mode-wide"), "{all:?}");
        assert!(done.missed[&Reason::Unparsable].why.as_deref().unwrap().contains("more work"));
        bounded(&path);
    }

    #[test]
    fn damage_ends_in_a_search_of_the_bytes() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "create table t (a text)");
        for n in 0..200 {
            db.execute(
                "insert into t values (?1)",
                [format!("{} {}", "word ".repeat(20), token(&n.to_string()))],
            )
            .unwrap();
        }
        drop(db);
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(331) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            std::fs::write(&path, &bad).unwrap();
            assert!(found(&path, None).0.len() >= 195, "{at}");
        }
        for keep in [16, 50, 99, 100, 3000, 4096, good.len() / 2] {
            std::fs::write(&path, &good[..keep]).unwrap();
            let _ = found(&path, None);
        }
    }

    #[test]
    fn endless_chains_of_pages_end() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "pragma page_size = 512; create table t (a text)");
        let long = "word ".repeat(2000);
        for n in 0..500 {
            db.execute("insert into t values (?1)", [format!("{n} {long}")]).unwrap();
        }
        drop(db);
        let good = std::fs::read(&path).unwrap();
        // Every overflow page names itself, or the first one, as the one that follows.
        for target in [None, Some(5u32)] {
            let mut bad = good.clone();
            for (n, page) in bad.chunks_mut(512).enumerate().skip(1).filter(|(_, p)| p[0] == 0) {
                page[..4].copy_from_slice(&target.unwrap_or(n as u32 + 1).to_be_bytes());
            }
            std::fs::write(&path, &bad).unwrap();
            bounded(&path);
        }
        // A tree whose inner pages all name one page below.
        let mut bad = good.clone();
        for page in bad.chunks_mut(512).skip(1).filter(|p| p[0] == 5) {
            let (first, cells) = (12, usize::from(u16::from_be_bytes([page[3], page[4]])));
            let at = usize::from(u16::from_be_bytes([page[first], page[first + 1]]));
            for n in 1..cells {
                page[first + 2 * n..first + 2 * n + 2].copy_from_slice(&(at as u16).to_be_bytes());
            }
        }
        std::fs::write(&path, &bad).unwrap();
        bounded(&path);
        // A list of free pages that is a loop.
        let mut bad = good;
        bad[32..36].copy_from_slice(&3u32.to_be_bytes());
        bad[1024..1032].copy_from_slice(&[0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff]);
        std::fs::write(&path, &bad).unwrap();
        bounded(&path);
    }

    #[test]
    fn ten_gigabytes_of_nothing_cost_nothing() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "create table t (a text)");
        db.execute("insert into t values (?1)", [token("sparse")]).unwrap();
        drop(db);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(10 << 30).unwrap();
        let start = Instant::now();
        assert_eq!(parts(&path), ["t row 1, a"]);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[test]
    fn what_only_begins_like_a_database() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, format!("SQLite format 3\0 {}", token("fake"))).unwrap();
        assert_eq!(found(&path, None).0.len(), 1);
        std::fs::write(
            &path,
            [b"SQLite format 3\0".as_slice(), &[0xff; 100], token("f").as_bytes()].concat(),
        )
        .unwrap();
        assert_eq!(found(&path, None).0.len(), 1);
    }

    #[test]
    fn very_many_small_tables_are_bounded() {
        let dir = TempDir::new().unwrap();
        let (path, db) = made(&dir, "begin");
        // Twenty thousand more by writing the schema: making them one by one takes minutes.
        db.execute_batch(
            "create table t0 (a); pragma writable_schema = on;
             with recursive n(i) as (select 1 union all select i + 1 from n where i < 20100)
             insert into sqlite_schema select 'table', 't' || i, 't' || i, 2, 'CREATE TABLE t' || i || ' (a)' from n; commit",
        )
        .unwrap();
        db.execute("insert into t0 values (?1)", [token("many")]).unwrap();
        drop(db);
        assert_eq!(bounded(&path).len(), 1);
    }
}
