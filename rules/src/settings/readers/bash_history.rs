//! `.bash_history`: one command per line; with `HISTTIMEFORMAT` each is preceded by `#` and the time in seconds.
//!
//! As in bash itself, a file that begins with a timestamp may hold commands of several lines: each reaches up to the
//! next timestamp. In any other file every line is a command of its own.

use super::Reader;
use super::plain_history::command;
use crate::settings::entry::{Entry, Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let joined = lines(bytes).next().is_some_and(|(_, line)| timestamp(line).is_some());
    let mut entries: Vec<Entry> = Vec::new();
    let mut scope = String::new();
    // Where the command that the next line continues began: span and line.
    let mut open: Option<(usize, usize, u64)> = None;
    for (number, (at, line)) in (1..).zip(lines(bytes)) {
        if let Some(time) = timestamp(line) {
            flush(bytes, &mut open, &mut scope, &mut entries);
            scope = format!("@{}", text(time));
        } else if let (true, Some((_, end, _))) = (joined, &mut open) {
            *end = at + line.len();
        } else if !line.is_empty() {
            flush(bytes, &mut open, &mut scope, &mut entries);
            open = Some((at, at + line.len(), number));
        }
    }
    flush(bytes, &mut open, &mut scope, &mut entries);
    Read { entries, problems: Vec::new() }
}

fn flush(bytes: &[u8], open: &mut Option<(usize, usize, u64)>, scope: &mut String, entries: &mut Vec<Entry>) {
    if let Some((start, end, line)) = open.take() {
        entries.push(command(&bytes[start..end], std::mem::take(scope), line, (start, end)));
    }
}

/// The seconds of `#1700000000`. Nine digits are 1973: anything shorter is a comment that somebody typed.
fn timestamp(line: &[u8]) -> Option<&[u8]> {
    let digits = line.strip_prefix(b"#")?;
    let plain = (9..=12).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &[u8]) -> Vec<(String, String, u64)> {
        let entries = read(bytes).entries;
        for e in entries.iter().filter(|e| !e.value.contains('\u{fffd}')) {
            assert_eq!(e.value.as_bytes(), &bytes[e.span.0..e.span.1]);
        }
        entries.into_iter().map(|e| (e.value, e.scope, e.line)).collect()
    }

    fn row(value: &str, scope: &str, line: u64) -> (String, String, u64) {
        (value.to_owned(), scope.to_owned(), line)
    }

    #[test]
    fn plain_lines() {
        assert_eq!(
            seen(b"ls\n\n# note\n#12 apples\ncd /"),
            [row("ls", "", 1), row("# note", "", 3), row("#12 apples", "", 4), row("cd /", "", 5)]
        );
    }

    #[test]
    fn timestamps_join_the_lines_between_them() {
        let bytes = b"#1700000000\nfor i in 1; do\n\necho $i\ndone\n#1700000001\n#1700000002\nls\n";
        assert_eq!(
            seen(bytes),
            [row("for i in 1; do\n\necho $i\ndone", "@1700000000", 2), row("ls", "@1700000002", 8)]
        );
    }

    #[test]
    fn timestamps_that_began_later_do_not_join() {
        assert_eq!(
            seen(b"ls\n#1700000000\necho a\necho b\n"),
            [row("ls", "", 1), row("echo a", "@1700000000", 3), row("echo b", "", 4)]
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_still_a_command() {
        assert_eq!(seen(b"echo \xff\n")[0].0, "echo \u{fffd}");
    }
}
