//! What happened to findings, newest first, and for how long it is remembered.

use super::{Ledger, Result, id};
use lapwing_rules::fingerprint::FindingId;
use rusqlite::{Connection, params};

/// Seconds after which an event is forgotten: half a year.
const AGE: i64 = 180 * 86_400;
/// Events that are remembered, at most.
const COUNT: i64 = 100_000;

/// Something that happened to a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// `opened`, `resolved`, `ignored` or `unignored`.
    pub(crate) what: String,
    pub(crate) finding: FindingId,
    pub(crate) rule: String,
    pub(crate) severity: String,
    pub(crate) preview: String,
    /// Where it was last seen.
    pub(crate) path: String,
}

impl Ledger {
    /// The last events since a moment, newest first: in the order in which they were written, whatever the clock said.
    pub(crate) fn events(&self, since: i64, limit: u32) -> Result<Vec<Event>> {
        let mut query = self.db.prepare(
            "SELECT event.at, event.what, event.finding, finding.rule, finding.severity, finding.preview, finding.path
             FROM event JOIN finding ON finding.id = event.finding
             WHERE event.at >= ?1 ORDER BY event.rowid DESC LIMIT ?2",
        )?;
        let rows = query.query_map(params![since, limit], |r| {
            Ok(Event {
                at: r.get(0)?,
                what: r.get(1)?,
                finding: id(r, 2)?,
                rule: r.get(3)?,
                severity: r.get(4)?,
                preview: r.get(5)?,
                path: r.get(6)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// Forgets what is old, and the oldest of what is too much.
pub(super) fn prune(db: &Connection, now: i64) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached(
        "SELECT (SELECT at FROM event ORDER BY rowid LIMIT 1), (SELECT max(rowid) FROM event) - (SELECT min(rowid) FROM event)",
    )?;
    let (first, more): (Option<i64>, Option<i64>) = query.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    if first.is_none_or(|at| at >= now - AGE) && more.is_none_or(|more| more < COUNT) {
        return Ok(());
    }
    db.execute("DELETE FROM event WHERE at < ?1", [now - AGE])?;
    db.execute(
        "DELETE FROM event WHERE rowid <= (SELECT rowid FROM event ORDER BY rowid DESC LIMIT 1 OFFSET ?1)",
        [COUNT],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{batch, ledger, seen};
    use super::*;

    fn what(db: &Ledger, since: i64, limit: u32) -> Vec<(i64, String, u8)> {
        let events = db.events(since, limit).unwrap();
        events.into_iter().map(|e| (e.at, e.what, e.finding.0[0])).collect()
    }

    #[test]
    fn the_newest_come_first() {
        let (_dir, path) = ledger();
        let (mut db, _) = Ledger::open(&path).unwrap();
        db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), 100).unwrap();
        db.ignore(&FindingId([1; 16]), Some(("why", None)), 200).unwrap();
        db.commit(&batch(vec![("~/a", vec![]), ("~/b", vec![seen(2, "~/b")])]), 300).unwrap();
        db.settle(400).unwrap();
        let all = [(400, "resolved", 1), (300, "opened", 2), (200, "ignored", 1), (100, "opened", 1)];
        let all = all.map(|(at, what, n)| (at, what.to_owned(), n));
        assert_eq!(what(&db, 0, 99), all);
        assert_eq!(what(&db, 200, 99), all[..3]);
        assert_eq!(what(&db, 0, 2), all[..2]);
        let first = db.events(0, 1).unwrap().remove(0);
        assert_eq!((first.rule.as_str(), first.severity.as_str(), first.path.as_str()), ("r", "high", "~/a"));
    }

    #[test]
    fn what_is_old_or_too_much_is_forgotten() {
        let (_dir, path) = ledger();
        let (mut db, _) = Ledger::open(&path).unwrap();
        db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), 100).unwrap();
        db.settle(100 + AGE).unwrap();
        assert_eq!(what(&db, 0, 99).len(), 1);
        db.settle(101 + AGE).unwrap();
        assert_eq!(what(&db, 0, 99), []);
        // The finding itself is not forgotten.
        assert_eq!(db.lives().unwrap()[&FindingId([1; 16])].first_seen, 100);
        db.db
            .execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + 7)
                 INSERT INTO event SELECT ?2 + i, ?3, 'opened' FROM n",
                params![COUNT, AGE, [1u8; 16]],
            )
            .unwrap();
        db.settle(AGE).unwrap();
        let count: i64 = db.db.query_row("SELECT count(*) FROM event", [], |r| r.get(0)).unwrap();
        assert_eq!(count, COUNT);
        assert_eq!(what(&db, 0, 1)[0].0, AGE + COUNT + 7);
    }
}
