//! That narrowing changes nothing, and that near misses are paid for.

use super::*;
use crate::import::gitleaks;
use crate::testing::fill;

fn set(rules: &str) -> ForeignSet {
    let imported = gitleaks::read("own.toml", rules.parse().unwrap());
    assert!(imported.errors.is_empty(), "{:?}", imported.errors);
    ForeignSet::new(imported.rules)
}

fn one(pattern: &str) -> ForeignSet {
    set(&format!("[[rules]]\nid = \"one\"\nregex = '''{pattern}'''\n"))
}

fn spans(set: &ForeignSet, text: &str) -> Vec<(usize, usize)> {
    set.hits(text.as_bytes(), "a.txt").0.into_iter().map(|h| h.at).collect()
}

/// A text of pieces that the expressions below are about, in an order that a small generator gives.
fn shuffled(seed: u64) -> String {
    let pieces =
        ["acme", "ACME", "_", "-", "0a1b2c3d", "tok", "en", " ", "\n", "=", "x", "é", "acme_0a1b2c3d", "key"];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..120 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(pieces[(state % pieces.len() as u64) as usize]);
    }
    text
}

#[test]
fn narrowing_never_changes_what_is_found() {
    let patterns = [
        r"acme_[0-9a-f]{4,8}",
        r"(?i)acme[_-]?[0-9a-f]{2,8}\b",
        r"(?i)\b[a-z]{0,6}(?:acme|token)[\s=]{0,3}([0-9a-f]{8})",
        r"(?:acme|key).{0,12}x$",
        r"(?m)^.{0,9}key",
        r"[0-9a-f]{8}(?:acme|tok)?",
        r"(?i)acme\W+",
    ];
    let mut met = 0;
    for pattern in patterns {
        let narrow = one(pattern);
        let mut wide = one(pattern);
        wide.rules[0].needles.literals = None;
        let wide = ForeignSet::new(wide.rules);
        for seed in 1..200 {
            let text = shuffled(seed);
            let want = spans(&wide, &text);
            met += want.len();
            assert_eq!(spans(&narrow, &text), want, "{pattern} in {text:?}");
        }
    }
    assert!(met > 2000, "{met}");
}

#[test]
fn a_rule_without_literals_is_searched_for_everywhere() {
    assert_eq!(spans(&one("[0-9]{12}"), "a 012345678901 b 112345678901").len(), 2);
    assert_eq!(spans(&one("(x?)"), "abc"), []);
}

#[test]
fn secrets_are_found_in_encoded_stretches() {
    use data_encoding::BASE64;
    let token = fill("acme_{{hex:20}}", "foreign");
    let set = one("acme_[0-9a-f]{20}");
    let hidden = format!("data: {}\n", BASE64.encode(format!("token is {token} today").as_bytes()));
    let (hits, _) = set.hits(hidden.as_bytes(), "");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].decoded.as_ref().map(Secret::expose), Some(token.as_bytes()));
}

/// Matches whose search could each run to the end cost no more than their share.
#[test]
fn an_expression_without_bound_is_stopped_and_told() {
    let set = one("[a-z]+@|[a-z]");
    let (_, dense) = set.hits("a".repeat(200_000).as_bytes(), "");
    assert_eq!(dense, Some("one"));
    let (_, dense) = set.hits("a".repeat(200).as_bytes(), "");
    assert_eq!(dense, None);
}
