//! Shell start-up files: what they set, not what they run. `export NAME=value`, `NAME=value`, fish `set -gx NAME value`,
//! csh `setenv NAME value`, `SETUVAR` lines of fish and PAM's `NAME DEFAULT=value` give the key `env.NAME` (names keep
//! their case); `alias x='…'` gives `alias.x`. Command lines are no entries.

use super::Reader;
use crate::settings::entry::{Entry, Lines, Read, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut lines = Lines::new(bytes);
    let mut lexer = Lexer { bytes, at: 0, unclosed: [false; 5], heredocs: Vec::new() };
    while let Some(words) = lexer.statement() {
        let first = read.entries.len();
        settings(bytes, &words, &mut |key, span| {
            let line = lines.line(span.0);
            read.entries.push(entry(bytes, key, span, line));
        });
        wholes(bytes, &words, &mut read.entries[first..]);
    }
    read
}

type Span = (usize, usize);

/// The value of a word, which may be quoted as a whole, in parts or not at all.
fn entry(bytes: &[u8], key: String, (start, end): Span, line: u64) -> Entry {
    let raw = &bytes[start..end];
    let whole = raw.len() >= 2
        && matches!(raw[0], b'"' | b'\'')
        && memchr::memchr(raw[0], &raw[1..]) == Some(raw.len() - 2);
    let span = if whole { (start + 1, end - 1) } else { (start, end) };
    let inner = &bytes[span.0..span.1];
    let value = match raw.first() {
        Some(b'\'') if whole => text(inner),
        Some(_) if !whole || inner.contains(&b'\\') => unquoted(inner, !whole),
        _ => text(inner),
    };
    Entry { key, value, line, span, whole: (start, end), ..Entry::default() }
}

/// What to take out to unset each setting of a statement: all of the statement where there is one, else its word with the
/// blanks before it.
fn wholes(bytes: &[u8], words: &[Span], entries: &mut [Entry]) {
    let lead = words.iter().take_while(|w| LEAD.contains(&&bytes[w.0..w.1])).count();
    let plain = |w: &&Span| bytes[w.0] != b'-' && !bytes[w.0..w.1].iter().any(|b| matches!(b, b'<' | b'>'));
    let listing = words.get(lead).is_some_and(|w| ASSIGN.contains(&&bytes[w.0..w.1]));
    let alone = entries.len() == 1 && !(listing && words[lead + 1..].iter().filter(plain).count() > 1);
    if let (true, [entry], [first, ..], Some(last)) = (alone, &mut *entries, &words[lead..], words.last()) {
        entry.whole = (first.0, last.1);
        return;
    }
    for entry in entries {
        let Some(word) = words.iter().position(|w| w.0 <= entry.span.0 && entry.span.1 <= w.1) else {
            continue;
        };
        let from = if word > lead { words[word - 1].1 } else { words[word].0 };
        entry.whole = (from, words[word].1);
    }
}

/// The text of a word as the shell would hand it on, but for `$`.
fn unquoted(raw: &[u8], quotes: bool) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut inside = None;
    let mut i = 0;
    while i < raw.len() {
        let b = raw[i];
        match b {
            b'\\' if inside != Some(b'\'') => match raw.get(i + 1..i + 4) {
                Some([b'x', hex @ ..]) if hex_byte(hex).is_some() => {
                    out.extend(hex_byte(hex));
                    i += 3;
                }
                _ => {
                    out.extend(raw.get(i + 1).filter(|b| **b != b'\n'));
                    i += 1;
                }
            },
            b'"' | b'\'' if quotes && inside.is_none() => inside = Some(b),
            _ if quotes && inside == Some(b) => inside = None,
            _ => out.push(b),
        }
        i += 1;
    }
    text(&out)
}

/// `\x2d`, as fish writes what is not a letter.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Words that come before what a statement does.
const LEAD: &[&[u8]] =
    &[b"then", b"do", b"else", b"{", b"(", b"if", b"elif", b"and", b"or", b"builtin", b"command"];
/// Words that assign to what follows them.
const ASSIGN: &[&[u8]] = &[b"export", b"declare", b"typeset", b"readonly"];

