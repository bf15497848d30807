//! Values below a heading: `[vendor]` and then `token = …`; `vendor:` and, further in, `token: …`; the vendor's name alone
//! on a line or in a comment, and the value on the next. And the default of a variable that bears the name.

use crate::secrets::named::{self, Link, Value, name_byte};
use crate::secrets::telling::telling;

/// What makes a line a heading, and so what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Heading {
    /// `[vendor]`: up to the next one.
    Bracket,
    /// `vendor:`, `"vendor": {`, `provider "vendor" {`: what is indented further than this.
    Nest(usize),
    /// `vendor`, `# vendor`: the next line.
    Line,
    /// `"vendor":{` on one line with what it holds.
    Flow,
}

/// Lines that belong to a heading, at most.
const LINES: usize = 12;
/// Bytes of a line that are looked at.
const LINE: usize = 400;
/// What stands behind a heading that goes on in the same line.
const FLOW: [&[u8]; 4] = [b"\":{\"", b"\": {\"", b"\\\":{\\\"", b": { "];
/// Bytes of a heading before and behind the name.
const EDGE: usize = 40;

/// Values with telling names below the heading that `bytes[at..end]` is a part of, `None` when it is in none, and how many
/// bytes were looked at.
pub(crate) fn below(bytes: &[u8], at: usize, end: usize) -> (Option<Vec<Value>>, usize) {
    let Some((heading, first)) = heading(bytes, at, end) else { return (None, 0) };
    let mut from = first;
    let mut found = Vec::new();
    if heading == Heading::Flow {
        return (Some(flow(bytes, from)), LINE);
    }
    let lines = if heading == Heading::Line { 1 } else { LINES };
    for _ in 0..lines {
        let Some(rest) = bytes.get(from..(from + LINE).min(bytes.len())) else { break };
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let text = line.trim_ascii();
        let ends = match heading {
            Heading::Bracket => text.starts_with(b"["),
            Heading::Nest(indent) => !text.is_empty() && blanks(line) <= indent,
            Heading::Line | Heading::Flow => false,
        };
        if ends || line.len() == LINE {
            break;
        }
        found.extend(of_line(bytes, from, from + line.len()));
        from += line.len() + 1;
    }
    (Some(found), from - first)
}

/// Values between braces on one line.
fn flow(bytes: &[u8], from: usize) -> Vec<Value> {
    let body = &bytes[from..(from + LINE).min(bytes.len())];
    let body = &body[..body.iter().position(|b| matches!(b, b'{' | b'}' | b'\n')).unwrap_or(body.len())];
    let mut found = Vec::new();
    let mut at = from;
    for part in body.split(|b| *b == b',') {
        found.extend(of_line(bytes, at, at + part.len()));
        at += part.len() + 1;
    }
    found
}

/// The value of a line's first name, if the name tells.
fn of_line(bytes: &[u8], from: usize, to: usize) -> Option<Value> {
    let first = bytes[from..to].iter().position(|b| b.is_ascii_alphanumeric())?;
    let mark =
        |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'$' | b'-' | b':' | b'_' | b'@');
    if !bytes[from..from + first].iter().all(mark) {
        return None;
    }
    let at = from + first;
    let value = named::value(bytes, at, at + 1, &mut named::Met::default()).filter(|v| v.end <= to)?;
    telling(&bytes[value.name_start..value.start]).then_some(value)
}

fn heading(bytes: &[u8], at: usize, end: usize) -> Option<(Heading, usize)> {
    let name_end = end + bytes[end..].iter().take(EDGE).take_while(|b| name_byte(**b)).count();
    let behind = &bytes[name_end..(name_end + EDGE).min(bytes.len())];
    // Mostly prose: decided by the byte behind the name.
    if !matches!(behind.first()?, b']' | b':' | b'"' | b'\'' | b'\\' | b' ' | b'\r' | b'\n' | b'=') {
        return None;
    }
    if let Some(begins) = FLOW.iter().find(|begins| behind.starts_with(begins)) {
        return Some((Heading::Flow, name_end + begins.len()));
    }
    let newline = memchr::memchr(b'\n', behind)?;
    let tail = behind[..newline].trim_ascii();
    let floor = at.saturating_sub(EDGE);
    let start = match memchr::memrchr(b'\n', &bytes[floor..at]) {
        Some(newline) => floor + newline + 1,
        None if floor == 0 => 0,
        None => return None,
    };
    let lead = &bytes[start..at];
    let words = |lead: &[u8]| lead.iter().all(|b| name_byte(*b) || matches!(b, b' ' | b'"' | b'\'' | b'\t'));
    let opens = matches!(
        tail,
        b":" | b"\":" | b"':" | b"\": {" | b"\":{" | b"': {" | b": {" | b"= {" | b"{" | b"\" {"
    );
    let heading = match tail {
        b"]" | b"]]" | b"\"]" if lead.trim_ascii_start().starts_with(b"[") => Heading::Bracket,
        _ if opens && words(lead) => Heading::Nest(blanks(lead)),
        b"" | b":" if remark(lead) => Heading::Line,
        _ => return None,
    };
    Some((heading, name_end + newline + 1))
}

