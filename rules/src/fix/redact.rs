//! Takes a secret out of a file so that the file stays what it is: valid JSON, a history that its shell reads, a command that
//! a person understands.

use super::plan::Edit;
use std::borrow::Cow;

/// What stands in place of a secret. Every format takes it as a plain word, and no rule takes it for a secret.
pub const MARKER: &str = "REDACTED-BY-LAPWING";

/// Whether this is what an earlier redaction has left: rules of other tools take anything for a secret.
pub(crate) fn is_marker(secret: &[u8]) -> bool {
    let marker = MARKER.as_bytes();
    let Some(at) = memchr::memmem::find(secret, marker) else { return false };
    let rest = secret[..at].iter().chain(&secret[at + marker.len()..]);
    rest.filter(|b| b.is_ascii_alphanumeric()).count() < OTHER
}

/// Letters and digits beside a marker from which on there may be another secret.
const OTHER: usize = 8;

/// How text is written in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// As it is.
    Text,
    /// In strings of JSON, one document or one a line.
    Json,
    /// A history of this reader's.
    History(Spelling),
    /// Every length stands in the file: what comes in is as long as what goes.
    Fixed,
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
        if extension == "shada" {
            return Shape::Fixed;
        }
        let named = matches!(extension, "json" | "jsonl" | "ndjson" | "jsonc" | "ipynb");
        if named || matches!(first, Some(b'{' | b'[')) { Shape::Json } else { Shape::Text }
    }
}

