//! `.pgpass`: `host:port:database:user:password`, `\:` and `\\` escaped. Key `password`, scope `host:port:database:user`.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    for (number, (at, line)) in (1..).zip(lines(bytes)) {
        if line.starts_with(b"#") {
            continue;
        }
        let Some(from) = fifth(line) else { continue };
        read.entries.push(Entry {
            key: "password".to_owned(),
            value: unescaped(&line[from..]),
            scope: text(&line[..from - 1]),
            line: number,
            span: (at + from, at + line.len()),
            whole: (at, at + line.len()),
        });
    }
    read
}

/// Where the fifth field begins.
fn fifth(line: &[u8]) -> Option<usize> {
    let mut fields = 1;
    let mut i = 0;
    while i < line.len() {
        match line[i] {
            b'\\' => i += 1,
            b':' => fields += 1,
            _ => {}
        }
        i += 1;
        if fields == 5 {
            return Some(i);
        }
    }
    None
}

fn unescaped(field: &[u8]) -> String {
    let mut out = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => out.extend(bytes.next()),
            // A further field is no part of the password.
            b':' => break,
            b => out.push(*b),
        }
    }
    text(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_field_is_the_password() {
        let text = "# c\nlocalhost:5432:*:me:pw\n[fe80\\:\\:1]:*:d:u:a\\:b\\\\c\nhost:1:d:u\n";
        let read = read(text.as_bytes());
        let values: Vec<&str> = read.entries.iter().map(|e| e.value.as_str()).collect();
        assert_eq!(values, ["pw", "a:b\\c"]);
        assert_eq!(&text[read.entries[0].span.0..read.entries[0].span.1], "pw");
        assert_eq!(read.entries[0].scope, "localhost:5432:*:me");
        assert_eq!(read.entries[1].line, 3);
    }
}
