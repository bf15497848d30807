//! OpenSSH's known hosts: an entry a line, `host` = the field that names the hosts, hashed (`|1|…`) or not. The scope
//! is the marker (`@cert-authority`, `@revoked`), when there is one.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    for (number, (start, line)) in (1..).zip(lines(bytes)) {
        let (mut at, mut rest) = trim(line);
        let field = |rest: &[u8]| rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let mut scope = String::new();
        if rest.starts_with(b"@") {
            let end = field(rest);
            scope = text(&rest[..end]);
            let (skip, more) = trim(&rest[end..]);
            (at, rest) = (at + end + skip, more);
        }
        if rest.is_empty() || rest[0] == b'#' {
            continue;
        }
        let end = field(rest);
        let span = (start + at, start + at + end);
        read.entries.push(Entry {
            key: "host".to_owned(),
            value: text(&rest[..end]),
            scope,
            line: number,
            span,
            whole: (0, 0),
        });
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_markers() {
        let source = b"# c\n\ngit.example,10.0.0.1 ssh-ed25519 AAAA\r\n|1|abc=|def= ssh-rsa AAAA\n@revoked * ssh-rsa A\n";
        let read = read(source);
        let found: Vec<_> =
            read.entries.iter().map(|e| (e.line, e.scope.as_str(), e.value.as_str())).collect();
        assert_eq!(found, [(3, "", "git.example,10.0.0.1"), (4, "", "|1|abc=|def="), (5, "@revoked", "*")]);
        for e in &read.entries {
            assert_eq!(&source[e.span.0..e.span.1], e.value.as_bytes());
        }
    }
}
