//! What is remembered between runs: findings, where they were seen, what people decided, and which files have not
//! changed since. SQLite; never holds a secret. One writer at a time, any number of readers.

mod care;
mod events;
mod news;
mod schema;

pub(crate) use events::Event;
pub(crate) use news::{Cursor, Totals, Turn};

use lapwing_rules::finding::{Finding, Location};
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::rule::{Grade, Kind, Severity};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Something seen at one place: fresh from a scan, or remembered.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Seen {
    pub(crate) id: FindingId,
    pub(crate) rule: String,
    pub(crate) kind: Kind,
    pub(crate) severity: Severity,
    pub(crate) grade: Option<Grade>,
    pub(crate) preview: String,
    pub(crate) note: Option<String>,
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) inside: Option<String>,
    pub(crate) at: Location,
}

/// The life of a finding.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Life {
    pub(crate) first_seen: i64,
    pub(crate) resolved: Option<i64>,
    pub(crate) ignored: Option<(String, Option<i64>)>,
    /// How often it has come back after it was mended.
    pub(crate) returns: u32,
}

/// What a stretch of a sweep has learnt, written at once: findings first, and with them the proof that their files
/// need no second look.
#[derive(Default)]
pub(crate) struct Batch {
    /// Files examined, each with everything seen in it.
    pub(crate) files: Vec<(String, Vec<Seen>)>,
    /// What was seen besides what is known, where only what is new was examined.
    pub(crate) more: Vec<(String, Vec<Seen>)>,
    /// Histories of repositories: key, how far they were searched.
    pub(crate) histories: Vec<(DirKey, Vec<u8>)>,
    /// Directories: key, packed file states.
    pub(crate) dirs: Vec<(DirKey, Vec<u8>)>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        let Batch { files, more, histories, dirs } = self;
        files.is_empty() && more.is_empty() && histories.is_empty() && dirs.is_empty()
    }
}

/// Names a directory without saying which.
pub(crate) type DirKey = [u8; 16];

/// Why the ledger cannot be used, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LedgerError(pub(crate) String);

type Result<T> = std::result::Result<T, LedgerError>;

/// Bytes of journal that are worth a wait for the disk; SQLite thinks so too.
const JOURNAL: i64 = 4 << 20;
const BUSY: &str = "another run of lapwing is writing to it; try again when that has ended";

impl From<rusqlite::Error> for LedgerError {
    fn from(e: rusqlite::Error) -> LedgerError {
        let why = match e.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "the disk is full; free some space and run again".to_owned(),
            Some(ErrorCode::SystemIoFailure) => {
                format!("it cannot be read or written ({e}); the disk may be full or failing")
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => BUSY.to_owned(),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                format!("it cannot be written ({e}); check who owns it")
            }
            _ => e.to_string(),
        };
        LedgerError(why)
    }
}

/// An open ledger.
pub(crate) struct Ledger {
    db: Connection,
    path: PathBuf,
    /// Device and inode of the file, when it was opened.
    file: Option<(u64, u64)>,
}

impl Ledger {
    /// Opens the ledger, making it if need be. A damaged one is set aside and begun anew; the text says so.
    pub(crate) fn open(path: &Path) -> Result<(Ledger, Option<String>)> {
        if path.parent().is_none_or(|p| p.as_os_str().is_empty()) {
            return Err(LedgerError("there is no home directory to keep it in".to_owned()));
        }
        schema::private_dir(path)?;
        match Self::patient_open(path) {
            Ok(ledger) => Ok((ledger, None)),
            Err(Failure::Damaged) => {
                let aside = schema::set_aside(path)?;
                let ledger = Self::try_open(path).map_err(Failure::into_error)?;
                let note =
                    format!("the ledger was damaged; it is now {} and a new one was begun", aside.display());
                Ok((ledger, Some(note)))
            }
            Err(other) => Err(other.into_error()),
        }
    }

    /// Opens an existing ledger to read; `None` when there is none.
    pub(crate) fn existing(path: &Path) -> Result<Option<Ledger>> {
        if rustix::fs::stat(path).is_err() {
            Ok(None)
        } else {
            Self::open(path).map(|(ledger, _)| Some(ledger))
        }
    }

