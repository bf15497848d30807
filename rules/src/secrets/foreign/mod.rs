//! Rules of other tools, searched for as their own tools do: the whole expression over the whole text, the rule's own
//! conditions, nothing of ours. Only where to look is narrowed, and only where that cannot change what is found: a
//! rule whose every match holds one of a few literals, and is no longer than so much, is run around these alone.

pub(crate) mod allow;
pub(crate) mod near;
pub(crate) mod needles;

use crate::rule::{Grade, Page};
use crate::secret::Secret;
use crate::secrets::checksum::Worth;
use crate::secrets::decode;
use crate::secrets::entropy::shannon;
use crate::secrets::matcher::Hit;
use crate::secrets::settle::settle;
use aho_corasick::{AhoCorasick, MatchKind};
use allow::{Allow, Found, Needs};
use near::Near;
use needles::Needles;
use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which group of a match is the secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Group {
    /// This one; 0 is the whole match.
    Number(usize),
    /// The first that holds anything.
    FirstFilled,
}

/// A rule of another tool.
pub(crate) struct ForeignRule {
    pub(crate) page: Arc<Page>,
    pub(crate) regex: Regex,
    pub(crate) needles: Needles,
    /// The first of these that took part in a match is the secret.
    pub(crate) groups: Vec<Group>,
    /// One of these (lower case) stands somewhere in the text; no condition when empty.
    pub(crate) keywords: Vec<String>,
    /// The secret has more bits per byte than this; no condition when zero.
    pub(crate) entropy: f64,
    /// The path matches this.
    pub(crate) path: Option<Regex>,
    pub(crate) needs: Needs,
    pub(crate) allow: Vec<Arc<Allow>>,
    /// Other rules that must match nearby.
    pub(crate) near: Vec<Near>,
    /// Only there for other rules: never reported.
    pub(crate) silent: bool,
    pub(crate) grade: Grade,
    /// Texts in which it must find something, and texts in which it must not.
    pub(crate) examples: Vec<String>,
    pub(crate) counter_examples: Vec<String>,
}

/// All of them, ready to search.
#[derive(Default)]
pub(crate) struct ForeignSet {
    pub(crate) rules: Vec<ForeignRule>,
    /// `None` when there is no rule.
    automaton: Option<AhoCorasick>,
    /// For each literal, the rules that look around it and those that it is a keyword of.
    waiting: Vec<(Vec<usize>, Vec<usize>)>,
    /// Rules that no literal narrows.
    everywhere: Vec<usize>,
    /// The rules of each rule's `near`.
    near: Vec<Vec<usize>>,
}

/// What every rule may look at, for each byte searched; beyond, it is told that not all was tried.
const EFFORT: usize = 24;
/// The same, for small texts.
const SLACK: usize = 256 << 10;
/// What a match costs at most besides its bytes, where the expression is bounded.
const PER_MATCH: usize = 1024;
/// Matches that an unbounded expression may have in a text whose every search could run to the end.
const UNBOUNDED: usize = 2000;

impl ForeignSet {
    pub(crate) fn new(rules: Vec<ForeignRule>) -> ForeignSet {
        let mut literals: BTreeMap<Vec<u8>, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for needle in rule.needles.literals.iter().flatten().collect::<BTreeSet<_>>() {
                literals.entry(needle.clone()).or_default().0.push(index);
            }
            for keyword in rule.keywords.iter().collect::<BTreeSet<_>>() {
                literals.entry(keyword.clone().into_bytes()).or_default().1.push(index);
            }
        }
        let ids: BTreeMap<&str, usize> =
            rules.iter().enumerate().map(|(i, r)| (r.page.id.as_str(), i)).collect();
        let known =
            |rule: &ForeignRule| rule.near.iter().filter_map(|n| ids.get(n.rule.as_str()).copied()).collect();
        let near = rules.iter().map(known).collect();
        let everywhere = (0..rules.len()).filter(|i| rules[*i].needles.literals.is_none()).collect();
        let (literals, waiting): (Vec<_>, Vec<_>) = literals.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(literals)
            .ok()
            .filter(|_| !rules.is_empty());
        ForeignSet { rules, automaton, waiting, everywhere, near }
    }

    /// Every secret in the bytes, also in encoded stretches; and a rule that had more matches than it was given time
    /// for.
    pub(crate) fn hits(&self, bytes: &[u8], path: &str) -> (Vec<Hit>, Option<&str>) {
        let Some(automaton) = &self.automaton else { return (Vec::new(), None) };
        let allowance = EFFORT * bytes.len() + SLACK;
        let mut search = Search { set: self, automaton, path, allowance, left: BTreeMap::new(), dense: None };
        let hits = search.view(bytes, 0);
        (hits, search.dense)
    }
}

/// One search, with what it may still spend.
struct Search<'s, 'p> {
    set: &'s ForeignSet,
    automaton: &'s AhoCorasick,
    path: &'p str,
    allowance: usize,
    /// Of each rule that has looked at anything.
    left: BTreeMap<usize, usize>,
    dense: Option<&'s str>,
}

/// Where a rule has to look.
#[derive(Clone, Default)]
struct Look {
    keyword: bool,
    ranges: Vec<(usize, usize)>,
}

