//! YAML: from parser events, keys joined with dots, items by index. Aliases are never expanded (a small file could
//! stand for a huge one); several documents follow each other.

use super::{Reader, ini};
use crate::settings::entry::{Read, utf8};
use crate::settings::tree::Tree;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

pub(crate) const READER: Reader = Reader { read, bounded: true };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let (start, text) = utf8(bytes, &mut read);
    let mut tree = Tree::new(bytes, read);
    let mut offsets = Offsets { text, chars: 0, bytes: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let Ok((event, span)) = event else {
            // The parser's words may quote the file: ours do not.
            let at = event.err().map_or(0, |e| e.marker().index());
            tree.problem(start + offsets.of(at), "not valid YAML; the rest was not read");
            break;
        };
        let at = start + offsets.of(span.start.index());
        let goes_on = match event {
            Event::MappingStart(..) | Event::SequenceStart(..) if tree.wants_key() => {
                // A map or a list as a key: nobody's configuration.
                tree.problem(at, "a key that is not text; the rest was not read");
                false
            }
            Event::MappingStart(..) => tree.open(false, at),
            Event::SequenceStart(..) => tree.open(true, at),
            Event::MappingEnd | Event::SequenceEnd => {
                tree.close();
                true
            }
            Event::Scalar(value, ..) if tree.wants_key() => {
                tree.key_at(&value, at);
                true
            }
            Event::Alias(_) if tree.wants_key() => {
                tree.key("*");
                true
            }
            Event::Scalar(value, ScalarStyle::Plain, ..) if nothing(&value) => {
                tree.skip();
                true
            }
            Event::Scalar(value, style, ..) => {
                let span = inner(&mut offsets, &span, style);
                let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
                let plain = matches!(style, ScalarStyle::Plain);
                let span = (start + span.0, start + span.1);
                // A block's bytes have no end that an edit could rely on.
                let outer = if quoted { ini::closed(bytes, span) } else { span };
                tree.value_in(&value, span, if quoted || plain { outer } else { (0, 0) })
            }
            Event::Alias(_) => {
                tree.skip();
                true
            }
            _ => true,
        };
        if !goes_on {
            break;
        }
    }
    tree.done()
}

fn nothing(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// The bytes of a scalar without its quotes.
fn inner(offsets: &mut Offsets<'_>, span: &Span, style: ScalarStyle) -> (usize, usize) {
    let (from, to) = (offsets.of(span.start.index()), offsets.of(span.end.index()));
    let text = &offsets.text[from..to.max(from)];
    match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            let mark = if style == ScalarStyle::SingleQuoted { '\'' } else { '"' };
            let open = text.find(mark).map_or(0, |i| i + 1);
            let close = text.rfind(mark).unwrap_or(text.len()).max(open);
            (from + open, from + close)
        }
        _ => (from, from + text.trim_end().len()),
    }
}

/// Turns the parser's characters into bytes, going along the text once.
struct Offsets<'a> {
    text: &'a str,
    chars: usize,
    bytes: usize,
}

impl Offsets<'_> {
    fn of(&mut self, index: usize) -> usize {
        if index < self.chars {
            // Markers go back by a token at most: walk back rather than begin anew.
            let back = self.text[..self.bytes].char_indices().rev().nth(self.chars - index - 1);
            self.bytes = back.map_or(0, |(at, _)| at);
        } else {
            let rest = &self.text[self.bytes..];
            let ahead = rest.char_indices().nth(index - self.chars);
            self.bytes += ahead.map_or(rest.len(), |(at, _)| at);
        }
        self.chars = index;
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String)> {
        read(text.as_bytes()).entries.into_iter().map(|e| (e.key, e.value)).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn maps_and_lists_have_dotted_keys() {
        let text = "users:\n- name: dev\n  user:\n    token: abc\nflow: {a: [1, 2], b: }\nnone: ~\n";
        assert_eq!(
            keys(text),
            [
                pair("users.0.name", "dev"),
                pair("users.0.user.token", "abc"),
                pair("flow.a.0", "1"),
                pair("flow.a.1", "2"),
            ]
        );
    }

    #[test]
    fn spans_are_bytes_without_quotes() {
        let text = "# ä ö ü\nä: \"q\\\"ö\" # c\nb: 'it''s'\nc: plain text  \nd: |\n  two\n  lines\n";
        let read = read(text.as_bytes());
        let shown: Vec<&str> = read.entries.iter().map(|e| &text[e.span.0..e.span.1]).collect();
        assert_eq!(shown[..3], ["q\\\"ö", "it''s", "plain text"]);
        let values: Vec<&str> = read.entries.iter().map(|e| e.value.as_str()).collect();
        assert_eq!(values, ["q\"ö", "it's", "plain text", "two\nlines\n"]);
        assert_eq!(read.entries[1].line, 3);
    }

    #[test]
    fn aliases_are_never_expanded() {
        let mut text = String::from("a0: &a0 [x, x]\n");
        for i in 1..40 {
            text += &format!("a{i}: &a{i} [*a{p}, *a{p}, *a{p}]\n", p = i - 1);
        }
        assert_eq!(keys(&text), [pair("a0.0", "x"), pair("a0.1", "x")]);
    }

    #[test]
    fn documents_follow_each_other() {
        assert_eq!(keys("a: 1\n---\na: 2\n"), [pair("a", "1"), pair("a", "2")]);
    }

    #[test]
    fn what_stands_before_an_error_is_kept() {
        let read = read(b"a: 1\nb: [unclosed\nc: }\n");
        assert_eq!(read.entries[0].key, "a");
        assert_eq!(read.problems.len(), 1);
    }

    #[test]
    fn depth_is_bounded() {
        let flow = "[".repeat(200) + &"]".repeat(200);
        for text in [flow, "- ".repeat(50_000)] {
            let read = read(text.as_bytes());
            assert!(read.problems[0].contains("nested too deeply"), "{:?}", read.problems);
        }
    }

    #[test]
    fn a_long_flow_is_read_in_linear_time() {
        let text = format!("{{{}}}", "\"ä\": [1, 2], b: {c: d}, ".repeat(20_000));
        assert_eq!(read(text.as_bytes()).entries.len(), 60_000);
    }
}
