//! Keys of nested formats (JSON, TOML, YAML): the path to a value, joined with dots, list items by index. Without
//! recursion and with limits, because a file may be made to be read badly.

use crate::settings::entry::{Entry, Lines, Read};

/// Deepest nesting that is read. People write five levels, generators twenty.
pub(crate) const DEPTH: usize = 100;
/// Longest path; a longer one is cut.
const PATH: usize = 1024;
/// Most entries of one file.
pub(crate) const ENTRIES: usize = 100_000;

/// Collects entries while a parser walks through a file.
pub(crate) struct Tree<'a> {
    read: Read,
    lines: Lines<'a>,
    path: String,
    open: Vec<Level>,
}

/// A map or a list that is open.
struct Level {
    /// Length of the path of the level itself.
    path: usize,
    /// Index of the next item; `None` in a map.
    next: Option<usize>,
    /// The key whose value comes next, in a map.
    key: Option<String>,
    /// Where that key begins in the file, where the parser says so.
    from: Option<usize>,
}

impl<'a> Tree<'a> {
    /// Goes on from what has been read of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], read: Read) -> Tree<'a> {
        Tree { read, lines: Lines::new(bytes), path: String::new(), open: Vec::new() }
    }

    /// Opens a map or a list. `false` when it is too deep; nothing is open then.
    pub(crate) fn open(&mut self, list: bool, at: usize) -> bool {
        if self.open.len() >= DEPTH {
            self.problem(at, "nested too deeply; the rest was not read");
            return false;
        }
        if !self.open.is_empty() {
            let name = self.name().unwrap_or_default();
            join(&mut self.path, &name);
        }
        self.open.push(Level { path: self.path.len(), next: list.then_some(0), key: None, from: None });
        true
    }

    /// Closes the innermost map or list.
    pub(crate) fn close(&mut self) {
        self.open.pop();
        self.path.truncate(self.open.last().map_or(0, |l| l.path));
    }

    /// Closes the innermost level, but never the outermost.
    pub(crate) fn close_keeping_one(&mut self) {
        if self.open.len() > 1 {
            self.close();
        }
    }

    /// Keeps a value whose key is the path of the level itself, as text in an XML element has.
    pub(crate) fn own_value(&mut self, value: &str, span: (usize, usize)) -> bool {
        if self.path.is_empty() {
            return true;
        }
        let key = self.path.clone();
        self.push(key, value, span, (0, 0))
    }

    /// Whether what comes next is a key: inside a map that has no key waiting.
    pub(crate) fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|l| l.next.is_none() && l.key.is_none())
    }

    /// The key of the value that follows.
    pub(crate) fn key(&mut self, key: &str) {
        if let Some(level) = self.open.last_mut() {
            (level.key, level.from) = (Some(key.to_owned()), None);
        }
    }

    /// As [`Tree::key`], with where it begins, so that values have their [`Entry::whole`].
    pub(crate) fn key_at(&mut self, key: &str, from: usize) {
        self.key(key);
        if let Some(level) = self.open.last_mut() {
            level.from = Some(from);
        }
    }

    /// Forgets a key that got no value.
    pub(crate) fn end_item(&mut self) {
        if let Some(level) = self.open.last_mut() {
            level.key = None;
        }
    }

    /// Takes the place of a value that is not kept (null, an alias).
    pub(crate) fn skip(&mut self) {
        let _ = self.name();
    }

    /// Keeps a value. `false` when there are too many.
    pub(crate) fn value(&mut self, value: &str, span: (usize, usize)) -> bool {
        self.value_in(value, span, (0, 0))
    }

    /// As [`Tree::value`], with its bytes, quotes included.
    pub(crate) fn value_in(&mut self, value: &str, span: (usize, usize), outer: (usize, usize)) -> bool {
        let from = self.open.last().and_then(|level| match level.next {
            Some(_) => Some(outer.0),
            None => level.from,
        });
        let Some(name) = self.name() else { return true };
        let mut key = self.path.clone();
        join(&mut key, &name);
        let whole = from.filter(|_| outer.1 > 0).map_or((0, 0), |from| (from, outer.1));
        self.push(key, value, span, whole)
    }

    fn push(&mut self, key: String, value: &str, span: (usize, usize), whole: (usize, usize)) -> bool {
        if self.read.entries.len() >= ENTRIES {
            self.problem(span.0, "too many values; the rest was not read");
            return false;
        }
        let line = self.lines.line(span.0);
        self.read.entries.push(Entry {
            key,
            value: value.to_owned(),
            scope: String::new(),
            line,
            span,
            whole,
        });
        true
    }

    /// Notes what could not be read. `why` never quotes the file.
    pub(crate) fn problem(&mut self, at: usize, why: &str) {
        let line = self.lines.line(at);
        self.read.problems.push(format!("line {line}: {why}"));
    }

    /// What came of it.
    pub(crate) fn done(self) -> Read {
        self.read
    }

    /// The name of the value that comes now, within its level.
    fn name(&mut self) -> Option<String> {
        let level = self.open.last_mut()?;
        match &mut level.next {
            Some(next) => {
                *next += 1;
                Some((*next - 1).to_string())
            }
            None => level.key.take(),
        }
    }
}

/// Appends a name to a path, as far as there is room.
pub(crate) fn join(path: &mut String, name: &str) {
    let dot = usize::from(!path.is_empty());
    let room = PATH.saturating_sub(path.len() + dot);
    let cut = (0..=name.len().min(room)).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
    if dot > 0 && room > 0 {
        path.push('.');
    }
    path.push_str(&name[..cut]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_maps_and_lists() {
        let mut tree = Tree::new(b"", Read::default());
        tree.open(false, 0);
        tree.key("a");
        tree.open(true, 0);
        tree.value("x", (0, 0));
        tree.open(false, 0);
        tree.key("b");
        tree.value("y", (0, 0));
        tree.close();
        tree.value("z", (0, 0));
        tree.close();
        tree.key("c");
        tree.value("w", (0, 0));
        let keys: Vec<String> = tree.done().entries.into_iter().map(|e| e.key).collect();
        assert_eq!(keys, ["a.0", "a.1.b", "a.2", "c"]);
    }

    #[test]
    fn depth_and_length_of_paths_are_bounded() {
        let mut tree = Tree::new(b"", Read::default());
        let mut depth = 0;
        while tree.open(false, 0) {
            tree.key(&"ä".repeat(100));
            depth += 1;
        }
        assert_eq!(depth, DEPTH);
        tree.value("x", (0, 0));
        let read = tree.done();
        assert!(read.entries[0].key.len() <= PATH);
        assert_eq!(read.problems, ["line 1: nested too deeply; the rest was not read"]);
    }
}
