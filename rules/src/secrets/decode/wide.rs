//! UTF-16 text in the middle of other bytes: strings in the files of Qt and of Windows programs. Files that are UTF-16
//! from their beginning are read as such before any decoder sees them.

use super::View;
use zeroize::Zeroizing;

/// Shortest text that counts: no secret is shorter, and zero bytes between other bytes are common.
const SHORTEST: usize = 12;

/// Only ASCII counts: other characters are no part of a secret.
pub(crate) fn views(bytes: &[u8], each: &mut dyn FnMut(View)) {
    let mut from = 0;
    while let Some(hit) = memchr::memchr(0, &bytes[from..]) {
        let zero = from + hit;
        let length = bytes[zero..].chunks_exact(2).take_while(|pair| pair[0] == 0 && text(pair[1])).count();
        from = zero + (2 * length).max(1);
        if length == 0 {
            // Empty stretches are long.
            from +=
                bytes[from..].iter().position(|b| *b != 0).unwrap_or(bytes.len() - from).saturating_sub(1);
        }
        if length + 1 < SHORTEST {
            continue;
        }
        // Big-endian text begins with the zero, little-endian with the letter before it. What looks like the first letter
        // may also be the text's length: the rest is searched by itself.
        let start = zero - usize::from(zero.checked_sub(1).is_some_and(|at| text(bytes[at])));
        let end = zero + 2 * length;
        let letters = bytes[start..end].iter().copied().filter(|b| *b != 0);
        let all: Zeroizing<Vec<u8>> = Zeroizing::new(letters.collect());
        each(View { bytes: Zeroizing::new(all[1..].to_vec()), origin: (start, end) });
        each(View { bytes: all, origin: (start, end) });
    }
}

fn text(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        views(bytes, &mut |v| {
            assert!(v.origin.1 <= bytes.len());
            all.push(String::from_utf8_lossy(&v.bytes).into_owned());
        });
        all
    }

    #[test]
    fn both_orders_in_the_middle_of_a_file() {
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "some text here".encode_utf16().flat_map(order).collect()
        };
        let big = [b"\0\0\0\x1c".as_slice(), &wide(u16::to_be_bytes), b"\xff\xff"].concat();
        assert_eq!(found(&big), ["ome text here", "some text here"]);
        let odd = [b"\0\0\0\x34".as_slice(), &wide(u16::to_be_bytes)].concat();
        assert_eq!(found(&odd), ["some text here", "4some text here"]);
        let little = [b"\x01\x02".as_slice(), &wide(u16::to_le_bytes), b"\0\0"].concat();
        assert_eq!(found(&little), ["ome text here", "some text here"]);
    }

    #[test]
    fn other_bytes_are_left_alone() {
        assert!(found(&[0; 1000]).is_empty());
        assert!(found(b"a\0b\0c\0d\0e\0f\0").is_empty());
        assert!(found(b"plain text without any zero").is_empty());
        assert!(found(&[7, 0, 8, 0, 0x80, 0].repeat(100)).is_empty());
        assert!(found(b"").is_empty() && found(b"\0").is_empty() && found(b"\0a").is_empty());
    }
}
