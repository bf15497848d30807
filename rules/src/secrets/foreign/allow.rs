//! What a rule of another tool lets pass, and what it asks of a secret's characters.

use regex_automata::Input;
use regex_automata::meta::Regex;

/// A match and the secret in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) whole: (usize, usize),
    pub(crate) secret: (usize, usize),
    /// Bytes at the secret's start that are public knowledge.
    pub(crate) shown: usize,
}

/// What the expressions of an allowlist look at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Target {
    #[default]
    Secret,
    Match,
    Line,
}

/// An allowlist: of what is found, what is none.
#[derive(Default)]
pub(crate) struct Allow {
    /// All that it names must hold; otherwise any.
    pub(crate) all: bool,
    pub(crate) target: Target,
    pub(crate) regexes: Vec<Regex>,
    /// Lower case.
    pub(crate) stopwords: Vec<String>,
    pub(crate) paths: Vec<Regex>,
    /// It names commits, which a file does not have.
    pub(crate) commits: bool,
}

/// How far a line is looked at to either side of a match.
const LINE: usize = 4096;

impl Allow {
    pub(crate) fn allows(&self, bytes: &[u8], found: &Found, path: &str) -> bool {
        let any = |list: &[Regex], text: &[u8]| list.iter().any(|r| r.is_match(Input::new(text)));
        let secret = &bytes[found.secret.0..found.secret.1];
        let text = match self.target {
            Target::Secret => secret,
            Target::Match => &bytes[found.whole.0..found.whole.1],
            Target::Line => line(bytes, found.whole),
        };
        let lower = if self.stopwords.is_empty() { Vec::new() } else { secret.to_ascii_lowercase() };
        let stopped = || self.stopwords.iter().any(|w| memchr::memmem::find(&lower, w.as_bytes()).is_some());
        // Each criterion that is named, and whether it holds.
        let criteria = [
            self.commits.then_some(false),
            (!self.paths.is_empty()).then(|| any(&self.paths, path.as_bytes())),
            (!self.regexes.is_empty()).then(|| any(&self.regexes, text)),
            (!self.stopwords.is_empty()).then(stopped),
        ];
        let mut named = criteria.into_iter().flatten().peekable();
        named.peek().is_some() && if self.all { named.all(|h| h) } else { named.any(|h| h) }
    }
}

fn line(bytes: &[u8], (start, end): (usize, usize)) -> &[u8] {
    let floor = start.saturating_sub(LINE);
    let from = memchr::memrchr(b'\n', &bytes[floor..start]).map_or(floor, |i| floor + i + 1);
    let cap = (end + LINE).min(bytes.len());
    let to = memchr::memchr(b'\n', &bytes[end..cap]).map_or(cap, |i| end + i);
    &bytes[from..to]
}

/// What a secret's characters must be.
#[derive(Clone, Default, Debug)]
pub(crate) struct Needs {
    pub(crate) digits: usize,
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    pub(crate) special: usize,
    /// Which characters count as special; all punctuation when empty.
    pub(crate) specials: String,
    /// It holds none of these (lower case).
    pub(crate) without: Vec<String>,
    /// All of the match is meant, not the secret alone.
    pub(crate) whole: bool,
}

impl Needs {
    pub(crate) fn hold(&self, bytes: &[u8], found: &Found) -> bool {
        let at = if self.whole { found.whole } else { found.secret };
        let text = &bytes[at.0..at.1];
        let count = |is: &dyn Fn(u8) -> bool| text.iter().filter(|b| is(**b)).count();
        let special = |b: u8| match self.specials.as_bytes() {
            [] => b.is_ascii_punctuation(),
            these => these.contains(&b),
        };
        let lower = if self.without.is_empty() { Vec::new() } else { text.to_ascii_lowercase() };
        let enough = |least: usize, is: &dyn Fn(u8) -> bool| least == 0 || count(is) >= least;
        enough(self.digits, &|b| b.is_ascii_digit())
            && enough(self.upper, &|b| b.is_ascii_uppercase())
            && enough(self.lower, &|b| b.is_ascii_lowercase())
            && enough(self.special, &special)
            && !self.without.iter().any(|w| memchr::memmem::find(&lower, w.as_bytes()).is_some())
    }
}
