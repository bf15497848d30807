//! Base64 (standard and URL alphabet, padded or not) and hexadecimal: both live in long runs of one alphabet, which
//! are found by jumping, so that ordinary text costs a look at a few bytes in twenty.

use super::{View, readable, utf16};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

/// Shortest run worth decoding: 15 bytes of content.
const SHORTEST: usize = 20;
/// Longest stretch decoded at once.
const LONGEST: usize = 1 << 20;

/// What each letter of either alphabet stands for; [`NONE`] for other bytes.
const VALUES: [u8; 256] = {
    let mut table = [NONE; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < letters.len() {
        table[letters[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};
const NONE: u8 = 0xff;

#[inline(always)]
fn letter(byte: u8) -> bool {
    VALUES[usize::from(byte)] != NONE
}

pub(crate) fn views(bytes: &[u8], each: &mut dyn FnMut(View)) {
    let mut at = 0;
    while let Some((start, end)) = next_run(bytes, at) {
        decode(bytes, start, end.min(start + LONGEST), each);
        at = end.min(start + LONGEST) + 1;
    }
}

/// The next run of at least [`SHORTEST`] letters from `at` on.
fn next_run(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    while let Some(last) = bytes.get(at + SHORTEST - 1) {
        if !letter(*last) {
            at += SHORTEST;
            continue;
        }
        match bytes[at..at + SHORTEST].iter().rposition(|b| !letter(*b)) {
            Some(gap) => at += gap + 1,
            None => {
                let rest = &bytes[at + SHORTEST..];
                let more = rest.iter().position(|b| !letter(*b)).unwrap_or(rest.len());
                return Some((at, at + SHORTEST + more));
            }
        }
    }
    None
}

fn decode(bytes: &[u8], start: usize, end: usize, each: &mut dyn FnMut(View)) {
    let run = &bytes[start..end];
    if run.len() >= 32 && run.iter().all(u8::is_ascii_hexdigit) {
        let even = &run[..run.len() & !1];
        if let Ok(plain) = HEXLOWER_PERMISSIVE.decode(&even.to_ascii_lowercase()) {
            offer(plain, (start, end), each);
        }
        return;
    }
    for from in starts(run, start == 0) {
        if let Some(plain) = base64(&run[from..]) {
            offer(plain, (start + from, end), each);
            return;
        }
    }
}

/// How far into a run a word may end that is glued to it by `/`, `-` or `_`.
const GLUE: usize = 64;

/// Where the content of a run may begin: at its start, after a glued word, or, at a window's edge, inside a group.
fn starts(run: &[u8], edge: bool) -> impl Iterator<Item = usize> {
    let shifts = if edge { 1..4 } else { 1..1 };
    let glued = run
        .iter()
        .take(GLUE)
        .enumerate()
        .filter(|(_, b)| matches!(b, b'/' | b'-' | b'_'))
        .map(|(i, _)| i + 1);
    std::iter::once(0).chain(shifts).chain(glued.take(8))
}

fn base64(run: &[u8]) -> Option<Vec<u8>> {
    if !begins_readable(run.first_chunk()?) {
        return None;
    }
    let url = run.iter().any(|b| matches!(b, b'-' | b'_'));
    let encoding = if url { BASE64URL_NOPAD } else { BASE64_NOPAD };
    // One letter more than whole groups cannot be: it belongs to what follows.
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    // Trailing bits need not be zero in the wild.
    encoding.decode(whole).or_else(|_| encoding.decode(&whole[..whole.len() & !3])).ok()
}

/// Most runs are identifiers and paths: their first letters already decode to noise.
#[inline]
fn begins_readable(letters: &[u8; 8]) -> bool {
    let value = |n: usize| u64::from(VALUES[usize::from(letters[n])]);
    let six = (0..8).fold(0, |all, n| all << 6 | value(n));
    (0..6).all(|n| matches!((six >> (8 * n)) as u8, b'\t' | b'\n' | b'\r' | 0..=0x7e))
}

fn offer(plain: Vec<u8>, origin: (usize, usize), each: &mut dyn FnMut(View)) {
    let plain = Zeroizing::new(plain);
    if readable(&plain) {
        each(View { bytes: plain, origin });
    } else if let Some(text) = utf16::text(&plain) {
        each(View { bytes: text, origin });
    }
}

#[cfg(test)]
mod tests {
    use super::super::collect;
    use data_encoding::{BASE64, BASE64URL_NOPAD, HEXUPPER};

    const TEXT: &[u8] = b"password = correct horse ?>~ battery";

    #[test]
    fn both_alphabets_and_hex_in_either_case() {
        for encoded in [
            BASE64.encode(TEXT),
            BASE64URL_NOPAD.encode(TEXT),
            HEXUPPER.encode(TEXT),
            HEXUPPER.encode(TEXT).to_lowercase(),
        ] {
            let found = collect(format!("x: \"{encoded}\",").as_bytes());
            assert_eq!(found, [String::from_utf8_lossy(TEXT)], "{encoded}");
        }
    }

    #[test]
    fn glued_to_a_path() {
        let found = collect(format!("data/ab/{}", BASE64.encode(TEXT)).as_bytes());
        assert!(found.iter().any(|f| f.contains("correct horse")), "{found:?}");
    }

    #[test]
    fn utf16_inside_base64() {
        let wide: Vec<u8> = "password is correct horse".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(collect(BASE64.encode(&wide).as_bytes()), ["password is correct horse"]);
    }

    #[test]
    fn identifiers_and_noise_decode_to_nothing() {
        assert!(
            collect(b"someVeryLongCamelCaseIdentifierName src/very/long/path/to/a/file_name.rs").is_empty()
        );
        assert!(collect(&[b'A'; 100_000]).is_empty());
    }
}
