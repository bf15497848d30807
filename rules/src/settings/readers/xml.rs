//! XML as Maven and NuGet write it. The path of elements makes the key, in lower case: `settings.servers.server.password`.
//! `<add key="K" value="V"/>` is the key `….add.k`. Nothing is expanded but the five named entities.

use super::Reader;
use crate::settings::entry::{Read, utf8};
use crate::settings::tree::Tree;

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let (start, text) = utf8(bytes, &mut read);
    let mut tree = Tree::new(bytes, read);
    let mut at = 0;
    tree.open(false, start);
    while let Some(open) = text[at..].find('<') {
        value(&mut tree, text, (at, at + open), start);
        at += open;
        let rest = &text[at..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
        if let Some((_, end)) = skipped.iter().find(|(begin, _)| rest.starts_with(begin)) {
            at += rest.find(end).map_or(rest.len(), |n| n + end.len());
            continue;
        }
        let Some(length) = tag_end(rest) else { break };
        let tag = &rest[1..length];
        if tag.starts_with('/') {
            tree.close_keeping_one();
        } else {
            let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or(tag);
            tree.key(&name.to_lowercase());
            if !tree.open(false, start + at) {
                break;
            }
            attributes(&mut tree, text, (at + 1 + name.len(), at + length), start);
            if tag.ends_with('/') {
                tree.close();
            }
        }
        at += length + 1;
    }
    tree.done()
}

/// Where a tag ends: at a `>` outside quotes.
fn tag_end(rest: &str) -> Option<usize> {
    let mut inside = None;
    rest.bytes().position(|b| {
        match (b, inside) {
            (b'"' | b'\'', None) => inside = Some(b),
            (b, Some(mark)) if b == mark => inside = None,
            (b'>', None) => return true,
            _ => {}
        }
        false
    })
}

/// The text between two tags.
fn value(tree: &mut Tree<'_>, text: &str, (from, to): (usize, usize), start: usize) {
    let body = &text[from..to];
    let inner = body.trim();
    if !inner.is_empty() {
        let at = start + from + (body.len() - body.trim_start().len());
        tree.own_value(&plain(inner), (at, at + inner.len()));
    }
}

/// `name="value"` pairs; a `key` names the `value` beside it.
fn attributes(tree: &mut Tree<'_>, text: &str, (mut at, to): (usize, usize), start: usize) {
    let mut named = None;
    while let Some(eq) = text[at..to].find('=') {
        let name = text[at..at + eq].trim().to_lowercase();
        let after = &text[at + eq + 1..to];
        let blank = after.len() - after.trim_start().len();
        let Some(mark) = after[blank..].chars().next().filter(|c| matches!(c, '"' | '\'')) else { return };
        let from = at + eq + 1 + blank + 1;
        let Some(length) = text[from..to].find(mark) else { return };
        let value = plain(&text[from..from + length]);
        if name == "key" {
            named = Some(value.to_lowercase());
        } else {
            tree.key(named.as_deref().filter(|_| name == "value").unwrap_or(&name));
            tree.value(&value, (start + from, start + from + length));
        }
        at = from + length + 1;
    }
}

fn plain(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        read(text.as_bytes()).entries.into_iter().map(|e| format!("{}|{}", e.key, e.value)).collect()
    }

    #[test]
    fn elements_make_keys() {
        let text = "<?xml version=\"1.0\"?>\n<settings xmlns=\"u\">\n<!-- <password>no</password> -->\n<servers><server><id>a</id><password> p&amp;q </password></server><server><id>b</id></server></servers></settings>";
        assert_eq!(
            found(text),
            [
                "settings.xmlns|u",
                "settings.servers.server.id|a",
                "settings.servers.server.password|p&q",
                "settings.servers.server.id|b"
            ]
        );
    }

    #[test]
    fn keys_of_attributes_name_their_values() {
        let text = "<configuration><own><add key='ClearTextPassword' value=\"x>y\" /></own></configuration>";
        assert_eq!(found(text), ["configuration.own.add.cleartextpassword|x>y"]);
    }

    #[test]
    fn spans_are_the_bytes_of_values() {
        let text = "<a b='c'> d </a>";
        let read = read(text.as_bytes());
        let shown: Vec<&str> = read.entries.iter().map(|e| &text[e.span.0..e.span.1]).collect();
        assert_eq!(shown, ["c", "d"]);
    }

    #[test]
    fn broken_files_yield_what_they_have() {
        assert_eq!(found("</a></a><b>c</d><e f=g h='i"), ["b|c"]);
    }
}
