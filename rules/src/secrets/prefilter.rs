//! Finds where a rule may apply: most bytes of a disk are looked at here and nowhere else.
//!
//! Each position is asked one question: can the four bytes from here be part of an anchor or a name? Of each literal the
//! four are chosen that are rarest in text. The answer is a bit of a table that fits into the innermost cache, and no
//! answer waits for the one before it, as the steps of an automaton do: with thousands of literals, that is what makes
//! the difference. Where the answer is yes, the literals that hold these four are compared in full.

use crate::secrets::rules::SecretRule;
use crate::secrets::words;
use std::collections::BTreeMap;

/// Finds where a rule may apply.
pub(crate) struct Prefilter {
    /// Four bytes of each literal of three bytes or more.
    quads: Table<8192>,
    /// The same by another hash: of those that are in neither by right, few are in both.
    again: Table<8192>,
    /// Literals of two.
    pairs: Table<128>,
    /// Literals by their four bytes: those of a bucket stand together.
    order: Vec<Entry>,
    /// Where each bucket begins in `order`.
    buckets: Vec<u32>,
    /// For each literal, the rules that wait for it.
    waiting: Vec<(Vec<u8>, Waiting)>,
}

/// A literal, and what tells at a glance that it is not the one: four of its bytes and four others, folded.
struct Entry {
    key: u32,
    others: u32,
    /// Which of the others belong to the literal.
    mask: u32,
    literal: u32,
    /// Where the four stand in the literal, and where the others do.
    at: u8,
    beside: u8,
}

/// A set of keys: a bit for each hash.
struct Table<const WORDS: usize> {
    bits: Box<[u32; WORDS]>,
    empty: bool,
}

impl<const WORDS: usize> Table<WORDS> {
    const SHIFT: u32 = 32 - WORDS.ilog2() - 5;

    fn new() -> Table<WORDS> {
        Table { bits: Box::new([0; WORDS]), empty: true }
    }

    fn add(&mut self, key: u32) {
        let hash = mix(key) >> Self::SHIFT;
        self.bits[(hash >> 5) as usize % WORDS] |= 1 << (hash & 31);
        self.empty = false;
    }

    /// 1 or 0.
    #[inline(always)]
    fn has(&self, key: u32) -> u32 {
        let hash = mix(key) >> Self::SHIFT;
        self.bits[(hash >> 5) as usize % WORDS] >> (hash & 31) & 1
    }
}

/// Another key for each key.
#[inline(always)]
fn other(key: u32) -> u32 {
    (key ^ key >> 15).wrapping_mul(0x85eb_ca6b)
}

/// Spreads a key over all bits (the golden ratio).
#[inline(always)]
fn mix(key: u32) -> u32 {
    key.wrapping_mul(0x9e37_79b1)
}

/// Bits of a bucket's number.
const BUCKETS: u32 = 13;
/// Makes capitals small; what it does to other bytes does no harm, because literals are compared in full.
const FOLD: u32 = 0x2020_2020;
/// The same for eight bytes.
const FOLD_EIGHT: u64 = 0x2020_2020_2020_2020;
/// Two of four bytes.
const PAIR: u32 = 0xffff;

/// Rules that wait for one literal.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Token rules, with the literal as the rule spells it.
    pub(crate) tokens: Vec<(usize, Vec<u8>)>,
    /// Rules for values behind a name that begins with the literal, each with the words that may follow it.
    pub(crate) names: Vec<Named>,
}

/// A rule for values behind a name. What is asked at each mention of the name stands here and not in the rule, which is
/// far away in memory.
pub(crate) struct Named {
    pub(crate) rule: usize,
    pub(crate) generic: bool,
    /// What follows the literal, each after its first letter, which mostly tells that it does not; 0 where nothing need.
    pub(crate) rests: Vec<(u8, Rest)>,
}

