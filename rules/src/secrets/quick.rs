//! Finds out quickly that a rule does not match, which is what nearly every look ends with: a table that takes one step
//! a byte and stops at the first byte that cannot be. Regular expressions that count far (`{0,200}`) have no small
//! table; theirs forgets the numbers and only says where the expression has to be tried.

use crate::secrets::rules::FAR;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, HirKind, Repetition};

/// Memory of one table.
const SIZE: usize = 96 << 10;
/// Memory that making one may take.
const MAKING: usize = 512 << 10;
/// Numbers up to this are kept where the others are forgotten.
const FEW: u32 = 8;
/// Bytes between the marks of a [`Trail`].
const STEP: usize = 16;

/// A table that a rule is looked up in.
pub(crate) struct Quick {
    dfa: dense::DFA<Vec<u32>>,
    anchored: Anchored,
    /// Bytes before its anchor that every match has, where these are always as many.
    ahead: Option<usize>,
    /// Whether it knows where a match ends, and not only where one may be.
    exact: bool,
    /// The state in which no match has begun.
    fresh: Option<StateID>,
}

/// What a look has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// There is no match.
    Nothing,
    /// The match that the expression prefers ends here.
    Ends(usize),
    /// The expression has to be tried.
    Perhaps,
}

/// Where to look.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    pub(crate) from: usize,
    /// A match begins here at the latest.
    pub(crate) start: usize,
    pub(crate) to: usize,
}

/// The way of the last look that has shown nothing. One that comes to the same state at the same place goes the same way
/// from there on: so commands that are looked at to the end of a long line cost the line once, not once for each.
#[derive(Default)]
pub(crate) struct Trail {
    /// The place of the first mark, in steps.
    base: usize,
    /// The state at each step from there.
    marks: Vec<StateID>,
    /// How far it went, and to which state.
    end: usize,
    state: Option<StateID>,
}

impl Quick {
    /// Of an expression whose matches begin at most `before` bytes before one of `anchors`; `None` when its table would be
    /// too large in any case.
    pub(crate) fn new(hir: &Hir, before: usize, anchors: &[String]) -> Option<Quick> {
        // One that looks far and counts goes its own way from each place: without its numbers, its ways meet. Values behind
        // a name are looked at once.
        let far = !anchors.is_empty() && hir.properties().maximum_len().is_none_or(|longest| longest > FAR);
        let ahead = if before == 0 { Some(0) } else { ahead(hir, anchors) };
        let anchored = if ahead.is_some() { Anchored::Yes } else { Anchored::No };
        let exact = || table(hir, anchored).map(|dfa| (dfa, true));
        let without = |most| table(&relaxed(hir, most), anchored).map(|dfa| (dfa, false));
        let made = if far { None } else { exact() };
        let (dfa, exact) = made.or_else(|| without(FEW)).or_else(|| without(1))?;
        let fresh = match anchored {
            Anchored::No => dfa.universal_start_state(Anchored::No),
            _ => None,
        };
        Some(Quick { dfa, anchored, ahead, exact, fresh })
    }

    /// Looks for a match; returns also how many bytes were looked at.
    pub(crate) fn look(&self, bytes: &[u8], range: Range, trail: Option<&mut Trail>) -> (Seen, usize) {
        let Range { from, start, to } = range;
        let from = match self.ahead.map(|ahead| start.checked_sub(ahead)) {
            Some(None) => return (Seen::Nothing, 0),
            Some(Some(begins)) => begins,
            None => from,
        };
        let range = Range { from, ..range };
        let input = Input::new(bytes).range(from..to).anchored(self.anchored);
        let Ok(first) = self.dfa.start_state_forward(&input) else { return (Seen::Perhaps, 0) };
        match trail {
            Some(trail) => self.follow(bytes, range, first, trail),
            None => {
                let mut walk = Walk { at: from, state: first, last: None };
                let over = self.walk(bytes, &mut walk, to, start);
                (self.seen(bytes, &walk, over, to), walk.at - from)
            }
        }
    }

