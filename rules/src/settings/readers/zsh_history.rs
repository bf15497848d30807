//! `.zsh_history`: plain, or with `EXTENDED_HISTORY` as `: 1700000000:0;command`.
//!
//! A line break inside a command is written as backslash and line break, whatever stands before the backslash. A command
//! that ends with a backslash gets a blank after it, so that it does not run into the next. Bytes that mean something to
//! zsh itself (`0x83` to `0xa2`, parts of most accented letters) are written as `0x83` and the byte with bit 5 flipped.

use super::Reader;
use super::plain_history::command;
use crate::settings::entry::{Read, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// Marks a byte that is written with bit 5 flipped.
const META: u8 = 0x83;

fn read(bytes: &[u8]) -> Read {
    let mut entries = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let (stop, next, breaks) = end(bytes, at);
        let (time, skip) = header(&bytes[at..stop]);
        let (start, stop) = (at + skip, stop - usize::from(padded(&bytes[at..stop])));
        if start < stop {
            let scope = time.map(|t| format!("@{}", text(t))).unwrap_or_default();
            entries.push(command(&decode(&bytes[start..stop]), scope, line, (start, stop)));
        }
        at = next;
        line += breaks;
    }
    Read { entries, problems: Vec::new() }
}

/// Where a command ends, where the next begins, and how many line ends that passes.
fn end(bytes: &[u8], start: usize) -> (usize, usize, u64) {
    let mut breaks = 0;
    for newline in memchr::memchr_iter(b'\n', &bytes[start..]).map(|n| start + n) {
        breaks += 1;
        if newline == start || bytes[newline - 1] != b'\\' {
            return (newline, newline + 1, breaks);
        }
    }
    (bytes.len(), bytes.len(), breaks)
}

/// The time of `: 1700000000:0;` and the length of all of it.
fn header(command: &[u8]) -> (Option<&[u8]>, usize) {
    let digits = |from: usize| command[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    if !command.starts_with(b": ") {
        return (None, 0);
    }
    let time = 2 + digits(2);
    if time == 2 || command.get(time) != Some(&b':') {
        return (None, 0);
    }
    let took = time + 1 + digits(time + 1);
    if took == time + 1 || command.get(took) != Some(&b';') {
        return (None, 0);
    }
    (Some(&command[2..time]), took + 1)
}

/// Whether the last blank was added because a backslash stands before the blanks.
fn padded(command: &[u8]) -> bool {
    let blanks = command.iter().rev().take_while(|b| **b == b' ').count();
    blanks > 0 && command[..command.len() - blanks].ends_with(b"\\")
}

fn decode(command: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(command.len());
    let mut i = 0;
    while let Some(&b) = command.get(i) {
        let (made, used) = match (b, command.get(i + 1)) {
            (b'\\', Some(b'\n')) => (b'\n', 2),
            (META, Some(flipped)) => (flipped ^ 0x20, 2),
            _ => (b, 1),
        };
        out.push(made);
        i += used;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &[u8]) -> Vec<(String, String, u64)> {
        read(bytes).entries.into_iter().map(|e| (e.value, e.scope, e.line)).collect()
    }

    fn row(value: &str, scope: &str, line: u64) -> (String, String, u64) {
        (value.to_owned(), scope.to_owned(), line)
    }

    #[test]
    fn extended_and_plain_lines() {
        assert_eq!(
            seen(b": 1700000000:0;ls -l\necho : 1:2;x\n: 17:;a\n: no\n:\n\n: 1700000001:12;cd /"),
            [
                row("ls -l", "@1700000000", 1),
                row("echo : 1:2;x", "", 2),
                row(": 17:;a", "", 3),
                row(": no", "", 4),
                row(":", "", 5),
                row("cd /", "@1700000001", 7),
            ]
        );
    }

    #[test]
    fn an_ordinary_command_equals_its_bytes() {
        let bytes = b": 1700000000:0;export A=b\\c\ntrue # back\\ \n";
        let entries = read(bytes).entries;
        assert_eq!(entries.len(), 2);
        for e in entries {
            assert_eq!(e.value.as_bytes(), &bytes[e.span.0..e.span.1]);
        }
    }

    // As zsh 5.9 wrote and read them back.
    #[test]
    fn several_lines_and_trailing_backslashes() {
        let bytes = b": 1:0;echo \"multi\\\nline\"\n: 2:0;echo a\\\\\nb\n: 3:0;true # back\\ \n: 4:0;true # back\\\\\\   \n: 5:0;x ";
        assert_eq!(
            seen(bytes),
            [
                row("echo \"multi\nline\"", "@1", 1),
                row("echo a\\\nb", "@2", 3),
                row("true # back\\", "@3", 5),
                row("true # back\\\\\\  ", "@4", 6),
                row("x ", "@5", 7),
            ]
        );
        let first = &read(bytes).entries[0];
        assert_eq!(&bytes[first.span.0..first.span.1], b"echo \"multi\\\nline\"");
    }

    #[test]
    fn metafied_bytes_are_restored() {
        // `à` is c3 a0, and a0 is written as 83 80; `é` is c3 a9 and needs nothing.
        assert_eq!(seen(b"echo \xc3\x83\x80\xc3\xa9\n"), [row("echo àé", "", 1)]);
        assert_eq!(seen(b"echo \x83").len(), 1);
    }
}
