//! Changes of one setting in a configuration file that leave everything else as it is: comments, order, line ends, indentation.
//!
//! What comes out is believed only after the file's own reader has read the result: see [`change`].

use super::declared::SettingFix;
use super::edit::apply;
use super::plan::Edit;
use super::section;
use crate::settings::entry::{Entry, Read};
use crate::settings::reader;

/// What a change does.
pub(crate) enum Change {
    /// The entry goes.
    Unset,
    /// Its value becomes this.
    Value(String),
    /// It becomes a comment.
    Comment,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What is written before a line that becomes a comment, on a line of its own.
const NOTE: &str = "commented out by lapwing:";

/// The change that a declared fix makes of a value; `None` when it makes none.
pub(crate) fn wanted(fix: &SettingFix, value: &str) -> Option<Change> {
    let new = match fix {
        SettingFix::Unset(_) => return Some(Change::Unset),
        SettingFix::Comment(_) => return Some(Change::Comment),
        SettingFix::Move(_) => return None,
        SettingFix::Set(new) => new.clone(),
        SettingFix::Drop(pattern) => pattern.without(value).trim().to_owned(),
        SettingFix::Rewrite(pattern, with) => pattern.rewritten(value, with),
    };
    if new.is_empty() {
        return Some(Change::Unset);
    }
    (new != value).then_some(Change::Value(new))
}

/// The edits that change the entry at `index` of a file that this reader has read, in order; `None` when that cannot be done
/// without touching anything else, as far as the reader can tell.
pub(crate) fn change(
    name: &str,
    bytes: &[u8],
    read: &Read,
    index: usize,
    change: &Change,
) -> Option<Vec<Edit>> {
    let reader = reader(name)?;
    let entry = read.entries.get(index)?;
    let spans = [entry.span, entry.whole];
    let unsaid = entry.whole.0 >= entry.whole.1 && !matches!(change, Change::Value(_));
    if unsaid || spans.iter().any(|s| s.0 > s.1 || s.1 > bytes.len()) {
        return None;
    }
    let mut edits = match change {
        Change::Unset => unset(name, bytes, entry),
        Change::Comment => comment(name, bytes, entry),
        Change::Value(new) => value(name, bytes, entry, new).map(|edit| vec![edit]),
    }?;
    // A byte order mark belongs to the file, not to its first line.
    if let Some(first) = edits.first_mut().filter(|e| e.start == 0 && bytes.starts_with(BOM)) {
        first.start = BOM.len();
        first.end = first.end.max(first.start);
    }
    let after = (reader.read)(&apply(bytes, &edits).ok()?);
    kept(read, &after, index, change).then_some(edits)
}

/// Whether the reader finds after a change what it found before, but for the entry that was to change.
fn kept(before: &Read, after: &Read, index: usize, change: &Change) -> bool {
    let (mut want, mut got): (Vec<_>, Vec<_>) = (said(before), said(after));
    match change {
        Change::Unset | Change::Comment => {
            let gone = want.remove(index);
            // The head of a list that has lost its last item goes with it.
            if want.len() == got.len() + 1
                && let Some(head) = want[..index].iter().rposition(|e| e.0 == gone.0 && e.1.is_empty())
            {
                want.remove(head);
            }
        }
        Change::Value(new) => {
            if got.get(index).is_none_or(|e| e.1 != new) {
                return false;
            }
            want.remove(index);
            got.remove(index);
        }
    }
    want == got && after.problems.len() <= before.problems.len()
}

/// Key, value and scope of each entry. Items of lists are not told apart by their number: it changes when one goes.
fn said(read: &Read) -> Vec<(String, &str, &str)> {
    let plain = |key: &str| {
        let number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        key.split('.').map(|part| if number(&part) { "#" } else { part }).collect::<Vec<_>>().join(".")
    };
    read.entries.iter().map(|e| (plain(&e.key), e.value.as_str(), e.scope.as_str())).collect()
}

/// How settings follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// One a line.
    Lines,
    /// Between commas.
    Commas,
    /// Commands of a shell.
    Shell,
}

fn layout(name: &str, bytes: &[u8], entry: &Entry) -> Layout {
    let before = bytes[..entry.whole.0].trim_ascii_end().last();
    let after = bytes[entry.whole.1..].trim_ascii_start().first();
    match name {
        "json" => Layout::Commas,
        "shell_rc" => Layout::Shell,
        "toml" | "yaml" => {
            let listed = matches!(before, Some(b',' | b'{')) || matches!(after, Some(b',' | b'}' | b']'));
            // A table's header ends with a bracket, an array begins with one.
            if listed || matches!(before, Some(b'[')) { Layout::Commas } else { Layout::Lines }
        }
        _ => Layout::Lines,
    }
}

