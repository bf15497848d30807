//! INI and its kin: AWS, pip, `.pypirc`, `.my.cnf`, Java properties. `[a]` and `name = value` make the key `a.name`,
//! in lower case. An indented line without a name of its own is another value of the key above it.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    parse(bytes, b"=:")
}

/// Reads with the given characters between name and value.
pub(super) fn parse(bytes: &[u8], links: &[u8]) -> Read {
    let mut read = Read::default();
    let mut section = String::new();
    let mut last: Option<String> = None;
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    for (number, (at, line)) in (1..).zip(lines(&bytes[start..])) {
        let (indent, body) = trim(line);
        let at = start + at + indent;
        let Some(first) = body.first() else {
            last = None;
            continue;
        };
        match first {
            b'#' | b';' => continue,
            b'[' => {
                let close = memchr::memrchr(b']', body).unwrap_or(body.len());
                section = text(body[1..close.max(1)].trim_ascii());
                last = None;
                continue;
            }
            _ => {}
        }
        let more = last.as_ref().filter(|_| indent > 0 && !assigns(body));
        let (key, from) = match (more, body.iter().position(|b| links.contains(b))) {
            (Some(key), _) => (key.clone(), 0),
            (None, Some(link)) => (key(&section, &body[..link]), link + 1),
            (None, None) => (key(&section, body), body.len()),
        };
        let (from, to) = value(body, from);
        last = (from < to || indent == 0 || last.is_none()).then(|| key.clone());
        let scope = section.clone();
        let span = (at + from, at + to);
        let whole = (at, closed(bytes, span).1);
        read.entries.push(Entry { key, value: text(&body[from..to]), scope, line: number, span, whole });
    }
    read
}

fn key(section: &str, name: &[u8]) -> String {
    let name = text(name.trim_ascii()).to_lowercase();
    let name = name.trim_end_matches("[]");
    if section.is_empty() { name.to_owned() } else { format!("{}.{name}", section.to_lowercase()) }
}

/// Whether an indented line is a setting of its own: a plain name, then `=`.
fn assigns(body: &[u8]) -> bool {
    let name =
        body.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
    name > 0 && trim(&body[name..]).1.starts_with(b"=")
}

/// A value's bytes with the quotes around it.
pub(super) fn closed(bytes: &[u8], (from, to): (usize, usize)) -> (usize, usize) {
    let mark = from.checked_sub(1).map(|i| bytes[i]).filter(|b| matches!(b, b'"' | b'\''));
    match mark {
        Some(mark) if bytes.get(to) == Some(&mark) => (from - 1, to + 1),
        _ => (from, to),
    }
}

/// The value without blanks, quotes or a comment behind it.
pub(super) fn value(body: &[u8], from: usize) -> (usize, usize) {
    let (blank, rest) = trim(&body[from..]);
    let from = from + blank;
    if let Some(mark) = rest.first().filter(|b| matches!(b, b'"' | b'\''))
        && let Some(close) = memchr::memchr(*mark, &rest[1..])
        && matches!(trim(&rest[close + 2..]).1.first(), None | Some(b'#' | b';'))
    {
        return (from + 1, from + 1 + close);
    }
    let comment = rest.windows(2).position(|w| w[0].is_ascii_whitespace() && matches!(w[1], b'#' | b';'));
    let kept = comment.map_or(rest, |c| rest[..c].trim_ascii_end());
    (from, from + kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String)> {
        read(text.as_bytes()).entries.into_iter().map(|e| (e.key, e.value)).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn sections_and_names_make_keys() {
        assert_eq!(
            keys("top = 1\n[Default]\nAws_Key = a=b:c\n; no\n# no\n[profile x]\nn: v ; c\nskip-ssl\n"),
            [
                pair("top", "1"),
                pair("default.aws_key", "a=b:c"),
                pair("profile x.n", "v"),
                pair("profile x.skip-ssl", "")
            ]
        );
    }

    #[test]
    fn quotes_and_comments_are_no_part_of_a_value() {
        let text = "a = \"x # y\" # c\r\nb='z'\nc = p#q\nd = \"open\n";
        let read = read(text.as_bytes());
        let shown: Vec<&str> = read.entries.iter().map(|e| &text[e.span.0..e.span.1]).collect();
        assert_eq!(shown, ["x # y", "z", "p#q", "\"open"]);
    }

    #[test]
    fn indented_lines_go_on_or_stand_alone() {
        assert_eq!(
            keys(
                "[global]\ntrusted-host =\n    a.example\n    https://b.example/\n[c]\n  user = x\n  password = y\n"
            ),
            [
                pair("global.trusted-host", ""),
                pair("global.trusted-host", "a.example"),
                pair("global.trusted-host", "https://b.example/"),
                pair("c.user", "x"),
                pair("c.password", "y"),
            ]
        );
    }
}
