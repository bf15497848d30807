//! From candidates to hits: the anchored pattern or the named value, then boundaries, entropy, allowances and proof.

use crate::rule::{Grade, Page};
use crate::secret::Secret;
use crate::secrets::allow;
use crate::secrets::checksum::Proof;
use crate::secrets::chosen;
use crate::secrets::decode;
use crate::secrets::entropy::shannon;
use crate::secrets::judge::{self, Setting};
use crate::secrets::named::{self, Value};
use crate::secrets::prefilter::{Prefilter, Waiting};
use crate::secrets::rules::{Compiled, SecretRule};
use crate::secrets::telling;
use regex_automata::{Anchored, Input};
use std::collections::HashMap;
use std::sync::Arc;

/// All secret rules, ready to match.
pub(crate) struct SecretSet {
    pub(crate) rules: Vec<SecretRule>,
    prefilter: Prefilter,
}

/// A secret in a view.
pub(crate) struct Hit {
    pub(crate) page: Arc<Page>,
    pub(crate) grade: Grade,
    pub(crate) note: Option<String>,
    /// The secret's bytes in the searched bytes, or the encoded stretch that holds it.
    pub(crate) at: (usize, usize),
    /// The secret, when it had to be decoded and is not at `at`.
    pub(crate) decoded: Option<Secret>,
    /// Bytes at the secret's start that are public knowledge.
    pub(crate) shown: usize,
    /// Wins over another hit of the same grade at the same bytes: the place over the vendor over the generic rule.
    pub(crate) rank: u8,
}

impl SecretSet {
    pub(crate) fn new(rules: Vec<SecretRule>) -> SecretSet {
        let prefilter = Prefilter::new(&rules);
        SecretSet { rules, prefilter }
    }

    /// Every secret in the bytes, also in encoded stretches, one hit per stretch of bytes, in order. The second is a
    /// rule that had more near misses than it was given time for, so that not all of them were tried.
    pub(crate) fn hits(&self, bytes: &[u8], setting: Setting) -> (Vec<Hit>, Option<&str>) {
        let mut search = Search {
            set: self,
            setting,
            left: HashMap::new(),
            allowance: EFFORT * bytes.len() + SLACK,
            dense: None,
        };
        let hits = search.view(bytes, 0);
        (hits, search.dense)
    }
}

/// Bytes that one rule's expression may look at, for each byte that is searched: hits of ordinary files stay far below
/// this, and only input made of near misses reaches it.
const EFFORT: usize = 24;
/// The same, for small inputs.
const SLACK: usize = 256 << 10;
/// What a failed try at one place costs at most: it mostly gives up after a few bytes, however far it might have looked.
const TRY: usize = 256;

/// One search, with what it may still spend.
struct Search<'s> {
    set: &'s SecretSet,
    setting: Setting,
    /// Bytes that each rule may still look at.
    left: HashMap<usize, usize>,
    allowance: usize,
    dense: Option<&'s str>,
}

