//! OpenSSH's client configuration: `Keyword value` or `Keyword=value` a line, quotes, comments, `Host` and `Match`
//! blocks. There is no continuation of lines.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text, trim};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// Keywords whose value is the rest of the line, for a shell.
const COMMANDS: &[&str] = &["proxycommand", "localcommand", "remotecommand", "knownhostscommand"];
/// Keywords that take several values, each of which counts by itself.
const LISTS: &[&str] = &["include", "userknownhostsfile", "globalknownhostsfile", "sendenv", "setenv"];

/// A word of a line, without its quotes.
struct Word {
    text: String,
    span: (usize, usize),
    /// The same with its quotes.
    outer: (usize, usize),
    /// Where the blanks before it begin.
    blank: usize,
}

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut scope = String::new();
    for (number, (start, line)) in (1..).zip(lines(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))) {
        let start = start + if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let Some((keyword, at)) = keyword(line) else { continue };
        let rest = (start + at, line[at..].trim_ascii_end());
        let name = start + trim(line).0;
        let entry = |key: &str, word: Word, scope: &str, whole: (usize, usize)| Entry {
            key: key.to_owned(),
            value: word.text,
            scope: scope.to_owned(),
            line: number,
            span: word.span,
            whole,
        };
        if COMMANDS.contains(&keyword.as_str()) {
            let word = raw(rest);
            let whole = (name, word.outer.1);
            read.entries.push(entry(&keyword, word, &scope, whole));
            continue;
        }
        let (words, closed) = words(rest);
        if !closed {
            read.problems.push(format!("line {number}: a quote is not closed"));
        }
        match keyword.as_str() {
            "host" => scope = format!("Host {}", text(rest.1)),
            "match" => {
                scope = format!("Match {}", text(rest.1));
                let commands = executed(words);
                read.entries.extend(commands.map(|word| entry("match.exec", word, &scope, (0, 0))));
            }
            key if LISTS.contains(&key) => {
                let alone = words.len() == 1;
                read.entries.extend(words.into_iter().map(|word| {
                    let whole = if alone { (name, word.outer.1) } else { (word.blank, word.outer.1) };
                    entry(key, word, &scope, whole)
                }));
            }
            key => read.entries.extend(joined(words).map(|word| {
                let whole = (name, word.outer.1);
                entry(key, word, &scope, whole)
            })),
        }
        if rest.1.is_empty() {
            read.problems.push(format!("line {number}: `{keyword}` has no value"));
        }
    }
    read
}

/// Whether an entry is for hosts that nobody has named: before the first block, `Host *`, `Match all`.
pub(crate) fn broad(scope: &str) -> bool {
    let mut words = scope.split_ascii_whitespace();
    match words.next() {
        None => true,
        Some("Host") => words.any(|w| w.trim_matches('"').bytes().all(|b| matches!(b, b'*' | b'?' | b'.'))),
        Some(_) => words.all(|w| ["all", "final", "canonical"].iter().any(|c| w.eq_ignore_ascii_case(c))),
    }
}