/// Words of a name that follow its literal, a blank between two.
pub(crate) type Rest = Box<[u8]>;

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
                let rest = (rest.first().copied().unwrap_or(0), rest);
                for spelling in spellings(&begins) {
                    let names = &mut literals.entry(spelling.into_bytes()).or_default().names;
                    match names.last_mut().filter(|last| last.rule == index) {
                        Some(last) => last.rests.push(rest.clone()),
                        None => {
                            let generic = rule.spec.generic;
                            names.push(Named { rule: index, generic, rests: vec![rest.clone()] });
                        }
                    }
                }
            }
        }
        Prefilter::of(literals.into_iter().collect())
    }

    fn of(waiting: Vec<(Vec<u8>, Waiting)>) -> Prefilter {
        let (mut quads, mut again, mut pairs) = (Table::new(), Table::new(), Table::new());
        let mut order: Vec<Entry> = Vec::with_capacity(2 * waiting.len());
        for (index, (literal, _)) in waiting.iter().enumerate() {
            let entry = |key| Entry { key, others: 0, mask: 0, literal: index as u32, at: 0, beside: 0 };
            match literal.len() {
                // Shorter ones are refused where packs are read: they would be everywhere.
                0 | 1 => {}
                2 => {
                    let key = word(literal, 0) & PAIR;
                    pairs.add(key);
                    order.push(entry(key));
                }
                // With each byte that may follow: one table is asked faster than two.
                3 => {
                    for follower in (0..0x80u32).filter(|b| b & 0x20 != 0) {
                        let key = (word(literal, 0) & 0x00ff_ffff) | follower << 24;
                        order.push(entry(key));
                    }
                }
                len => {
                    let at = rarest(literal);
                    let beside = if at + 4 < len { at + 4 } else { 0 };
                    let mask = (0..4).filter(|i| beside + i < len).fold(0, |mask, i| mask | 0xff << (8 * i));
                    let (key, others) = (word(literal, at), word(literal, beside) & mask);
                    order.push(Entry { others, mask, at: at as u8, beside: beside as u8, ..entry(key) });
                }
            }
        }
        order.iter().filter(|e| waiting[e.literal as usize].0.len() > 2).for_each(|e| {
            quads.add(e.key);
            again.add(other(e.key));
        });
        order.sort_by_key(|e| mix(e.key) >> (32 - BUCKETS));
        let mut buckets = vec![0; (1 << BUCKETS) + 1];
        for entry in &order {
            buckets[(mix(entry.key) >> (32 - BUCKETS)) as usize + 1] += 1;
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        Prefilter { quads, again, pairs, order, buckets, waiting }
    }

    /// Every place where a literal stands, overlapping ones too: `(first byte, one past the last, rules)`.
    pub(crate) fn candidates(&self, bytes: &[u8], mut each: impl FnMut(usize, usize, &Waiting)) {
        let mut from = 0;
        // Eight positions at once, and one branch for all of them.
        while let Some(Ok(block)) = bytes.get(from..from + 12).map(<&[u8; 12]>::try_from) {
            let met = self.eight(block);
            if met != 0 {
                self.each_of(met, bytes, from, &mut each);
            }
            from += 8;
        }
        for at in from..bytes.len() {
            let key = word(bytes, at);
            if self.quads.has(key) != 0 {
                self.meet(bytes, at, key, &mut each);
            }
        }
        if !self.pairs.empty {
            self.short(bytes, &mut each);
        }
    }

    /// Which of the first eight positions may be in a literal: a bit for each.
    #[inline(always)]
    fn eight(&self, block: &[u8; 12]) -> u32 {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *block;
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]) | FOLD_EIGHT;
        let second = u64::from_le_bytes([e, f, g, h, i, j, k, l]) | FOLD_EIGHT;
        let has = |four: u64, n: u32| self.quads.has((four >> (8 * n)) as u32);
        (has(first, 0) | has(first, 1) << 1 | has(first, 2) << 2 | has(first, 3) << 3)
            | (has(second, 0) << 4 | has(second, 1) << 5 | has(second, 2) << 6 | has(second, 3) << 7)
    }

    fn each_of(
        &self,
        mut met: u32,
        bytes: &[u8],
        from: usize,
        each: &mut impl FnMut(usize, usize, &Waiting),
    ) {
        while met != 0 {
            let at = from + met.trailing_zeros() as usize;
            met &= met - 1;
            let key = word(bytes, at);
            if self.again.has(other(key)) != 0 {
                self.meet(bytes, at, key, each);
            }
        }
    }

    /// Literals of two bytes.
    fn short(&self, bytes: &[u8], each: &mut impl FnMut(usize, usize, &Waiting)) {
        for at in 0..bytes.len() {
            let key = word(bytes, at) & PAIR;
            if self.pairs.has(key) != 0 {
                self.meet(bytes, at, key, each);
            }
        }
    }

    /// Compares the literals that hold these four bytes.
    #[inline(never)]
    fn meet(&self, bytes: &[u8], at: usize, key: u32, each: &mut impl FnMut(usize, usize, &Waiting)) {
        let bucket = (mix(key) >> (32 - BUCKETS)) as usize;
        let range = self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize;
        for entry in self.order[range].iter().filter(|e| e.key == key) {
            let Some(start) = at.checked_sub(usize::from(entry.at)) else { continue };
            if word(bytes, start + usize::from(entry.beside)) & entry.mask != entry.others {
                continue;
            }
            let (literal, waiting) = &self.waiting[entry.literal as usize];
            let end = start + literal.len();
            if bytes.get(start..end).is_some_and(|b| b.eq_ignore_ascii_case(literal)) {
                each(start, end, waiting);
            }
        }
    }
}

