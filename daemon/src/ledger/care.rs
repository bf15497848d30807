//! What was done about findings: mended, how often they came back after that, and rotated.

use super::{Ledger, Result, id};
use lapwing_rules::fingerprint::FindingId;
use rusqlite::{OptionalExtension, params};
use std::collections::{HashMap, HashSet};

impl Ledger {
    /// Notes that findings were mended, or that this was taken back: what the user puts back has not come by itself.
    pub(crate) fn mended(&mut self, ids: &[FindingId], done: bool, now: i64) -> Result<()> {
        let what = if done { "mended" } else { "unmended" };
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for id in ids {
            tx.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3)")?.execute(params![now, id.0, what])?;
        }
        Ok(tx.commit()?)
    }

    /// How often findings have come back after they were mended, since a moment; those that have not are left out.
    pub(crate) fn returns(&self, since: i64) -> Result<HashMap<FindingId, u32>> {
        let mut query = self.db.prepare(
            "SELECT finding, what FROM event WHERE at >= ?1 AND what IN ('mended', 'unmended', 'opened') ORDER BY rowid",
        )?;
        let mut rows = query.query([since])?;
        let (mut mended, mut returns) = (HashSet::new(), HashMap::new());
        while let Some(row) = rows.next()? {
            let finding = id(row, 0)?;
            match row.get::<_, String>(1)?.as_str() {
                "mended" => _ = mended.insert(finding),
                "unmended" => _ = mended.remove(&finding),
                _ if mended.remove(&finding) => *returns.entry(finding).or_default() += 1,
                _ => {}
            }
        }
        Ok(returns)
    }

    /// Notes that a credential was replaced, or takes that back.
    pub(crate) fn rotate(&self, finding: &FindingId, at: Option<i64>) -> Result<()> {
        match at {
            Some(at) => {
                self.db.execute("INSERT OR REPLACE INTO rotation VALUES (?1, ?2)", params![finding.0, at])?
            }
            None => self.db.execute("DELETE FROM rotation WHERE finding = ?1", [finding.0])?,
        };
        Ok(())
    }

    /// When a credential was replaced, seconds since 1970.
    pub(crate) fn rotated(&self, finding: &FindingId) -> Result<Option<i64>> {
        let at = self.db.query_row("SELECT at FROM rotation WHERE finding = ?1", [finding.0], |r| r.get(0));
        Ok(at.optional()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{batch, ledger, seen};
    use super::*;

    const ONE: FindingId = FindingId([1; 16]);

    #[test]
    fn only_what_comes_back_after_it_was_mended_counts() {
        let (_dir, path) = ledger();
        let (mut db, _) = Ledger::open(&path).unwrap();
        let come = |db: &mut Ledger, at| db.commit(&batch(vec![("~/a", vec![seen(1, "~/a")])]), at).unwrap();
        let go = |db: &mut Ledger, at| {
            db.commit(&batch(vec![("~/a", vec![])]), at).unwrap();
            db.settle(at).unwrap();
        };
        come(&mut db, 100);
        go(&mut db, 101);
        come(&mut db, 102);
        assert!(db.returns(0).unwrap().is_empty());
        for round in 1..=3 {
            db.mended(&[ONE], true, round * 1000).unwrap();
            go(&mut db, round * 1000 + 1);
            come(&mut db, round * 1000 + 2);
            assert_eq!(db.returns(0).unwrap()[&ONE], round as u32);
        }
        assert_eq!(db.returns(3000).unwrap()[&ONE], 1);
        // What the user takes back has not come by itself.
        db.mended(&[ONE], true, 4000).unwrap();
        go(&mut db, 4001);
        db.mended(&[ONE], false, 4002).unwrap();
        come(&mut db, 4003);
        assert_eq!(db.returns(0).unwrap()[&ONE], 3);
    }

    #[test]
    fn what_was_rotated_stays_so_until_taken_back() {
        let (_dir, path) = ledger();
        let (db, _) = Ledger::open(&path).unwrap();
        assert_eq!(db.rotated(&ONE).unwrap(), None);
        db.rotate(&ONE, Some(7)).unwrap();
        db.rotate(&ONE, Some(9)).unwrap();
        assert_eq!(Ledger::open(&path).unwrap().0.rotated(&ONE).unwrap(), Some(9));
        db.rotate(&ONE, None).unwrap();
        assert_eq!(db.rotated(&ONE).unwrap(), None);
    }
}
