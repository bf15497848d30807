//! Files that hold a token and nothing else: one entry `content`, blanks around it left out.

use super::Reader;
use crate::settings::entry::{Entry, Read, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// No token is longer.
const LONGEST: usize = 16 << 10;

fn read(bytes: &[u8]) -> Read {
    let (start, body) = trim(bytes);
    let mut read = Read::default();
    if !body.is_empty() && body.len() <= LONGEST {
        let line = 1 + memchr::memchr_iter(b'\n', &bytes[..start]).count() as u64;
        let span = (start, start + body.len());
        read.entries.push(Entry {
            key: "content".to_owned(),
            value: text(body),
            line,
            span,
            ..Entry::default()
        });
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_the_value() {
        let entry = &read(b"\n token \n").entries[0];
        assert_eq!((entry.value.as_str(), entry.span, entry.line), ("token", (2, 7), 2));
        assert!(read(b" \n").entries.is_empty());
    }
}
