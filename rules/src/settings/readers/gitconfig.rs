//! Git's configuration format, as git itself reads it: `[section]`, `[section "Sub"]`, `[section.sub]`, comments,
//! continued lines, quotes and escapes inside values, names without a value. Also what git takes from the
//! environment in the same terms.
//!
//! A key is `section.variable` or `section.Sub.variable`: section and variable in lower case, a quoted subsection as
//! it is written. A name without a value means `true`.

use super::Reader;
use crate::settings::entry::{Entry, Lines, Read, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// More complaints than this help nobody.
const PROBLEMS: usize = 20;
/// More pairs than this in the environment are not what a person has set.
const PAIRS: usize = 1000;

fn read(bytes: &[u8]) -> Read {
    let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut parser = Parser {
        bytes,
        at,
        lines: Lines::new(bytes),
        section: Some(String::new()),
        scope: String::new(),
        read: Read::default(),
    };
    parser.run();
    parser.read
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    lines: Lines<'a>,
    /// What keys begin with, the dot included; empty before the first header, `None` after a broken one.
    section: Option<String>,
    scope: String,
    read: Read,
}

/// A value, its bytes in the file, and where they end with quotes.
type Written = (Vec<u8>, (usize, usize), usize);

/// Why a stretch cannot be read; the rest of its line is left out.
type Broken = &'static str;

impl Parser<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            let start = self.at;
            let done = match byte {
                b'#' | b';' => {
                    self.skip_line();
                    Ok(())
                }
                b'[' => self.header(),
                b if b.is_ascii_alphabetic() => self.variable(),
                b if blank(b) || b == b'\n' => {
                    self.at += 1;
                    Ok(())
                }
                _ => Err("not a section, a name or a comment"),
            };
            if let Err(why) = done {
                self.problem(start, why);
            }
        }
    }

    /// The next byte, a line's end as `\n` whichever way it is written; also at the end of the file, as git has it.
    fn next(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(b'\n');
        let pair = byte == b'\r' && self.bytes.get(self.at + 1) == Some(&b'\n');
        self.at = (self.at + if pair { 2 } else { 1 }).min(self.bytes.len());
        if pair { b'\n' } else { byte }
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |n| self.at + n + 1);
    }

    /// Notes what is wrong and goes on after the line, unless that is already behind.
    fn problem(&mut self, start: usize, why: Broken) {
        if self.read.problems.len() < PROBLEMS {
            let line = self.lines.line(start);
            self.read.problems.push(format!("line {line}: {why}"));
        }
        if self.at == start || self.bytes.get(self.at.wrapping_sub(1)) != Some(&b'\n') {
            self.skip_line();
        }
    }

    fn header(&mut self) -> Result<(), Broken> {
        const SHAPE: Broken = "a section header that is not closed or holds a strange character";
        let start = self.at + 1;
        self.at = start;
        self.section = None;
        let mut name = Vec::new();
        loop {
            match self.next() {
                b']' => break,
                b if blank(b) => {
                    name.push(b'.');
                    self.subsection(&mut name).ok_or(SHAPE)?;
                    break;
                }
                b if key_byte(b) || b == b'.' => name.push(b.to_ascii_lowercase()),
                _ => return Err(SHAPE),
            }
        }
        if name.is_empty() {
            return Err(SHAPE);
        }
        self.scope = text(&self.bytes[start..self.at - 1]);
        name.push(b'.');
        self.section = Some(text(&name));
        Ok(())
    }

    /// ` "Sub"]`: anything but a line's end, `\` before a character stands for the character.
    fn subsection(&mut self, name: &mut Vec<u8>) -> Option<()> {
        let mut byte = self.next();
        while blank(byte) {
            byte = self.next();
        }
        if byte != b'"' {
            return None;
        }
        loop {
            match self.next() {
                b'\n' => return None,
                b'"' => break,
                b'\\' => match self.next() {
                    b'\n' => return None,
                    escaped => name.push(escaped),
                },
                other => name.push(other),
            }
        }
        (self.next() == b']').then_some(())
    }

    fn variable(&mut self) -> Result<(), Broken> {
        let start = self.at;
        let name =
            self.bytes[start..].iter().position(|b| !key_byte(*b)).map_or(self.bytes.len(), |n| start + n);
        let key = text(&self.bytes[start..name]).to_ascii_lowercase();
        self.at = name;
        let mut byte = self.next();
        while matches!(byte, b' ' | b'\t') {
            byte = self.next();
        }
        let (value, span, end) = match byte {
            b'\n' => (b"true".to_vec(), (name, name), name),
            b'=' => self.value()?,
            _ => return Err("a name that is followed by neither `=` nor the end of the line"),
        };
        if let Some(section) = &self.section {
            let entry = Entry {
                key: format!("{section}{key}"),
                value: text(&value),
                scope: self.scope.clone(),
                line: self.lines.line(start),
                span,
                whole: (start, end),
            };
            self.read.entries.push(entry);
        }
        Ok(())
    }

    /// The value, its bytes in the file, from its first character to its last, quotes around it not included, and where
    /// they end with quotes.
    fn value(&mut self) -> Result<Written, Broken> {
        let (mut value, mut span) = (Vec::new(), None);
        let (mut quoted, mut comment) = (false, false);
        // Where the value ends if nothing but blanks follows; anything else keeps them.
        let mut trimmed = None;
        let mut empty = self.at;
        let mut closed = self.at;
        loop {
            let start = self.at;
            let solid = match self.next() {
                b'\n' if quoted => return Err("a quoted value that is not closed on its line"),
                b'\n' => break,
                _ if comment => continue,
                b if blank(b) && !quoted => {
                    if !value.is_empty() {
                        trimmed.get_or_insert(value.len());
                        value.push(b);
                    }
                    continue;
                }
                b';' | b'#' if !quoted => {
                    comment = true;
                    continue;
                }
                b'"' => {
                    quoted = !quoted;
                    (empty, closed) = (self.at, self.at);
                    None
                }
                b'\\' => self.escape()?,
                b => Some(b),
            };
            trimmed = None;
            if let Some(byte) = solid {
                value.push(byte);
                span.get_or_insert((start, start)).1 = self.at;
                closed = self.at;
            }
        }
        value.truncate(trimmed.unwrap_or(value.len()));
        Ok((value, span.unwrap_or((empty, empty)), closed))
    }

    /// What follows a backslash: a line that goes on, or a character.
    fn escape(&mut self) -> Result<Option<u8>, Broken> {
        match self.next() {
            b'\n' => Ok(None),
            b't' => Ok(Some(b'\t')),
            b'n' => Ok(Some(b'\n')),
            b'b' => Ok(Some(8)),
            other @ (b'\\' | b'"') => Ok(Some(other)),
            _ => Err("a backslash before a character that needs none"),
        }
    }
}

