//! Percent-encoding and the escapes of JSON and of programming languages (`\u0041`, `\x41`).

use super::View;
use zeroize::Zeroizing;

/// A stretch is at most this long to either side of its first escape.
const BEFORE: usize = 128;
const AFTER: usize = 1024;

pub(crate) fn views(bytes: &[u8], each: &mut dyn FnMut(View)) {
    let mut from = 0;
    while let Some(hit) = memchr::memchr2(b'%', b'\\', &bytes[from..]) {
        let at = from + hit;
        from = at + 1;
        let Some(kind) = escape(bytes, at).map(|(_, _, kind)| kind) else { continue };
        let start = bytes[at.saturating_sub(BEFORE)..at]
            .iter()
            .rposition(|b| edge(*b))
            .map_or(at.saturating_sub(BEFORE), |i| at.saturating_sub(BEFORE) + i + 1);
        let cap = (at + AFTER).min(bytes.len());
        let end = at + bytes[at..cap].iter().position(|b| edge(*b)).unwrap_or(cap - at);
        each(View { bytes: decode(&bytes[start..end], kind), origin: (start, end) });
        from = end.max(at + 1);
    }
}

/// Which family an escape is of: a stretch is decoded by one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Percent,
    Backslash,
}

fn edge(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'"' | b'<' | b'>' | b'`') || b == 0
}

/// The escape at `at`: the character it stands for, its length, its family. Only printable ASCII counts: other
/// characters are no part of a secret.
fn escape(bytes: &[u8], at: usize) -> Option<(u8, usize, Kind)> {
    let (digits, skip, kind) = match (bytes[at], bytes.get(at + 1)?) {
        (b'%', _) => (bytes.get(at + 1..at + 3)?, 3, Kind::Percent),
        (b'\\', b'x') => (bytes.get(at + 2..at + 4)?, 4, Kind::Backslash),
        (b'\\', b'u') if bytes.get(at + 2..at + 4)? == b"00" => {
            (bytes.get(at + 4..at + 6)?, 6, Kind::Backslash)
        }
        _ => return None,
    };
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    matches!(value, 0x20..=0x7e).then_some((value, skip, kind))
}

fn decode(stretch: &[u8], kind: Kind) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(stretch.len()));
    let mut i = 0;
    while i < stretch.len() {
        match escape(stretch, i) {
            Some((value, skip, found)) if found == kind => {
                out.push(value);
                i += skip;
            }
            _ => {
                out.push(stretch[i]);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::collect;

    #[test]
    fn percent_json_and_hex_escapes() {
        assert_eq!(collect(b"a https://x/?t=abc%5Fdef%3D1 b"), ["https://x/?t=abc_def=1"]);
        assert_eq!(collect(br#""token\u005fx\u003d1""#), ["token_x=1"]);
        assert_eq!(collect(br"say \x74oken"), ["token"]);
    }

    #[test]
    fn other_percents_and_backslashes_are_left_alone() {
        assert!(collect(br"100% of %d and \n \d+ C:\users %zz \u2014 %00").is_empty());
    }

    #[test]
    fn dense_input_is_cut_into_stretches() {
        let found = collect("%41".repeat(10_000).as_bytes());
        let total: usize = found.iter().map(String::len).sum();
        assert!(total < 20_000, "{total}");
    }
}
