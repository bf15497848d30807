//! What has happened to findings since somebody last asked, whoever made it happen: this process, or another run of Lapwing.

use super::schema::PATIENCE;
use super::{Ledger, Life, Result, Seen, id, row};
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::rule::Severity;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A point in the ledger's list of events.
pub(crate) type Cursor = i64;

/// What has become of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It is there and was not before.
    Opened,
    /// It is nowhere any more.
    Resolved,
}

/// Open findings.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Totals {
    pub(crate) open: BTreeMap<Severity, u32>,
    /// Findings that somebody has decided to live with.
    pub(crate) ignored: u32,
}

impl Ledger {
    /// Paths at which something is remembered, this one and those below it, and whether any of it is not a secret.
    pub(crate) fn remembered(&self, shown: &str) -> Result<Vec<(String, bool)>> {
        let mut query = self.db.prepare_cached(
            "SELECT path, max(kind <> 'secret') FROM sighting WHERE path = ?1 OR (path > ?2 AND path < ?3) GROUP BY path",
        )?;
        // `0` comes after `/`: everything that begins with the path and a slash.
        let (from, to) = (format!("{shown}/"), format!("{shown}0"));
        let rows = query.query_map(params![shown, from, to], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The end of the list of events.
    pub(crate) fn cursor(&self) -> Result<Cursor> {
        Ok(self.db.query_row("SELECT coalesce(max(rowid), 0) FROM event", [], |r| r.get(0))?)
    }

    /// Notes that the whole home was examined.
    pub(crate) fn swept(&self, now: i64) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('swept', ?1)", [now])?;
        Ok(())
    }

    /// Whether the whole home ever was, as far as the ledger at this path says. Asked before anything else: it neither
    /// makes a ledger nor mends one.
    pub(crate) fn ever_swept(path: &Path) -> bool {
        let read = || {
            let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            db.busy_timeout(PATIENCE)?;
            db.query_row("SELECT 1 FROM meta WHERE key = 'swept'", [], |_| Ok(()))
        };
        read().is_ok()
    }

    /// Up to where the agent has told what happened; `None` when it never has.
    pub(crate) fn told(&self) -> Result<Option<Cursor>> {
        let told =
            self.db.query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'told'", [], |r| r.get(0));
        Ok(told.optional()?)
    }

    /// Notes up to where it was told.
    pub(crate) fn tell(&self, cursor: Cursor) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('told', ?1)", [cursor])?;
        Ok(())
    }

    /// What has become of findings since, in order, one turn a finding: what came and went in between is no news.
    pub(crate) fn news(&self, since: Cursor) -> Result<(Vec<(FindingId, Turn)>, Cursor)> {
        let mut query = self.db.prepare_cached(
            "SELECT finding, what, rowid FROM event WHERE rowid > ?1 AND what IN ('opened', 'resolved') ORDER BY rowid",
        )?;
        let mut rows = query.query([since])?;
        let mut turns: Vec<(FindingId, Turn)> = Vec::new();
        let mut first: HashMap<FindingId, Turn> = HashMap::new();
        while let Some(r) = rows.next()? {
            let what: String = r.get(1)?;
            let turn = if what == "opened" { Turn::Opened } else { Turn::Resolved };
            let finding = id(r, 0)?;
            first.entry(finding).or_insert(turn);
            turns.retain(|(known, _)| *known != finding);
            turns.push((finding, turn));
        }
        // It is as it was: opened and resolved, or the other way round.
        turns.retain(|(finding, last)| first.get(finding) == Some(last));
        let end = self.cursor()?;
        Ok((turns, end))
    }

    /// What is remembered of a finding: its sightings, or what was last seen of one that is gone.
    pub(crate) fn of(&self, finding: &FindingId) -> Result<(Vec<Seen>, Option<Life>)> {
        let mut query = self.db.prepare_cached(
            "SELECT finding, rule, kind, severity, grade, preview, note, key, path, line, col, start, stop, inside
             FROM sighting WHERE finding = ?1 ORDER BY path, inside, line, start",
        )?;
        let mut seen: Vec<Seen> = query.query_map([finding.0], row)?.collect::<rusqlite::Result<_>>()?;
        if seen.is_empty() {
            let mut query = self.db.prepare_cached(
                "SELECT id, rule, kind, severity, grade, preview, note, key, path, 0, 0, NULL, NULL, '' FROM finding WHERE id = ?1",
            )?;
            seen = query.query_map([finding.0], row)?.collect::<rusqlite::Result<_>>()?;
        }
        let returns = self.returns(0)?.get(finding).copied().unwrap_or_default();
        let life = self.db.query_row(
            "SELECT first_seen, resolved, reason, until FROM finding WHERE id = ?1",
            [finding.0],
            |r| {
                let reason: Option<String> = r.get(2)?;
                let until = r.get(3)?;
                Ok(Life {
                    first_seen: r.get(0)?,
                    resolved: r.get(1)?,
                    ignored: reason.map(|why| (why, until)),
                    returns,
                })
            },
        );
        Ok((seen, life.optional()?))
    }

    /// How many findings are open, at this time.
    pub(crate) fn totals(&self, now: i64) -> Result<Totals> {
        let mut query = self.db.prepare_cached(
            "SELECT severity, reason IS NOT NULL AND coalesce(until, ?1 + 1) > ?1, count(*) FROM finding
             WHERE resolved IS NULL GROUP BY 1, 2",
        )?;
        let mut rows = query.query([now])?;
        let mut totals = Totals::default();
        while let Some(r) = rows.next()? {
            let (word, ignored, count): (String, bool, u32) = (r.get(0)?, r.get(1)?, r.get(2)?);
            match Severity::from_word(&word) {
                _ if ignored => totals.ignored += count,
                Some(severity) => *totals.open.entry(severity).or_default() += count,
                None => {}
            }
        }
        Ok(totals)
    }

    /// Whether the file that is open here is still the one at its path. SQLite goes on writing to a deleted one.
    pub(crate) fn replaced(&self) -> bool {
        let now = rustix::fs::stat(&self.path).ok().map(|s| (s.st_dev, s.st_ino));
        now.is_none() || now != self.file
    }
}
