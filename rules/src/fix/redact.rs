//! Takes a secret out of a file so that the file stays what it is: valid JSON, a history that its shell reads, a command that
//! a person understands.

use super::plan::Edit;
use std::borrow::Cow;

/// What stands in place of a secret. Every format takes it as a plain word, and no rule takes it for a secret.
pub const MARKER: &str = "REDACTED-BY-LAPWING";

/// How text is written in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// As it is.
    Text,
    /// In strings of JSON, one document or one a line.
    Json,
    /// A history of this reader's.
    History(Spelling),
}

/// How a history writes what its bytes alone cannot say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spelling {
    /// As it was typed.
    Plain,
    /// zsh: some bytes are marked, line breaks stand behind a backslash.
    Zsh,
    /// fish and rustyline: `\\` and `\n`.
    Backslash,
    /// libedit: octal escapes.
    Octal,
}

impl Shape {
    /// The shape of a file, by its reader, its name and how it begins.
    pub(crate) fn of(reader: Option<&str>, path: &str, bytes: &[u8]) -> Shape {
        let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
        match reader {
            Some("zsh_history") => return Shape::History(Spelling::Zsh),
            Some("fish_history") => return Shape::History(Spelling::Backslash),
            Some("plain_history") if bytes.starts_with(b"_HiStOrY_V2_") => {
                return Shape::History(Spelling::Octal);
            }
            Some("plain_history") if bytes.starts_with(b"#V2\n") => {
                return Shape::History(Spelling::Backslash);
            }
            Some("json") => return Shape::Json,
            Some(name) if name.ends_with("_history") => return Shape::History(Spelling::Plain),
            _ => {}
        }
        let extension = path.rsplit('.').next().unwrap_or_default();
        let named = matches!(extension, "json" | "jsonl" | "ndjson" | "jsonc" | "ipynb");
        if named || matches!(first, Some(b'{' | b'[')) { Shape::Json } else { Shape::Text }
    }
}

/// The edits that take out the secret that stands at `at`; `decoded` is the secret where it is written differently there.
pub(crate) fn edits(
    shape: Shape,
    bytes: &[u8],
    at: (usize, usize),
    decoded: Option<&[u8]>,
) -> Vec<Edit> {
    let spans = match decoded {
        None => vec![at],
        Some(secret) => written(shape, bytes, at, secret),
    };
    spans.into_iter().flat_map(|span| replaced(shape, bytes, span)).collect()
}

/// Where a secret stands in a stretch that decodes to it: each spelling of it, or the whole stretch.
fn written(shape: Shape, bytes: &[u8], at: (usize, usize), secret: &[u8]) -> Vec<(usize, usize)> {
    let stretch = &bytes[at.0..at.1];
    let mut found: Vec<(usize, usize)> = Vec::new();
    if let Shape::History(spelling) = shape
        && let spelled = spell(spelling, secret)
        && !spelled.is_empty()
    {
        let all = memchr::memmem::find_iter(stretch, &spelled[..]);
        found.extend(all.map(|n| (at.0 + n, at.0 + n + spelled.len())));
    }
    if found.is_empty() {
        found = escaped(stretch, secret).into_iter().map(|(s, e)| (at.0 + s, at.0 + e)).collect();
    }
    if found.is_empty() { vec![at] } else { found }
}

/// A text as a history writes it.
fn spell(spelling: Spelling, text: &[u8]) -> Cow<'_, [u8]> {
    let each = |write: fn(u8, &mut Vec<u8>)| {
        let mut out = Vec::with_capacity(text.len() * 2);
        text.iter().for_each(|b| write(*b, &mut out));
        Cow::Owned(out)
    };
    match spelling {
        Spelling::Plain => Cow::Borrowed(text),
        Spelling::Zsh => each(|b, out| match b {
            b'\n' => out.extend_from_slice(b"\\\n"),
            0 | 0x83..=0xa2 => out.extend_from_slice(&[0x83, b ^ 0x20]),
            b => out.push(b),
        }),
        Spelling::Backslash => each(|b, out| match b {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b => out.push(b),
        }),
        Spelling::Octal => each(|b, out| match b {
            b'\\' | 0..=0x20 | 0x7f => out.extend_from_slice(format!("\\{b:03o}").as_bytes()),
            b => out.push(b),
        }),
    }
}

