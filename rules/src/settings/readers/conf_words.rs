//! Files of `word value` lines (`.msmtprc`, `.mbsyncrc`), and of `set name = value` lines (mutt). The key is the first
//! word in lower case, the scope the last `account`, `IMAPAccount` or `defaults` line.

use super::{Reader, ini};
use crate::settings::entry::{Entry, Read, lines, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

const SCOPES: &[&str] = &["account", "defaults", "imapaccount"];

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut scope = String::new();
    for (number, (at, line)) in (1..).zip(lines(bytes)) {
        let (indent, body) = trim(line);
        if body.is_empty() || body.starts_with(b"#") {
            continue;
        }
        let (name, from) = name(body);
        let key = text(name).to_lowercase();
        let (from, to) = ini::value(body, from);
        let value = text(&body[from..to]);
        if SCOPES.contains(&key.as_str()) {
            scope = format!("{key} {value}").trim_end().to_owned();
            continue;
        }
        let at = at + indent;
        read.entries.push(Entry {
            key,
            value,
            scope: scope.clone(),
            line: number,
            span: (at + from, at + to),
            whole: (at, ini::closed(bytes, (at + from, at + to)).1),
        });
    }
    read
}

/// The name of a line and where its value may begin.
fn name(body: &[u8]) -> (&[u8], usize) {
    let word = |from: usize, ends: fn(&u8) -> bool| {
        body[from..].iter().position(ends).map_or(body.len(), |n| from + n)
    };
    let end = word(0, u8::is_ascii_whitespace);
    if &body[..end] != b"set" {
        return (&body[..end], end);
    }
    let start = end + trim(&body[end..]).0;
    let end = word(start, |b| b.is_ascii_whitespace() || *b == b'=');
    let (blank, rest) = trim(&body[end..]);
    let from = if rest.starts_with(b"=") { end + blank + 1 } else { end };
    (&body[start..end], from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_key() {
        let text = "defaults\nauth on\naccount work\n  password  \"q w\"\nPass x y\n# no\nset imap_pass=\"z\"\nset smtp_pass = 'u'\nset mark\n";
        let read = read(text.as_bytes());
        let found: Vec<String> =
            read.entries.iter().map(|e| format!("{}|{}|{}", e.scope, e.key, e.value)).collect();
        assert_eq!(
            found,
            [
                "defaults|auth|on",
                "account work|password|q w",
                "account work|pass|x y",
                "account work|imap_pass|z",
                "account work|smtp_pass|u",
                "account work|mark|",
            ]
        );
        let (start, end) = read.entries[1].span;
        assert_eq!(&text[start..end], "q w");
    }
}
