//! JSON, and JSON as people write it: comments, trailing commas, single quotes. Keys are joined with dots, items of
//! lists have their index: `servers.0.token`. Works on tokens, so that half a file still yields its half.

use super::Reader;
use crate::settings::entry::{Read, utf8};
use crate::settings::tree::Tree;
use jsonc_parser::Scanner;
use jsonc_parser::ScannerOptions;
use jsonc_parser::tokens::Token;

pub(crate) const READER: Reader = Reader { read, bounded: true };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let (start, text) = utf8(bytes, &mut read);
    let mut tree = Tree::new(bytes, read);
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    loop {
        let token = match scanner.scan() {
            Ok(Some(token)) => token,
            Ok(None) => break,
            Err(_) => {
                tree.problem(start + scanner.token_start(), "not valid JSON; the rest was not read");
                break;
            }
        };
        let (from, to) = (start + scanner.token_start(), start + scanner.token_end());
        let goes_on = match token {
            Token::OpenBrace => tree.open(false, from),
            Token::OpenBracket => tree.open(true, from),
            Token::CloseBrace | Token::CloseBracket => {
                tree.close();
                true
            }
            Token::Comma => {
                tree.end_item();
                true
            }
            Token::Colon | Token::CommentLine(_) | Token::CommentBlock(_) => true,
            Token::String(_) | Token::Word(_) | Token::Number(_) | Token::Boolean(_) if tree.wants_key() => {
                tree.key_at(token.as_str(), from);
                true
            }
            Token::String(text) => tree.value_in(&text, (from + 1, (to - 1).max(from + 1)), (from, to)),
            Token::Word(_) | Token::Number(_) | Token::Boolean(_) => {
                tree.value_in(token.as_str(), (from, to), (from, to))
            }
            Token::Null => {
                tree.skip();
                true
            }
        };
        if !goes_on {
            break;
        }
    }
    tree.done()
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
    fn nested_values_have_dotted_keys() {
        let text = "{\"auths\": {\"https://x.example/v1/\": {\"auth\": \"abc\"}}, \"l\": [1, {\"on\": true}, null, \"z\"]}";
        assert_eq!(
            keys(text),
            [
                pair("auths.https://x.example/v1/.auth", "abc"),
                pair("l.0", "1"),
                pair("l.1.on", "true"),
                pair("l.3", "z"),
            ]
        );
    }

    #[test]
    fn comments_trailing_commas_and_single_quotes_are_read() {
        assert_eq!(keys("// c\n{ 'a': 'b', /* x */ c: 2, }"), [pair("a", "b"), pair("c", "2")]);
    }

    #[test]
    fn spans_are_the_text_between_the_quotes() {
        let text = "\u{feff}{\n  \"a\": \"x\\ny\"\n}";
        let read = read(text.as_bytes());
        assert_eq!(read.entries[0].value, "x\ny");
        assert_eq!(read.entries[0].line, 2);
        let (start, end) = read.entries[0].span;
        assert_eq!(&text[start..end], "x\\ny");
    }

    #[test]
    fn half_a_file_yields_its_half() {
        let read = read(b"{\"a\": \"b\", \"c\": \"unclosed");
        assert_eq!(read.entries.len(), 1);
        assert_eq!(read.problems, ["line 1: not valid JSON; the rest was not read"]);
    }

    #[test]
    fn a_key_without_a_value_does_not_shift_the_next() {
        assert_eq!(keys("{\"a\":, \"b\": \"c\"}"), [pair("b", "c")]);
    }
}
