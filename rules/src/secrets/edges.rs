//! Where words begin and end: no token stands in the middle of one.

use crate::secrets::matcher::Hit;

/// Whether a name begins at `at`: after no letter, or as a capital after a small one.
pub(crate) fn begins_word(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| bytes[i]);
    before.is_none_or(|b| {
        !b.is_ascii_alphabetic() || (b.is_ascii_lowercase() && bytes[at].is_ascii_uppercase())
    })
}

/// Whether one byte is all that follows: padding, a line, a picture; no secret goes on like that.
pub(crate) fn monotonous(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 12).is_some_and(|next| next.iter().all(|b| *b == next[0]))
}

/// Whether a token may begin at `at`: at the edge of a word, or where another one has just ended.
pub(crate) fn begins(bytes: &[u8], at: usize, found: &[Hit]) -> bool {
    left_edge(bytes, at) || found.last().is_some_and(|hit| hit.at.1 == at && hit.decoded.is_none())
}

/// Whether a token may begin at `at`: not in the middle of a word, unless the word is an escape sequence.
fn left_edge(bytes: &[u8], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|i| bytes[i]);
    let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
    match before(1) {
        None => true,
        Some(b) if !b.is_ascii_alphanumeric() => true,
        // What is no letter itself is in the middle of no word: `page?key=`.
        _ if bytes.get(at).is_some_and(|b| !b.is_ascii_alphanumeric() && *b != b'_') => true,
        Some(b'n' | b'r' | b't' | b'b' | b'f' | b'0') if before(2) == Some(b'\\') => true,
        _ if hex(before(1)) && hex(before(2)) => {
            before(3) == Some(b'%')
                || (before(3) == Some(b'x') && before(4) == Some(b'\\'))
                || (before(5) == Some(b'u') && before(6) == Some(b'\\'))
        }
        _ => false,
    }
}

/// Whether a token may end at `at`.
pub(crate) fn right_edge(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_')
}
