//! Values that a name gives away: from where a name stands, finds the value that is assigned to it. One parser for
//! every language and format, by hand, because it runs at each mention of `token` on a disk.

/// A value behind a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Value {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// First byte of the name that the value belongs to.
    pub(crate) name_start: usize,
    /// One past its last byte.
    pub(crate) name_end: usize,
    pub(crate) quoted: bool,
    pub(crate) link: Link,
}

/// What ties a value to its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    /// `=`, `:`, `=>`, `:=`
    Assign,
    /// `name("…", "value")`, `{"name", "value"}`
    Comma,
    /// `<name>value</name>`
    Tag,
    /// `--name value`
    Flag,
    /// `name: X` and on the next line `value: …`, as Kubernetes writes variables.
    ValueLine,
    /// `variable "name" {` and below it `default = …`.
    Default,
}

/// How far a value may be from its name.
const GAP: usize = 48;
/// How far a name may reach around the word that was found.
const NAME: usize = 64;
/// How long a value may be.
const VALUE: usize = 4096;

/// What was met last, kept between calls: many names may stand in one long word, and many before it.
#[derive(Default)]
pub(crate) struct Met {
    /// The last unquoted value.
    word: (usize, usize),
    run: Run,
}

/// Bytes of names that stand together.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Its beginning, as far as it was looked for.
    start: usize,
    /// Where it was met.
    from: usize,
    /// Its end, if it is `whole`; else it goes on.
    end: usize,
    whole: bool,
}

/// How far the end of a run is looked for at once.
const AHEAD: usize = 512;

impl Run {
    /// The one around `at`, of which the byte is one of a name.
    fn around(self, bytes: &[u8], at: usize) -> Run {
        let known =
            self.from <= at && if self.whole { at < self.end } else { at + NAME + GAP + 2 < self.end };
        if known {
            return self;
        }
        let floor = at.saturating_sub(NAME);
        let start = bytes[floor..at].iter().rposition(|b| !name_byte(*b)).map_or(floor, |i| floor + i + 1);
        let ahead = &bytes[at..(at + AHEAD).min(bytes.len())];
        let stop = ahead.iter().position(|b| !name_byte(*b));
        let whole = stop.is_some() || ahead.len() < AHEAD;
        Run { start, from: at, end: at + stop.unwrap_or(ahead.len()), whole }
    }
}

/// The value assigned to the name of which `bytes[at..end]` is a part.
pub(crate) fn value(bytes: &[u8], at: usize, end: usize, met: &mut Met) -> Option<Value> {
    let is_name = |i: usize| bytes.get(i).is_some_and(|b| name_byte(*b));
    if is_name(at) {
        met.run = met.run.around(bytes, at);
    }
    let name_start = if is_name(at) { met.run.start.max(at.saturating_sub(NAME)) } else { at };
    let mut name_end = end;
    if is_name(end) {
        met.run = met.run.around(bytes, end);
        name_end = met.run.end.min(end + NAME);
        // So long a name has its operator too far away.
        if met.run.end > name_end + GAP {
            return None;
        }
    }
    let (link, after) = link(bytes, name_start, name_end)?;
    let (start, stop, quoted) = take(bytes, after, link, &mut met.word)?;
    Some(Value { start, end: stop, name_start, name_end, quoted, link })
}

/// Whether two values say the same in the same dress behind the same name.
pub(crate) fn alike(bytes: &[u8], one: &Value, other: &Value) -> bool {
    let name = |v: &Value| &bytes[v.name_start..v.name_end];
    let said = |v: &Value| &bytes[v.start..v.end];
    let dress = |v: &Value| (v.start - v.name_end, v.quoted, v.link);
    said(one) == said(other) && name(one) == name(other) && dress(one) == dress(other)
}