impl<'s> Search<'s> {
    fn view(&mut self, bytes: &[u8], depth: usize) -> Vec<Hit> {
        let mut out = Vec::new();
        self.plain(bytes, &mut out);
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

    fn plain(&mut self, bytes: &[u8], out: &mut Vec<Hit>) {
        let set = self.set;
        // A value that is one long word is met from every name in it: its end is looked for once.
        let mut word = (0, 0);
        set.prefilter.candidates(bytes, |start, end, waiting: &Waiting| {
            for (rule, anchor) in &waiting.tokens {
                if bytes[start..end] == anchor[..] {
                    self.token(*rule, bytes, start, end, out);
                }
            }
            if waiting.names.is_empty() {
                return;
            }
            if let Some(value) = named::value(bytes, start, end, &mut word) {
                let begins = begins_word(bytes, start);
                for rule in &waiting.names {
                    // `POSTGRES_PASSWORD` is not about `es`; `mytoken` is about a token.
                    if begins || set.rules[*rule].spec.generic {
                        self.named(*rule, bytes, &value, out);
                    }
                }
            }
        });
    }

    /// Whether a rule may still look at anything.
    fn may(&mut self, rule: usize) -> bool {
        let left = *self.left.entry(rule).or_insert(self.allowance);
        if left == 0 {
            self.dense = Some(&self.set.rules[rule].page.id);
        }
        left > 0
    }

    /// Takes down what a rule has looked at.
    fn spend(&mut self, rule: usize, bytes: usize) {
        if let Some(left) = self.left.get_mut(&rule) {
            *left = left.saturating_sub(bytes);
        }
    }

    fn token(&mut self, index: usize, bytes: &[u8], start: usize, end: usize, out: &mut Vec<Hit>) {
        let rule = &self.set.rules[index];
        // Most candidates of a short anchor stand in the middle of a word: no regex for those.
        if (rule.spec.before == 0 && !left_edge(bytes, start)) || !self.may(index) {
            return;
        }
        let Some(compiled) = rule.compiled() else { return };
        let from = start.saturating_sub(rule.spec.before);
        let to = (start + compiled.reach.max(end - start) + 1).min(bytes.len());
        let anchored = if rule.spec.before == 0 { Anchored::Yes } else { Anchored::No };
        let input = Input::new(bytes).range(from..to).anchored(anchored);
        // Finding out that there is no match is much cheaper than finding the groups of one.
        let half = compiled.regex.search_half(&input);
        let looked = match half {
            Some(end) => end.offset() - from,
            None if anchored.is_anchored() => (to - from).min(TRY),
            None => to - from,
        };
        self.spend(index, looked);
        if half.is_none() {
            return;
        }
        let mut captures = compiled.regex.create_captures();
        compiled.regex.search_captures(&input, &mut captures);
        let (Some(whole), Some(secret)) = (captures.get_group(0), captures.get_group(compiled.group)) else {
            return;
        };
        let around = whole.start <= start && whole.end >= end;
        if !around || !left_edge(bytes, whole.start) || !right_edge(bytes, whole.end) {
            return;
        }
        let anchor = if compiled.group == 0 && whole.start == start { end - start } else { 0 };
        let shown = rule.spec.shown.unwrap_or(anchor);
        rule.judge(compiled, bytes, (secret.start, secret.end), shown, out);
    }

    fn named(&mut self, index: usize, bytes: &[u8], value: &Value, out: &mut Vec<Hit>) {
        let rule = &self.set.rules[index];
        let secret = &bytes[value.start..value.end];
        let trimmed =
            secret.len() - secret.iter().rev().take_while(|b| matches!(b, b'.' | b',' | b':')).count();
        let end = value.start + if value.quoted { secret.len() } else { trimmed };
        if rule.spec.telling && !telling::telling(&bytes[value.name_start..value.start]) {
            return;
        }
        let Some(compiled) = rule.compiled() else { return };
        if end - value.start > compiled.reach || !self.may(index) {
            return;
        }
        self.spend(index, end - value.start);
        let input = Input::new(&bytes[value.start..end]).anchored(Anchored::Yes);
        if compiled.regex.search_half(&input).is_none_or(|m| m.offset() != end - value.start) {
            return;
        }
        let value = Value { end, ..*value };
        if rule.spec.generic && !judge::generic(bytes, &value, self.setting) {
            return;
        }
        rule.judge(compiled, bytes, (value.start, end), rule.spec.shown.unwrap_or(0), out);
    }
}

impl SecretRule {
    /// Whether what matched is a secret, and how sure that is.
    fn judge(&self, compiled: &Compiled, bytes: &[u8], at: (usize, usize), shown: usize, out: &mut Vec<Hit>) {
        let secret = &bytes[at.0..at.1];
        let proof = self.checksum.map_or(Proof::Unknown, |c| (c.check)(secret));
        let proved = matches!(proof, Proof::Holds(_));
        let body = &secret[shown.min(secret.len())..];
        let dull = || {
            shannon(secret) < self.spec.entropy
                || allow::placeholder(body).is_some()
                || allow::reference(secret)
                || (self.spec.chosen && chosen::stand_in(secret))
        };
        let allowed = || compiled.allow.iter().any(|a| a.is_match(Input::new(secret)));
        // A proof outweighs looks: a token whose checksum holds is no placeholder.
        if proof == Proof::Harmless || (!proved && dull()) || allowed() {
            return;
        }
        let (grade, note) = match proof {
            Proof::Holds(why) => (Grade::Proved, Some(why.to_owned())),
            Proof::Fails(why) => (Grade::Guessed, Some(why.to_owned())),
            Proof::Unknown | Proof::Harmless => (self.grade(), None),
        };
        let rank = if self.spec.generic { 0 } else { 2 };
        out.push(Hit { page: Arc::clone(&self.page), grade, note, at, decoded: None, shown, rank });
    }
}

/// Of hits that overlap, the surest stays, then the vendor's, then the longest.
pub(crate) fn settle(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| a.at.0.cmp(&b.at.0).then(b.at.1.cmp(&a.at.1)));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match kept.last_mut() {
            Some(last) if hit.at.0 < last.at.1 && !apart(last, &hit) => {
                let better = (hit.grade, hit.rank, hit.at.1 - hit.at.0)
                    > (last.grade, last.rank, last.at.1 - last.at.0);
                if better {
                    *last = hit;
                }
            }
            _ => kept.push(hit),
        }
    }
    kept
}

