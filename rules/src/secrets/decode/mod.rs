//! Decoders: each finds stretches of its encoding and yields what they say as a new view, which is searched like a
//! file of its own. Views nest, within a budget.

pub(crate) mod base64;
pub(crate) mod escapes;
pub(crate) mod utf16;
pub(crate) mod wide;

use zeroize::Zeroizing;

/// Decoded bytes and where they came from.
pub(crate) struct View {
    /// What the stretch says.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// The encoded stretch, in the bytes that were searched.
    pub(crate) origin: (usize, usize),
}

/// How deep encodings may nest.
pub(crate) const DEPTH: usize = 3;

/// Hands out what encoded stretches say.
pub(crate) type Views = fn(&[u8], &mut dyn FnMut(View));

/// Every decoder.
pub(crate) const DECODERS: &[(&str, Views)] =
    &[("base64", base64::views), ("escapes", escapes::views), ("wide", wide::views)];

/// Every encoded stretch of `bytes`.
pub(crate) fn views(bytes: &[u8], each: &mut dyn FnMut(View)) {
    DECODERS.iter().for_each(|(_, decoder)| decoder(bytes, each));
}

/// Whether bytes read as text: what decodes to something else was not encoded text.
fn readable(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e) || *b >= 0x80)
        && std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
pub(crate) fn collect(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    views(bytes, &mut |v| found.push(String::from_utf8_lossy(&v.bytes).into_owned()));
    found
}
