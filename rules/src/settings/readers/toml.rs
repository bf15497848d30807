//! TOML: keys joined with dots, items of arrays and of arrays of tables by index. The parser bounds the depth.

use super::Reader;
use crate::settings::entry::{Entry, Lines, Read, utf8};
use crate::settings::tree;
use toml_edit::{Document, Item, TableLike, Value};

pub(crate) const READER: Reader = Reader { read, bounded: true };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let (start, text) = utf8(bytes, &mut read);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(e) => {
            // The parser's words quote the file: ours do not.
            let line = Lines::new(bytes).line(start + e.span().map_or(0, |s| s.start));
            read.problems.push(format!("line {line}: not valid TOML"));
            return read;
        }
    };
    let mut walk = Walk { text, start, found: Vec::new() };
    walk.table(document.as_table(), "");
    let mut lines = Lines::new(bytes);
    walk.found.sort_by_key(|e| e.span);
    for entry in &mut walk.found {
        entry.line = lines.line(entry.span.0);
    }
    read.entries = walk.found;
    read
}

struct Walk<'a> {
    text: &'a str,
    start: usize,
    found: Vec<Entry>,
}

impl Walk<'_> {
    fn table(&mut self, table: &dyn TableLike, path: &str) {
        for (key, item) in table.iter() {
            let from = table.get_key_value(key).and_then(|(key, _)| key.span()).map(|s| s.start);
            self.item(item, &joined(path, key), from);
        }
    }

    /// `from` is where the item's key begins.
    fn item(&mut self, item: &Item, path: &str, from: Option<usize>) {
        match item {
            Item::None => {}
            Item::Value(value) => self.value(value, path, from),
            Item::Table(table) => self.table(table, path),
            Item::ArrayOfTables(tables) => {
                for (i, table) in tables.iter().enumerate() {
                    self.table(table, &joined(path, &i.to_string()));
                }
            }
        }
    }

    fn value(&mut self, value: &Value, path: &str, begins: Option<usize>) {
        match value {
            Value::InlineTable(table) => return self.table(table, path),
            Value::Array(array) => {
                for (i, item) in array.iter().enumerate() {
                    let begins = item.span().map(|s| s.start);
                    self.value(item, &joined(path, &i.to_string()), begins);
                }
                return;
            }
            _ => {}
        }
        let Some(span) = value.span().filter(|_| self.found.len() < tree::ENTRIES) else { return };
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let (text, (from, to)) = match value.as_str() {
            Some(text) => (text.to_owned(), inner(raw)),
            None => (raw.trim().to_owned(), (0, raw.len())),
        };
        let at = self.start + span.start;
        let end = self.start + span.end;
        let whole = begins.map_or((0, 0), |begins| (self.start + dotted(self.text, begins), end));
        self.found.push(Entry {
            whole,
            key: path.to_owned(),
            value: text,
            span: (at + from, at + to),
            ..Entry::default()
        });
    }
}

/// Where the key begins of which a part begins at `from`: `a` of `a.b = 1`.
fn dotted(text: &str, from: usize) -> usize {
    let line = text[..from].rfind(['\n', '{', ',', '[']).map_or(0, |at| at + 1);
    let before = &text[line..from];
    let key = before.trim_start();
    if key.trim_end().ends_with('.') { from - key.len() } else { from }
}

fn joined(path: &str, name: &str) -> String {
    let mut key = path.to_owned();
    tree::join(&mut key, name);
    key
}

/// The text of a string without its quotes, one or three, and without the line break after three.
fn inner(raw: &str) -> (usize, usize) {
    let marks = if raw.len() >= 6 && (raw.starts_with("\"\"\"") || raw.starts_with("'''")) { 3 } else { 1 };
    let end = raw.len().saturating_sub(marks).max(marks.min(raw.len()));
    let body = raw.get(marks..end).unwrap_or_default();
    let newline = match marks {
        3 if body.starts_with("\r\n") => 2,
        3 if body.starts_with('\n') => 1,
        _ => 0,
    };
    (marks.min(raw.len()) + newline, end)
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
    fn tables_arrays_and_inline_tables_have_dotted_keys() {
        let text = "on = true\n[registries.own]\ntoken = \"abc\"\n[[contexts]]\nn = 1\n[[contexts]]\nt = {a = ['x', 'y']}\n";
        assert_eq!(
            keys(text),
            [
                pair("on", "true"),
                pair("registries.own.token", "abc"),
                pair("contexts.0.n", "1"),
                pair("contexts.1.t.a.0", "x"),
                pair("contexts.1.t.a.1", "y"),
            ]
        );
    }

    #[test]
    fn spans_are_without_quotes_and_lines_are_right() {
        let text = "\u{feff}# ä\na = 'x'\nb = \"\"\"\ntwo\nlines\"\"\"\nc = \"q\\\"\"\nd = \"\"\n";
        let read = read(text.as_bytes());
        let shown: Vec<&str> = read.entries.iter().map(|e| &text[e.span.0..e.span.1]).collect();
        assert_eq!(shown, ["x", "two\nlines", "q\\\"", ""]);
        assert_eq!(read.entries.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 4, 6, 7]);
    }

    #[test]
    fn problems_name_the_line_and_quote_nothing() {
        let read = read(b"a = 1\nb = hunter2\n");
        assert_eq!(read.problems, ["line 2: not valid TOML"]);
    }
}
