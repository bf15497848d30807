//! Small things about words: numbers, plurals, wrapped paragraphs, and text from files made harmless.

use lapwing_agent::record::{Record, Sighting, State};
use lapwing_rules::rule::{Grade, Severity};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use textwrap::{Options, WordSplitter};

/// Text that came from a file, on one line and harmless to a terminal: names may hold escape sequences, line ends and
/// marks that reverse the reading direction.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => clean.push_str("\\n"),
            '\t' => clean.push_str("\\t"),
            c if harmful(c) => write!(clean, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default(),
            c => clean.push(c),
        }
    }
    clean
}

/// Whether a character moves the cursor, hides itself or turns the reading direction.
pub(crate) fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// An error message on one line. The picture that TOML errors draw of the file is left out: it may show a value.
pub(crate) fn line(text: &str) -> String {
    let picture = |l: &&str| {
        l.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|')
    };
    let lines = text.lines().filter(|l| !picture(l)).map(|l| l.trim().trim_end_matches(':'));
    without_number(&clean(&lines.filter(|l| !l.is_empty()).collect::<Vec<_>>().join(": ")))
}

/// The number that the standard library adds to what the system said helps nobody.
fn without_number(text: &str) -> String {
    match text.split_once(" (os error ") {
        Some((said, rest)) => format!("{said}{}", rest.split_once(')').map_or("", |(_, rest)| rest)),
        None => text.to_owned(),
    }
}

/// `12,345`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `a, b and c`.
pub(crate) fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1.2 GB`.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{} kB", n / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", n / 1_000_000),
        _ => format!("{}.{} GB", n / 1_000_000_000, n / 100_000_000 % 10),
    }
}

/// `40 ms`, `1.2 s`, `42 s`, `3 min 5 s`.
pub(crate) fn duration(millis: u64) -> String {
    match millis {
        0..100 => format!("{millis} ms"),
        100..10_000 => format!("{}.{} s", millis / 1000, millis / 100 % 10),
        10_000..60_000 => format!("{} s", millis / 1000),
        _ => format!("{} min {} s", millis / 60_000, millis / 1000 % 60),
    }
}

/// How sure a secret finding is, in words; `None` for settings and checks, which are facts.
pub(crate) fn grade(record: &Record) -> Option<String> {
    let note = record.note.as_deref().map(clean);
    Some(match (record.grade?, note) {
        (Grade::Proved, None) => "proved: its checksum holds".to_owned(),
        (Grade::Proved, Some(note)) => format!("proved: {note}"),
        (Grade::Shaped, None) => "vendor format".to_owned(),
        (Grade::Named, None) => "named by its assignment".to_owned(),
        (Grade::Guessed, None) => "guessed".to_owned(),
        (Grade::Shaped, Some(note)) => format!("vendor format: {note}"),
        (Grade::Named, Some(note)) => format!("named by its assignment: {note}"),
        (Grade::Guessed, Some(note)) => format!("guessed: {note}"),
    })
}

/// What a severity means.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "gives away something valuable to whoever reads it",
        Severity::High => "gives away an account, a key or code execution under some condition",
        Severity::Medium => "helps an attacker who is already near",
        Severity::Low => "little harm by itself",
        Severity::Info => "worth knowing",
    }
}

/// `~/.bash_history:14`, `~/old.zip › app/.env:2`, with the column where it is asked for.
pub(crate) fn place(at: &Sighting, column: bool) -> String {
    let mut text = clean(&at.path);
    if let Some(part) = &at.inside {
        write!(text, " › {}", clean(part)).unwrap_or_default();
    }
    if let Some(line) = at.line {
        write!(text, ":{line}").unwrap_or_default();
        if let Some(c) = at.column.filter(|_| column) {
            write!(text, ":{c}").unwrap_or_default();
        }
    }
    text
}

/// Where a finding is in its life; `None` while it is open.
pub(crate) fn state(state: &State) -> Option<String> {
    match state {
        State::Open => None,
        State::Ignored { reason, until: None } => Some(format!("ignored: {}", clean(reason))),
        State::Ignored { reason, until: Some(end) } => {
            Some(format!("ignored until {}: {}", crate::dates::last_day(*end), clean(reason)))
        }
        State::Resolved { at } => Some(format!("resolved on {}", crate::dates::day(*at))),
    }
}

/// A path of our own as people write it.
pub(crate) fn tilde(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(rest) => clean(&format!("~/{}", rest.display())),
        Err(_) => clean(&path.display().to_string()),
    }
}

/// An argument as a shell takes it.
pub(crate) fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

/// One paragraph, wrapped, with its first line led in by `first` and the others indented to match. Words are never
/// broken, nor is what stands in backquotes if it fits a line: a path or a command must survive being copied.
pub(crate) fn wrap(out: &mut dyn Write, first: &str, text: &str, width: usize) -> io::Result<()> {
    hang(out, first, &" ".repeat(textwrap::core::display_width(first)), text, width)
}

/// As [`wrap`], with an indent of its own for the lines after the first.
pub(crate) fn hang(out: &mut dyn Write, first: &str, rest: &str, text: &str, width: usize) -> io::Result<()> {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    let room = width.saturating_sub(textwrap::core::display_width(rest));
    for line in textwrap::wrap(&together(text, room), options) {
        writeln!(out, "{}", line.trim_end().replace(GLUE, " "))?;
    }
    Ok(())
}

/// Stands for a blank at which no line ends.
const GLUE: char = '\u{e000}';

/// What stands in backquotes, as one word where it fits the room.
fn together(text: &str, room: usize) -> String {
    if !text.matches('`').count().is_multiple_of(2) {
        return text.to_owned();
    }
    let pieces = text.split('`').enumerate().map(|(n, piece)| {
        let fits = textwrap::core::display_width(piece) + 2 <= room;
        if n % 2 == 1 && fits { piece.replace(' ', &GLUE.to_string()) } else { piece.to_owned() }
    });
    pieces.collect::<Vec<_>>().join("`")
}

