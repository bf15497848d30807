//! Edits of a file's bytes: checked, applied, turned round, put together. No file is touched here.

use super::plan::Edit;
use crate::secrets::stream::Stream;
use sha2::{Digest, Sha256};

/// Why edits cannot be applied to these bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// One ends before it begins.
    #[error("edit {0} ends before it begins")]
    Reversed(usize),
    /// One begins before the one before it ends, or two insert at the same byte.
    #[error("edit {0} overlaps the one before it")]
    Overlap(usize),
    /// One goes on behind the end.
    #[error("edit {0} lies behind the end of the file")]
    Outside(usize),
}

/// SHA-256, the guard of edits.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether edits are in order and lie within a file of this length.
pub fn check(edits: &[Edit], len: usize) -> Result<(), Broken> {
    for (i, edit) in edits.iter().enumerate() {
        if edit.start > edit.end {
            return Err(Broken::Reversed(i));
        }
        if edit.end > len {
            return Err(Broken::Outside(i));
        }
        if i > 0 && collide(&edits[i - 1], edit) {
            return Err(Broken::Overlap(i));
        }
    }
    Ok(())
}

/// Whether `later` does not come wholly after `earlier`. Two that begin at the same byte have no order.
fn collide(earlier: &Edit, later: &Edit) -> bool {
    later.start < earlier.end || later.start <= earlier.start
}

/// The bytes with the edits made.
pub fn apply(bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>, Broken> {
    check(edits, bytes.len())?;
    let grown: usize = edits.iter().map(|e| e.with.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + grown);
    let mut from = 0;
    for edit in edits {
        out.extend_from_slice(&bytes[from..edit.start]);
        out.extend_from_slice(&edit.with);
        from = edit.end;
    }
    out.extend_from_slice(&bytes[from..]);
    Ok(out)
}

/// The edits that make `before` again of what [`apply`] makes of it, but for what was secret: that stays taken out.
///
/// Edits that [`check`] refuses have no inverse.
pub fn invert(before: &[u8], edits: &[Edit]) -> Result<Vec<Edit>, Broken> {
    check(edits, before.len())?;
    let (mut back, mut taken, mut added) = (Vec::<Edit>::with_capacity(edits.len()), 0, 0);
    for edit in edits {
        let start = edit.start - taken + added;
        taken += edit.end - edit.start;
        added += edit.with.len();
        if edit.secret {
            continue;
        }
        let (end, with) = (start + edit.with.len(), &before[edit.start..edit.end]);
        match back.last_mut() {
            // What was taken out at neighbouring places comes back at one.
            Some(last) if last.end == start => {
                last.end = end;
                last.with.extend_from_slice(with);
            }
            _ => back.push(Edit { start, end, with: with.to_vec(), secret: false }),
        }
    }
    Ok(back)
}

/// The edits of several plans for the same bytes as one list, and which plans are not in it because they contradict an
/// earlier one: those are planned afresh once the others are made.
#[must_use]
pub fn merge(plans: Vec<Vec<Edit>>) -> (Vec<Edit>, Vec<usize>) {
    let mut merged: Vec<Edit> = Vec::new();
    let mut left_out = Vec::new();
    for (i, mut edits) in plans.into_iter().enumerate() {
        edits.retain(|edit| {
            let at = merged.partition_point(|known| known.start < edit.start);
            !merged.get(at).is_some_and(|known| same(known, edit))
        });
        let fits = |edit: &Edit| {
            let at = merged.partition_point(|known| known.start < edit.start);
            at.checked_sub(1).is_none_or(|before| !collide(&merged[before], edit))
                && merged.get(at).is_none_or(|after| !collide(edit, after))
        };
        if edits.iter().all(fits) {
            merged.extend(edits);
            merged.sort_by_key(|edit| edit.start);
        } else {
            left_out.push(i);
        }
    }
    (merged, left_out)
}

/// Stretches of the file that edits make, of this length: only what begins in them may be found, or not be found any more,
/// because of the edits. In order, each apart from the next. Holds for files that are searched window by window.
#[must_use]
pub fn stretches(edits: &[Edit], length: usize) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = Vec::new();
    let (mut taken, mut added) = (0, 0);
    for edit in edits {
        let start = (edit.start + added).saturating_sub(taken);
        taken += edit.end - edit.start;
        added += edit.with.len();
        // What begins further ahead does not reach this far, and what begins further behind does not look back so far.
        let from = start.saturating_sub(Stream::BEHIND);
        let to = (start + edit.with.len() + Stream::BEFORE).min(length);
        match all.last_mut() {
            // One that is read anyway is read once.
            Some(last) if from <= last.1 + Stream::BEHIND + Stream::BEFORE => last.1 = to,
            _ => all.push((from, to)),
        }
    }
    all
}

/// Edits that take out one secret, in order; those that overlap become one, which takes what each would.
pub(crate) fn tidy(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut out: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match out.last_mut() {
            Some(last) if collide(last, &edit) => last.end = last.end.max(edit.end),
            _ => out.push(edit),
        }
    }
    out
}

