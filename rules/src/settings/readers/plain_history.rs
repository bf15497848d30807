//! Histories with one command per line: Python, Node, irb, redis-cli, gdb, psql, mysql, sqlite3, PowerShell and many more.
//!
//! Three libraries encode their lines, and their first line says so: libedit (`_HiStOrY_V2_`, then `\040` for a blank,
//! as mysql and sqlite3 write where they are built with it) and rustyline (`#V2`, then `\n` for a line break, as Deno
//! writes). psql keeps a line break inside a statement as the byte 1, with or without libedit.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// First line of a history that libedit wrote.
const LIBEDIT: &[u8] = b"_HiStOrY_V2_";
/// First line of a history that rustyline wrote.
const RUSTYLINE: &[u8] = b"#V2";
/// What psql writes for a line break inside a statement.
const PSQL_BREAK: u8 = 1;

fn read(bytes: &[u8]) -> Read {
    let header = lines(bytes).next().map_or(&b""[..], |(_, line)| line);
    let decode: fn(&[u8]) -> Vec<u8> = match header {
        LIBEDIT => |line| breaks(unvis(line)),
        RUSTYLINE => unescape,
        _ => |line| breaks(line.to_vec()),
    };
    let skip = usize::from(matches!(header, LIBEDIT | RUSTYLINE));
    let numbered = (1..).zip(lines(bytes)).skip(skip).filter(|(_, (_, line))| !line.is_empty());
    let entries = numbered
        .map(|(number, (at, line))| command(&decode(line), String::new(), number, (at, at + line.len())))
        .collect();
    Read { entries, problems: Vec::new() }
}

/// The entry of one command.
pub(super) fn command(value: &[u8], scope: String, line: u64, span: (usize, usize)) -> Entry {
    Entry { key: "command".to_owned(), value: text(value), scope, line, span, whole: (0, 0) }
}

/// `\\` and `\n`, as fish and rustyline write them; any other backslash stands for itself.
pub(super) fn unescape(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut i = 0;
    while let Some(&b) = line.get(i) {
        let (made, used) = match (b, line.get(i + 1)) {
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            _ => (b, 1),
        };
        out.push(made);
        i += used;
    }
    out
}

fn breaks(mut line: Vec<u8>) -> Vec<u8> {
    line.iter_mut().filter(|b| **b == PSQL_BREAK).for_each(|b| *b = b'\n');
    line
}

/// Undoes `vis(3)`: `\ooo`, `\^c` (control), `\M-c` and `\M^c` (eighth bit set), `\\`, and the letters of C.
fn unvis(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut i = 0;
    while let Some(&b) = line.get(i) {
        let (made, used) = if b == b'\\' { unvis_one(&line[i..]) } else { (b, 1) };
        out.push(made);
        i += used;
    }
    out
}

/// The byte that an escape stands for, and how long the escape is. What is no escape stands for itself.
fn unvis_one(rest: &[u8]) -> (u8, usize) {
    let control = |b: u8| if b == b'?' { 0x7f } else { b & 0x1f };
    match rest[1..] {
        [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), 4)
        }
        [b'^', b, ..] => (control(b), 3),
        [b'M', b'-', b, ..] => (b | 0x80, 4),
        [b'M', b'^', b, ..] => (control(b) | 0x80, 4),
        [b'\\', ..] => (b'\\', 2),
        [b'n', ..] => (b'\n', 2),
        [b't', ..] => (b'\t', 2),
        [b's', ..] => (b' ', 2),
        [b'r', ..] => (b'\r', 2),
        _ => (b'\\', 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(bytes: &[u8]) -> Vec<String> {
        read(bytes).entries.into_iter().map(|e| e.value).collect()
    }

    #[test]
    fn every_line_is_a_command_and_equals_its_bytes() {
        let bytes = b"import os\n\n  x = 'a\\n'\r\nlast";
        let entries = read(bytes).entries;
        let seen: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.value.as_str(), e.line)).collect();
        assert_eq!(
            seen,
            [("command", "import os", 1), ("command", "  x = 'a\\n'", 3), ("command", "last", 4)]
        );
        for entry in entries {
            assert_eq!(entry.value.as_bytes(), &bytes[entry.span.0..entry.span.1]);
        }
    }

    #[test]
    fn libedit_escapes_are_undone() {
        // The first six lines are as libedit 3.1 wrote them.
        let bytes = "_HiStOrY_V2_\nselect\\0401;\na\\011b\na\\134b\\040\\134c\né\\040à\nx\\012y\n\\M-C\\^I\\^?\\\\\\q\n"
            .as_bytes();
        let entries = read(bytes).entries;
        assert_eq!((entries[0].value.as_str(), entries[0].line), ("select 1;", 2));
        assert_eq!(&bytes[entries[0].span.0..entries[0].span.1], b"select\\0401;");
        assert_eq!(values(bytes)[1..5], ["a\tb", "a\\b \\c", "é à", "x\ny"]);
        assert_eq!(values(bytes)[5], String::from_utf8_lossy(b"\xc3\t\x7f\\\\q"));
    }

    #[test]
    fn a_backslash_at_the_end_is_kept() {
        assert_eq!(values(b"_HiStOrY_V2_\na\\\nb\\0\nc\\M-\n"), ["a\\", "b\\0", "c\\M-"]);
        assert_eq!(values(b"#V2\na\\"), ["a\\"]);
    }

    #[test]
    fn psql_keeps_statements_on_one_line() {
        assert_eq!(values(b"select 1\x01from t;\n\\q\n"), ["select 1\nfrom t;", "\\q"]);
    }

    #[test]
    fn rustyline_escapes_are_undone() {
        assert_eq!(values(b"#V2\nlet a = 1;\\nlet b = '\\\\n';\n"), ["let a = 1;\nlet b = '\\n';"]);
    }
}
