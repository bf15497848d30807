//! Rules that count only where other rules match nearby.

use super::ForeignSet;
use super::allow::Found;
use std::collections::BTreeMap;

/// Another rule that must match, and how near.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Near {
    /// Its id.
    pub(crate) rule: String,
    /// At most so many lines away; anywhere in the text when neither is given.
    pub(crate) lines: Option<usize>,
    /// Columns at most so far apart, whatever the line.
    pub(crate) columns: Option<usize>,
}

/// Matches tried for each match at most: the nearest tell.
const TRIED: usize = 4096;

/// What each rule has found, by its index.
pub(crate) type All = BTreeMap<usize, Vec<Found>>;

/// Of what each rule has found, that whose company is there.
pub(crate) fn kept(set: &ForeignSet, found: All, bytes: &[u8]) -> All {
    if found.keys().all(|index| set.rules[*index].near.is_empty()) {
        return found;
    }
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', bytes).collect();
    let position = |f: &Found| {
        let line = ends.partition_point(|end| *end < f.whole.0);
        (line, f.whole.0 - line.checked_sub(1).map_or(0, |l| ends[l] + 1))
    };
    let places: BTreeMap<usize, Vec<(usize, usize)>> =
        found.iter().map(|(index, list)| (*index, list.iter().map(position).collect())).collect();
    let close = |near: &Near, other: usize, at: (usize, usize)| {
        let Some(others) = places.get(&other) else { return false };
        let least = near.lines.map_or(0, |lines| at.0.saturating_sub(lines));
        // They are in order of place.
        let from = others.partition_point(|place| place.0 < least);
        others[from..].iter().take(TRIED).any(|place| {
            near.lines.is_none_or(|lines| place.0.abs_diff(at.0) <= lines)
                && near.columns.is_none_or(|columns| place.1.abs_diff(at.1) <= columns)
        })
    };
    let accompanied = |index: usize, at: (usize, usize)| {
        let (wanted, others) = (&set.rules[index].near, &set.near[index]);
        wanted.len() == others.len() && wanted.iter().zip(others).all(|(near, other)| close(near, *other, at))
    };
    let mut kept = All::new();
    for (index, list) in &found {
        let here = list.iter().zip(&places[index]).filter(|(_, at)| accompanied(*index, **at));
        kept.insert(*index, here.map(|(f, _)| *f).collect());
    }
    kept
}