/// What a statement sets.
fn settings(bytes: &[u8], words: &[Span], found: &mut dyn FnMut(String, Span)) {
    let at = |i: usize| words.get(i).map_or(&b""[..], |w| &bytes[w.0..w.1]);
    let lead = words.iter().take_while(|w| LEAD.contains(&&bytes[w.0..w.1])).count();
    let words = &words[lead..];
    let at = |i: usize| at(lead + i);
    let first = at(0);
    let flags = words.iter().skip(1).take_while(|w| bytes[w.0] == b'-').count();
    let args = words.get(1 + flags..).unwrap_or_default();
    let rest = |from: usize| words.last().map(|last| (words[from].0, last.1));
    let mut variable = |name: &[u8], span: Span| found(format!("env.{}", text(name)), span);
    if ASSIGN.contains(&first) {
        for word in args {
            if let Some((name, from)) = assignment(&bytes[word.0..word.1]) {
                variable(name, (word.0 + from, word.1));
            }
        }
    } else if first == b"alias" {
        alias(bytes, args, found);
    } else if first == b"set" && fish(at(1), flags, args.first().map(|w| &bytes[w.0..w.1])) {
        if let (Some(name), Some(span)) = (args.first(), (args.len() > 1).then(|| rest(2 + flags)).flatten())
        {
            variable(&bytes[name.0..name.1], span);
        }
    } else if first == b"setenv" && words.len() > 2 && is_name(at(1)) {
        if let Some(span) = rest(2) {
            variable(at(1), span);
        }
    } else if first == b"SETUVAR" {
        if let Some((word, colon)) =
            args.first().and_then(|w| Some((w, memchr::memchr(b':', &bytes[w.0..w.1])?)))
        {
            variable(&bytes[word.0..word.0 + colon], (word.0 + colon + 1, word.1));
        }
    } else if is_name(first) && (at(1).starts_with(b"DEFAULT=") || at(1).starts_with(b"OVERRIDE=")) {
        let from = words[1].0 + memchr::memchr(b'=', at(1)).map_or(0, |eq| eq + 1);
        variable(first, (from, words[1].1));
    } else if words.iter().all(|w| assignment(&bytes[w.0..w.1]).is_some()) {
        // `NAME=value command` sets the variable for that command only.
        for word in words {
            if let Some((name, from)) = assignment(&bytes[word.0..word.1]) {
                variable(name, (word.0 + from, word.1));
            }
        }
    }
}

/// `alias x='…'`, fish's `alias x '…'` and csh's `alias x command words`.
fn alias(bytes: &[u8], args: &[Span], found: &mut dyn FnMut(String, Span)) {
    let name = |raw: &[u8]| format!("alias.{}", text(raw));
    let linked = |w: &Span| memchr::memchr(b'=', &bytes[w.0..w.1]).filter(|eq| *eq > 0);
    match args {
        [first, .., last] if linked(first).is_none() => {
            let second = args.get(1).map_or(last.0, |w| w.0);
            found(name(&bytes[first.0..first.1]), (second, last.1));
        }
        _ => {
            for word in args {
                if let Some(eq) = linked(word) {
                    found(name(&bytes[word.0..word.0 + eq]), (word.0 + eq + 1, word.1));
                }
            }
        }
    }
}

/// Whether `set` sets a variable for other programs: fish's `-x`, `-g`, `-U`, or its `PATH`.
fn fish(flag: &[u8], flags: usize, name: Option<&[u8]>) -> bool {
    let Some(name) = name.filter(|n| is_name(n)) else { return false };
    let long = matches!(flag, b"--export" | b"--global" | b"--universal");
    let erases = flag.contains(&b'e') && !long;
    let short = !flag.starts_with(b"--") && flag.iter().any(|b| matches!(b, b'x' | b'g' | b'U')) && !erases;
    if flags > 0 { long || short } else { name == b"PATH" }
}

