//! Base64 as tokens write it: either alphabet, with or without padding, loose bits at the end.

use data_encoding::{BASE64_NOPAD, Encoding};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The bytes; `None` when a character is in no alphabet or the length cannot be.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    static LOOSE: OnceLock<Option<Encoding>> = OnceLock::new();
    let loose = LOOSE.get_or_init(|| {
        let mut spec = BASE64_NOPAD.specification();
        spec.check_trailing_bits = false;
        spec.translate.from.push_str("-_");
        spec.translate.to.push_str("+/");
        spec.encoding().ok()
    });
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let body = text.get(..text.len() - padding).filter(|_| padding <= 2)?;
    loose.as_ref()?.decode(body).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn either_alphabet_with_or_without_padding() {
        for text in ["+/8=", "-_8", "+/9", "-_8=="] {
            assert_eq!(decode(text.as_bytes()).unwrap().as_slice(), [0xfb, 0xff], "{text}");
        }
        for text in ["a", "a===", "a b=", "=a=="] {
            assert!(decode(text.as_bytes()).is_none(), "{text}");
        }
    }
}