/// The keyword in lower case, and where its value begins.
fn keyword(line: &[u8]) -> Option<(String, usize)> {
    let (indent, body) = trim(line);
    if body.is_empty() || body[0] == b'#' {
        return None;
    }
    let end = body.iter().position(|b| b.is_ascii_whitespace() || *b == b'=').unwrap_or(body.len());
    let blanks = |at: usize| body[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let mut at = end + blanks(end);
    if body.get(at) == Some(&b'=') {
        at += 1;
        at += blanks(at);
    }
    let keyword = text(&body[..end]).trim_matches('"').to_ascii_lowercase();
    (!keyword.is_empty()).then_some((keyword, indent + at))
}

fn raw((start, rest): (usize, &[u8])) -> Word {
    let span = (start, start + rest.len());
    Word { text: text(rest), span, outer: span, blank: start }
}

/// Splits at blanks outside quotes, up to a comment. The flag tells whether every quote was closed.
fn words((start, rest): (usize, &[u8])) -> (Vec<Word>, bool) {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let blank = start + at;
        at += rest[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        if rest.get(at).is_none_or(|b| *b == b'#') {
            return (words, true);
        }
        let (value, end, closed) = word(rest, at);
        let quoted = matches!(rest[at], b'"' | b'\'') && end >= at + 2;
        let span = if quoted && closed { (at + 1, end - 1) } else { (at, end) };
        let (span, outer) = ((start + span.0, start + span.1), (start + at, start + end));
        words.push(Word { text: text(&value), span, outer, blank });
        if !closed {
            return (words, false);
        }
        at = end;
    }
}

/// One word from `at`: its value, where it ends, whether its quotes close.
fn word(rest: &[u8], mut at: usize) -> (Vec<u8>, usize, bool) {
    let mut value = Vec::new();
    let mut quote = None;
    while let Some(&b) = rest.get(at) {
        match (b, quote) {
            (b'\\', _) if matches!(rest.get(at + 1), Some(b'"' | b'\'' | b'\\')) => {
                at += 1;
                value.push(rest[at]);
            }
            (_, Some(open)) if b == open => quote = None,
            (b'"' | b'\'', None) => quote = Some(b),
            (_, None) if b.is_ascii_whitespace() => break,
            _ => value.push(b),
        }
        at += 1;
    }
    (value, at, quote.is_none())
}

/// Several words as one value.
fn joined(words: Vec<Word>) -> Option<Word> {
    let (first, last) = (words.first()?, words.last()?);
    let (span, outer, blank) = ((first.span.0, last.span.1), (first.outer.0, last.outer.1), first.blank);
    let texts: Vec<String> = words.into_iter().map(|w| w.text).collect();
    Some(Word { text: texts.join(" "), span, outer, blank })
}

/// The commands of `Match … exec "command"`.
fn executed(words: Vec<Word>) -> impl Iterator<Item = Word> {
    let mut next = false;
    words.into_iter().filter_map(move |mut word| {
        if std::mem::take(&mut next) {
            return Some(word);
        }
        let (name, value) = word.text.split_once('=').unwrap_or((&word.text, ""));
        if !name.trim_start_matches('!').eq_ignore_ascii_case("exec") {
            return None;
        }
        if value.is_empty() {
            next = true;
            return None;
        }
        word.text = value.to_owned();
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(source: &str) -> Vec<(String, String, String)> {
        let read = read(source.as_bytes()).entries;
        for e in &read {
            assert!(e.span.1 <= source.len() && e.span.0 <= e.span.1, "{e:?}");
        }
        read.into_iter().map(|e| (e.scope, e.key, e.value)).collect()
    }

    fn one(source: &str) -> (String, String, String) {
        let mut all = entries(source);
        assert_eq!(all.len(), 1, "{source}: {all:?}");
        all.remove(0)
    }

    #[test]
    fn every_spelling_of_a_setting() {
        for line in [
            "ForwardAgent yes",
            "forwardagent=yes",
            "  FORWARDAGENT = yes  ",
            "\tForwardAgent\tyes\r",
            "ForwardAgent \"yes\"",
            "ForwardAgent yes # why not",
            "\u{feff}ForwardAgent yes",
        ] {
            let (scope, key, value) = one(&format!("{line}\n"));
            assert_eq!((scope.as_str(), key.as_str(), value.as_str()), ("", "forwardagent", "yes"), "{line}");
        }
    }

    #[test]
    fn blocks_last_until_the_next() {
        let all = entries("Port 1\nHost a b\n  Port 2\n# Host x\nMatch user me\nPort 3\n");
        let scopes: Vec<&str> = all.iter().map(|(scope, ..)| scope.as_str()).collect();
        assert_eq!(scopes, ["", "Host a b", "Match user me"]);
    }

    #[test]
    fn commands_are_taken_whole() {
        let (_, _, value) = one("ProxyCommand=sh -c \"nc %h %p\" # not a comment\n");
        assert_eq!(value, "sh -c \"nc %h %p\" # not a comment");
    }

    #[test]
    fn match_shows_what_it_executes() {
        let (scope, key, value) = one("Match host a !exec \"test -f /x\" user b\n");
        assert_eq!((key.as_str(), value.as_str()), ("match.exec", "test -f /x"));
        assert!(scope.starts_with("Match host a"));
        assert_eq!(one("Match exec=\"true\"\n").2, "true");
    }

    #[test]
    fn lists_come_one_by_one() {
        let values: Vec<String> =
            entries("Include a \"b c\"\nUserKnownHostsFile /dev/null x\n").into_iter().map(|e| e.2).collect();
        assert_eq!(values, ["a", "b c", "/dev/null", "x"]);
    }

    #[test]
    fn spans_are_the_value_without_quotes() {
        let source = "Host x\n  IdentityFile \"~/my key\"\n";
        let read = read(source.as_bytes());
        let (start, end) = read.entries[0].span;
        assert_eq!((&source[start..end], read.entries[0].line), ("~/my key", 2));
    }

    #[test]
    fn what_is_broken_is_told() {
        assert_eq!(read(b"IdentityFile \"x\n").problems, ["line 1: a quote is not closed"]);
        assert_eq!(read(b"Port 1\nForwardAgent\n").problems, ["line 2: `forwardagent` has no value"]);
    }

    #[test]
    fn scopes_for_everybody() {
        for scope in ["", "Host *", "Host * !a", "Host a *", "Match all", "Match final all", "Host *.*"] {
            assert!(broad(scope), "{scope}");
        }
        for scope in ["Host a", "Host *.example.org", "Match host a", "Match exec true", "Host !*x a"] {
            assert!(!broad(scope), "{scope}");
        }
    }
}