fn is_name(word: &[u8]) -> bool {
    word.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// The name of `NAME=value` or `NAME+=value`, and where the value begins.
fn assignment(word: &[u8]) -> Option<(&[u8], usize)> {
    let eq = memchr::memchr(b'=', word)?;
    let name = word[..eq].strip_suffix(b"+").unwrap_or(&word[..eq]);
    is_name(name).then_some((name, eq + 1))
}

/// Splits a file into statements, and those into words. Quotes and brackets without a partner are plain characters;
/// which kinds have none is remembered, so that a file of them is still read once.
struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    unclosed: [bool; 5],
    heredocs: Vec<Vec<u8>>,
}

impl Lexer<'_> {
    /// The words of the next statement; empty ones are not skipped. `None` at the end.
    fn statement(&mut self) -> Option<Vec<Span>> {
        let mut words = Vec::new();
        while let Some(b) = self.bytes.get(self.at).copied() {
            match b {
                b'\n' => {
                    self.at += 1;
                    self.skip_heredocs();
                    return Some(words);
                }
                b';' | b'&' | b'|' | b')' => {
                    self.at += 1;
                    return Some(words);
                }
                b'\\' if self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                b if b.is_ascii_whitespace() => self.at += 1,
                b'#' => {
                    self.at +=
                        memchr::memchr(b'\n', &self.bytes[self.at..]).unwrap_or(self.bytes.len() - self.at)
                }
                _ => {
                    let start = self.at;
                    self.word();
                    words.push((start, self.at));
                    self.heredoc(start);
                }
            }
        }
        (!words.is_empty()).then_some(words)
    }

    /// Moves behind the word that begins here.
    fn word(&mut self) {
        let start = self.at;
        while let Some(b) = self.bytes.get(self.at).copied() {
            let before = self.at.checked_sub(1).filter(|i| *i >= start).map(|i| self.bytes[i]);
            let closed = match b {
                b'\\' => {
                    self.at = (self.at + 2).min(self.bytes.len());
                    continue;
                }
                b'\'' => self.close(0, |bytes, from| memchr::memchr(b'\'', &bytes[from..]).map(|n| from + n)),
                b'"' => self.close(1, |bytes, from| marked(bytes, from, b'"')),
                b'`' => self.close(2, |bytes, from| marked(bytes, from, b'`')),
                b'(' if matches!(before, Some(b'$' | b'=' | b'<')) => self.close(3, brackets),
                b'(' => before.is_none(),
                b'{' if before == Some(b'$') => false,
                b';' | b'|' | b')' => return,
                b'&' if before != Some(b'>') => return,
                b if b.is_ascii_whitespace() => return,
                _ => false,
            };
            if !closed {
                self.at += 1;
            } else if b == b'(' && before.is_none() {
                self.at += 1;
                return;
            }
        }
    }

    /// Moves behind the partner of what opens here, when there is one.
    fn close(&mut self, kind: usize, find: fn(&[u8], usize) -> Option<usize>) -> bool {
        if self.unclosed[kind] {
            return false;
        }
        match find(self.bytes, self.at + 1) {
            Some(end) => self.at = end + 1,
            None => self.unclosed[kind] = true,
        }
        !self.unclosed[kind]
    }

    /// Notes the mark of a here-document that the word opens.
    fn heredoc(&mut self, start: usize) {
        let word = &self.bytes[start..self.at];
        let Some(mark) = word.strip_prefix(b"<<").filter(|rest| !rest.starts_with(b"<")) else { return };
        let clean = |raw: &[u8]| -> Vec<u8> {
            raw.iter().copied().filter(|b| !matches!(b, b'-' | b'\'' | b'"' | b'\\')).collect()
        };
        let mut mark = clean(mark);
        if mark.is_empty() {
            let from =
                self.at + self.bytes[self.at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let end = self.bytes[from..]
                .iter()
                .position(u8::is_ascii_whitespace)
                .map_or(self.bytes.len(), |n| from + n);
            mark = clean(&self.bytes[from..end]);
        }
        if !mark.is_empty() {
            self.heredocs.push(mark);
        }
    }

    /// Moves behind the here-documents that the line opened.
    fn skip_heredocs(&mut self) {
        for mark in std::mem::take(&mut self.heredocs) {
            if self.unclosed[4] {
                return;
            }
            let mut end = self.at;
            self.unclosed[4] = true;
            while end < self.bytes.len() && self.unclosed[4] {
                let line = &self.bytes[end..];
                let length = memchr::memchr(b'\n', line).map_or(line.len(), |n| n + 1);
                end += length;
                self.unclosed[4] = line[..length].trim_ascii() != mark;
            }
            if !self.unclosed[4] {
                self.at = end;
            }
        }
    }
}

