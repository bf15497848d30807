//! From candidates to hits: the anchored pattern or the named value, then boundaries, entropy, allowances and proof.

use crate::rule::{Grade, Page};
use crate::secret::Secret;
use crate::secrets::allow;
use crate::secrets::checksum::{Evidence, Proof, Seen, Worth};
use crate::secrets::chosen;
use crate::secrets::decode;
use crate::secrets::edges::{begins, begins_word, monotonous, right_edge};
use crate::secrets::effort::Effort;
use crate::secrets::entropy::shannon;
use crate::secrets::foreign::{ForeignRule, ForeignSet};
use crate::secrets::judge::{self, Around};
use crate::secrets::known::Known;
use crate::secrets::named::{self, Link, Value};
use crate::secrets::prefilter::{Named, Prefilter, Waiting, follows, next_letter};
use crate::secrets::published::published;
use crate::secrets::quick::{self, Trail};
use crate::secrets::rules::{Compiled, FAR, SecretRule};
use crate::secrets::section;
use crate::secrets::settle::{settle, vouched};
use crate::secrets::telling;
use regex_automata::{Anchored, Input};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All secret rules, ready to match.
pub(crate) struct SecretSet {
    pub(crate) rules: Vec<SecretRule>,
    /// Vendors whose own rules know their tokens, see [`judge::generic`].
    vendors: Known,
    prefilter: Prefilter,
    /// Rules of other tools, which are searched for in their own way.
    pub(crate) foreign: ForeignSet,
}

/// A secret in a view.
pub(crate) struct Hit {
    pub(crate) page: Arc<Page>,
    pub(crate) grade: Grade,
    /// Evidence in words.
    pub(crate) note: Option<String>,
    /// How bad it is, as far as it tells itself.
    pub(crate) worth: Worth,
    /// The secret's bytes in the searched bytes, or the encoded stretch that holds it.
    pub(crate) at: (usize, usize),
    /// The secret, when it had to be decoded and is not at `at`.
    pub(crate) decoded: Option<Secret>,
    /// Bytes at the secret's start that are public knowledge.
    pub(crate) shown: usize,
    /// Wins over another hit of the same grade at the same bytes: the place over the vendor over the generic rule.
    pub(crate) rank: u8,
    /// The rule, while nothing near has been found to vouch for it.
    pub(crate) alone: Option<usize>,
}

impl Hit {
    /// The secret's bytes; `bytes` are those that were searched.
    pub(crate) fn secret<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        self.decoded.as_ref().map_or(&bytes[self.at.0..self.at.1], Secret::expose)
    }
}

impl SecretSet {
    pub(crate) fn new(rules: Vec<SecretRule>, vendors: Vec<String>, foreign: Vec<ForeignRule>) -> SecretSet {
        let prefilter = Prefilter::new(&rules);
        let vendors = Known::new(&rules, vendors);
        SecretSet { rules, vendors, prefilter, foreign: ForeignSet::new(foreign) }
    }

    /// Every secret in the bytes, also in encoded stretches, one hit per stretch of bytes, in order. The second is a
    /// rule that had more near misses than it was given time for, so that not all of them were tried.
    pub(crate) fn hits<'s, 'p>(
        &'s self,
        bytes: &[u8],
        around: Around,
        off: &'p dyn Fn(&Page) -> bool,
    ) -> (Vec<Hit>, Option<&'s str>) {
        let (mut hits, dense) = self.suspects(bytes, around, off);
        hits.retain(|hit| hit.alone.is_none());
        (hits, dense)
    }

    /// As [`SecretSet::hits`], and what would be one if something near vouched for it: for lines torn out of their file.
    pub(crate) fn suspects<'s, 'p>(
        &'s self,
        bytes: &[u8],
        around: Around,
        off: &'p dyn Fn(&Page) -> bool,
    ) -> (Vec<Hit>, Option<&'s str>) {
        let mut search =
            Search { set: self, around, off, effort: Effort::new(self.rules.len(), bytes.len()) };
        let hits = search.view(bytes, 0);
        (hits, search.effort.dense().map(|rule| self.rules[rule].page.id.as_str()))
    }
}