    /// Whether all of `bytes` match; only of an expression that says where it ends.
    pub(crate) fn whole(&self, bytes: &[u8]) -> Seen {
        let (from, start, to) = (0, 0, bytes.len());
        match self.look(bytes, Range { from, start, to }, None).0 {
            Seen::Ends(end) if end != to => Seen::Nothing,
            seen => seen,
        }
    }

    /// Steps until `to`, or until nothing more can come: then `true`.
    #[inline]
    fn walk(&self, bytes: &[u8], walk: &mut Walk, to: usize, start: usize) -> bool {
        while walk.at < to {
            walk.state = self.dfa.next_state(walk.state, bytes[walk.at]);
            if self.dfa.is_special_state(walk.state) {
                if self.dfa.is_match_state(walk.state) {
                    // Known one byte later.
                    walk.last = Some(walk.at);
                    if !self.exact {
                        return true;
                    }
                } else if self.dfa.is_dead_state(walk.state) {
                    walk.at += 1;
                    return true;
                }
            }
            walk.at += 1;
            if self.fresh == Some(walk.state) && walk.at > start {
                return true;
            }
        }
        false
    }

    /// What a walk has shown that has ended at `to` or before.
    fn seen(&self, bytes: &[u8], walk: &Walk, over: bool, to: usize) -> Seen {
        let mut last = walk.last;
        if !over {
            let state = match bytes.get(to) {
                Some(next) => self.dfa.next_state(walk.state, *next),
                None => self.dfa.next_eoi_state(walk.state),
            };
            if self.dfa.is_match_state(state) {
                last = Some(to);
            }
        }
        match last {
            None => Seen::Nothing,
            Some(end) if self.exact => Seen::Ends(end),
            Some(_) => Seen::Perhaps,
        }
    }

    /// As [`Quick::walk`], leaving marks and watching for those of the last one.
    fn follow(&self, bytes: &[u8], range: Range, first: StateID, trail: &mut Trail) -> (Seen, usize) {
        let Range { from, start, to } = range;
        let mut walk = Walk { at: from, state: first, last: None };
        let mut looked = 0;
        let base = from.div_ceil(STEP);
        let mut marks = Vec::new();
        loop {
            let before = walk.at;
            let next = (base + marks.len()) * STEP;
            let over = self.walk(bytes, &mut walk, next.min(to), start);
            looked += walk.at - before;
            if over || walk.at >= to {
                let seen = self.seen(bytes, &walk, over, to);
                if seen == Seen::Nothing {
                    *trail = Trail { base, marks, end: walk.at, state: (!over).then_some(walk.state) };
                }
                return (seen, looked);
            }
            if walk.last.is_none() && trail.leads(next / STEP, walk.state, start) {
                marks.extend_from_slice(&trail.marks[next / STEP - trail.base..]);
                *trail = Trail { base, marks, ..*trail };
                let Some(state) = trail.state.filter(|_| trail.end < to) else {
                    return (Seen::Nothing, looked);
                };
                marks = std::mem::take(&mut trail.marks);
                walk = Walk { at: trail.end, state, last: None };
                continue;
            }
            marks.push(walk.state);
        }
    }
}

impl Trail {
    /// Whether it was in this state at this step, and what came of it holds for matches that begin at `start` too.
    fn leads(&self, step: usize, state: StateID, start: usize) -> bool {
        let mark = step.checked_sub(self.base).and_then(|n| self.marks.get(n));
        mark == Some(&state) && (self.state.is_some() || self.end > start)
    }
}

/// How far a look has come.
struct Walk {
    at: usize,
    state: StateID,
    /// Where the last match has ended.
    last: Option<usize>,
}

fn table(hir: &Hir, anchored: Anchored) -> Option<dense::DFA<Vec<u32>>> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .which_captures(WhichCaptures::None)
                .nfa_size_limit(Some(MAKING)),
        )
        .build_from_hir(hir)
        .ok()?;
    let start = if anchored.is_anchored() { StartKind::Anchored } else { StartKind::Unanchored };
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(start)
                .accelerate(false)
                .dfa_size_limit(Some(SIZE))
                .determinize_size_limit(Some(MAKING)),
        )
        .build_from_nfa(&nfa)
        .ok()
}

