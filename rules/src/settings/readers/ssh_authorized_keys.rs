//! OpenSSH's authorized keys: an entry a key, with its type as key and its comment as value; before it one entry for
//! each of its options, `option.NAME` with the option's value (`option.command`).

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    for (number, (start, line)) in (1..).zip(lines(bytes)) {
        let (at, rest) = trim(line);
        if rest.is_empty() || rest[0] == b'#' {
            continue;
        }
        let base = start + at;
        let options = if key_type(field(rest)) { 0 } else { options_end(rest) };
        let (skip, key) = trim(&rest[options..]);
        if !key_type(field(key)) {
            read.problems.push(format!("line {number}: no key of a known type"));
            continue;
        }
        let entry = |key: String, value: String, span| Entry {
            key,
            value,
            scope: String::new(),
            line: number,
            span,
            whole: (0, 0),
        };
        for (from, to) in split(&rest[..options]) {
            let (name, value, at) = option(&rest[from..to]);
            let span = (base + from + at, base + from + at + value.len());
            read.entries.push(entry(name, text(value), span));
        }
        let comment = after(key, 2);
        let from = base + options + skip + comment;
        let value = text(&key[comment..]);
        read.entries.push(entry(text(field(key)), value, (from, from + key.len() - comment)));
    }
    read
}

fn field(rest: &[u8]) -> &[u8] {
    &rest[..rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len())]
}

/// Where the field of this number begins.
fn after(rest: &[u8], fields: usize) -> usize {
    (0..fields).fold(0, |at, _| {
        let end = at + field(&rest[at..]).len();
        end + trim(&rest[end..]).0
    })
}

fn key_type(word: &[u8]) -> bool {
    [&b"ssh-"[..], b"ecdsa-", b"sk-", b"webauthn-sk-"].iter().any(|p| word.starts_with(p))
}

/// Where the options end: at the first blank outside quotes.
fn options_end(rest: &[u8]) -> usize {
    scan(rest, |b| b.is_ascii_whitespace()).next().unwrap_or(rest.len())
}

/// The options, which commas outside quotes part.
fn split(options: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    let ends = scan(options, |b| b == b',').chain(std::iter::once(options.len()));
    ends.map(move |end| (std::mem::replace(&mut from, end + 1), end)).filter(|(from, end)| from < end)
}

/// Offsets outside quotes of bytes that a test accepts.
fn scan(bytes: &[u8], accept: fn(u8) -> bool) -> impl Iterator<Item = usize> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.iter().enumerate().filter_map(move |(i, b)| {
        let plain = !std::mem::take(&mut escaped);
        match b {
            b'\\' if quoted && plain => escaped = true,
            b'"' if plain => quoted = !quoted,
            b if !quoted && accept(*b) => return Some(i),
            _ => {}
        }
        None
    })
}

/// Name, value without quotes, and where the value begins.
fn option(option: &[u8]) -> (String, &[u8], usize) {
    let equals = memchr::memchr(b'=', option).unwrap_or(option.len());
    let name = format!("option.{}", text(&option[..equals]).to_ascii_lowercase());
    let value = option.get(equals + 1..).unwrap_or_default();
    let begin = (equals + 1).min(option.len());
    match value.strip_prefix(b"\"") {
        Some(inner) => (name, inner.strip_suffix(b"\"").unwrap_or(inner), begin + 1),
        None => (name, value, begin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_options_and_comments() {
        let source = b"# c\nssh-ed25519 AAAA me@laptop, home\nno-pty,command=\"echo \\\"a, b\\\"\" ssh-rsa BBBB\nnonsense\n";
        let read = read(source);
        let found: Vec<_> = read.entries.iter().map(|e| (e.line, e.key.as_str(), e.value.as_str())).collect();
        assert_eq!(
            found,
            [
                (2, "ssh-ed25519", "me@laptop, home"),
                (3, "option.no-pty", ""),
                (3, "option.command", "echo \\\"a, b\\\""),
                (3, "ssh-rsa", ""),
            ]
        );
        assert_eq!(read.problems, ["line 4: no key of a known type"]);
        for e in &read.entries {
            assert_eq!(&source[e.span.0..e.span.1], e.value.as_bytes());
        }
    }
}
