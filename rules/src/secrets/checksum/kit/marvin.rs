//! Marvin32, the hash with which Microsoft marks its keys: a seed for each kind of key, four bytes of hash at the end.
//! Source: github.com/microsoft/security-utilities.

/// The seed is eight letters that name the kind of key.
pub(crate) fn hash(bytes: &[u8], seed: &[u8; 8]) -> [u8; 4] {
    let [a, b, c, d, e, f, g, h] = *seed;
    let mut state = (u32::from_be_bytes([e, f, g, h]), u32::from_be_bytes([a, b, c, d]));
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        mix(&mut state, u32::from_le_bytes(*word));
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    mix(&mut state, u32::from_le_bytes(last));
    mix(&mut state, 0);
    (state.0 ^ state.1).to_le_bytes()
}

fn mix((a, b): &mut (u32, u32), word: u32) {
    *a = a.wrapping_add(word);
    *b ^= *a;
    *a = a.rotate_left(20).wrapping_add(*b);
    *b = b.rotate_left(9) ^ *a;
    *a = a.rotate_left(27).wrapping_add(*b);
    *b = b.rotate_left(19);
}

#[cfg(test)]
mod tests {
    use super::hash;

    /// Computed with an implementation in another language.
    #[test]
    fn known_answers() {
        for (text, want) in [
            ("", [0x34, 0xb1, 0xd9, 0xcf]),
            ("a", [0xe7, 0x8d, 0x82, 0x71]),
            ("ab", [0x05, 0x1b, 0xbc, 0x14]),
            ("abc", [0x8e, 0x88, 0x4c, 0x1a]),
            ("abcd", [0x0b, 0x06, 0xe5, 0xae]),
            ("123456789", [0xa0, 0xf8, 0xa1, 0xe7]),
        ] {
            assert_eq!(hash(text.as_bytes(), b"Default0"), want, "{text}");
        }
    }
}
