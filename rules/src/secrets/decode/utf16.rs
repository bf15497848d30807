//! UTF-16, by byte order mark or by its pattern of zero bytes.

use zeroize::Zeroizing;

/// Byte order of a UTF-16 file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

/// Bytes looked at to decide.
const PROBE: usize = 512;

/// Whether bytes look like the beginning of UTF-16 text, and in which order.
pub(crate) fn detect(bytes: &[u8]) -> Option<Order> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => return None,
        [0xff, 0xfe, ..] => return Some(Order::Little),
        [0xfe, 0xff, ..] => return Some(Order::Big),
        _ => {}
    }
    let probe = &bytes[..bytes.len().min(PROBE) & !1];
    if probe.len() < 16 {
        return None;
    }
    let zeros = |offset: usize| {
        probe.iter().skip(offset).step_by(2).filter(|b| **b == 0).count() * 10 / (probe.len() / 2)
    };
    match (zeros(0), zeros(1)) {
        (0, 8..) => Some(Order::Little),
        (8.., 0) => Some(Order::Big),
        _ => None,
    }
}

/// Transcodes to UTF-8; unpaired surrogates become U+FFFD. A byte order mark is dropped.
pub(crate) fn transcode(bytes: &[u8], order: Order) -> Zeroizing<Vec<u8>> {
    let unit = |pair: &[u8]| match order {
        Order::Little => u16::from_le_bytes([pair[0], pair[1]]),
        Order::Big => u16::from_be_bytes([pair[0], pair[1]]),
    };
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() / 2 + 16));
    let mut buffer = [0; 4];
    for c in char::decode_utf16(bytes.chunks_exact(2).map(unit)) {
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        if c != '\u{feff}' {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
    out
}

/// The text of bytes that look like UTF-16.
pub(crate) fn text(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    detect(bytes).map(|order| transcode(bytes, order))
}

/// Turns rising offsets into the transcoded text into offsets into the file.
pub(crate) struct Offsets<'a> {
    text: &'a [u8],
    at: usize,
    file: usize,
}

impl<'a> Offsets<'a> {
    /// `start` is where the text begins in the file (2 after a byte order mark).
    pub(crate) fn new(text: &'a [u8], start: usize) -> Offsets<'a> {
        Offsets { text, at: 0, file: start }
    }

    /// The offset in the file of an offset in the text; linear over all calls while offsets rise.
    pub(crate) fn file(&mut self, offset: usize) -> usize {
        if offset < self.at {
            return self.file;
        }
        for b in &self.text[self.at..offset.min(self.text.len())] {
            self.file += match b {
                0x80..=0xbf => 0,
                0xf0.. => 4,
                _ => 2,
            };
        }
        self.at = offset;
        self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_with_and_without_mark() {
        let text = "päss = \u{1f511} secret value here";
        for order in [Order::Little, Order::Big] {
            let wide: Vec<u8> = text
                .encode_utf16()
                .flat_map(|u| if order == Order::Little { u.to_le_bytes() } else { u.to_be_bytes() })
                .collect();
            assert_eq!(detect(&wide), Some(order));
            assert_eq!(&transcode(&wide, order)[..], text.as_bytes());
            let at = text.find("secret").unwrap();
            let file = Offsets::new(text.as_bytes(), 0).file(at);
            assert_eq!(&transcode(&wide[file..], order)[..], &text.as_bytes()[at..]);
        }
    }

    #[test]
    fn other_bytes_are_not_utf16() {
        assert_eq!(detect(b"plain text that is long enough"), None);
        assert_eq!(detect(&[0; 64]), None);
    }
}
