//! One automaton over every anchor and name: most bytes of a disk are looked at here and nowhere else.

use crate::secrets::rules::SecretRule;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Finds where a rule may apply.
pub(crate) struct Prefilter {
    literals: Vec<Vec<u8>>,
    /// Built at once: slower to run, quick to build, small.
    small: OnceLock<Option<AhoCorasick>>,
    /// Built when there turns out to be much to search: the other way round.
    large: OnceLock<Option<AhoCorasick>>,
    /// Bytes searched so far.
    searched: AtomicUsize,
    /// For each literal of the automaton, the rules that wait for it.
    waiting: Vec<Waiting>,
}

/// Rules that wait for one literal.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Token rules, with the literal as the rule spells it.
    pub(crate) tokens: Vec<(usize, Vec<u8>)>,
    /// Rules for values behind this name.
    pub(crate) names: Vec<usize>,
}

impl Prefilter {
    pub(crate) fn new(rules: &[SecretRule]) -> Prefilter {
        let mut literals: BTreeMap<Vec<u8>, Waiting> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for anchor in &rule.spec.anchors {
                let waiting = literals.entry(anchor.to_ascii_lowercase().into_bytes()).or_default();
                waiting.tokens.push((index, anchor.as_bytes().to_vec()));
            }
            for name in &rule.spec.names {
                for spelling in spellings(name) {
                    literals.entry(spelling.into_bytes()).or_default().names.push(index);
                }
            }
        }
        let (literals, waiting) = literals.into_iter().unzip();
        Prefilter {
            literals,
            small: OnceLock::new(),
            large: OnceLock::new(),
            searched: AtomicUsize::new(0),
            waiting,
        }
    }

    /// Every place where a literal stands, overlapping ones too: `(first byte, one past the last, rules)`.
    pub(crate) fn candidates(&self, bytes: &[u8], mut each: impl FnMut(usize, usize, &Waiting)) {
        let Some(automaton) = self.automaton(bytes.len()) else { return };
        for hit in automaton.find_overlapping_iter(bytes) {
            if let Some(waiting) = self.waiting.get(hit.pattern().as_usize()) {
                each(hit.start(), hit.end(), waiting);
            }
        }
    }

    fn automaton(&self, len: usize) -> Option<&AhoCorasick> {
        let before = self.searched.fetch_add(len, Ordering::Relaxed);
        let (cell, kind) = if before.saturating_add(len) < MUCH {
            (&self.small, AhoCorasickKind::ContiguousNFA)
        } else {
            (&self.large, AhoCorasickKind::DFA)
        };
        cell.get_or_init(|| build(&self.literals, kind)).as_ref()
    }
}

/// Bytes from which building the large automaton (some 15 ms) pays: it saves about 1.5 ns on each.
const MUCH: usize = 8 << 20;

fn build(literals: &[Vec<u8>], kind: AhoCorasickKind) -> Option<AhoCorasick> {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard).kind(Some(kind)).build(literals).ok()
}

/// `api key` is looked for as `api_key`, `api-key`, `api.key`, `api key` and `apikey`.
fn spellings(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    if !lower.contains(' ') {
        return vec![lower];
    }
    ["_", "-", ".", " ", ""].iter().map(|separator| lower.replace(' ', separator)).collect()
}