/// Bytes of a literal that are looked at for its rarest four.
const SEEN: usize = 64;

/// Where the four bytes of a literal stand that are rarest in text.
fn rarest(literal: &[u8]) -> usize {
    let literal = &literal[..literal.len().min(SEEN)];
    let common =
        |at: usize| literal[at..at + 4].windows(2).map(|pair| words::common(pair[0], pair[1])).sum::<i32>();
    (0..=literal.len() - 4).min_by_key(|at| common(*at)).unwrap_or(0)
}

/// Four bytes, folded; zeros stand for those beyond the end.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u32 {
    if let Some(Ok(four)) = bytes.get(at..at + 4).map(<[u8; 4]>::try_from) {
        return u32::from_le_bytes(four) | FOLD;
    }
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u32::from_le_bytes(four) | FOLD
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
/// and each of them in each of its spellings would be ten thousand literals.
fn parts(name: &str) -> (String, Rest) {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(' ').collect();
    let alone = words[0].len() >= RARE && !COMMON.contains(&words[0]);
    let (begins, rest) = words.split_at(if alone { 1 } else { words.len().min(2) });
    (begins.join(" "), rest.join(" ").into_bytes().into())
}

/// The letter that the next word of a name begins with, as [`Named::rests`] has it, where a literal ends at `at`.
pub(crate) fn next_letter(bytes: &[u8], at: usize) -> u8 {
    let separated = matches!(bytes.get(at), Some(b'_' | b'-' | b'.' | b' '));
    bytes.get(at + usize::from(separated)).map_or(0, |b| b | 0x20)
}

/// Where a name ends whose literal ends at `at`, if its other words follow.
pub(crate) fn follows(bytes: &[u8], mut at: usize, rest: &[u8]) -> Option<usize> {
    if rest.is_empty() {
        return Some(at);
    }
    for word in rest.split(|b| *b == b' ') {
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

    /// Against the plain way to do it, over texts that are full of literals and of what is nearly one.
    #[test]
    fn every_literal_is_met_wherever_it_stands() {
        let literals = ["ab", "abc", "abcd", "abcde", "token", "tok", "_x", "sk-"];
        let filter =
            Prefilter::of(literals.iter().map(|l| (l.as_bytes().to_vec(), Waiting::default())).collect());
        let mut text = String::new();
        for n in 0..4000usize {
            text.push_str(literals[(n * 7 + n / 5) % literals.len()]);
            text.push_str(["", "a", "ab", " ", "T", "@"][n % 6]);
        }
        for text in
            [text.to_uppercase(), text, "ab".to_owned(), "a".to_owned(), String::new(), "xtok".to_owned()]
        {
            let mut met = Vec::new();
            filter.candidates(text.as_bytes(), |start, end, _| met.push((start, end)));
            let lower = text.to_ascii_lowercase();
            let lower = lower.as_str();
            let mut want: Vec<(usize, usize)> = (0..lower.len())
                .flat_map(|at| {
                    literals
                        .iter()
                        .filter(move |l| lower[at..].starts_with(**l))
                        .map(move |l| (at, at + l.len()))
                })
                .collect();
            met.sort_unstable();
            want.sort_unstable();
            assert_eq!(met, want);
        }
    }

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
