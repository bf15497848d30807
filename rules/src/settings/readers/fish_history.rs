//! fish's `fish_history`: blocks of `- cmd: …`, `  when: seconds` and `  paths:`. It looks like YAML and is not: the
//! command is never quoted, `\n` is a line break and `\\` a backslash.

use super::Reader;
use super::plain_history::{command, unescape};
use crate::settings::entry::{Entry, Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut entries: Vec<Entry> = Vec::new();
    for (number, (at, line)) in (1..).zip(lines(bytes)) {
        if let Some(cmd) = line.strip_prefix(b"- cmd:") {
            let cmd = cmd.strip_prefix(b" ").unwrap_or(cmd);
            let end = at + line.len();
            entries.push(command(&unescape(cmd), String::new(), number, (end - cmd.len(), end)));
        } else if let (Some(when), Some(entry)) = (line.strip_prefix(b"  when: "), entries.last_mut())
            && entry.scope.is_empty()
        {
            entry.scope = format!("@{}", text(when.trim_ascii()));
        }
    }
    Read { entries, problems: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As fish 3.6 wrote it.
    #[test]
    fn blocks_escapes_and_paths() {
        let bytes = "- cmd: set -x TOKEN sécrèt\n  when: 1700000000\n- cmd: echo \"a\\nb\\\\\\\\nc\"\n  when: 1700000001\n- cmd: cat /etc/hosts\n  when: 1700000002\n  paths:\n    - /etc/hosts\n- cmd: exit\n".as_bytes();
        let entries = read(bytes).entries;
        let seen: Vec<_> = entries.iter().map(|e| (e.value.as_str(), e.scope.as_str(), e.line)).collect();
        assert_eq!(
            seen,
            [
                ("set -x TOKEN sécrèt", "@1700000000", 1),
                ("echo \"a\nb\\\\nc\"", "@1700000001", 3),
                ("cat /etc/hosts", "@1700000002", 5),
                ("exit", "", 9),
            ]
        );
        let raw = |e: &Entry| &bytes[e.span.0..e.span.1];
        assert_eq!(raw(&entries[0]), entries[0].value.as_bytes());
        assert_eq!(raw(&entries[1]), b"echo \"a\\nb\\\\\\\\nc\"");
    }

    #[test]
    fn other_text_is_no_command() {
        assert!(read(b"  when: 17\ncmd: x\n - cmd: y\n").entries.is_empty());
    }
}