/// What a failed try at one place costs at most where the expression does not look far: it mostly gives up after a few
/// bytes.
const TRY: usize = 128;
/// What a look costs besides its bytes.
const LOOK: usize = 32;
/// What it costs to find the parts of a match, and to judge a secret.
const JUDGE: usize = 256;
/// What a look without a table costs besides its bytes, and how much more each of these costs.
const TRIED: usize = 96;
const SLOW: usize = 2;

/// For each rule that looks far, the way of its last look.
type Trails = BTreeMap<usize, Trail>;

/// What to search in.
fn input<'h>(bytes: &'h [u8], quick::Range { from, start, to }: quick::Range) -> Input<'h> {
    let anchored = if from == start { Anchored::Yes } else { Anchored::No };
    Input::new(bytes).range(from..to).anchored(anchored)
}

/// One search, with what it may still spend.
struct Search<'s, 'p> {
    set: &'s SecretSet,
    around: Around,
    /// Rules that policy has switched off: they must not win over others.
    off: &'p dyn Fn(&Page) -> bool,
    effort: Effort,
}

impl<'s> Search<'s, '_> {
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
        for hit in &mut out {
            hit.alone = hit.alone.filter(|rule| !self.vouched(*rule, bytes, hit.at));
        }
        settle(out)
    }

    /// Whether something near vouches for what a rule has found.
    fn vouched(&mut self, index: usize, bytes: &[u8], at: (usize, usize)) -> bool {
        if !self.effort.may(index) {
            return false;
        }
        let (vouched, looked) = vouched(&self.set.rules[index], bytes, at);
        self.effort.spend(index, looked);
        vouched
    }

    fn plain(&mut self, bytes: &[u8], out: &mut Vec<Hit>) {
        let set = self.set;
        // A value that is one long word is met from every name in it: its end is looked for once.
        let mut met = named::Met::default();
        let mut trails = BTreeMap::new();
        // The last value that was none: it is often said again.
        let mut dull = None;
        set.prefilter.candidates(bytes, |start, end, waiting: &Waiting| {
            for (rule, anchor) in &waiting.tokens {
                if bytes[start..end] == anchor[..] {
                    self.token(*rule, bytes, (start, end), &mut trails, out);
                }
            }
            if waiting.names.is_empty() {
                return;
            }
            let begins = begins_word(bytes, start);
            let next = next_letter(bytes, end);
            // Most names of a vendor end at the same byte.
            let mut known = (0, None);
            // What stands below, where the name is a heading.
            let mut below = None;
            for Named { rule, generic, rests } in &waiting.names {
                // `POSTGRES_PASSWORD` is not about `es`; `mytoken` is about a token.
                if !begins && !generic {
                    continue;
                }
                let likely = rests.iter().filter(|(first, _)| *first == 0 || *first == next);
                let followed = likely.filter_map(|(_, rest)| follows(bytes, end, rest)).max();
                if let Some(end) = followed {
                    if known.0 != end {
                        let value = named::value(bytes, start, end, &mut met);
                        known = (end, value.or_else(|| section::defaulted(bytes, start, end)));
                    }
                    if let Some(value) = &known.1 {
                        self.named(*rule, bytes, value, &mut dull, out);
                    }
                }
                if *generic {
                    continue;
                }
                if below.is_none() && self.effort.may(*rule) {
                    let (values, looked) = section::below(bytes, start, end);
                    self.effort.spend(*rule, SLOW * looked);
                    below = Some(values);
                }
                let Some(Some(values)) = &below else { continue };
                if !self.effort.may(*rule) {
                    continue;
                }
                self.effort.spend(*rule, LOOK * values.len());
                for value in values {
                    let name = &bytes[value.name_start..value.name_end];
                    if followed.is_some() || rests.iter().any(|(_, rest)| section::completes(name, rest)) {
                        self.named(*rule, bytes, value, &mut dull, out);
                    }
                }
            }
        });
    }

    fn token(
        &mut self,
        index: usize,
        bytes: &[u8],
        (start, end): (usize, usize),
        trails: &mut Trails,
        out: &mut Vec<Hit>,
    ) {
        let rule = &self.set.rules[index];
        // Most candidates of a short anchor stand in the middle of a word: no regex for those.
        if (rule.spec.before == 0 && !begins(bytes, start, out))
            || monotonous(bytes, end)
            || !self.effort.may(index)
        {
            return;
        }
        let Some(compiled) = rule.compiled() else { return };
        let from = start.saturating_sub(rule.spec.before);
        let to = (start + compiled.reach.max(end - start) + 1).min(bytes.len());
        let range = quick::Range { from, start, to };
        let Some(ends) = self.ends(index, compiled, bytes, range, trails) else { return };
        // Pasted twice, a token ends where it begins again.
        let whole = |from| right_edge(bytes, ends) || bytes[ends..].starts_with(&bytes[from..ends]);
        let (whole, secret) = if rule.spec.before == 0 && !whole(from) {
            return;
        } else if rule.spec.before == 0 && compiled.group == 0 {
            ((from, ends), (from, ends))
        } else {
            self.effort.spend(index, JUDGE + SLOW * (ends - from));
            let mut captures = compiled.regex.create_captures();
            compiled.regex.search_captures(&input(bytes, range), &mut captures);
            let group = |n| captures.get_group(n).map(|s| (s.start, s.end));
            let Some(found) = group(0).zip(group(compiled.group)).filter(|found| whole(found.0.0)) else {
                return;
            };
            found
        };
        if whole.0 > start || whole.1 < end || !begins(bytes, whole.0, out) {
            return;
        }
        let anchor = if compiled.group == 0 && whole.0 == start { end - start } else { 0 };
        let shown = rule.spec.shown.unwrap_or(anchor);
        if rule.spec.generic && !judge::unmistakable(&bytes[secret.0..secret.1]) {
            return;
        }
        self.effort.spend(index, JUDGE);
        let before = out.len();
        rule.judge(compiled, bytes, secret, shown, out);
        self.doubt(index, bytes, before, out);
    }

    /// Where the match ends that a rule's expression finds, if it finds one.
    fn ends(
        &mut self,
        index: usize,
        compiled: &Compiled,
        bytes: &[u8],
        range: quick::Range,
        trails: &mut Trails,
    ) -> Option<usize> {
        let rule = &self.set.rules[index];
        let quick::Range { from, start, to } = range;
        if let Some(quick) = rule.quick() {
            let trail = (compiled.reach > FAR).then(|| trails.entry(index).or_default());
            let (seen, looked) = quick.look(bytes, range, trail);
            self.effort.spend(index, looked + LOOK);
            match seen {
                quick::Seen::Nothing => return None,
                quick::Seen::Ends(at) => return Some(at),
                quick::Seen::Perhaps => {}
            }
        }
        // Finding out that there is no match is much cheaper than finding the groups of one.
        let input = input(bytes, range);
        let half = compiled.regex.search_half(&input);
        let looked = match half {
            Some(end) => end.offset() - from,
            None if input.get_anchored().is_anchored() && compiled.reach <= FAR => (to - from).min(TRY),
            // A password in a command gives up at the end of the line; a key block does not.
            None if rule.spec.chosen => memchr::memchr(b'\n', &bytes[start..to])
                .map_or(to - from, |line| line + start - from)
                .max(LOOK),
            None => to - from,
        };
        self.effort.spend(index, TRIED + SLOW * looked);
        half.map(|half| half.offset())
    }

    fn named(
        &mut self,
        index: usize,
        bytes: &[u8],
        value: &Value,
        dull: &mut Option<Value>,
        out: &mut Vec<Hit>,
    ) {
        let rule = &self.set.rules[index];
        let secret = &bytes[value.start..value.end];
        let trimmed =
            secret.len() - secret.iter().rev().take_while(|b| matches!(b, b'.' | b',' | b':')).count();
        let end = value.start + if value.quoted { secret.len() } else { trimmed };
        let Some(compiled) = rule.compiled() else { return };
        let secret = &bytes[value.start..end];
        // Most names are followed by words.
        let word = rule.spec.generic && secret.iter().all(u8::is_ascii_alphabetic);
        // What stands between the two of a variable and its default is about something else.
        let said = if value.link == Link::Default { value.name_end } else { value.start };
        if word
            || !(compiled.least..=compiled.reach).contains(&secret.len())
            || (rule.spec.telling && !telling::telling(&bytes[value.name_start..said]))
            || !self.effort.may(index)
        {
            return;
        }
        self.effort.spend(index, secret.len() + LOOK);
        let whole = match rule.quick().map_or(quick::Seen::Perhaps, |quick| quick.whole(secret)) {
            quick::Seen::Nothing => false,
            quick::Seen::Ends(_) => true,
            quick::Seen::Perhaps => {
                let half = compiled.regex.search_half(&Input::new(secret).anchored(Anchored::Yes));
                half.is_some_and(|m| m.offset() == secret.len())
            }
        };
        let value = Value { end, ..*value };
        if !whole || (rule.spec.generic && dull.is_some_and(|dull| named::alike(bytes, &dull, &value))) {
            return;
        }
        self.effort.spend(index, JUDGE);
        let before = out.len();
        let sure = if rule.spec.generic {
            let Some(grade) = judge::generic(bytes, &value, self.around.setting, &self.set.vendors) else {
                *dull = Some(value);
                return;
            };
            grade
        } else {
            Grade::Proved
        };
        rule.judge(compiled, bytes, (value.start, end), rule.spec.shown.unwrap_or(0), out);
        out[before..].iter_mut().for_each(|hit| hit.grade = hit.grade.min(sure));
        self.doubt(index, bytes, before, out);
    }

    /// What stands in every test suite and manual is only guessed there, and so is a password that is a word.
    fn doubt(&self, index: usize, bytes: &[u8], before: usize, out: &mut Vec<Hit>) {
        let rule = &self.set.rules[index];
        if out.len() > before && (self.off)(&rule.page) {
            out.truncate(before);
        }
        for hit in &mut out[before..] {
            hit.alone = (!rule.spec.near.is_empty()).then_some(index);
            if self.around.samples && rule.common() {
                hit.grade = Grade::Guessed;
                hit.note =
                    Some("stands among tests or documentation, which are full of such samples".to_owned());
            } else if rule.spec.chosen && judge::weak(&bytes[hit.at.0..hit.at.1]) {
                hit.grade = hit.grade.min(Grade::Guessed);
            }
            if hit.grade == Grade::Guessed && rule.common() {
                let severity = hit.worth.severity.unwrap_or(rule.page.severity);
                hit.worth.severity = Some(self.around.milder(severity));
            }
        }
    }
}

