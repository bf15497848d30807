//! `.netrc`: words in pairs, on one line or many. Keys `login`, `password`, `account`; scope `machine HOST` or
//! `default`. The same reader serves fetchmail's file, where `password "…"` stands among other words.

use super::{Reader, ini};
use crate::settings::entry::{Entry, Lines, Read, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut lines = Lines::new(bytes);
    let mut words = Words { bytes, at: 0 };
    let mut scope = String::new();
    while let Some((start, end)) = words.next_word(true) {
        match &bytes[start..end] {
            b"machine" => {
                scope = words
                    .next_word(false)
                    .map_or_else(String::new, |(s, e)| format!("machine {}", text(&bytes[s..e])));
            }
            b"default" => "default".clone_into(&mut scope),
            b"macdef" => words.skip_macro(),
            word @ (b"login" | b"password" | b"account") => {
                let Some(span) = words.next_word(false) else { break };
                read.entries.push(Entry {
                    key: text(word),
                    value: text(&bytes[span.0..span.1]),
                    scope: scope.clone(),
                    line: lines.line(span.0),
                    span,
                    whole: (start, ini::closed(bytes, span).1),
                });
            }
            _ => {}
        }
    }
    read
}

/// Longest quoted word.
const WORD: usize = 1024;

struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Words<'_> {
    /// The next word, without quotes. Where a keyword may stand, `#` begins a comment; a password may begin with one.
    fn next_word(&mut self, keyword: bool) -> Option<(usize, usize)> {
        loop {
            let blank = self.bytes[self.at..].iter().position(|b| !b.is_ascii_whitespace())?;
            self.at += blank;
            if !(keyword && self.bytes[self.at] == b'#') {
                break;
            }
            self.at += memchr::memchr(b'\n', &self.bytes[self.at..])?;
        }
        let rest = &self.bytes[self.at..];
        let line = &rest[..rest.len().min(WORD)];
        let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
        if let Some(mark) = line.first().filter(|b| matches!(b, b'"' | b'\''))
            && let Some(close) = memchr::memchr(*mark, &line[1..])
        {
            let start = self.at + 1;
            self.at = start + close + 1;
            return Some((start, start + close));
        }
        let start = self.at;
        self.at += rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        Some((start, self.at))
    }

    /// A macro goes on until an empty line.
    fn skip_macro(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += memchr::memmem::find(rest, b"\n\n").unwrap_or(rest.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let all = read(text.as_bytes()).entries.into_iter();
        all.map(|e| format!("{}|{}|{}", e.scope, e.key, e.value)).collect()
    }

    #[test]
    fn words_may_stand_on_one_line_or_many() {
        let text = "machine a.example login me password #pw1\n# password no\nmachine b.example\n  login you\n  password \"p w\"\ndefault login anonymous password x@y\n"; // lapwing:ignore
        assert_eq!(
            found(text),
            [
                "machine a.example|login|me",
                "machine a.example|password|#pw1",
                "machine b.example|login|you",
                "machine b.example|password|p w",
                "default|login|anonymous",
                "default|password|x@y",
            ]
        );
    }

    #[test]
    fn macros_are_no_words() {
        assert_eq!(
            found("machine a\nmacdef init\nsend password secret\n\nmachine b password c\n"),
            ["machine b|password|c"]
        );
    }

    #[test]
    fn spans_are_the_words() {
        let text = "machine a password \"pw\"";
        let entry = &read(text.as_bytes()).entries[0];
        assert_eq!(&text[entry.span.0..entry.span.1], "pw");
    }
}
