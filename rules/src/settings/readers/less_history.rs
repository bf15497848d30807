//! `.lesshst`: what was searched for in less, and the shell commands typed there with `!`. A first line names the format;
//! `.search` and `.shell` begin sections, whose lines begin with a quotation mark; `.mark` lists bookmarks.

use super::Reader;
use super::plain_history::command;
use crate::settings::entry::{Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut entries = Vec::new();
    let mut section = String::new();
    for (number, (at, line)) in (1..).zip(lines(bytes)) {
        if let Some(name) = line.strip_prefix(b".") {
            section = text(name);
        } else if let Some(typed) = line.strip_prefix(b"\"") {
            entries.push(command(typed, section.clone(), number, (at + 1, at + line.len())));
        }
    }
    Read { entries, problems: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections() {
        let bytes =
            b".less-history-file:\n.search\n\"TODO\n\"a \"b\"\n.shell\n\"ls -l\n.mark\nm a 1 1 /etc/hosts\n";
        let entries = read(bytes).entries;
        let seen: Vec<_> = entries.iter().map(|e| (e.value.as_str(), e.scope.as_str(), e.line)).collect();
        assert_eq!(seen, [("TODO", "search", 3), ("a \"b\"", "search", 4), ("ls -l", "shell", 6)]);
        for e in &entries {
            assert_eq!(e.value.as_bytes(), &bytes[e.span.0..e.span.1]);
        }
    }
}
