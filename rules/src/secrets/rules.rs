//! Compiled secret rules. Regular expressions compile when a candidate first needs them: a run over one small file
//! pays for the few that it meets.

use crate::pack::SecretSpec;
use crate::rule::{Grade, Page};
use crate::secrets::checksum::{Checksum, checksum};
use crate::secrets::quick::Quick;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Longest match of a token rule, in bytes: a private key of 16384 bits in PEM fits.
pub(crate) const LONGEST: usize = 16 * 1024;

/// A secret rule, ready to match.
pub(crate) struct SecretRule {
    pub(crate) page: Arc<Page>,
    pub(crate) spec: SecretSpec,
    pub(crate) checksum: Option<&'static Checksum>,
    compiled: OnceLock<Option<Compiled>>,
    quick: OnceLock<Option<Quick>>,
    /// How often it was tried before there was a table for it.
    tries: AtomicU32,
}

/// Tries from which a table pays, because making one takes about as long; a try over many bytes counts for several.
const OFTEN: u32 = 400;
/// Bytes of which a try counts for one.
const SHORT: usize = 64;

/// What is made of the regular expressions.
pub(crate) struct Compiled {
    pub(crate) regex: Regex,
    /// The group that holds the secret; 0 is the whole match.
    pub(crate) group: usize,
    /// Longest possible match, bounded by [`LONGEST`].
    pub(crate) reach: usize,
    /// Shortest possible match.
    pub(crate) least: usize,
    pub(crate) allow: Vec<Regex>,
    /// One of these words must stand near.
    pub(crate) near: Option<Regex>,
    /// What it is, and the identifier.
    pub(crate) beside: Vec<(String, Regex)>,
}

impl SecretRule {
    pub(crate) fn new(page: Page, spec: SecretSpec) -> SecretRule {
        let checksum = spec.checksum.as_deref().and_then(checksum);
        let (page, tries) = (Arc::new(page), AtomicU32::new(0));
        SecretRule { page, spec, checksum, compiled: OnceLock::new(), quick: OnceLock::new(), tries }
    }

    /// Whether it is a value that only its name gives away.
    pub(crate) fn is_named(&self) -> bool {
        !self.spec.names.is_empty()
    }

    /// Whether tests and manuals hold many that harm nobody.
    pub(crate) fn common(&self) -> bool {
        self.spec.generic || self.spec.chosen || self.spec.samples
    }

    /// Grade before any proof.
    pub(crate) fn grade(&self) -> Grade {
        self.spec.grade.unwrap_or(if self.is_named() { Grade::Named } else { Grade::Shaped })
    }

    /// The regular expressions; `None` when one does not compile (reported by [`SecretRule::error`]).
    pub(crate) fn compiled(&self) -> Option<&Compiled> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }

    /// The table that tells most near misses, once the rule is tried often; `None` until then, and where it would be too
    /// large.
    pub(crate) fn quick(&self) -> Option<&Quick> {
        if let Some(made) = self.quick.get() {
            return made.as_ref();
        }
        let weight = 1 + self.compiled().map_or(0, |compiled| compiled.reach / SHORT) as u32;
        if self.tries.fetch_add(weight, Ordering::Relaxed) < OFTEN {
            return None;
        }
        self.quick.get_or_init(|| self.table()).as_ref()
    }

    pub(crate) fn table(&self) -> Option<Quick> {
        let (_, source) = self.source()?;
        let hir = syntax::parse_with(&source, &syntax_config()).ok()?;
        Quick::new(&hir, self.spec.before, &self.spec.anchors)
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

    /// The expression and the field that it is from.
    fn source(&self) -> Option<(&'static str, String)> {
        match (&self.spec.pattern, &self.spec.value) {
            (Some(pattern), _) => Some(("pattern", pattern.clone())),
            // To the end: of `a|ab`, the first alternative must not win and leave a rest.
            (_, Some(value)) => Some(("value", format!(r"(?:{value})\z"))),
            _ => None,
        }
    }

    fn compile(&self) -> Result<Compiled, String> {
        let (field, source) = self.source().ok_or("field `pattern` is missing")?;
        let bounds = bounds(&source);
        let longest = self.spec.reach.or(bounds.1).unwrap_or(LONGEST).min(LONGEST);
        let regex =
            build(&source, longest + self.spec.before).map_err(|e| format!("field `{field}`: {e}"))?;
        let group = regex.group_info().to_index(regex_automata::PatternID::ZERO, "secret").unwrap_or(0);
        let allow = self.spec.allow.iter().map(|a| build(a, 0).map_err(|e| format!("field `allow`: {e}")));
        let near = (!self.spec.near.is_empty()).then(|| build(&any_of(&self.spec.near), FAR + 1));
        let beside = self.spec.beside.iter().map(|b| {
            build(&b.pattern, 0).map(|r| (b.what.clone(), r)).map_err(|e| format!("field `beside`: {e}"))
        });
        Ok(Compiled {
            regex,
            group,
            reach: longest,
            least: bounds.0,
            allow: allow.collect::<Result<_, _>>()?,
            near: near.transpose().map_err(|e| format!("field `near`: {e}"))?,
            beside: beside.collect::<Result<_, _>>()?,
        })
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

/// Shortest and longest possible match; `None` when there is no bound.
fn bounds(pattern: &str) -> (usize, Option<usize>) {
    let Ok(hir) = syntax::parse_with(pattern, &syntax_config()) else { return (0, None) };
    (hir.properties().minimum_len().unwrap_or(0), hir.properties().maximum_len())
}

/// Any of these words, capitals or not.
fn any_of(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| regex_syntax::escape(word)).collect();
    format!("(?i){}", words.join("|"))
}

/// Byte-oriented: input need not be UTF-8.
fn syntax_config() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Bytes from which a search pays for a lazy DFA.
pub(crate) const FAR: usize = 256;
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
