//! Further copies of a secret in a file of records, where no name and no shape gives it away: a token that a command has
//! printed. A file whose secret was taken out must not hold it still.

use crate::finding::Finding;
use crate::rule::Grade;
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeMap;

/// A shorter secret may be part of a word.
const LEAST: usize = 12;
/// Fewer different bytes may be a phrase that stands anywhere.
const DIFFERENT: usize = 7;
/// Most secrets that are looked for.
const MOST: usize = 2000;

/// Searches for secrets by their bytes.
pub(crate) struct Copies {
    search: AhoCorasick,
    /// Whose each pattern is.
    owners: Vec<usize>,
}

/// Bytes that an edit takes already: first byte, and one past the last.
#[derive(Default)]
pub(crate) struct Taken(BTreeMap<usize, usize>);

impl Taken {
    /// Takes a span, unless some of it is taken.
    pub(crate) fn take(&mut self, (start, end): (usize, usize)) -> bool {
        let free = self.0.range(..end.max(start + 1)).next_back().is_none_or(|(_, taken)| *taken <= start);
        if free {
            self.0.insert(start, end);
        }
        free
    }
}

/// Whether a secret is looked for by its bytes alone.
pub(crate) fn telling(finding: &Finding, secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    secret.iter().for_each(|b| seen[usize::from(*b)] = true);
    finding.grade >= Some(Grade::Named)
        && secret.len() >= LEAST
        && seen.iter().filter(|seen| **seen).count() >= DIFFERENT
        && !secret.contains(&b'\n')
}

impl Copies {
    /// For these secrets, each with the number of its owner; `None` when there are none.
    pub(crate) fn new<'s>(secrets: impl Iterator<Item = (usize, &'s [u8])>) -> Option<Copies> {
        let (owners, patterns): (Vec<usize>, Vec<&[u8]>) = secrets.take(MOST).unzip();
        if patterns.is_empty() {
            return None;
        }
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns).ok()?;
        Some(Copies { search, owners })
    }

    /// Every copy: its owner, and its bytes.
    pub(crate) fn each<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, (usize, usize))> + 'a {
        self.search.find_iter(bytes).map(|m| (self.owners[m.pattern().as_usize()], (m.start(), m.end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_not_taken_again() {
        let mut taken = Taken::default();
        assert!(taken.take((4, 8)) && taken.take((0, 4)) && taken.take((8, 9)));
        assert!(!taken.take((3, 5)) && !taken.take((0, 20)) && !taken.take((7, 8)));
        assert!(taken.take((9, 10)));
    }
}
