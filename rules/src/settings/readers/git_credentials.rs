//! What `git credential-store` keeps: one URL a line, with user and password percent-encoded. Each line yields one
//! `password` under the scope of its host.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let numbered = lines(bytes).zip(1u64..);
    // Git skips lines that are no credential, and so do we.
    let entries = numbered.filter_map(|((start, line), number)| entry(start, line, number)).collect();
    Read { entries, problems: Vec::new() }
}

fn entry(start: usize, line: &[u8], number: u64) -> Option<Entry> {
    let authority = memchr::memmem::find(line, b"://")? + 3;
    let end = line[authority..].iter().position(|b| matches!(b, b'/' | b'?' | b'#'));
    let end = end.map_or(line.len(), |n| authority + n);
    let at = authority + memchr::memrchr(b'@', &line[authority..end])?;
    let password = authority + memchr::memchr(b':', &line[authority..at])? + 1;
    (password < at).then(|| Entry {
        key: "password".to_owned(),
        value: text(&decoded(&line[password..at])),
        scope: format!("{}{}", text(&line[..authority]), text(&line[at + 1..end])),
        line: number,
        span: (start + password, start + at),
        whole: (start, start + line.len()),
    })
}

/// `%41` is `A`; anything else stays.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i], digit(i + 1), digit(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (byte, ..) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_gives_its_password() {
        let file = "https:\u{2f}/me:q%40x%2@host.example\r\n# note\nhttp:\u{2f}/a:b%3Ac@[::1]:8080/r?x@y\nhttps://me@h.example\n\nhttps://:@h\n";
        let entries = read(file.as_bytes()).entries;
        let found: Vec<_> = entries.iter().map(|e| (e.scope.as_str(), e.value.as_str(), e.line)).collect();
        assert_eq!(found, [("https://host.example", "q@x%2", 1), ("http://[::1]:8080", "b:c", 3)]);
        let raw: Vec<&str> = entries.iter().map(|e| &file[e.span.0..e.span.1]).collect();
        assert_eq!(raw, ["q%40x%2", "b%3Ac"]);
        assert!(entries.iter().all(|e| e.key == "password"));
    }
}