/// Whether two edits do the same. One that says that it takes out a secret counts as one that does not say so: the
/// planner says it of all or none of the same bytes.
fn same(a: &Edit, b: &Edit) -> bool {
    (a.start, a.end, a.secret) == (b.start, b.end, b.secret) && a.with == b.with
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, with: &str) -> Edit {
        Edit { start, end, with: with.as_bytes().to_vec(), secret: false }
    }

    fn made(bytes: &[u8], edits: &[Edit]) -> String {
        String::from_utf8(apply(bytes, edits).unwrap()).unwrap()
    }

    #[test]
    fn edits_are_made_in_order() {
        let edits = [edit(0, 0, ">"), edit(1, 3, ""), edit(3, 3, "+"), edit(5, 6, "xyz")];
        assert_eq!(made(b"abcdef", &edits), ">a+dexyz");
        assert_eq!(made(b"abc", &[]), "abc");
    }

    #[test]
    fn only_around_edits_anything_may_have_changed() {
        let (ahead, behind) = (Stream::BEHIND, Stream::BEFORE);
        let far = 100 * ahead;
        assert_eq!(stretches(&[], far), []);
        let edits = [edit(10, 20, "x"), edit(far / 2, far / 2 + 4, "longer"), edit(far / 2 + ahead, far, "")];
        let second = far / 2 - 9;
        let last = second + ahead + 2;
        assert_eq!(stretches(&edits[..2], far), [(0, 11 + behind), (second - ahead, second + 6 + behind)]);
        assert_eq!(stretches(&edits, last), [(0, 11 + behind), (second - ahead, last)]);
    }

    #[test]
    fn edits_that_make_no_sense_are_refused() {
        for (edits, why) in [
            (vec![edit(2, 1, "")], Broken::Reversed(0)),
            (vec![edit(0, 4, "")], Broken::Outside(0)),
            (vec![edit(0, 2, ""), edit(1, 3, "")], Broken::Overlap(1)),
            (vec![edit(1, 1, "a"), edit(1, 1, "b")], Broken::Overlap(1)),
            (vec![edit(2, 3, ""), edit(0, 1, "")], Broken::Overlap(1)),
        ] {
            assert_eq!(apply(b"abc", &edits), Err(why));
            assert!(invert(b"abc", &edits).is_err());
        }
    }

    #[test]
    fn the_inverse_brings_back_all_but_secrets() {
        let before = b"token = abc # mine\nx = 1\n";
        let mut edits = vec![edit(8, 11, "GONE"), edit(19, 25, "")];
        edits[0].secret = true;
        let after = apply(before, &edits).unwrap();
        assert_eq!(after, b"token = GONE # mine\n");
        let back = invert(before, &edits).unwrap();
        assert_eq!(made(&after, &back), "token = GONE # mine\nx = 1\n");
        edits[0].secret = false;
        let back = invert(before, &edits).unwrap();
        assert_eq!(apply(&after, &back).unwrap(), before);
    }

    #[test]
    fn plans_of_one_file_are_put_together() {
        let (merged, out) = merge(vec![
            vec![edit(4, 6, "")],
            vec![edit(0, 1, "x"), edit(4, 6, "")],
            vec![edit(2, 5, "")],
            vec![edit(6, 6, "!")],
        ]);
        assert_eq!(out, [2]);
        assert_eq!(made(b"abcdef", &merged), "xbcd!");
    }

    #[test]
    fn edits_of_one_secret_overlap_no_more() {
        let tidied = tidy(vec![
            edit(4, 9, "M"),
            edit(0, 2, "M"),
            edit(4, 9, "M"),
            edit(8, 11, "M"),
            edit(11, 12, "M"),
        ]);
        let spans: Vec<_> = tidied.iter().map(|e| (e.start, e.end)).collect();
        assert_eq!(spans, [(0, 2), (4, 11), (11, 12)]);
        assert_eq!(check(&tidied, 12), Ok(()));
    }

    /// Any edits of any bytes, turned round, give the bytes back.
    #[test]
    fn inverses_hold_for_whatever_comes() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut dice = |sides: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % sides as u64) as usize
        };
        for _ in 0..2000 {
            let before: Vec<u8> = (0..dice(40)).map(|_| b'a' + dice(26) as u8).collect();
            let (mut edits, mut at) = (Vec::new(), 0);
            while at <= before.len() && dice(4) > 0 {
                let start = at + dice(before.len() - at + 1);
                let end = start + dice(before.len() - start + 1);
                edits.push(edit(start, end, &"XYZ"[..dice(4)]));
                at = end.max(start + 1);
            }
            let after = apply(&before, &edits).unwrap();
            let back = invert(&before, &edits).unwrap();
            assert_eq!(apply(&after, &back).unwrap(), before);
        }
    }
}
