//! Compiled secret rules. Regular expressions compile when a candidate first needs them: a run over one small file
//! pays for the few that it meets.

use crate::pack::SecretSpec;
use crate::rule::{Grade, Page};
use crate::secrets::checksum::{Checksum, checksum};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use std::sync::{Arc, OnceLock};

/// Longest match of a token rule, in bytes: a private key of 16384 bits in PEM fits.
pub(crate) const LONGEST: usize = 16 * 1024;

/// A secret rule, ready to match.
pub(crate) struct SecretRule {
    pub(crate) page: Arc<Page>,
    pub(crate) spec: SecretSpec,
    pub(crate) checksum: Option<&'static Checksum>,
    compiled: OnceLock<Option<Compiled>>,
}

/// What is made of the regular expressions.
pub(crate) struct Compiled {
    pub(crate) regex: Regex,
    /// The group that holds the secret; 0 is the whole match.
    pub(crate) group: usize,
    /// Longest possible match, bounded by [`LONGEST`].
    pub(crate) reach: usize,
    pub(crate) allow: Vec<Regex>,
}

impl SecretRule {
    pub(crate) fn new(page: Page, spec: SecretSpec) -> SecretRule {
        let checksum = spec.checksum.as_deref().and_then(checksum);
        SecretRule { page: Arc::new(page), spec, checksum, compiled: OnceLock::new() }
    }

    /// Whether it is a value that only its name gives away.
    pub(crate) fn is_named(&self) -> bool {
        !self.spec.names.is_empty()
    }

    /// Grade before any proof.
    pub(crate) fn grade(&self) -> Grade {
        self.spec.grade.unwrap_or(if self.is_named() { Grade::Named } else { Grade::Shaped })
    }

    /// The regular expressions; `None` when one does not compile (reported by [`SecretRule::error`]).
    pub(crate) fn compiled(&self) -> Option<&Compiled> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }

    /// What is wrong with the rule's expressions or names, for `rules check` and for user packs.
    pub(crate) fn error(&self) -> Option<String> {
        if let (Some(name), None) = (&self.spec.checksum, self.checksum) {
            return Some(format!("field `checksum`: there is no `{name}`"));
        }
        if let (Some(pattern), 0) = (&self.spec.pattern, self.spec.before) {
            let starts = self.spec.anchors.iter().any(|a| begins_with(pattern, a));
            if !starts {
                return Some("field `before`: the pattern does not begin with an anchor; say how many bytes before it a match may begin".to_owned());
            }
        }
        self.compile().err()
    }

    fn compile(&self) -> Result<Compiled, String> {
        let (field, source) = match (&self.spec.pattern, &self.spec.value) {
            (Some(pattern), _) => ("pattern", pattern.clone()),
            // To the end, or the first of several lengths would be the only one that is tried.
            (_, Some(value)) => ("value", format!("(?:{value})\\z")),
            _ => return Err("field `pattern` is missing".to_owned()),
        };
        let longest = self.spec.reach.or_else(|| longest(&source)).unwrap_or(LONGEST).min(LONGEST);
        let regex =
            build(&source, longest + self.spec.before).map_err(|e| format!("field `{field}`: {e}"))?;
        let group = regex.group_info().to_index(regex_automata::PatternID::ZERO, "secret").unwrap_or(0);
        let allow = self.spec.allow.iter().map(|a| build(a, 0).map_err(|e| format!("field `allow`: {e}")));
        Ok(Compiled { regex, group, reach: longest, allow: allow.collect::<Result<_, _>>()? })
    }
}

/// Whether a pattern's first literal bytes are the anchor (flags such as `(?s)` may stand before).
fn begins_with(pattern: &str, anchor: &str) -> bool {
    let bare = pattern.trim_start_matches("(?s)").trim_start_matches("(?P<secret>").trim_start_matches("(?:");
    let plain: String = bare.chars().filter(|c| *c != '\\').collect();
    plain.starts_with(anchor) || prefixes(pattern).iter().any(|p| p == anchor.as_bytes())
}

/// All literals that a match can begin with, when they are few.
fn prefixes(pattern: &str) -> Vec<Vec<u8>> {
    use regex_automata::util::syntax::parse_with;
    let Ok(hir) = parse_with(pattern, &syntax_config()) else { return Vec::new() };
    let seq = regex_syntax::hir::literal::Extractor::new().extract(&hir);
    seq.literals().map(|l| l.iter().map(|lit| lit.as_bytes().to_vec()).collect()).unwrap_or_default()
}

/// Longest possible match; `None` when there is no bound.
fn longest(pattern: &str) -> Option<usize> {
    syntax::parse_with(pattern, &syntax_config()).ok()?.properties().maximum_len()
}

/// Byte-oriented: input need not be UTF-8.
fn syntax_config() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Bytes from which a search pays for a lazy DFA.
const FAR: usize = 256;
/// Memory of one lazy DFA on one thread.
const CACHE: usize = 128 << 10;

/// Most searches are short and anchored, so the small engines do. A lazy DFA, whose cache would cost megabytes for
/// hundreds of rules on every thread, is kept for the rules that look far.
fn build(pattern: &str, reach: usize) -> Result<Regex, String> {
    let config = Regex::config()
        .utf8_empty(false)
        .hybrid(reach > FAR)
        .hybrid_cache_capacity(CACHE)
        .dfa(false)
        .nfa_size_limit(Some(1 << 20));
    Regex::builder().syntax(syntax_config()).configure(config).build(pattern).map_err(|e| e.to_string())
}
