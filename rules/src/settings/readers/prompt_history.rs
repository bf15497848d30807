//! Histories that prompt_toolkit writes (pgcli, mycli, litecli, ptpython): blocks of a line `# 2026-01-31 12:00:00.000000`
//! and the command, each of whose lines begins with `+`.

use super::Reader;
use super::plain_history::command;
use crate::settings::entry::{Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// A command while its lines are gathered.
struct Open {
    value: Vec<u8>,
    scope: String,
    line: u64,
    span: (usize, usize),
}

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut time = String::new();
    let mut open: Option<Open> = None;
    let mut close = |open: &mut Option<Open>| {
        read.entries.extend(open.take().map(|o| command(&o.value, o.scope, o.line, o.span)));
    };
    for (number, (at, line)) in (1..).zip(lines(bytes)) {
        let end = at + line.len();
        match (line.strip_prefix(b"+"), &mut open) {
            (Some(typed), Some(open)) => {
                open.value.push(b'\n');
                open.value.extend_from_slice(typed);
                open.span.1 = end;
            }
            (Some(typed), None) => {
                let scope = std::mem::take(&mut time);
                open = Some(Open { value: typed.to_vec(), scope, line: number, span: (at + 1, end) });
            }
            (None, _) => {
                close(&mut open);
                time = line.strip_prefix(b"# ").map(|t| format!("@{}", text(t))).unwrap_or_default();
            }
        }
    }
    close(&mut open);
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let bytes =
            b"\n# 2026-01-31 12:00:00.000000\n+select 1\n+from t;\n\n# 2026-01-31 12:00:01.000000\n+\\q\n";
        let entries = read(bytes).entries;
        let seen: Vec<_> = entries.iter().map(|e| (e.value.as_str(), e.scope.as_str(), e.line)).collect();
        assert_eq!(
            seen,
            [
                ("select 1\nfrom t;", "@2026-01-31 12:00:00.000000", 3),
                ("\\q", "@2026-01-31 12:00:01.000000", 7)
            ]
        );
        let raw = |n: usize| &bytes[entries[n].span.0..entries[n].span.1];
        assert_eq!(raw(0), b"select 1\n+from t;");
        assert_eq!(raw(1), b"\\q");
    }
}