/// Nothing, or the beginning of a comment.
fn remark(lead: &[u8]) -> bool {
    let lead = lead.trim_ascii_start();
    let comment =
        [&b"#"[..], b"//", b"--", b";", b"*", b"rem "].iter().find_map(|mark| lead.strip_prefix(*mark));
    lead.is_empty()
        || comment.is_some_and(|rest| rest.iter().all(|b| name_byte(*b) || matches!(b, b' ' | b'#' | b'/')))
}

fn blanks(line: &[u8]) -> usize {
    line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Whether a name below a heading is the rest of a rule's: `api_secret` below `vendor`, for `vendor api secret`.
pub(crate) fn completes(name: &[u8], rest: &[u8]) -> bool {
    let bare = name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    !rest.is_empty() && bare.eq(rest.iter().copied().filter(|b| *b != b' '))
}

/// The default of a Terraform variable whose name `bytes[at..end]` is a part of: `variable "api_token" {`, and below it
/// `default = "…"`.
pub(crate) fn defaulted(bytes: &[u8], at: usize, end: usize) -> Option<Value> {
    let floor = at.saturating_sub(EDGE);
    let name_start = bytes[floor..at].iter().rposition(|b| !name_byte(*b)).map(|i| floor + i + 1)?;
    if !bytes[..name_start].ends_with(b"variable \"") {
        return None;
    }
    let name_end = end + bytes[end..].iter().take(EDGE).take_while(|b| name_byte(**b)).count();
    let body = bytes[name_end..(name_end + LINE).min(bytes.len())].strip_prefix(b"\" {")?;
    let body = &body[..memchr::memchr(b'}', body).unwrap_or(body.len())];
    let default = memchr::memmem::find_iter(body, b"default")
        .find(|i| body[..*i].iter().rev().find(|b| !matches!(b, b' ' | b'\t')).is_none_or(|b| *b == b'\n'))?;
    let word = name_end + 3 + default;
    let value = named::value(bytes, word, word + b"default".len(), &mut named::Met::default())?;
    Some(Value { name_start, name_end, link: Link::Default, ..value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let at = text.find("acme").unwrap();
        let values = below(text.as_bytes(), at, at + 4).0.unwrap_or_default();
        values.iter().map(|v| &text[v.start..v.end]).collect()
    }

    #[test]
    fn below_every_kind_of_heading() {
        for text in [
            "[acme]\ntoken = abc\n",
            "[acme]\nuser = me\n\ntoken = abc\n[other]\nkey = no\n",
            "[tool.acme]\r\ntoken = \"abc\"\r\n",
            "acme:\n  user: me\n  token: abc\nother:\n  token: no\n",
            "  - acme:\n      token: abc\n  - token: no\n",
            "{\n  \"acme\": {\n    \"token\": \"abc\"\n  },\n  \"key\": \"no\"\n}\n",
            "provider \"acme\" {\n  token = \"abc\"\n}\ntoken = \"no\"\n",
            "acme\ntoken=abc\ntoken=no\n",
            "# acme\nexport TOKEN=abc\n",
            "// for acme\n$api_key = 'abc';\n",
            "{\"acme\":{\"user\":\"me\",\"token\":\"abc\"},\"token\":\"no\"}",
            "{\\\"acme\\\":{\\\"token\\\":\\\"abc\\\"}}",
            "acme: { token: abc, user: me }\n",
        ] {
            assert_eq!(found(text), ["abc"], "{text}");
        }
    }

    #[test]
    fn not_below_prose_or_another_heading() {
        for text in [
            "we use acme\ntoken = abc\n",
            "acme is nice\ntoken = abc\n",
            "[acme]\n[other]\ntoken = abc\n",
            "acme:\ntoken: abc\n",
            "acme\n\ntoken = abc\n",
            "[acme]\nname = abc\n",
            "[acme]\ntoken =\nabc\n",
            "f(acme)\ntoken = abc\n",
            "acme",
            "acme:",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn defaults_of_variables() {
        let default = |text: &str| {
            let at = text.find("token").unwrap();
            defaulted(text.as_bytes(), at, at + 5)
                .map(|v| (text[v.name_start..v.name_end].to_owned(), text[v.start..v.end].to_owned()))
        };
        let text =
            "variable \"api_token\" {\n  description = \"the default one\"\n  default     = \"abc\"\n}\n";
        assert_eq!(default(text), Some(("api_token".to_owned(), "abc".to_owned())));
        for text in [
            "variable \"api_token\" {\n  type = string\n}\ndefault = \"abc\"\n",
            "output \"api_token\" {\n  default = \"abc\"\n}\n",
            "token",
        ] {
            assert_eq!(default(text), None, "{text}");
        }
    }
}
