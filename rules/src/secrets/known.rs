//! What the vendors' own rules know: beginnings of tokens and names of variables that the generic rules leave to them.

use crate::secrets::rules::SecretRule;
use aho_corasick::AhoCorasick;

/// Vendors whose own rules know what their tokens look like.
#[derive(Default)]
pub(crate) struct Known {
    /// What names of their variables hold, without separators.
    pub(crate) names: Vec<String>,
    /// What a word of such a name begins, without separators, where a vendor's name would be too short: `ddapikey`.
    pub(crate) aliases: Vec<String>,
    /// What their tokens begin with.
    pub(crate) prefixes: Vec<String>,
}

impl Known {
    pub(crate) fn new(rules: &[SecretRule], vendors: Vec<String>) -> Known {
        Known { aliases: aliases(rules, &vendors), names: vendors, prefixes: prefixes(rules) }
    }

    /// Whether a vendor's rules judge such a token or such a name.
    pub(crate) fn tells(&self, secret: &[u8], name: &Name) -> bool {
        self.prefixes.iter().any(|p| secret.starts_with(p.as_bytes()))
            || self.names.iter().any(|n| name.squeezed.contains(n.as_str()))
            || name.words().any(|rest| self.aliases.iter().any(|a| rest.starts_with(a.as_str())))
    }
}

/// A name without separators, in small letters.
pub(crate) struct Name {
    pub(crate) squeezed: String,
    /// Where its words begin.
    starts: Vec<usize>,
}

impl Name {
    pub(crate) fn new(name: &[u8]) -> Name {
        let mut made = Name { squeezed: String::with_capacity(name.len()), starts: Vec::new() };
        let mut before = b'_';
        for b in name.iter().copied() {
            if b.is_ascii_alphanumeric() {
                let humped = before.is_ascii_lowercase() && b.is_ascii_uppercase();
                if humped || !before.is_ascii_alphanumeric() {
                    made.starts.push(made.squeezed.len());
                }
                made.squeezed.push(char::from(b.to_ascii_lowercase()));
            }
            before = b;
        }
        made
    }

    /// From each word to the end.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.starts.iter().filter_map(|at| self.squeezed.get(*at..))
    }
}

/// Anchors that only a vendor's tokens begin with: `hvs.`, `glpat-`, `AKCp`.
fn prefixes(rules: &[SecretRule]) -> Vec<String> {
    let anchors =
        rules.iter().filter(|r| r.spec.before == 0 && !r.spec.generic).flat_map(|r| &r.spec.anchors);
    let marked = |a: &str| a.bytes().any(|b| b.is_ascii_uppercase());
    let distinct = |a: &&String| {
        (a.len() > 3 && (a.ends_with(['_', '-', '.']) || marked(a)))
            || (a.ends_with('.') && marked(a))
            || a.len() > 7
    };
    anchors.filter(distinct).cloned().collect()
}

/// Words that names of all vendors have.
const PLAIN: &[&str] = &[
    "access",
    "account",
    "api",
    "app",
    "apikey",
    "application",
    "auth",
    "bearer",
    "client",
    "consumer",
    "deploy",
    "encryption",
    "integration",
    "key",
    "license",
    "linking",
    "master",
    "password",
    "personal",
    "private",
    "project",
    "secret",
    "server",
    "service",
    "session",
    "shared",
    "signing",
    "storage",
    "subscription",
    "token",
    "user",
    "webhook",
    "write",
    "x",
];

/// Names that vendors' rules wait for and that do not hold the vendor's own: `dd api key`, `scw token`.
fn aliases(rules: &[SecretRule], vendors: &[String]) -> Vec<String> {
    let names = rules.iter().filter(|r| !r.spec.generic).flat_map(|r| &r.spec.names);
    // All vendors at once: each start waits for this.
    let known = AhoCorasick::new(vendors).ok();
    let own = names.filter(|name| name.split([' ', '_', '-']).any(|word| !PLAIN.contains(&word)));
    let mut found: Vec<String> = own
        .map(|name| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase())
        .filter(|name| name.len() > 3 && !known.as_ref().is_some_and(|known| known.is_match(name)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