/// Where a secret stands that is written with `%41`, `\x41` or `\u0041`.
fn escaped(stretch: &[u8], secret: &[u8]) -> Vec<(usize, usize)> {
    for lead in [b'%', b'\\'] {
        let (mut plain, mut from) = (Vec::with_capacity(stretch.len()), Vec::with_capacity(stretch.len() + 1));
        let mut i = 0;
        while i < stretch.len() {
            let (byte, used) = escape(&stretch[i..], lead).unwrap_or((stretch[i], 1));
            plain.push(byte);
            from.push(i);
            i += used;
        }
        from.push(stretch.len());
        let plain = zeroize::Zeroizing::new(plain);
        let all = memchr::memmem::find_iter(&plain[..], secret);
        let found: Vec<_> = all.map(|n| (from[n], from[n + secret.len()])).collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// The character that an escape stands for, and its length.
fn escape(rest: &[u8], lead: u8) -> Option<(u8, usize)> {
    if rest.first() != Some(&lead) {
        return None;
    }
    let (digits, length) = match (lead, rest.get(1)?) {
        (b'%', _) => (rest.get(1..3)?, 3),
        (_, b'x') => (rest.get(2..4)?, 4),
        (_, b'u') if rest.get(2..4)? == b"00" => (rest.get(4..6)?, 6),
        _ => return None,
    };
    let value = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((value, length))
}

/// The marker in place of a span: in JSON only what stands within strings, and no half of an escape.
fn replaced(shape: Shape, bytes: &[u8], span: (usize, usize)) -> Vec<Edit> {
    let edit = |(start, end): (usize, usize), with: &str| Edit {
        start,
        end,
        with: with.as_bytes().to_vec(),
        secret: true,
    };
    if shape != Shape::Json {
        return vec![edit(span, MARKER)];
    }
    if number(bytes, span) {
        return vec![edit(span, "0")];
    }
    let mut edits: Vec<Edit> = Vec::new();
    for part in strings(bytes, span) {
        let part = whole_escapes(bytes, part);
        if part.0 < part.1 {
            edits.push(edit(part, if edits.is_empty() { MARKER } else { "" }));
        }
    }
    edits
}

/// Whether a value of JSON that is no string stands here: only a number can, and zero is one inside of a string too.
fn number(bytes: &[u8], (start, end): (usize, usize)) -> bool {
    let before = bytes[..start].iter().rfind(|b| !b.is_ascii_whitespace());
    let after = bytes[end..].iter().find(|b| !b.is_ascii_whitespace());
    bytes[start..end].iter().all(u8::is_ascii_digit)
        && matches!(before, Some(b':' | b',' | b'['))
        && matches!(after, None | Some(b',' | b'}' | b']'))
}

/// The parts of a span that lie within strings; it begins within one. A key block may be cut over several.
fn strings(bytes: &[u8], (start, end): (usize, usize)) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut inside, mut from, mut i) = (true, start, start);
    while i < end {
        match bytes[i] {
            b'\\' if inside && i != start => i += 1,
            b'"' if inside && !(i == start && odd_backslashes(bytes, start)) => {
                parts.push((from, i));
                inside = false;
            }
            b'"' if !inside => (inside, from) = (true, i + 1),
            _ => {}
        }
        i += 1;
    }
    if inside {
        parts.push((from, end));
    }
    parts
}

/// Moves the ends of a span so that it holds each escape wholly or not at all.
fn whole_escapes(bytes: &[u8], (mut start, mut end): (usize, usize)) -> (usize, usize) {
    if odd_backslashes(bytes, start) {
        start -= 1;
    } else if let Some(back) = (1..=5).find(|back| start >= back + 1 && bytes[start - back] == b'u') {
        // Within `\u0041`.
        let mark = start - back - 1;
        let digits = &bytes[mark + 2..start];
        if bytes[mark] == b'\\' && !odd_backslashes(bytes, mark) && digits.iter().all(u8::is_ascii_hexdigit) {
            start = mark;
        }
    }
    if end > start && odd_backslashes(bytes, end) {
        end -= 1;
    }
    if let Some(back) = (1..=5).find(|back| end >= start + back + 1 && bytes[end - back] == b'u') {
        let mark = end - back - 1;
        let digits = &bytes[mark + 2..end];
        let open = bytes[mark] == b'\\' && !odd_backslashes(bytes, mark) && digits.len() < 4;
        if open && digits.iter().all(u8::is_ascii_hexdigit) {
            end = mark;
        }
    }
    (start, end)
}

/// Whether the byte at `at` is escaped by a backslash before it.
fn odd_backslashes(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}