/// Blanks within a line; a carriage return that ends no line is one.
fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

fn key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// What git takes from `GIT_CONFIG_COUNT`, `GIT_CONFIG_KEY_<n>`, `GIT_CONFIG_VALUE_<n>` and from
/// `GIT_CONFIG_PARAMETERS` (how `git -c` hands its settings to the commands that it starts), in git's order: later
/// wins. Lines count the pairs.
pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Vec<Entry> {
    let count = env("GIT_CONFIG_COUNT").and_then(|n| n.trim().parse::<usize>().ok()).unwrap_or(0);
    let mut pairs: Vec<(String, String)> = (0..count.min(PAIRS))
        .filter_map(|n| Some((env(&format!("GIT_CONFIG_KEY_{n}"))?, env(&format!("GIT_CONFIG_VALUE_{n}"))?)))
        .collect();
    if let Some(list) = env("GIT_CONFIG_PARAMETERS") {
        parameters(&list, &mut pairs);
    }
    let entry = |(n, (key, value)): (usize, (String, String))| {
        Some(Entry {
            key: canonical(&key)?,
            value,
            scope: "environment".to_owned(),
            line: n as u64 + 1,
            span: (0, 0),
            whole: (0, 0),
        })
    };
    pairs.into_iter().enumerate().filter_map(entry).collect()
}

/// `'key'='value'`, `'key'=` and, from older versions, `'key=value'`, separated by blanks.
fn parameters(list: &str, pairs: &mut Vec<(String, String)>) {
    let mut rest = list.trim_start();
    while !rest.is_empty() && pairs.len() < PAIRS {
        let Some((first, after)) = unquote(rest) else { return };
        let pair = match after.strip_prefix('=') {
            Some(after) if after.is_empty() || after.starts_with(' ') => {
                rest = after;
                (first, "true".to_owned())
            }
            Some(after) => {
                let Some((value, after)) = unquote(after) else { return };
                rest = after;
                (first, value)
            }
            None => {
                rest = after;
                match first.split_once('=') {
                    Some((key, value)) => (key.to_owned(), value.to_owned()),
                    None => (first, "true".to_owned()),
                }
            }
        };
        pairs.push(pair);
        rest = rest.trim_start();
    }
}

