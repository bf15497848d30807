//! Paths that a pattern stands for on this machine.

use super::list;
use crate::facts::Facts;
use crate::finding::Problem;
use crate::place::wild;

/// More paths than this of one pattern say nothing new.
const MOST: usize = 1000;

/// Follows a pattern segment by segment, listing directories only where it has a `*`. What it names need not exist.
pub(super) fn spread(pattern: &str, facts: &dyn Facts, problems: &mut Vec<Problem>) -> Vec<String> {
    let (first, rest) = pattern.split_once('/').unwrap_or((pattern, ""));
    let mut paths = vec![first.to_owned()];
    for segment in rest.split('/').filter(|s| !s.is_empty()) {
        if !segment.contains('*') {
            paths.iter_mut().for_each(|path| {
                path.push('/');
                path.push_str(segment);
            });
            continue;
        }
        let mut below = Vec::new();
        for path in &paths {
            let names = list(path, facts, problems).unwrap_or_default();
            below.extend(names.iter().filter(|n| wild(segment, n)).map(|n| format!("{path}/{n}")));
        }
        below.truncate(MOST);
        paths = below;
    }
    paths
}