/// The edits that take out the secret that stands at `at`; `decoded` is the secret where it is written differently there.
pub(crate) fn edits(shape: Shape, bytes: &[u8], at: (usize, usize), decoded: Option<&[u8]>) -> Vec<Edit> {
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
        let (mut plain, mut from) =
            (Vec::with_capacity(stretch.len()), Vec::with_capacity(stretch.len() + 1));
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
    match shape {
        Shape::Json => {}
        Shape::Fixed => return vec![edit(span, &padded(span.1 - span.0))],
        Shape::Text | Shape::History(_) => return vec![edit(span, MARKER)],
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

/// A marker of this length.
fn padded(length: usize) -> String {
    if length < MARKER.len() { "x".repeat(length) } else { format!("{MARKER:-<length$}") }
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
    } else if let Some(back) = (1..=5).find(|back| start > *back && bytes[start - *back] == b'u') {
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
    if let Some(back) = (1..=5).find(|back| end > start + back && bytes[end - back] == b'u') {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::edit::{apply, check};

    fn taken(shape: Shape, text: &[u8], at: (usize, usize), decoded: Option<&[u8]>) -> Vec<u8> {
        let edits = edits(shape, text, at, decoded);
        check(&edits, text.len()).unwrap();
        assert!(edits.iter().all(|edit| edit.secret));
        apply(text, &edits).unwrap()
    }

    /// Takes out `secret`, found by its bytes.
    fn out(shape: Shape, text: &str, secret: &str) -> String {
        let at = text.find(secret).unwrap();
        String::from_utf8(taken(shape, text.as_bytes(), (at, at + secret.len()), None)).unwrap()
    }

    #[test]
    fn text_gets_the_marker() {
        assert_eq!(out(Shape::Text, "a=s3cr3t;b", "s3cr3t"), "a=REDACTED-BY-LAPWING;b");
    }

    #[test]
    fn json_stays_json() {
        for (text, secret, want) in [
            (r#"{"a":"x s3cr3t y"}"#, "s3cr3t", r#"{"a":"x REDACTED-BY-LAPWING y"}"#),
            // An escape before or behind goes wholly or stays wholly.
            (r#"{"a":"x\/s3cr3t"}"#, "/s3cr3t", r#"{"a":"xREDACTED-BY-LAPWING"}"#),
            (r#"{"a":"s3cr3t\" y"}"#, r"s3cr3t\", r#"{"a":"REDACTED-BY-LAPWING\" y"}"#),
            (r#"{"a":"\u0041s3cr3t"}"#, "41s3cr3t", r#"{"a":"REDACTED-BY-LAPWING"}"#),
            (r#"{"a":"s3cr3t\u0041"}"#, r"s3cr3t\u00", r#"{"a":"REDACTED-BY-LAPWING\u0041"}"#),
            (r#"{"a":"\\s3cr3t"}"#, "s3cr3t", r#"{"a":"\\REDACTED-BY-LAPWING"}"#),
            // A number is one afterwards.
            (r#"{"pin": 48151623, "b": 1}"#, "48151623", r#"{"pin": 0, "b": 1}"#),
            (r#"{"a":"pin 48151623"}"#, "48151623", r#"{"a":"pin REDACTED-BY-LAPWING"}"#),
            // A key that is cut over several strings.
            (r#"["BEGIN", "AAAA", "END"]"#, r#"BEGIN", "AAAA", "END"#, r#"["REDACTED-BY-LAPWING", "", ""]"#),
            (r#"[{"a":"BEGIN"}, "END", 1]"#, r#"BEGIN"}, "END"#, r#"[{"a":"REDACTED-BY-LAPWING"}, "", 1]"#),
        ] {
            let got = out(Shape::Json, text, secret);
            assert!(serde_json::from_str::<serde_json::Value>(&got).is_ok(), "{got}");
            assert!(!got.contains("AAAA") && !got.contains("s3cr3t"), "{got}");
            if !text.contains("BEGIN") {
                assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn what_is_written_differently_is_found_where_it_stands() {
        let text = b"curl https://x.example/?a=1&t=abc%5Fdef%3D1&b=2 z";
        assert_eq!(
            taken(Shape::Text, text, (5, 47), Some(b"abc_def=1")),
            b"curl https://x.example/?a=1&t=REDACTED-BY-LAPWING&b=2 z"
        );
        let text = br#"{"a":"t=abc\u005fdef"}"#;
        assert_eq!(taken(Shape::Json, text, (6, 20), Some(b"abc_def")), br#"{"a":"t=REDACTED-BY-LAPWING"}"#);
        // Of a base64 nothing smaller than all of it is known.
        assert_eq!(
            taken(Shape::Text, b"x aGVsbG8gd29ybGQ= y", (2, 18), Some(b"hello")),
            b"x REDACTED-BY-LAPWING y"
        );
    }

    #[test]
    fn histories_spell_in_their_own_way() {
        let of = |spelling| Shape::History(spelling);
        // zsh writes `ä` (c3 a4) as it is and `à` (c3 a0) with a mark, and a line break behind a backslash.
        let text = b": 1:0;P='p\xc3\x83\x80\\\nw' x\n";
        assert_eq!(
            taken(of(Spelling::Zsh), text, (6, text.len() - 1), Some("p\u{e0}\nw".as_bytes())),
            b": 1:0;P='REDACTED-BY-LAPWING' x\n"
        );
        let text = b"- cmd: P='a\\\\b\\nc' x\n";
        assert_eq!(
            taken(of(Spelling::Backslash), text, (7, text.len() - 1), Some(b"a\\b\nc")),
            b"- cmd: P='REDACTED-BY-LAPWING' x\n"
        );
        let text = b"set\\040password='a\\134b\\040c';\n";
        assert_eq!(
            taken(of(Spelling::Octal), text, (0, text.len() - 1), Some(b"a\\b c")),
            b"set\\040password='REDACTED-BY-LAPWING';\n"
        );
        // A command that writes it in a way nobody knows goes as a whole.
        assert_eq!(
            taken(of(Spelling::Plain), b"ls\nxyz\n", (3, 6), Some(b"q")),
            b"ls\nREDACTED-BY-LAPWING\n"
        );
    }

    #[test]
    fn lengths_stay_where_they_are_written_down() {
        assert_eq!(taken(Shape::Fixed, b"\xa6s3cr3t!", (1, 7), None), b"\xa6xxxxxx!");
        let secret = "s".repeat(24);
        let got = taken(Shape::Fixed, secret.as_bytes(), (0, 24), None);
        assert_eq!(got, b"REDACTED-BY-LAPWING-----");
    }

    #[test]
    fn shapes_are_told_by_reader_name_and_beginning() {
        assert_eq!(Shape::of(None, "~/a.jsonl", b""), Shape::Json);
        assert_eq!(Shape::of(None, "~/a", b"\n {\"a\":1}"), Shape::Json);
        assert_eq!(Shape::of(None, "~/a.md", b"# x"), Shape::Text);
        assert_eq!(Shape::of(None, "~/main.shada", b"\x01"), Shape::Fixed);
        assert_eq!(Shape::of(Some("zsh_history"), "~/.zhistory", b"{"), Shape::History(Spelling::Zsh));
        let octal = Shape::History(Spelling::Octal);
        assert_eq!(Shape::of(Some("plain_history"), "~/.mysql_history", b"_HiStOrY_V2_\n"), octal);
    }

    #[test]
    fn the_marker_is_told_from_what_only_holds_one() {
        assert!(is_marker(MARKER.as_bytes()) && is_marker(b"\"REDACTED-BY-LAPWING\" "));
        assert!(!is_marker(b"REDACTED-BY-LAPWING:0123456789") && !is_marker(b"s3cr3t"));
    }
}