/// A word in single quotes as git writes it: a quote or `!` inside stands outside the quotes, behind a backslash.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut word = String::new();
    loop {
        let (part, after) = rest.split_once('\'')?;
        word.push_str(part);
        let escaped = after.strip_prefix('\\').filter(|a| a.starts_with(['\'', '!']));
        match escaped.and_then(|a| Some((a.get(..1)?, a.get(1..)?.strip_prefix('\'')?))) {
            Some((mark, after)) => {
                word.push_str(mark);
                rest = after;
            }
            None => return Some((word, after)),
        }
    }
}

/// Section and variable in lower case, the subsection as it is; `None` for what is no key.
fn canonical(key: &str) -> Option<String> {
    let (section, rest) = key.trim().split_once('.')?;
    let (subsection, variable) = match rest.rsplit_once('.') {
        Some((subsection, variable)) => (Some(subsection), variable),
        None => (None, rest),
    };
    if section.is_empty() || variable.is_empty() {
        return None;
    }
    let (section, variable) = (section.to_ascii_lowercase(), variable.to_ascii_lowercase());
    Some(match subsection {
        Some(subsection) => format!("{section}.{subsection}.{variable}"),
        None => format!("{section}.{variable}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `key~value` of every entry, joined by `|`, as `git config --list` has them.
    fn list(file: &str) -> String {
        let entries = read(file.as_bytes()).entries;
        entries.iter().map(|e| format!("{}~{}", e.key, e.value)).collect::<Vec<_>>().join("|")
    }

    /// What `git config --list -z` 2.47 says of each of these files.
    #[test]
    fn reads_what_git_reads() {
        for (file, want) in [
            ("a=b\n[x]\ny=1\n", "a~b|x.y~1"),
            ("[a.B.C]\nX=1\n", "a.b.c.x~1"),
            ("[a \"B\"]X=1\n", "a.B.x~1"),
            ("[a  \t\"B\\\"q\\\\x\"]\nX=1\n", "a.B\"q\\x.x~1"),
            ("[a]x\n[b]y=1\n", "a.x~true|b.y~1"),
            ("[a][b]y=1\n", "b.y~1"),
            ("[a] ; c\nx = 1 # c\ny=\"1 # no\" ; c\n", "a.x~1|a.y~1 # no"),
            ("[a]\nx = a   b\t c   \n", "a.x~a   b\t c"),
            ("[a]\nx = a \"\" \n", "a.x~a "),
            ("[a]\nx = \"a \"b\" c\"\n", "a.x~a b c"),
            ("[a]\nx = a \\\n  b \\\n c\nz=1\n", "a.x~a   b  c|a.z~1"),
            ("[a]\nx = one # c \\\ny = 2\n", "a.x~one|a.y~2"),
            ("[a]\r\nx = 1\r\ny\r\nz = a\\\r\n b\r\n", "a.x~1|a.y~true|a.z~a b"),
            ("[a]\nx = a\rb \r\n", "a.x~a\rb"),
            ("\u{feff}[a]\nx=1\n", "a.x~1"),
            ("[a]\nx = \\\"q\\\"\\t\\n|\n", "a.x~\"q\"\t\n|"),
            ("[a]\nx = a\\", "a.x~a"),
            ("[a]\nx", "a.x~true"),
            ("[a]\nx = \n y = \"\"\n", "a.x~|a.y~"),
            ("[a]\nx=1=2\n", "a.x~1=2"),
            ("[a \"é\"]\nx = ü\n", "a.é.x~ü"),
            ("[a \"x\"] y = 1 \n\n[a.X] y=2\n", "a.x.y~1|a.x.y~2"),
            ("[a]\nx = \"a\\\nb\"\n", "a.x~ab"),
            ("[a]\nx = a;b\n", "a.x~a"),
            ("[a]\nx-Y1=1\n", "a.x-y1~1"),
            ("[a \"\"]\nx=1\n", "a..x~1"),
            ("[.]\nx=1\n", "..x~1"),
        ] {
            assert_eq!(list(file), want, "{file:?}");
            assert!(read(file.as_bytes()).problems.is_empty(), "{file:?}");
        }
    }

    /// Git refuses these files; the rest of them is still worth reading.
    #[test]
    fn goes_on_after_what_git_refuses() {
        for (line, file) in [
            (2, "[a]\nx = \\q\n[z]\ny=1\n"),
            (2, "[a]\nx = \"open\n[z]\ny=1\n"),
            (1, "[]\nx=1\n[z]\ny=1\n"),
            (1, "[a \"b\nc\"]\nx=1\n[z]\ny=1\n"),
            (1, "[a \"B\" ]\nx=1\n[z]\ny=1\n"),
            (1, "[a_b]\nx=1\n[z]\ny=1\n"),
            (1, "[ a ]\nx=1\n[z]\ny=1\n"),
            (1, "[a\"\"]\nx=1\n[z]\ny=1\n"),
            (2, "[a]\nx_y=1\n[z]\ny=1\n"),
            (2, "[a]\n1x=1\n[z]\ny=1\n"),
            (2, "[a]\nx:1\n[z]\ny=1\n"),
            (2, "[a]\nx ; c\n[z]\ny=1\n"),
            (3, "[z]\ny =1\n\u{c}y=2\n"),
        ] {
            assert_eq!(list(file), "z.y~1", "{file:?}");
            let problems = read(file.as_bytes()).problems;
            assert!(problems[0].starts_with(&format!("line {line}: ")), "{file:?}: {problems:?}");
        }
    }

    #[test]
    fn complaints_are_few() {
        assert_eq!(read("=\n".repeat(500).as_bytes()).problems.len(), PROBLEMS);
    }

    #[test]
    fn spans_are_the_value_without_its_quotes() {
        let file = "[Core]\n\tPager = \"less -F\"  # c\n\tx = a b  \n\ty = a\\\n b\n\tz\n\tw = \"\"\n";
        let entries = read(file.as_bytes()).entries;
        let spans: Vec<&str> = entries.iter().map(|e| &file[e.span.0..e.span.1]).collect();
        assert_eq!(spans, ["less -F", "a b", "a\\\n b", "", ""]);
        assert_eq!(entries.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 3, 4, 6, 7]);
        assert_eq!(entries[0].scope, "Core");
    }

    #[test]
    fn scope_is_the_header_as_written() {
        let entries = read(b"[Http \"https://X.example/\"] sslVerify = false\n").entries;
        assert_eq!(entries[0].key, "http.https://X.example/.sslverify");
        assert_eq!(entries[0].scope, "Http \"https://X.example/\"");
    }

    fn env(pairs: &[(&str, &str)]) -> String {
        let get = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        from_env(&get).iter().map(|e| format!("{}~{}", e.key, e.value)).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn the_environment_gives_pairs() {
        let counted = [
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "HTTP.https://X.example/.SSLVerify"),
            ("GIT_CONFIG_VALUE_0", "false"),
            ("GIT_CONFIG_KEY_1", "Core.Pager"),
            ("GIT_CONFIG_VALUE_1", "less"),
            ("GIT_CONFIG_KEY_2", "not.counted"),
            ("GIT_CONFIG_VALUE_2", "x"),
        ];
        assert_eq!(env(&counted), "http.https://X.example/.sslverify~false|core.pager~less");
        assert_eq!(env(&[("GIT_CONFIG_COUNT", "many")]), "");
        assert_eq!(env(&[("GIT_CONFIG_COUNT", "99999999999"), ("GIT_CONFIG_KEY_0", "x")]), "");
    }

    /// The quoting is what `git -c … !alias` hands on.
    #[test]
    fn parameters_of_git_c_are_read() {
        let read = |list: &str| env(&[("GIT_CONFIG_PARAMETERS", list)]);
        assert_eq!(read(r"'core.pager'='it'\''s' 'a.B.c'= 'x.y'='z'"), "core.pager~it's|a.B.c~true|x.y~z");
        assert_eq!(read(r"'core.pager=less -F' 'a.b'"), "core.pager~less -F|a.b~true");
        assert_eq!(read(r"'alias.x'=''\!'git log'"), "alias.x~!git log");
        assert_eq!(read("'core.pager'='open"), "");
        assert_eq!(read("core.pager=x"), "");
    }
}
