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
    /// Rules for values behind a name that begins with the literal, each with the words that may follow it.
    pub(crate) names: Vec<(usize, Vec<Rest>)>,
}

/// Words of a name that follow its literal.
pub(crate) type Rest = Vec<Vec<u8>>;

impl Prefilter {
    pub(crate) fn new(rules: &[SecretRule]) -> Prefilter {
        let mut literals: BTreeMap<Vec<u8>, Waiting> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for anchor in &rule.spec.anchors {
                let waiting = literals.entry(anchor.to_ascii_lowercase().into_bytes()).or_default();
                waiting.tokens.push((index, anchor.as_bytes().to_vec()));
            }
            for name in &rule.spec.names {
                let (begins, rest) = parts(name);
                for spelling in spellings(&begins) {
                    let names = &mut literals.entry(spelling.into_bytes()).or_default().names;
                    match names.last_mut().filter(|(last, _)| *last == index) {
                        Some((_, rests)) => rests.push(rest.clone()),
                        None => names.push((index, vec![rest.clone()])),
                    }
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

/// Letters from which a word is rare enough to be looked for by itself.
const RARE: usize = 5;
/// Words that half of all names begin with.
const COMMON: &[&str] = &[
    "access",
    "account",
    "admin",
    "application",
    "client",
    "consumer",
    "cookie",
    "deploy",
    "encryption",
    "license",
    "master",
    "personal",
    "private",
    "public",
    "secret",
    "security",
    "service",
    "session",
    "shared",
    "signing",
    "subscription",
    "token",
    "webhook",
];

/// What of a name is looked for, and the words that must follow it: the names of a vendor mostly share their first word,
/// and an automaton over each of them in each of its spellings would take longer to build than most files to search.
fn parts(name: &str) -> (String, Rest) {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(' ').collect();
    let alone = words[0].len() >= RARE && !COMMON.contains(&words[0]);
    let (begins, rest) = words.split_at(if alone { 1 } else { words.len().min(2) });
    (begins.join(" "), rest.iter().map(|w| w.as_bytes().to_vec()).collect())
}

/// Where a name ends whose literal ends at `at`, if its other words follow.
pub(crate) fn follows(bytes: &[u8], mut at: usize, rest: &Rest) -> Option<usize> {
    for word in rest {
        at += usize::from(matches!(bytes.get(at), Some(b'_' | b'-' | b'.' | b' ')));
        if !bytes.get(at..at + word.len())?.eq_ignore_ascii_case(word) {
            return None;
        }
        at += word.len();
    }
    Some(at)
}

/// `api key` is looked for as `api_key`, `api-key`, `api.key`, `api key` and `apikey`.
fn spellings(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    if !lower.contains(' ') {
        return vec![lower];
    }
    ["_", "-", ".", " ", ""].iter().map(|separator| lower.replace(' ', separator)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> bool {
        let (begins, rest) = parts(name);
        let lower = text.to_ascii_lowercase();
        spellings(&begins).iter().any(|s| {
            lower
                .match_indices(s.as_str())
                .any(|(at, _)| follows(text.as_bytes(), at + s.len(), &rest).is_some())
        })
    }

    #[test]
    fn a_name_is_met_in_each_of_its_spellings() {
        for name in ["acme prod key", "x api key", "acme", "secret access key"] {
            let spelled =
                [name.replace(' ', "_"), name.replace(' ', "-"), name.replace(' ', ""), name.to_uppercase()];
            for text in spelled {
                assert!(found(name, &text), "{name}: {text}");
            }
        }
        assert!(found("acme prod key", "acmeProd-Key") && !found("acme prod key", "acme_prod"));
        assert!(!found("acme prod key", "acme__prod_key"));
    }
}