fn unset(name: &str, bytes: &[u8], entry: &Entry) -> Option<Vec<Edit>> {
    match layout(name, bytes, entry) {
        Layout::Commas => between_commas(bytes, entry.whole),
        Layout::Shell => statement(bytes, entry.whole),
        Layout::Lines if name == "xml" => None,
        Layout::Lines => {
            let mut gone = lines_of(bytes, entry.whole);
            if !alone(bytes, entry.whole) {
                let blanks = bytes[..entry.whole.0].iter().rev().take_while(|b| matches!(b, b' ' | b'\t'));
                gone = (entry.whole.0 - blanks.count(), entry.whole.1);
            } else if let Some(head) = head(name, bytes, entry, gone) {
                gone.0 = head;
            }
            Some(vec![cut(section::with_header(name, bytes, gone))])
        }
    }
}

pub(super) fn cut((start, end): (usize, usize)) -> Edit {
    Edit { start, end, with: Vec::new(), secret: false }
}

/// Where the line begins that opens a list of which this is the only item: `trusted-host =`, then an indented line.
fn head(name: &str, bytes: &[u8], entry: &Entry, gone: (usize, usize)) -> Option<usize> {
    let indented = |at: usize| bytes.get(at).is_some_and(|b| matches!(b, b' ' | b'\t'));
    // Lines that go on are entries without a name of their own.
    let item = matches!(name, "ini" | "npmrc") && indented(gone.0) && entry.whole.0 + 1 >= entry.span.0;
    if !item || indented(gone.1) || gone.0 == 0 {
        return None;
    }
    let above = line_start(bytes, gone.0 - 1);
    let line = bytes[above..gone.0].trim_ascii();
    (!indented(above) && matches!(line.last(), Some(b'=' | b':'))).then_some(above)
}

pub(super) fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |n| n + 1)
}

pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n + 1)
}

/// The lines that a span lies on, with their ends.
fn lines_of(bytes: &[u8], (start, end): (usize, usize)) -> (usize, usize) {
    (line_start(bytes, start), line_end(bytes, end))
}

/// Whether nothing else stands on these lines but a comment behind it.
fn alone(bytes: &[u8], whole: (usize, usize)) -> bool {
    let lines = lines_of(bytes, whole);
    let before = bytes[lines.0..whole.0].trim_ascii();
    let after = bytes[whole.1..lines.1].trim_ascii();
    let bom = before == BOM;
    (before.is_empty() || before == b"-" || bom) && matches!(after.first(), None | Some(b'#' | b';'))
}

/// Takes out an item between commas, with the comma that belongs to it.
fn between_commas(bytes: &[u8], (start, end): (usize, usize)) -> Option<Vec<Edit>> {
    let blank = |b: &u8| b.is_ascii_whitespace();
    let after = end + bytes[end..].iter().take_while(|b| blank(b)).count();
    let before = start - bytes[..start].iter().rev().take_while(|b| blank(b)).count();
    let lines = (line_start(bytes, start), line_end(bytes, end));
    match (before.checked_sub(1).map(|i| bytes[i]), bytes.get(after)) {
        (_, Some(b',')) => {
            let rest = &bytes[after + 1..];
            let own = bytes[lines.0..start].trim_ascii().is_empty() && after < lines.1;
            // A comment behind the comma stays with nobody: it goes with the line.
            let noted = rest[..lines.1.saturating_sub(after + 1)].trim_ascii();
            if own && (noted.is_empty() || noted.starts_with(b"//") || noted.starts_with(b"#")) {
                return Some(vec![cut(lines)]);
            }
            let gap = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            Some(vec![cut((start, after + 1 + gap))])
        }
        (Some(b','), Some(b'}' | b']')) => Some(vec![cut((before - 1, end))]),
        (Some(b'{' | b'['), Some(b'}' | b']')) => Some(vec![cut((before, after))]),
        _ => None,
    }
}

/// Words after which a shell wants a command.
const OPENERS: &[&[u8]] = &[b"then", b"do", b"else", b"{", b"("];
/// Words before which a shell wants one.
const CLOSERS: &[&[u8]] = &[b"fi", b"done", b"}", b")", b"else", b"elif", b"esac", b";;", b"end", b"case"];

/// Takes out a statement of a shell. Where the shell wants a command, the one that does nothing takes its place.
fn statement(bytes: &[u8], whole: (usize, usize)) -> Option<Vec<Edit>> {
    if bytes[whole.0].is_ascii_whitespace() {
        // One of several words: the rest of the statement stays.
        return Some(vec![cut(whole)]);
    }
    let (from, to) = lines_of(bytes, whole);
    let alone = bytes[from..whole.0].trim_ascii().is_empty()
        && matches!(bytes[whole.1..to].trim_ascii().first(), None | Some(b'#'));
    if alone && !wanted_by_shell(bytes, from, to) {
        return Some(vec![cut((from, to))]);
    }
    Some(vec![Edit { start: whole.0, end: whole.1, with: b":".to_vec(), secret: false }])
}

