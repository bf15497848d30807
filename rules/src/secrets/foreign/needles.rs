//! What every match of an expression holds: literals, ASCII case aside, so that one automaton says where to look.

use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Where an expression has to be tried.
#[derive(Clone, Default, Debug)]
pub(crate) struct Needles {
    /// Each match holds one of these, in lower case; everywhere when `None`.
    pub(crate) literals: Option<Vec<Vec<u8>>>,
    /// Longest match.
    pub(crate) longest: Option<usize>,
    /// The group that is the secret, where that is known; 0 is the whole match.
    pub(crate) secret: Option<usize>,
    /// Bytes at its start that are the same in all: public knowledge.
    pub(crate) shown: usize,
    /// It begins with one of a few literals of at least three bytes: a vendor's format.
    pub(crate) distinctive: bool,
}

/// Shorter literals stand everywhere.
const LEAST: usize = 2;
/// More literals than this are no help.
const MOST: usize = 64;
/// A prefix as long as this, and one of at most [`FEW`], is a vendor's.
const PREFIX: usize = 3;
const FEW: usize = 16;

impl Needles {
    /// Of an expression; `secret` is the group that holds the secret, where that is known.
    pub(crate) fn of(hir: &Hir, secret: Option<usize>) -> Needles {
        let literals = best(hir).filter(|l| score(l).0 >= LEAST && l.len() <= MOST);
        let part = secret.and_then(|n| if n == 0 { Some(hir) } else { group(hir, n) });
        let prefixes = part.map_or_else(Seq::infinite, prefixes);
        let distinctive = prefixes.literals().is_some_and(|l| {
            let folded: std::collections::BTreeSet<_> =
                l.iter().map(|l| l.as_bytes().to_ascii_lowercase()).collect();
            !l.is_empty() && folded.len() <= FEW && folded.iter().all(|l| l.len() >= PREFIX && telling(l))
        });
        let shown = if distinctive { prefixes.longest_common_prefix().map_or(0, <[u8]>::len) } else { 0 };
        Needles { literals, longest: hir.properties().maximum_len(), secret, shown, distinctive }
    }
}

/// Whether a prefix is more than punctuation.
fn telling(prefix: &[u8]) -> bool {
    prefix.iter().filter(|b| b.is_ascii_alphanumeric()).count() >= 2
}

fn prefixes(hir: &Hir) -> Seq {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_class(4).limit_repeat(4).limit_literal_len(12);
    extractor.extract(hir)
}

/// The capture group of this number.
fn group(hir: &Hir, number: usize) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(c) if c.index as usize == number => Some(&c.sub),
        HirKind::Capture(c) => group(&c.sub, number),
        HirKind::Repetition(r) => group(&r.sub, number),
        HirKind::Concat(items) | HirKind::Alternation(items) => items.iter().find_map(|h| group(h, number)),
        _ => None,
    }
}

/// Least length first, then how few.
fn score(literals: &[Vec<u8>]) -> (usize, usize) {
    (literals.iter().map(Vec::len).min().unwrap_or(0), usize::MAX - literals.len())
}

/// The literals, one of which every match holds, that are rarest by length.
fn best(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    if let Some(exact) = exact(hir) {
        return Some(vec![exact]).filter(|l| !l[0].is_empty());
    }
    match hir.kind() {
        HirKind::Capture(c) => best(&c.sub),
        HirKind::Repetition(r) if r.min > 0 => best(&r.sub),
        HirKind::Alternation(items) => {
            let mut all: Vec<Vec<u8>> = items.iter().map(best).collect::<Option<Vec<_>>>()?.concat();
            all.sort();
            all.dedup();
            (all.len() <= MOST).then_some(all)
        }
        HirKind::Concat(items) => {
            let mut choices = Vec::new();
            let mut run = Vec::new();
            for item in items {
                match exact(item) {
                    Some(bytes) => run.extend(bytes),
                    None => {
                        choices.push(vec![std::mem::take(&mut run)]);
                        choices.extend(best(item));
                    }
                }
            }
            choices.push(vec![run]);
            choices.into_iter().filter(|c| score(c).0 > 0).max_by_key(|c| score(c))
        }
        _ => None,
    }
}