/// The text of a page: paragraphs and list items keep their own lines, everything else flows.
pub(crate) fn prose(out: &mut dyn Write, indent: &str, text: &str, width: usize) -> io::Result<()> {
    let mut block = String::new();
    for line in text.trim().lines().map(str::trim) {
        let item =
            line.starts_with("- ") || line.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok());
        if (item || line.is_empty()) && !block.is_empty() {
            wrap(out, indent, &std::mem::take(&mut block), width)?;
        }
        if line.is_empty() {
            writeln!(out)?;
        } else {
            block.push_str(if block.is_empty() { "" } else { " " });
            block.push_str(&clean(line));
        }
    }
    if block.is_empty() { Ok(()) } else { wrap(out, indent, &block, width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn numbers() {
        assert_eq!(
            [0, 999, 1_000, 12_345, 1_234_567].map(number),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
        assert_eq!([1, 2].map(|n| count(n, "file", "files")), ["1 file", "2 files"]);
        assert_eq!([12, 4_200, 7_300_000, 1_250_000_000].map(bytes), ["12 B", "4 kB", "7 MB", "1.2 GB"]);
        assert_eq!([40, 1_234, 42_999, 185_000].map(duration), ["40 ms", "1.2 s", "42 s", "3 min 5 s"]);
    }

    #[test]
    fn lists_of_words() {
        let list = |n: usize| and(&["a", "b", "c"].map(str::to_owned)[..n]);
        assert_eq!([0, 1, 2, 3].map(list), ["", "a", "a and b", "a, b and c"]);
    }

    #[test]
    fn text_from_files_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\nc\r\u{9b}2J"), "a\\u{1b}[31mb\\nc\\u{d}\\u{9b}2J");
        assert_eq!(clean("evil\u{202e}txt.exe"), "evil\\u{202e}txt.exe");
        assert_eq!(clean("~/Zoë/秘密 🐦"), "~/Zoë/秘密 🐦");
    }

    #[test]
    fn errors_fold_to_one_line_without_the_picture() {
        assert_eq!(
            line(sample::TOML_ERROR),
            "TOML parse error at line 2, column 1: unknown field `max-size`"
        );
    }

    #[test]
    fn errors_of_the_system_lose_their_number() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(line(&format!("~/x: {error}; look")), "~/x: No such file or directory; look");
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(quoted("/srv/home"), "/srv/home");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted("~/x"), "'~/x'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn grades_in_words() {
        let mut record = sample::record("F-1", Severity::High);
        let mut word = |g, note: Option<&str>| {
            (record.grade, record.note) = (g, note.map(str::to_owned));
            grade(&record)
        };
        assert_eq!(word(Some(Grade::Proved), None).unwrap(), "proved: its checksum holds");
        assert_eq!(word(Some(Grade::Proved), Some("the key parses")).unwrap(), "proved: the key parses");
        assert_eq!(word(Some(Grade::Shaped), None).unwrap(), "vendor format");
        assert_eq!(word(Some(Grade::Named), None).unwrap(), "named by its assignment");
        assert_eq!(
            word(Some(Grade::Guessed), Some("its checksum fails")).unwrap(),
            "guessed: its checksum fails"
        );
        assert_eq!(word(None, None), None);
    }

    #[test]
    fn prose_keeps_items_and_paragraphs() {
        let mut out = Vec::new();
        prose(&mut out, "  ", "First this\nand that.\n\n1. one\n2. two\nmore", 40).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  First this and that.\n\n  1. one\n  2. two more\n");
    }

    #[test]
    fn long_words_stay_whole() {
        let mut out = Vec::new();
        wrap(&mut out, "  ", "see ~/a/very/long/path/that-does-not/fit-on-it here", 20).unwrap();
        let want = "  see\n  ~/a/very/long/path/that-does-not/fit-on-it\n  here\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn commands_stay_on_a_line_that_they_fit() {
        let lines = |text: &str| {
            let mut out = Vec::new();
            wrap(&mut out, "  ", text, 24).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(lines("To see it: `git status -s` shows"), "  To see it:\n  `git status -s` shows\n");
        let long = "run `git config --global --unset x` now";
        assert_eq!(lines(long), "  run `git config\n  --global --unset x`\n  now\n");
        assert_eq!(lines("a ` alone is no command at all"), "  a ` alone is no\n  command at all\n");
    }
}