/// Whether the lines `from..to` are all that a compound command has.
fn wanted_by_shell(bytes: &[u8], from: usize, to: usize) -> bool {
    let says = |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#");
    let above = bytes[..from].split(|b| *b == b'\n').rev().map(<[u8]>::trim_ascii).find(says);
    let below = bytes[to..].split(|b| *b == b'\n').map(<[u8]>::trim_ascii).find(says);
    let word = |line: &[u8], last: bool| -> Vec<u8> {
        let mut words = line.split(u8::is_ascii_whitespace);
        let word = if last { words.next_back() } else { words.next() };
        word.unwrap_or_default().to_vec()
    };
    let opens = above.is_some_and(|line| {
        let last = word(line, true);
        let first = word(line, false);
        // fish has no `then`: the line that begins with `if` opens.
        OPENERS.contains(&&last[..])
            || line.ends_with(b")")
            || [&b"if"[..], b"for", b"while", b"function", b"begin", b"switch", b"case"].contains(&&first[..])
            || line.ends_with(b"\\")
            || line.ends_with(b"&&")
            || line.ends_with(b"|")
    });
    let closes = below.is_some_and(|line| {
        let first = word(line, false);
        CLOSERS
            .iter()
            .any(|c| first.strip_prefix(*c).is_some_and(|rest| rest.is_empty() || rest.starts_with(b";")))
    });
    opens && closes
        || above.is_some_and(|line| line.ends_with(b"\\") || line.ends_with(b"&&") || line.ends_with(b"|"))
}

fn comment(name: &str, bytes: &[u8], entry: &Entry) -> Option<Vec<Edit>> {
    if matches!(name, "json" | "xml") || layout(name, bytes, entry) == Layout::Commas {
        return None;
    }
    let (from, to) = lines_of(bytes, entry.whole);
    if !alone(bytes, entry.whole) || (name == "shell_rc" && wanted_by_shell(bytes, from, to)) {
        return None;
    }
    let end = if memchr::memmem::find(bytes, b"\r\n").is_some() { "\r\n" } else { "\n" };
    let insert =
        |at: usize, text: String| Edit { start: at, end: at, with: text.into_bytes(), secret: false };
    let mut edits = vec![insert(from, format!("# {NOTE}{end}# "))];
    let more = memchr::memchr_iter(b'\n', &bytes[from..to]).map(|n| from + n + 1).filter(|at| *at < to);
    edits.extend(more.map(|at| insert(at, "# ".to_owned())));
    Some(edits)
}

/// Writes another value, as little of it as differs.
fn value(name: &str, bytes: &[u8], entry: &Entry, new: &str) -> Option<Edit> {
    let raw = &bytes[entry.span.0..entry.span.1];
    if raw.is_empty() {
        return None;
    }
    if raw == entry.value.as_bytes() && !strange(name, new) {
        return Some(differing(entry.span.0, raw, new.as_bytes()));
    }
    // Written with escapes: all of it is written anew.
    let start = if entry.span.0 > entry.whole.0 && bytes[entry.span.0 - 1] == b'"' {
        entry.span.0 - 1
    } else {
        entry.span.0
    };
    let with = match name {
        "gitconfig" if entry.span.1 <= entry.whole.1 => gitconfig(new),
        _ => return None,
    };
    Some(Edit { start, end: entry.whole.1, with: with.into_bytes(), secret: false })
}

/// Whether a value has characters that the format writes differently.
fn strange(name: &str, value: &str) -> bool {
    let marks: &[char] = match name {
        "gitconfig" => &['"', '\\', '\n'],
        "xml" => &['<', '&', '"'],
        _ => &['"', '\\', '\n', '\''],
    };
    value.contains(marks)
}

/// A value in quotes, as git writes it.
fn gitconfig(value: &str) -> String {
    format!(
        "\"{}\"",
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t")
    )
}

/// The edit that makes `new` of `old`, which stands at `at`, without what both begin and end with.
fn differing(at: usize, old: &[u8], new: &[u8]) -> Edit {
    let same = |a: &mut dyn Iterator<Item = (&u8, &u8)>| a.take_while(|(x, y)| x == y).count();
    let front = same(&mut old.iter().zip(new));
    let room = old.len().min(new.len()) - front;
    let back = same(&mut old.iter().rev().zip(new.iter().rev())).min(room);
    let with = new[front..new.len() - back].to_vec();
    Edit { start: at + front, end: at + old.len() - back, with, secret: false }
}