pub(crate) fn name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// Finds the operator after a name; returns what it is and where the value may begin.
fn link(bytes: &[u8], name_start: usize, name_end: usize) -> Option<(Link, usize)> {
    let limit = (name_end + GAP).min(bytes.len());
    let mut i = name_end;
    let mut words = 0;
    if defined(bytes, name_start) && matches!(bytes.get(i), Some(b' ' | b'\t')) {
        return Some((Link::Assign, i + 1));
    }
    // What may stand between a name and its operator: a closing quote or bracket, a type, a word or two.
    while i < limit {
        match bytes[i] {
            b'=' | b':' => return assign(bytes, i, limit),
            // `!=`: what a password is compared with.
            b'!' if bytes.get(i + 1) == Some(&b'=') => return assign(bytes, i + 1, limit),
            b',' if i == name_end && constant(&bytes[name_start..name_end]) => {
                return Some((Link::Comma, i + 1));
            }
            b'>' => return Some((Link::Tag, i + 1)),
            b',' if i > name_end && quote(bytes[i - 1]) => return Some((Link::Comma, i + 1)),
            b'\n' => return value_line(bytes, i),
            b' ' | b'\t' if flag(bytes, name_start) && i == name_end => return Some((Link::Flag, i + 1)),
            // Blanks that align the operators of several lines are one.
            b' ' | b'\t' => words += usize::from(i == name_end || !matches!(bytes[i - 1], b' ' | b'\t')),
            b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'_' | b'-' | b'.' | b'?' | b'*' => {}
            b if b.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        if words > 3 {
            return None;
        }
        i += 1;
    }
    None
}

/// `=`, `==`, `:=`, `=>`, `:` and a type or `name = ` after a colon (`token: string = "…"`).
fn assign(bytes: &[u8], at: usize, limit: usize) -> Option<(Link, usize)> {
    let mut i = at + 1;
    while i < limit && matches!(bytes[i], b'=' | b':' | b'>' | b'~') {
        i += 1;
    }
    if bytes[at] == b':' && i == at + 1 {
        let rest = &bytes[i..limit];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        if let Some(eq) = memchr::memchr(b'=', line)
            && line[..eq].iter().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b' ' | b'&' | b'\'' | b'<' | b'>' | b'?' | b'_')
            })
            && line[..eq].trim_ascii_end().len() < line[..eq].len().max(1)
        {
            return Some((Link::Assign, i + eq + 1));
        }
    }
    Some((Link::Assign, i))
}

/// `#define NAME "value"`, `%define NAME "value"`.
fn defined(bytes: &[u8], name_start: usize) -> bool {
    bytes[..name_start].ends_with(b"define ")
}

/// `CURLOPT_PASSWORD`: an option that the next argument sets.
fn constant(name: &[u8]) -> bool {
    name.contains(&b'_') && name.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'0'..=b'9'))
}

/// `--token` or `-token`.
fn flag(bytes: &[u8], name_start: usize) -> bool {
    bytes.get(name_start) == Some(&b'-')
}

/// Kubernetes and Compose write `name: X` and, on the next line, `value: Y`.
fn value_line(bytes: &[u8], newline: usize) -> Option<(Link, usize)> {
    let rest = &bytes[newline + 1..(newline + 1 + GAP).min(bytes.len())];
    let indent = rest.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    let word = rest[indent..].strip_prefix(b"\"").unwrap_or(&rest[indent..]);
    let after = word.strip_prefix(b"value")?;
    let colon = after.iter().position(|b| *b == b':').filter(|at| *at <= 2)?;
    let consumed = rest.len() - after.len() + colon + 1;
    Some((Link::ValueLine, newline + 1 + consumed))
}

fn quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// Takes the value: up to its closing quote, or up to a blank or delimiter.
fn take(bytes: &[u8], after: usize, link: Link, word: &mut (usize, usize)) -> Option<(usize, usize, bool)> {
    let limit = (after + GAP).min(bytes.len());
    let mut i = after;
    let mut newlines = 0;
    while i < limit {
        match bytes[i] {
            b' ' | b'\t' | b'\r' => {}
            // Wrapping belongs to tags and to JSON or YAML that breaks after the colon; not to `token =` at a line's end.
            b'\n' if newlines == 0 && matches!(link, Link::Tag) => newlines = 1,
            // `{{ name }}` is a template's reference: kept whole, so that it is seen as one.
            b'{' if bytes.get(i + 1) == Some(&b'{') => break,
            b'(' | b'{' | b'[' if matches!(link, Link::Assign | Link::Comma) => {}
            b'\\' if bytes.get(i + 1).is_some_and(|b| quote(*b) || *b == b'\\') => {}
            _ => break,
        }
        i += 1;
    }
    let first = *bytes.get(i).filter(|_| i < limit)?;
    // A string may carry a prefix: `b"…"`, `r'…'`, `@"…"`, `f"…"`.
    if matches!(first, b'b' | b'r' | b'f' | b'u' | b'@' | b'B' | b'L')
        && bytes.get(i + 1).is_some_and(|b| quote(*b))
    {
        i += 1;
    }
    let first = bytes[i];
    if quote(first) {
        return quoted(bytes, i, first)
            .filter(|(_, stop, _)| link != Link::Comma || last_of_pair(bytes, *stop));
    }
    if link == Link::Comma {
        return None;
    }
    if !(word.0..word.1).contains(&i) {
        let cap = (i + VALUE).min(bytes.len());
        *word = (i, bytes[i..cap].iter().position(|b| delimiter(*b)).map_or(cap, |n| i + n));
    }
    (word.1 > i).then_some((i, word.1, false))
}

