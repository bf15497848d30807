//! Regular expressions of other tools in our engine's syntax, or why not.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionOp};
use regex_syntax::hir::Hir;
use std::iter::Peekable;
use std::str::Chars;

/// Whose syntax an expression is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// Go's, which is RE2's: `{` and `[` may stand for themselves.
    Go,
    /// Ours, with `(?# … )` comments.
    Rust,
}

/// A compiled expression.
pub(crate) struct Built {
    pub(crate) regex: Regex,
    pub(crate) hir: Hir,
}

/// Most memory that one compiled expression may take: as much as the engine's own front door allows.
pub(crate) const SIZE: usize = 10 << 20;
/// Memory of one lazy automaton on one thread.
const CACHE: usize = 512 << 10;

/// Compiles, or says why not in one line.
pub(crate) fn build(pattern: &str, dialect: Dialect) -> Result<Built, String> {
    let ours = match dialect {
        Dialect::Go => from_go(pattern),
        Dialect::Rust => without_comments(pattern),
    };
    possessive(&ours)?;
    // Bytes first, as these tools do; a class with letters beyond ASCII needs the other mode.
    let bytes = syntax::Config::new().unicode(false).utf8(false);
    let text = syntax::Config::new().unicode(true).utf8(false);
    let config = [bytes, text].into_iter().find(|c| syntax::parse_with(&ours, c).is_ok()).unwrap_or(bytes);
    let hir = syntax::parse_with(&ours, &config).map_err(|e| told(&e))?;
    let engine =
        Regex::config().utf8_empty(false).hybrid_cache_capacity(CACHE).dfa(false).nfa_size_limit(Some(SIZE));
    let regex =
        Regex::builder().syntax(config).configure(engine).build_from_hir(&hir).map_err(|e| {
            match e.size_limit() {
                Some(_) => "the expression is too large".to_owned(),
                None => "the expression cannot be compiled".to_owned(),
            }
        })?;
    Ok(Built { regex, hir })
}

fn told(error: &regex_syntax::Error) -> String {
    let kind = match error {
        regex_syntax::Error::Parse(e) => e.kind().to_string(),
        regex_syntax::Error::Translate(e) => e.kind().to_string(),
        _ => "not a regular expression".to_owned(),
    };
    kind.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `a++` means something else to those who write it than to our engine.
fn possessive(pattern: &str) -> Result<(), String> {
    struct Look;
    impl ast::Visitor for Look {
        type Output = ();
        type Err = String;
        fn finish(self) -> Result<(), String> {
            Ok(())
        }
        fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
            let Ast::Repetition(outer) = ast else { return Ok(()) };
            let plus = matches!(outer.op, RepetitionOp { kind: RepetitionKind::OneOrMore, .. });
            if plus && outer.greedy && matches!(*outer.ast, Ast::Repetition(_)) {
                return Err("possessive quantifiers (such as `*+`) are not supported".to_owned());
            }
            Ok(())
        }
    }
    // What does not parse here is told of by the caller.
    ast::parse::Parser::new().parse(pattern).map_or(Ok(()), |ast| ast::visit(&ast, Look))
}

/// Leaves `(?# … )` out.
fn without_comments(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find("(?#") {
        let escaped = rest[..at].chars().rev().take_while(|c| *c == '\\').count() % 2 == 1;
        let end = rest[at..].find(')').filter(|_| !escaped);
        let Some(end) = end else {
            plain.push_str(&rest[..at + 3]);
            rest = &rest[at + 3..];
            continue;
        };
        plain.push_str(&rest[..at]);
        rest = &rest[at + end + 1..];
    }
    plain + rest
}

/// Go's syntax in ours: what stands for itself there and not here is escaped.
fn from_go(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out),
            '[' => class(&mut rest, &mut out),
            '{' if !counted(rest.clone()) => out.push_str("\\{"),
            _ => out.push(c),
        }
    }
    out
}

fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    match rest.next() {
        // Word edges here, plain characters there.
        Some(c @ ('<' | '>')) => out.push(c),
        Some('Q') => {
            let mut quoted = String::new();
            while let Some(c) = rest.next() {
                if c == '\\' && rest.peek() == Some(&'E') {
                    rest.next();
                    break;
                }
                quoted.push(c);
            }
            out.push_str(&regex_syntax::escape(&quoted));
        }
        Some(c) => out.extend(['\\', c]),
        None => out.push('\\'),
    }
}

/// The rest of a class: `[` stands for itself in it, and so do `&&`, `--` and `~~`.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    let mut last = ' ';
    while let Some(c) = rest.next() {
        match c {
            ']' => return out.push(']'),
            '\\' => escape(rest, out),
            '[' if rest.peek() == Some(&':') => {
                // `[:alpha:]`
                out.push('[');
                for c in rest.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            '&' | '~' => out.extend(['\\', c]),
            '-' if last == '-' => out.push_str("\\-"),
            _ => out.push(c),
        }
        last = c;
    }
}

/// Whether `{` begins a count such as `{3}`, `{3,}` or `{3,5}`.
fn counted(rest: Peekable<Chars<'_>>) -> bool {
    let inside: String = rest.take(12).take_while(|c| *c != '}').collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, "0"));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && inside.len() < 12 && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_automata::Input;

    fn matches(pattern: &str, dialect: Dialect, text: &str) -> bool {
        build(pattern, dialect).unwrap_or_else(|e| panic!("{pattern}: {e}")).regex.is_match(Input::new(text))
    }

    #[test]
    fn go_expressions_keep_their_meaning() {
        let table = [
            (r"^\$\{[A-Z_]+}$", "${TOKEN}", true),
            (r"{{[a-z]+}}", "{{name}}", true),
            (r"[[{]x", "[x", true),
            (r"[^]]x", "]x", false),
            (r"[]a]x", "]x", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[+--]$", ",", true),
            (r"^[[:alpha:][:digit:]]+$", "a1", true),
            (r"\<a\>", "<a>", true),
            (r"\Qa.b[\E[0-9]", "a.b[7", true),
            (r"\Qa.b\E", "axb", false),
            (r"^a{2,3}$", "aaa", true),
            (r"(?i)TOKEN\z", "my token", true),
            (r"^\w$", "é", false),
            (r"[“”]x", "”x", true),
            (r"a{,2}", "a{,2}", true),
        ];
        for (pattern, text, want) in table {
            assert_eq!(matches(pattern, Dialect::Go, text), want, "{pattern} on {text}");
        }
    }

    #[test]
    fn comments_and_free_spacing_are_read() {
        assert!(matches("(?x)\n  tok  # the name\n  (?# and ) en", Dialect::Rust, "token"));
        assert!(matches(r"a\(?#b\)?", Dialect::Rust, "a#b"));
    }

    #[test]
    fn what_is_not_supported_is_told_in_one_line() {
        let table = [
            (r"(?=x)y", "look-around"),
            (r"(?<!x)y", "look-around"),
            (r"(a)\1", "backreferences"),
            (r"[a-z]*+x", "possessive"),
            (r"a{2}+", "possessive"),
            (r"(a", "unclosed"),
            (r"x\Z", "escape"),
            (r"((a{1000}){1000}){1000}", "too large"),
        ];
        for (pattern, says) in table {
            for dialect in [Dialect::Go, Dialect::Rust] {
                let why = build(pattern, dialect).err().unwrap_or_default();
                assert!(why.contains(says) && !why.contains('\n'), "{pattern}: {why}");
            }
        }
    }
}