/// How many bytes a match has before its anchor, where these are always as many.
fn ahead(hir: &Hir, anchors: &[String]) -> Option<usize> {
    let HirKind::Concat(items) = hir.kind() else { return None };
    let mut bytes = 0;
    for item in items {
        if let Some(at) = anchor(item, anchors) {
            return Some(bytes + at);
        }
        let known = item.properties();
        bytes += known.minimum_len().filter(|least| known.maximum_len() == Some(*least))?;
    }
    None
}

/// Where in a part of an expression an anchor stands.
fn anchor(part: &Hir, anchors: &[String]) -> Option<usize> {
    match part.kind() {
        HirKind::Literal(l) => anchors.iter().find_map(|a| memchr::memmem::find(&l.0, a.as_bytes())),
        HirKind::Capture(c) => anchor(&c.sub, anchors),
        HirKind::Concat(items) => items.first().and_then(|first| anchor(first, anchors)),
        HirKind::Alternation(items) => {
            let each: Option<Vec<usize>> = items.iter().map(|item| anchor(item, anchors)).collect();
            each.filter(|each| each.iter().all(|at| *at == 0)).map(|_| 0)
        }
        _ => None,
    }
}

/// An expression that matches all that this one does, and more, without its numbers.
fn relaxed(hir: &Hir, most: u32) -> Hir {
    let all = |items: &[Hir]| items.iter().map(|h| relaxed(h, most)).collect();
    match hir.kind() {
        HirKind::Repetition(r) => {
            let far = r.max.is_none_or(|max| max > most);
            let (min, max) = if far { (r.min.min(most), None) } else { (r.min, r.max) };
            Hir::repetition(Repetition { min, max, greedy: r.greedy, sub: Box::new(relaxed(&r.sub, most)) })
        }
        HirKind::Capture(c) => relaxed(&c.sub, most),
        HirKind::Concat(items) => Hir::concat(all(items)),
        HirKind::Alternation(items) => Hir::alternation(all(items)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::testing::fill;
    use regex_automata::meta::Regex;
    use regex_automata::util::syntax;

    fn made(pattern: &str, before: usize) -> (Quick, Regex) {
        let config = syntax::Config::new().unicode(false).utf8(false);
        let hir = syntax::parse_with(pattern, &config).unwrap();
        (
            Quick::new(&hir, before, &["@".to_owned()]).unwrap(),
            Regex::builder().syntax(config).build(pattern).unwrap(),
        )
    }

    /// What it says must be what the expression says.
    fn agrees(seen: Seen, regex: &Regex, input: &Input<'_>, what: &str) {
        let half = regex.search_half(input).map(|half| half.offset());
        match seen {
            Seen::Nothing => assert_eq!(half, None, "{what}"),
            Seen::Ends(at) => assert_eq!(half, Some(at), "{what}"),
            Seen::Perhaps => {}
        }
    }

    #[test]
    fn a_table_says_what_its_rule_says_of_examples_and_of_what_is_nearly_one() {
        let mut exact = 0;
        for rule in &Engine::builtin().secrets.rules {
            let (Some(quick), Some(compiled)) = (rule.table(), rule.compiled()) else { continue };
            exact += usize::from(quick.exact);
            let examples = rule.spec.examples.iter().chain(&rule.spec.counter_examples);
            for (n, text) in examples.map(|e| fill(e, "quick")).enumerate() {
                let cuts = [text.clone(), text[..text.floor_char_boundary(text.len() - 1)].to_owned()];
                for text in cuts.into_iter().chain([format!("{text}{text}"), text.replace(['a', '7'], "-")]) {
                    let bytes = text.as_bytes();
                    let mut trail = Trail::default();
                    for start in 0..bytes.len().min(200) {
                        let from = start.saturating_sub(quick.ahead.unwrap_or(rule.spec.before));
                        let to = (start + compiled.reach + 1).min(bytes.len());
                        if from + quick.ahead.unwrap_or_default() > start {
                            continue;
                        }
                        let (seen, _) = quick.look(bytes, Range { from, start, to }, Some(&mut trail));
                        let input = Input::new(bytes).range(from..to).anchored(quick.anchored);
                        // What begins later than at `start` is for the next look.
                        if seen != Seen::Nothing || quick.anchored.is_anchored() {
                            agrees(seen, &compiled.regex, &input, &format!("{} {n} {start}", rule.page.id));
                        }
                    }
                }
            }
        }
        assert!(exact > 500, "{exact}");
    }

    #[test]
    fn what_stands_before_an_anchor_is_counted_where_it_can_be() {
        let table = [
            ("[a-z]{3}@[0-9]{4}", Some(3)),
            ("-{5}BEGIN@x", Some(10)),
            ("[a-z]{2}(?:@a|@b)[0-9]", Some(2)),
            ("[a-z]{2,3}@[0-9]", None),
            ("[a-z]{2}[0-9]", None),
        ];
        for (pattern, bytes) in table {
            assert_eq!(made(pattern, 12).0.ahead, bytes, "{pattern}");
        }
        let (quick, _) = made("[a-z]{3}@[0-9]{4}", 3);
        let look = |text: &[u8], start| quick.look(text, Range { from: 0, start, to: text.len() }, None).0;
        assert_eq!(look(b"xabc@1234", 4), Seen::Ends(9));
        assert_eq!((look(b"xab1@1234", 4), look(b"bc@1234", 2)), (Seen::Nothing, Seen::Nothing));
    }

    #[test]
    fn what_is_nowhere_is_known_before_the_end() {
        let (quick, _) = made("[0-9]{3,6}:[a-z]{9}", 6);
        let text = [b"12345:abc ".as_slice(), &[b' '; 1000]].concat();
        let range = Range { from: 0, start: 5, to: text.len() };
        assert_eq!(quick.look(&text, range, None), (Seen::Nothing, 10));
    }

    /// Pieces of commands in an order that looks random.
    fn pieces(seed: usize) -> String {
        let words = ["get ", "get  -u", "abc", " -", "-u ", "x", "\n", "get"];
        (0..400).map(|n| words[(n * n * 31 + n * seed + seed * seed * 7) % words.len()]).collect()
    }

    #[test]
    fn a_trail_changes_nothing_but_the_time() {
        for (pattern, before) in [
            ("get [^\n]*? -u(?P<secret>[a-c]{3})", 0),
            ("get [^\n]{0,200}? -u(?P<secret>[a-c]{3})", 0),
            ("(?:x{1,3}|abc)get[^\n]*-u[a-c]{2,9}x", 3),
        ] {
            let (quick, regex) = made(pattern, before);
            let anchored = before == 0;
            for seed in 0..40 {
                let text = pieces(seed);
                let bytes = text.as_bytes();
                let mut trail = Trail::default();
                for (start, _) in text.match_indices("get") {
                    for reach in [300, 90] {
                        let from = start.saturating_sub(before);
                        let range = Range { from, start, to: (start + reach).min(bytes.len()) };
                        let (seen, _) = quick.look(bytes, range, Some(&mut trail));
                        assert_eq!(seen, quick.look(bytes, range, None).0, "{pattern} {seed} {start}");
                        let input = Input::new(bytes).range(from..range.to).anchored(quick.anchored);
                        if anchored || seen != Seen::Nothing {
                            agrees(seen, &regex, &input, pattern);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_long_line_of_commands_is_walked_once() {
        let (quick, _) = made("get [^\n]*? -u(?P<secret>[a-c]{3})", 0);
        let text = "get -x ".repeat(4000);
        let mut trail = Trail::default();
        let mut looked = 0;
        for (start, _) in text.match_indices("get") {
            let range = Range { from: start, start, to: (start + 9000).min(text.len()) };
            let (seen, bytes) = quick.look(text.as_bytes(), range, Some(&mut trail));
            assert_eq!(seen, Seen::Nothing);
            looked += bytes;
        }
        assert!(looked < 6 * text.len(), "{looked}");
    }
}