impl SecretRule {
    /// Whether what matched is a secret, and how sure that is.
    fn judge(&self, compiled: &Compiled, bytes: &[u8], at: (usize, usize), shown: usize, out: &mut Vec<Hit>) {
        let secret = &bytes[at.0..at.1];
        let said = self.checksum.map_or_else(Evidence::unknown, |c| (c.check)(&Seen::new(bytes, at)));
        let proved = matches!(said.proof, Proof::Holds(_));
        let body = &secret[shown.min(secret.len())..];
        let dull = || {
            shannon(secret) < self.spec.entropy
                || allow::placeholder(body).is_some()
                || allow::reference(secret)
                || (self.spec.chosen && chosen::stand_in(secret))
        };
        let allowed = || compiled.allow.iter().any(|a| a.is_match(Input::new(secret)));
        let documented =
            || (self.spec.chosen || self.spec.generic) && !proved && allow::documented(bytes, at);
        // A proof outweighs looks: a token whose checksum holds is no placeholder.
        if said.proof == Proof::Harmless
            || (!proved && dull())
            || allowed()
            || documented()
            || published(secret)
        {
            return;
        }
        let grade = match said.proof {
            Proof::Holds(_) => Grade::Proved,
            Proof::Fails(_) => Grade::Guessed,
            Proof::Unknown | Proof::Harmless => self.grade(),
        };
        let rank = if self.spec.generic { 0 } else { 2 };
        let (page, note) = (Arc::clone(&self.page), said.note());
        out.push(Hit { page, grade, note, worth: said.worth, at, decoded: None, shown, rank, alone: None });
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::secrets::judge::{Around, Setting};
    use crate::testing::fill;

    const CODE: Around = Around { setting: Setting::Code, samples: false };

    fn rules(text: &str) -> Vec<String> {
        let engine = Engine::builtin();
        engine.secrets.hits(text.as_bytes(), CODE, &|_| false).0.iter().map(|h| h.page.id.clone()).collect()
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
        assert_eq!(rules(&token.repeat(3)), ["gitlab-pat"; 3]);
        for text in [format!("x{token}"), format!("{token}x"), format!("{token}_x")] {
            assert_eq!(rules(&text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn every_token_is_found_wherever_it_stands() {
        let engine = Engine::builtin();
        for n in 0..300 {
            let text =
                fill(&format!("{}first\n  and glpat-{{{{alnum:20}}}}\nlast", " ".repeat(n)), &n.to_string());
            let (hits, _) = engine.secrets.hits(text.as_bytes(), CODE, &|_| false);
            let found: Vec<_> = hits.iter().map(|h| (h.page.id.as_str(), h.at)).collect();
            assert_eq!(found, [("gitlab-pat", (n + 12, n + 38))], "{text}");
        }
    }

    #[test]
    fn a_vendor_wins_over_the_generic_rule() {
        assert_eq!(rules(&fill("gitlab_token = \"glpat-{{alnum:20}}\"", "matcher")), ["gitlab-pat"]);
    }

    #[test]
    fn a_wrong_checksum_is_told_also_behind_a_name() {
        let text = fill("github_token = \"ghp_{{alnum:36}}\"", "matcher");
        let engine = Engine::builtin();
        let (hits, _) = engine.secrets.hits(text.as_bytes(), CODE, &|_| false);
        let found: Vec<_> = hits.iter().map(|h| (h.page.id.as_str(), h.grade)).collect();
        assert_eq!(found, [("github-pat", crate::rule::Grade::Guessed)]);
        assert_eq!(
            rules(&fill("curl -H 'Authorization: Bearer ghp_{{alnum:36}}'", "matcher")),
            ["github-pat"]
        );
    }

    /// What is looked at twice is looked at once: keys that never end, and commands on one long line.
    #[test]
    fn near_misses_that_share_their_way_are_tried_to_the_end() {
        let header = ["-----", "BEGIN RSA PRIVATE KEY", "-----\n"].concat();
        let engine = Engine::builtin();
        for text in [header.repeat(20_000), "mysql -u root -h host ".repeat(20_000)] {
            let (hits, dense) = engine.secrets.hits(text.as_bytes(), CODE, &|_| false);
            assert_eq!((hits.len(), dense), (0, None));
        }
    }

    /// The effort is what keeps input made of near misses from taking hours.
    #[test]
    fn near_misses_cost_no_more_than_their_share() {
        let rule = "[[secret]]\nid = \"acme\"\ntitle = \"t\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\n\
                    anchors = [\"-acme\"]\npattern = '-acme[0-9a-z-]{2,240}!'\n";
        let mut packs = crate::pack::Packs::default();
        packs.add("own.toml", rule);
        let (engine, errors) = Engine::new(packs);
        assert!(errors.is_empty());
        let dense = |n: usize| engine.secrets.hits("-acme".repeat(n).as_bytes(), CODE, &|_| false).1;
        assert_eq!((dense(100), dense(20_000)), (None, Some("acme")));
    }
}