/// Two different secrets decoded from one stretch (a base64 of a whole file) do not compete.
fn apart(a: &Hit, b: &Hit) -> bool {
    match (&a.decoded, &b.decoded) {
        (Some(x), Some(y)) => a.at == b.at && x.expose() != y.expose(),
        _ => false,
    }
}

/// Whether a name begins at `at`: after no letter, or as a capital after a small one.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| bytes[i]);
    before.is_none_or(|b| {
        !b.is_ascii_alphabetic() || (b.is_ascii_lowercase() && bytes[at].is_ascii_uppercase())
    })
}

/// Whether a token may begin at `at`: not in the middle of a word, unless the word is an escape sequence.
fn left_edge(bytes: &[u8], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|i| bytes[i]);
    let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
    match before(1) {
        None => true,
        Some(b) if !b.is_ascii_alphanumeric() => true,
        Some(b'n' | b'r' | b't' | b'b' | b'f' | b'0') if before(2) == Some(b'\\') => true,
        _ if hex(before(1)) && hex(before(2)) => {
            before(3) == Some(b'%')
                || (before(3) == Some(b'x') && before(4) == Some(b'\\'))
                || (before(5) == Some(b'u') && before(6) == Some(b'\\'))
        }
        _ => false,
    }
}

/// Whether a token may end at `at`.
fn right_edge(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_')
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::secrets::judge::Setting;
    use crate::testing::fill;

    fn rules(text: &str) -> Vec<String> {
        let engine = Engine::builtin();
        engine.secrets.hits(text.as_bytes(), Setting::Code).0.iter().map(|h| h.page.id.clone()).collect()
    }

    #[test]
    fn tokens_stand_alone_or_behind_an_escape() {
        let token = fill("glpat-{{alnum:20}}", "matcher");
        for text in [
            token.clone(),
            format!("\\n{token}\\n"),
            format!("%3D{token}"),
            format!("\\u003d{token}\\u0026x"),
            format!("[{token}]"),
        ] {
            assert_eq!(rules(&text), ["gitlab-pat"], "{text}");
        }
        for text in [format!("x{token}"), format!("{token}x"), format!("{token}_x")] {
            assert_eq!(rules(&text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_vendor_wins_over_the_generic_rule() {
        assert_eq!(rules(&fill("gitlab_token = \"glpat-{{alnum:20}}\"", "matcher")), ["gitlab-pat"]);
    }

    /// The budget is what keeps input made of near misses from taking hours: here, of keys that never end.
    #[test]
    fn near_misses_cost_no_more_than_their_share() {
        let header = ["-----", "BEGIN RSA PRIVATE KEY", "-----\n"].concat();
        let engine = Engine::builtin();
        let (hits, dense) = engine.secrets.hits(header.repeat(20_000).as_bytes(), Setting::Code);
        assert!(hits.is_empty());
        assert_eq!(dense, Some("private-key-rsa"));
        let (_, dense) = engine.secrets.hits(header.repeat(20).as_bytes(), Setting::Code);
        assert_eq!(dense, None);
    }
}