impl Look {
    /// Adds a stretch; they come nearly in order.
    fn add(&mut self, from: usize, to: usize) {
        match self.ranges.last_mut() {
            Some(last) if from <= last.1 => *last = (last.0.min(from), last.1.max(to)),
            _ => self.ranges.push((from, to)),
        }
    }
}

impl Search<'_, '_> {
    fn view(&mut self, bytes: &[u8], depth: usize) -> Vec<Hit> {
        let mut out = self.plain(bytes);
        if depth < decode::DEPTH {
            decode::views(bytes, &mut |view| {
                for mut hit in self.view(&view.bytes, depth + 1) {
                    let (start, end) = hit.at;
                    hit.decoded.get_or_insert_with(|| Secret::new(view.bytes[start..end].to_vec()));
                    hit.at = view.origin;
                    out.push(hit);
                }
            });
        }
        settle(out)
    }

    fn plain(&mut self, bytes: &[u8]) -> Vec<Hit> {
        let set = self.set;
        let mut found = BTreeMap::new();
        for (index, look) in self.looks(bytes) {
            let rule = &set.rules[index];
            let on = rule.path.as_ref().is_none_or(|p| p.is_match(Input::new(self.path)));
            if !on || !(rule.keywords.is_empty() || look.keyword) {
                continue;
            }
            let mut mine = Vec::new();
            for range in look.ranges {
                self.search(index, bytes, range, &mut mine);
            }
            if !mine.is_empty() {
                found.insert(index, mine);
            }
        }
        let mut hits = Vec::new();
        for (index, found) in near::kept(set, found, bytes) {
            let rule = &set.rules[index];
            hits.extend(found.iter().filter(|_| !rule.silent).map(|f| rule.hit(f)));
        }
        hits
    }

    /// The rules that have anywhere to look.
    fn looks(&self, bytes: &[u8]) -> BTreeMap<usize, Look> {
        let mut looks: BTreeMap<usize, Look> = BTreeMap::new();
        for index in &self.set.everywhere {
            looks.entry(*index).or_default().add(0, bytes.len());
        }
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let (around, keyword) = &self.set.waiting[hit.pattern().as_usize()];
            keyword.iter().for_each(|rule| looks.entry(*rule).or_default().keyword = true);
            for rule in around {
                let (from, to) = match self.set.rules[*rule].needles.longest {
                    Some(longest) => {
                        (hit.start().saturating_sub(longest), (hit.end() + longest).min(bytes.len()))
                    }
                    None => (0, bytes.len()),
                };
                looks.entry(*rule).or_default().add(from, to);
            }
        }
        looks
    }

    fn search(&mut self, index: usize, bytes: &[u8], (from, to): (usize, usize), out: &mut Vec<Found>) {
        let rule = &self.set.rules[index];
        let left = self.left.entry(index).or_insert(self.allowance);
        let each = rule.needles.longest.map_or(bytes.len() * EFFORT / UNBOUNDED, |n| n.min(PER_MATCH));
        let mut captures = rule.regex.create_captures();
        let mut at = from;
        while at <= to {
            if *left == 0 {
                self.dense = Some(&rule.page.id);
                return;
            }
            rule.regex.search_captures(&Input::new(bytes).range(at..to), &mut captures);
            let Some(whole) = captures.get_match() else {
                *left = left.saturating_sub(to - at);
                return;
            };
            *left = left.saturating_sub(whole.end() - at + each);
            at = whole.end() + usize::from(whole.is_empty());
            out.extend(rule.found(bytes, &captures).filter(|f| rule.holds(bytes, f, self.path)));
        }
    }
}

impl ForeignRule {
    fn found(&self, bytes: &[u8], captures: &Captures) -> Option<Found> {
        let whole = captures.get_match()?;
        let whole = trimmed(bytes, (whole.start(), whole.end()));
        let span = |n: usize| captures.get_group(n).map(|s| (s.start, s.end));
        let groups = captures.group_len();
        let pick = |group: &Group| match *group {
            Group::Number(0) => Some(whole),
            Group::Number(n) => span(n),
            Group::FirstFilled => (1..groups).filter_map(span).find(|(a, b)| a < b),
        };
        let secret = self.groups.iter().find_map(pick)?;
        let known = self.needles.secret.and_then(|n| pick(&Group::Number(n))) == Some(secret);
        let shown = if known { self.needles.shown } else { 0 };
        (secret.0 < secret.1).then_some(Found { whole, secret, shown })
    }

    fn holds(&self, bytes: &[u8], found: &Found, path: &str) -> bool {
        let secret = &bytes[found.secret.0..found.secret.1];
        (self.entropy <= 0.0 || shannon(secret) > self.entropy)
            && self.needs.hold(bytes, found)
            && !self.allow.iter().any(|a| a.allows(bytes, found, path))
    }

    fn hit(&self, found: &Found) -> Hit {
        Hit {
            page: Arc::clone(&self.page),
            grade: self.grade,
            note: None,
            worth: Worth::default(),
            at: found.secret,
            decoded: None,
            shown: found.shown,
            rank: 1,
            alone: None,
        }
    }
}

/// A match without the line ends around it.
fn trimmed(bytes: &[u8], (mut start, mut end): (usize, usize)) -> (usize, usize) {
    while start < end && bytes[start] == b'\n' {
        start += 1;
    }
    while start < end && bytes[end - 1] == b'\n' {
        end -= 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests;