    /// Several runs may make a ledger at the same moment; SQLite does not wait while its mode is changed.
    fn patient_open(path: &Path) -> std::result::Result<Ledger, Failure> {
        let begun = Instant::now();
        loop {
            match Self::try_open(path) {
                Err(Failure::Busy) if begun.elapsed() < schema::PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20))
                }
                result => return result,
            }
        }
    }

    fn try_open(path: &Path) -> std::result::Result<Ledger, Failure> {
        let db = schema::connect(path).map_err(Failure::from)?;
        schema::migrate(&db)?;
        let file = rustix::fs::stat(path).ok().map(|s| (s.st_dev, s.st_ino));
        let ledger = Ledger { db, path: path.to_owned(), file };
        // Reads the tables that matter, so that damage shows now and not in the middle of a run.
        ledger.seen().map_err(|e| ledger.damage(e))?;
        ledger.lives().map_err(|e| ledger.damage(e))?;
        Ok(ledger)
    }

    fn damage(&self, error: LedgerError) -> Failure {
        let check: rusqlite::Result<String> = self.db.query_row("PRAGMA quick_check(1)", [], |r| r.get(0));
        if check.is_ok_and(|c| c == "ok") { Failure::Other(error) } else { Failure::Damaged }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets which files are unchanged when rules or policy are not those that judged them.
    pub(crate) fn index_for(&self, version: &str) -> Result<()> {
        let old: Option<String> =
            self.db.query_row("SELECT value FROM meta WHERE key = 'index'", [], |r| r.get(0)).optional()?;
        if old.as_deref() != Some(version) {
            self.db.execute("DELETE FROM dir", [])?;
            self.db.execute("DELETE FROM history", [])?;
            self.db.execute("INSERT OR REPLACE INTO meta VALUES ('index', ?1)", [version])?;
        }
        Ok(())
    }

    /// Everything remembered to be there, and the state of the ledger that this is: see [`Index::open`].
    pub(crate) fn snapshot(&self) -> Result<(Vec<Seen>, Generation)> {
        self.db.execute_batch("BEGIN")?;
        let read = self.seen().and_then(|seen| Ok((seen, generation(&self.db)?)));
        self.db.execute_batch("COMMIT")?;
        read
    }

    /// Everything remembered to be there.
    pub(crate) fn seen(&self) -> Result<Vec<Seen>> {
        let mut query = self.db.prepare(
            "SELECT finding, rule, kind, severity, grade, preview, note, key, path, line, col, start, stop, inside FROM sighting ORDER BY path, inside, line, start",
        )?;
        let rows = query.query_map([], row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What was last seen of findings that are not there any more: one row each, without a place.
    pub(crate) fn gone(&self) -> Result<Vec<Seen>> {
        let mut query = self.db.prepare(
            "SELECT id, rule, kind, severity, grade, preview, note, key, path, 0, 0, NULL, NULL, '' FROM finding WHERE resolved IS NOT NULL",
        )?;
        let rows = query.query_map([], row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The life of every finding ever seen.
    pub(crate) fn lives(&self) -> Result<HashMap<FindingId, Life>> {
        let mut query = self.db.prepare("SELECT id, first_seen, resolved, reason, until FROM finding")?;
        let returns = self.returns(0)?;
        let rows = query.query_map([], |r| {
            let id = id(r, 0)?;
            let reason: Option<String> = r.get(3)?;
            let until: Option<i64> = r.get(4)?;
            let life = Life {
                first_seen: r.get(1)?,
                resolved: r.get(2)?,
                ignored: reason.map(|why| (why, until)),
                returns: returns.get(&id).copied().unwrap_or_default(),
            };
            Ok((id, life))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes a batch: each file's sightings replace what was known of that file.
    pub(crate) fn commit(&mut self, batch: &Batch, now: i64) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (path, seen) in &batch.files {
            tx.prepare_cached("DELETE FROM sighting WHERE path = ?1")?.execute([path])?;
            for s in seen {
                put(&tx, s, now)?;
            }
        }
        for s in batch.more.iter().flat_map(|(_, seen)| seen) {
            put(&tx, s, now)?;
        }
        for (key, state) in &batch.histories {
            tx.prepare_cached("INSERT OR REPLACE INTO history VALUES (?1, ?2)")?
                .execute(params![key, state])?;
        }
        for (key, states) in &batch.dirs {
            tx.prepare_cached("INSERT OR REPLACE INTO dir VALUES (?1, ?2)")?.execute(params![key, states])?;
        }
        tx.execute(
            "INSERT INTO meta VALUES ('generation', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1",
            [],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// How far the history of a repository was searched. What cannot be read is not known.
    pub(crate) fn history(&self, key: &DirKey) -> Option<Vec<u8>> {
        self.db.query_row("SELECT state FROM history WHERE key = ?1", [key], |r| r.get(0)).ok()
    }

    /// Closes the life of findings that are nowhere any more.
    ///
    /// Mostly there are none, and that is found out by reading, which keeps nobody from writing: the agent's sweep gives way
    /// to everything else, also while it holds the lock that whoever looks at a fresh leak waits for.
    pub(crate) fn settle(&self, now: i64) -> Result<()> {
        let gone =
            "resolved IS NULL AND NOT EXISTS (SELECT 1 FROM sighting WHERE sighting.finding = finding.id)";
        let any = format!("SELECT EXISTS (SELECT 1 FROM finding WHERE {gone})");
        if self.db.prepare_cached(&any)?.query_row([], |r| r.get(0))? {
            let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            tx.execute(
                &format!("INSERT INTO event SELECT ?1, id, 'resolved' FROM finding WHERE {gone}"),
                [now],
            )?;
            tx.execute(&format!("UPDATE finding SET resolved = ?1 WHERE {gone}"), [now])?;
            tx.commit()?;
        }
        events::prune(&self.db, now)?;
        Ok(())
    }

    /// Leaves it to [`Ledger::tidy`] to move what was written from the journal into the file: that waits for the disk.
    pub(crate) fn tidy_later(&self) -> Result<()> {
        Ok(self.db.pragma_update(None, "wal_autocheckpoint", 0)?)
    }

    /// Moves what was written into the file, once it is much.
    pub(crate) fn tidy(&self) -> Result<()> {
        let journal = format!("{}-wal", self.path.display());
        if rustix::fs::stat(journal).is_ok_and(|stat| stat.st_size > JOURNAL) {
            self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    /// Decides to live with a finding, or takes that back.
    pub(crate) fn ignore(
        &self,
        id: &FindingId,
        decision: Option<(&str, Option<i64>)>,
        now: i64,
    ) -> Result<()> {
        let (reason, until) = decision.map_or((None, None), |(reason, until)| (Some(reason), until));
        self.db.execute(
            "UPDATE finding SET reason = ?2, until = ?3 WHERE id = ?1",
            params![id.0, reason, until],
        )?;
        let what = if reason.is_some() { "ignored" } else { "unignored" };
        self.db.execute("INSERT INTO event VALUES (?1, ?2, ?3)", params![now, id.0, what])?;
        Ok(())
    }
}

/// Counts the writes to a ledger.
pub(crate) type Generation = i64;

fn generation(db: &Connection) -> rusqlite::Result<Generation> {
    let count =
        db.query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'", [], |r| r.get(0));
    count.optional().map(Option::unwrap_or_default)
}

/// Look-ups of unchanged files, one connection a worker.
pub(crate) struct Index {
    db: Connection,
}

impl Index {
    /// A connection of one's own to a ledger that is open elsewhere.
    /// `None` when the ledger is not in this state any more: what another run has learnt of unchanged files since would be
    /// taken for known, though what it found in them is not.
    pub(crate) fn open(path: &Path, state: Generation) -> Option<Index> {
        let db = schema::connect(path).ok()?;
        // One snapshot for all look-ups: locking the file for each would cost more than reading it.
        db.execute_batch("BEGIN").ok()?;
        (generation(&db).ok()? == state).then_some(Index { db })
    }

    /// Packed file states of a directory. What cannot be read is not known: its files are examined again.
    pub(crate) fn dir(&self, key: &DirKey) -> Option<Vec<u8>> {
        let mut query = self.db.prepare_cached("SELECT states FROM dir WHERE key = ?1").ok()?;
        query.query_row([key], |r| r.get(0)).ok()
    }
}

fn put(tx: &Transaction<'_>, s: &Seen, now: i64) -> Result<()> {
    let known: Option<Option<i64>> = tx
        .prepare_cached("SELECT resolved FROM finding WHERE id = ?1")?
        .query_row([s.id.0], |r| r.get(0))
        .optional()?;
    let grade = s.grade.map(Grade::word);
    if known.is_none_or(|resolved| resolved.is_some()) {
        tx.prepare_cached("INSERT INTO event VALUES (?1, ?2, 'opened')")?.execute(params![now, s.id.0])?;
    }
    tx.prepare_cached(
        "INSERT INTO finding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, NULL, NULL, NULL)
         ON CONFLICT (id) DO UPDATE SET rule = ?2, kind = ?3, severity = ?4, grade = ?5, preview = ?6, note = ?7, key = ?8, path = ?9,
         last_seen = ?10, resolved = NULL",
    )?
    .execute(params![s.id.0, s.rule, s.kind.word(), s.severity.word(), grade, s.preview, s.note, s.key, s.path, now])?;
    let (start, stop) =
        s.at.span.map_or((None, None), |(a, b)| (Some(a.cast_signed()), Some(b.cast_signed())));
    tx.prepare_cached(
        "INSERT OR REPLACE INTO sighting VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        s.path,
        s.inside.as_deref().unwrap_or_default(),
        s.at.line.cast_signed(),
        s.at.column.cast_signed(),
        start,
        stop,
        s.id.0,
        s.rule,
        s.kind.word(),
        s.severity.word(),
        grade,
        s.preview,
        s.note,
        s.key
    ])?;
    Ok(())
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<FindingId> {
    row.get(column).map(FindingId)
}

/// Words that this version does not know come from damage or from nowhere: the mildest reading is taken.
fn row(r: &Row<'_>) -> rusqlite::Result<Seen> {
    let word = |column: usize| r.get::<_, String>(column);
    let number = |column: usize| r.get::<_, i64>(column).map(i64::cast_unsigned);
    let start: Option<i64> = r.get(11)?;
    let stop: Option<i64> = r.get(12)?;
    let inside = Some(word(13)?).filter(|part| !part.is_empty());
    Ok(Seen {
        id: id(r, 0)?,
        rule: r.get(1)?,
        kind: Kind::from_word(&word(2)?).unwrap_or(Kind::Check),
        severity: Severity::from_word(&word(3)?).unwrap_or(Severity::Info),
        grade: r.get::<_, Option<String>>(4)?.as_deref().and_then(Grade::from_word),
        preview: r.get(5)?,
        note: r.get(6)?,
        key: r.get(7)?,
        path: r.get(8)?,
        inside,
        at: Location {
            line: number(9)?,
            column: number(10)?,
            span: start.zip(stop).map(|(a, b)| (a.cast_unsigned(), b.cast_unsigned())),
        },
    })
}

impl Seen {
    /// What is remembered of a finding at a path.
    pub(crate) fn of(finding: Finding, path: &str) -> Seen {
        Seen {
            id: finding.id,
            rule: finding.page.id.clone(),
            kind: finding.kind,
            severity: finding.severity,
            grade: finding.grade,
            preview: finding.preview,
            note: finding.note,
            key: finding.key,
            path: finding.path.unwrap_or_else(|| path.to_owned()),
            inside: finding.inside,
            at: finding.at,
        }
    }
}

/// Why opening failed.
enum Failure {
    Damaged,
    Busy,
    Other(LedgerError),
}

impl Failure {
    fn into_error(self) -> LedgerError {
        match self {
            Failure::Damaged => LedgerError("it is damaged".to_owned()),
            Failure::Busy => LedgerError(BUSY.to_owned()),
            Failure::Other(e) => e,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(e: rusqlite::Error) -> Failure {
        match e.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Failure::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Busy,
            _ => Failure::Other(e.into()),
        }
    }
}

#[cfg(test)]
mod tests;
