//! What a change does to a text, line by line, with a little around it. The text is masked before it comes here.

use super::words::clean;
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};
use std::io::{self, Write};

/// Lines shown around a change.
const AROUND: usize = 1;
/// Stretches shown of one file.
const MOST: usize = 12;
/// Columns shown of a line at least.
const LEAST: usize = 40;

/// Prints what differs. Returns how many stretches were left out.
pub(crate) fn diff(
    out: &mut dyn Write,
    indent: &str,
    before: &str,
    after: &str,
    width: usize,
) -> io::Result<usize> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(AROUND);
    let room = width.saturating_sub(indent.len() + 2).max(LEAST);
    for group in groups.iter().take(MOST) {
        let line = group.first().map_or(0, |op| op.old_range().start) + 1;
        writeln!(out, "{indent}line {line}")?;
        let changes: Vec<_> = group.iter().flat_map(|op| diff.iter_changes(op)).collect();
        let of = |tag| changes.iter().find(|c| c.tag() == tag).map(|c| c.value());
        let from = differs(of(ChangeTag::Delete), of(ChangeTag::Insert));
        for change in &changes {
            let (mark, style) = match change.tag() {
                ChangeTag::Delete => ('-', AnsiColor::Red.on_default()),
                ChangeTag::Insert => ('+', AnsiColor::Green.on_default()),
                ChangeTag::Equal => (' ', Style::new().dimmed()),
            };
            let from = if change.tag() == ChangeTag::Equal { 0 } else { from };
            let text = clip(change.value().trim_end_matches(['\n', '\r']), from, room);
            writeln!(out, "{indent}{style}{mark} {text}{style:#}")?;
        }
    }
    Ok(groups.len().saturating_sub(MOST))
}

/// The character at which two lines begin to differ.
fn differs(old: Option<&str>, new: Option<&str>) -> usize {
    match (old, new) {
        (Some(old), Some(new)) => old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    }
}

/// A line cut to what people read, around the character at which it matters.
fn clip(line: &str, at: usize, room: usize) -> String {
    let line = &line.replace('\t', "    ");
    if line.chars().count() <= room {
        return clean(line);
    }
    let start = at.saturating_sub(room / 2);
    let part: String = line.chars().skip(start).take(room.saturating_sub(2)).collect();
    let more = line.chars().nth(start + room.saturating_sub(2)).is_some();
    format!("{}{}{}", if start > 0 { "…" } else { "" }, clean(&part), if more { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> (String, usize) {
        let mut out = Vec::new();
        let left = diff(&mut out, "  ", before, after, 60).unwrap();
        (anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string(), left)
    }

    #[test]
    fn changed_lines_with_one_around() {
        let (text, left) = shown("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n");
        insta::assert_snapshot!(text, @r"
          line 2
            b
          - c
          + X
            d
        ");
        assert_eq!(left, 0);
    }

    #[test]
    fn long_lines_are_cut_around_what_changes() {
        let line = |middle: &str| format!("{}{middle}{}\n", "x".repeat(500), "y".repeat(500));
        let (text, _) = shown(&line("OLD"), &line("new"));
        assert!(text.contains("OLD") && text.contains("new"), "{text}");
        assert!(text.lines().all(|l| l.chars().count() <= 62), "{text}");
    }

    #[test]
    fn many_changes_are_counted() {
        let before: String = (0..100).map(|n| format!("{n}\nk\nk\nk\n")).collect();
        let (_, left) = shown(&before, &before.replace("0\n", "zero\n"));
        assert!(left < 10);
        let (_, left) = shown(&before, &before.replace('\n', "!\n"));
        assert_eq!(left, 0);
        let (_, left) = shown(&before, &before.replace("k\nk\nk\n1", "k\nk\nk\nX"));
        assert!(left <= 1, "{left}");
    }

    #[test]
    fn text_of_files_cannot_steer_the_terminal() {
        let (text, _) = shown("a\u{1b}[2J\n", "b\n");
        assert!(text.contains("a\\u{1b}[2J"), "{text}");
    }
}