/// The one text, ASCII case aside, that an expression stands for. Assertions stand for nothing.
fn exact(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(Vec::new()),
        HirKind::Literal(l) => Some(l.0.to_ascii_lowercase()),
        HirKind::Class(class) => folded(class).map(|b| vec![b]),
        HirKind::Capture(c) => exact(&c.sub),
        HirKind::Concat(items) => items.iter().map(exact).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        _ => None,
    }
}

/// The byte that a class stands for, such as `[Aa]`.
fn folded(class: &Class) -> Option<u8> {
    let members: Vec<u32> = match class {
        Class::Bytes(c) => c.iter().flat_map(|r| u32::from(r.start())..=u32::from(r.end())).take(3).collect(),
        Class::Unicode(c) => {
            c.iter().flat_map(|r| u32::from(r.start())..=u32::from(r.end())).take(3).collect()
        }
    };
    let bytes: Vec<u8> = members.iter().filter_map(|m| u8::try_from(*m).ok()).filter(u8::is_ascii).collect();
    let first = bytes.first()?.to_ascii_lowercase();
    (bytes.len() == members.len() && bytes.iter().all(|b| b.to_ascii_lowercase() == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::syntax::{Dialect, build};

    fn needles(pattern: &str, group: usize) -> Needles {
        Needles::of(&build(pattern, Dialect::Go).unwrap_or_else(|e| panic!("{e}")).hir, Some(group))
    }

    fn literals(pattern: &str) -> Vec<String> {
        let found = needles(pattern, 0).literals.unwrap_or_default();
        found.into_iter().map(|l| String::from_utf8(l).unwrap()).collect()
    }

    #[test]
    fn every_match_holds_one_of_the_literals() {
        let table: [(&str, &[&str]); 9] = [
            (r"\b(acme_[0-9a-z]{20})\b", &["acme_"]),
            (r"(?i)[\w.-]{0,50}?(?:Acme|api[_-]?key)\W+([0-9a-f]{32})", &["cme", "key"]),
            (r"(?i)ACME(?:tok)en[0-9]{9}", &["acmetoken"]),
            (r"(?:sk|rk)_(?:live|test)_[0-9]{9}", &["live", "test"]),
            (r"(?:tok){3}[0-9]+", &["tok"]),
            (r"(?:acme)?[0-9]{20}", &[]),
            (r"[0-9]{20}", &[]),
            (r"x[0-9]{20}", &[]),
            (r"(?:acme|[0-9]{4})x", &[]),
        ];
        for (pattern, want) in table {
            assert_eq!(literals(pattern), want, "{pattern}");
        }
    }

    #[test]
    fn a_vendors_prefix_is_told_from_the_rest() {
        let table = [
            (r"acme_[0-9a-z]{20}", 0, true, 5),
            (r"\b((?:acme|zeta)-[0-9]{20})\b", 1, true, 0),
            (r"(?i)acme_[0-9]{20}", 0, true, 0),
            (r"acme\s*=\s*([0-9a-f]{32})", 1, false, 0),
            (r"[0-9a-f]{32}", 0, false, 0),
            (r"[a-c]{32}", 0, false, 0),
            (r"--[0-9]{20}", 0, false, 0),
        ];
        for (pattern, group, distinctive, shown) in table {
            let found = needles(pattern, group);
            assert_eq!((found.distinctive, found.shown), (distinctive, shown), "{pattern}");
        }
    }

    #[test]
    fn the_longest_match_is_known_where_there_is_one() {
        assert_eq!(needles("acme_[0-9]{20}", 0).longest, Some(25));
        assert_eq!(needles("acme_[0-9]+", 0).longest, None);
    }
}