/// The closing mark, past escaped ones.
fn marked(bytes: &[u8], from: usize, mark: u8) -> Option<usize> {
    let mut i = from;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 1,
            b if b == mark => return Some(i),
            _ => {}
        }
        i += 1;
    }
    None
}

/// The closing bracket, past quoted and nested ones.
fn brackets(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut i, mut depth, mut inside) = (from, 1, None);
    while i < bytes.len() {
        match (bytes[i], inside) {
            (b'\\', quote) if quote != Some(b'\'') => i += 1,
            (b, Some(quote)) if b == quote => inside = None,
            (_, Some(_)) => {}
            (b @ (b'"' | b'\''), None) => inside = Some(b),
            (b'(', None) => depth += 1,
            (b')', None) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        read(text.as_bytes()).entries.into_iter().map(|e| format!("{}|{}", e.key, e.value)).collect()
    }

    #[test]
    fn variables_of_posix_shells() {
        let text = "# export NO=1\nexport A=b C=\"d e\" # c\nD='f g'\ndeclare -x E=1; F=2\nif true; then export G=h; fi\n[ -d x ] && PATH=\"$HOME/bin:$PATH\"\nexport PATH\nI=1 make\nJ+=:k\n";
        let want = [
            "env.A|b",
            "env.C|d e",
            "env.D|f g",
            "env.E|1",
            "env.F|2",
            "env.G|h",
            "env.PATH|$HOME/bin:$PATH",
            "env.J|:k",
        ];
        assert_eq!(found(text), want);
    }

    #[test]
    fn variables_of_fish_csh_and_pam() {
        let text = "set -gx A b\nset -x PATH ~/bin . $PATH\nset -o vi\nset -e B\nset fish_greeting ''\nsetenv C d\nSETUVAR --export K:sk\\x2dab\nEDITOR DEFAULT=vim\n";
        let want = ["env.A|b", "env.PATH|~/bin . $PATH", "env.C|d", "env.K|sk-ab", "env.EDITOR|vim"];
        assert_eq!(found(text), want);
    }

    #[test]
    fn aliases() {
        let text = "alias ll='ls -l' g=git\nalias -g x=\"a | b\"\nalias gs 'git status'\nalias\nalias ll\n";
        assert_eq!(found(text), ["alias.ll|ls -l", "alias.g|git", "alias.x|a | b", "alias.gs|git status"]);
    }

    #[test]
    fn substitutions_and_documents_are_not_taken_apart() {
        let text = "export A=$(cat x; echo ')' B=1)\npath=(/a /b)\ncat <<'EOF' > f\nexport NO=1\ndon't\nEOF\nexport C=d\n";
        assert_eq!(found(text), ["env.A|$(cat x; echo ) B=1)", "env.path|(/a /b)", "env.C|d"]);
    }

    #[test]
    fn an_open_document_hides_nothing() {
        assert_eq!(found("x=$((1 << 2)); a << b\nexport A=b\n")[1..], ["env.A|b"]);
    }

    #[test]
    fn an_open_quote_hides_nothing() {
        assert_eq!(found("echo it's\nexport A=b\n"), ["env.A|b"]);
    }

    #[test]
    fn spans_are_without_quotes() {
        let text = "export A=\"b c\"\nalias x='y z'\nexport D=e\\ f\"g\"\n";
        let read = read(text.as_bytes());
        let shown: Vec<&str> = read.entries.iter().map(|e| &text[e.span.0..e.span.1]).collect();
        assert_eq!(shown, ["b c", "y z", "e\\ f\"g\""]);
        assert_eq!(read.entries[2].value, "e fg");
    }
}