/// `f("name", "value")` and `{"name", "value"}` end after the value; in a list of names the next one follows.
fn last_of_pair(bytes: &[u8], quote: usize) -> bool {
    let rest = bytes[quote..]
        .iter()
        .take(GAP)
        .skip_while(|b| matches!(b, b'"' | b'\'' | b'`' | b'\\' | b' ' | b'\n'));
    matches!(rest.copied().next(), Some(b')' | b'}'))
}

fn quoted(bytes: &[u8], open: usize, mark: u8) -> Option<(usize, usize, bool)> {
    let mut start = open + 1;
    // `"""…"""`
    if bytes.get(start) == Some(&mark) && bytes.get(start + 1) == Some(&mark) {
        start += 2;
    }
    let escaped = open > 0 && bytes[open - 1] == b'\\';
    let cap = (start + VALUE).min(bytes.len());
    let mut i = start;
    while i < cap {
        match bytes[i] {
            b'\n' => break,
            b'\\' if escaped => break,
            b'\\' if bytes.get(i + 1) == Some(&b'n') => break,
            b'\\' => i += 1,
            b if b == mark => break,
            _ => {}
        }
        i += 1;
    }
    let stop = i.min(cap);
    (stop > start).then_some((start, stop, true))
}

fn delimiter(b: u8) -> bool {
    b.is_ascii_whitespace()
        || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b')' | b'}' | b']' | b'|' | b'&')
        || b == b'\\'
        || b == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let at = text.to_ascii_lowercase().find("token")?;
        let v = value(text.as_bytes(), at, at + 5, &mut Met::default())?;
        Some(text[v.start..v.end].to_owned())
    }

    #[test]
    fn finds_the_value_in_every_dress() {
        for text in [
            "API_TOKEN=abc123",
            "export ACME_TOKEN='abc123'",
            "token: abc123",
            "\"api_token\": \"abc123\",",
            "token := \"abc123\"",
            "let token: &str = \"abc123\";",
            "token: string = 'abc123'",
            "'token' => 'abc123',",
            "getenv(\"API_TOKEN\", \"abc123\")",
            "<apiToken>abc123</apiToken>",
            "<token>\n    abc123\n</token>",
            "tool --token abc123 -v",
            "tool --token=abc123 -v",
            "- name: API_TOKEN\n  value: \"abc123\"",
            "\"name\": \"API_TOKEN\",\n",
            "self.token = b\"abc123\"",
            "{\\\"token\\\": \\\"abc123\\\"}",
            "if token == \"abc123\":",
            "zeplin SECRET TOKEN=abc123",
            "token=(abc123)",
            "config[\"token\"] = \"abc123\"",
            "token            = abc123",
            "if (token !== \"abc123\") {",
            "#define TOKEN \"abc123\"",
            "setopt(h, OPT_TOKEN, \"abc123\");",
        ] {
            let want = if text.starts_with("\"name\"") { None } else { Some("abc123".to_owned()) };
            assert_eq!(found(text), want, "{text}");
        }
    }

    #[test]
    fn a_template_stays_one() {
        assert_eq!(found("token: {{vault_token_1}}").as_deref(), Some("{{vault_token_1"));
    }

    #[test]
    fn prose_has_no_value() {
        for text in [
            "the token is used to sign in",
            "a token",
            "token\n",
            "token = ",
            "token of the user, or nothing",
            "f(OPT_TOKEN, other, \"x\")",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
