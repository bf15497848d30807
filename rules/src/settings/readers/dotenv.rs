//! `.env` files: `NAME=value`, with or without `export`, quoted or not; a quoted value may go on over lines. Names keep
//! their case.

use super::{Reader, ini};
use crate::settings::entry::{Entry, Lines, Read, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut lines = Lines::new(bytes);
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    // Set once a quote has no partner in the rest of the file: the ones after it have none either.
    let mut open = [false; 2];
    while at < bytes.len() {
        let end = at + memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
        let next = match assignment(&bytes[at..end]) {
            None => end,
            Some((name, from)) => {
                let (start, stop, next) = value(bytes, at + from, end, &mut open);
                let raw = &bytes[start..stop];
                let quoted = start > 0 && bytes[start - 1] == b'"' && bytes.get(stop) == Some(&b'"');
                read.entries.push(Entry {
                    key: text(name),
                    value: if quoted { unescaped(raw) } else { text(raw) },
                    scope: String::new(),
                    line: lines.line(start),
                    span: (start, stop),
                    whole: (at + trim(&bytes[at..end]).0, ini::closed(bytes, (start, stop)).1),
                });
                next
            }
        };
        at = next + memchr::memchr(b'\n', &bytes[next..]).map_or(bytes.len() - next, |n| n + 1);
    }
    read
}

/// The name that a line assigns to, and where the value begins.
fn assignment(line: &[u8]) -> Option<(&[u8], usize)> {
    let (indent, body) = trim(line);
    let after = body.strip_prefix(b"export").filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace));
    let (blank, body) = after.map_or((0, body), |rest| {
        let (blank, rest) = trim(rest);
        ("export".len() + blank, rest)
    });
    let name =
        body.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
    let (gap, rest) = trim(&body[name..]);
    let link = matches!(rest.first(), Some(b'=')) || (gap == 0 && rest.starts_with(b": "));
    (name > 0 && link).then(|| (&body[..name], indent + blank + name + gap + 1))
}

/// The bytes of a value and where reading goes on.
fn value(bytes: &[u8], from: usize, end: usize, open: &mut [bool; 2]) -> (usize, usize, usize) {
    let (blank, rest) = trim(&bytes[from..end]);
    let start = from + blank;
    let mark = rest.first().copied().unwrap_or_default();
    let which = usize::from(mark == b'"');
    if matches!(mark, b'"' | b'\'') && !open[which] {
        match closing(bytes, start + 1, mark) {
            Some(close) => return (start + 1, close, close + 1),
            None => open[which] = true,
        }
    }
    let comment = rest.windows(2).position(|w| w[0].is_ascii_whitespace() && w[1] == b'#');
    let kept = match comment {
        _ if mark == b'#' && blank > 0 => &rest[..0],
        Some(c) => rest[..c].trim_ascii_end(),
        None => rest,
    };
    (start, start + kept.len(), end)
}

fn closing(bytes: &[u8], from: usize, mark: u8) -> Option<usize> {
    let mut i = from;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if mark == b'"' => i += 1,
            b if b == mark => return Some(i),
            _ => {}
        }
        i += 1;
    }
    None
}

/// `\n`, `\"` and `\\` of a double-quoted value.
fn unescaped(raw: &[u8]) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b't') => out.push(b'\t'),
                Some(other) => out.push(*other),
                None => out.push(b'\\'),
            },
            b => out.push(*b),
        }
    }
    text(&out)
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
    fn every_way_to_write_a_value() {
        let text = "# c\nA=b\nexport B = 'x # y' # c\nC=\"q\\n\\\"z\\\"\"\nd.e-f=p#q # c\nE=\n  F=${A}\nnothing\nexport\nG= # c\n";
        assert_eq!(
            keys(text),
            [
                pair("A", "b"),
                pair("B", "x # y"),
                pair("C", "q\n\"z\""),
                pair("d.e-f", "p#q"),
                pair("E", ""),
                pair("F", "${A}"),
                pair("G", ""),
            ]
        );
    }

    #[test]
    fn quoted_values_go_on_over_lines() {
        let text = "K=\"one\ntwo\"\nA=1\n";
        let read = read(text.as_bytes());
        assert_eq!(read.entries[0].value, "one\ntwo");
        assert_eq!((read.entries[1].key.as_str(), read.entries[1].line), ("A", 3));
        assert_eq!(&text[read.entries[0].span.0..read.entries[0].span.1], "one\ntwo");
    }

    #[test]
    fn an_open_quote_ends_with_its_line() {
        assert_eq!(keys("A='x\nB=y\n"), [pair("A", "'x"), pair("B", "y")]);
    }
}
