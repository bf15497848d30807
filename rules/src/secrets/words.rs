//! Does a text read like words? Letters of words follow each other in a few ways, those of keys in all: a table of pairs
//! of letters, made by `words.py` beside this file, tells them apart in some nanoseconds.

/// Sixteenths of a bit by which a pair of letters is likelier in words than in random text, 26 x 26.
static PAIRS: &[u8; 676] = include_bytes!("words.bin");

/// Pairs below which nothing can be said.
const FEW: i32 = 8;

/// Whether the letters of a text are words: names of things, sentences without blanks. `false` too where there are too
/// few letters to tell.
pub(crate) fn wordy(text: &[u8]) -> bool {
    mean(text, FEW).is_some_and(|m| m > 0)
}

/// The mean over all pairs of letters, in sixteenths of a bit; `None` where there are fewer than `least`.
pub(crate) fn mean(text: &[u8], least: i32) -> Option<i32> {
    let (mut sum, mut count) = (0i32, 0i32);
    for pair in text.windows(2) {
        let (Some(a), Some(b)) = (letter(pair[0]), letter(pair[1])) else { continue };
        sum += i32::from(PAIRS[a * 26 + b].cast_signed());
        count += 1;
    }
    (count >= least.max(1)).then(|| sum / count)
}

/// How common it is that one byte follows another in text, in sixteenths of a bit; what is no letter is rarer than most
/// pairs of letters are.
pub(crate) fn common(first: u8, second: u8) -> i32 {
    match (letter(first), letter(second)) {
        (Some(a), Some(b)) => i32::from(PAIRS[a * 26 + b].cast_signed()),
        _ if first.is_ascii_digit() || second.is_ascii_digit() => -32,
        _ => 0,
    }
}

fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    #[test]
    fn words_are_told_from_keys() {
        for text in [
            "AgencyIdentificationCode1",
            "nonMatchingToken123",
            "correct-horse-battery7",
            "sha256WithRSAEncryption",
        ] {
            assert!(wordy(text.as_bytes()), "{text}");
        }
        let keys = (0..500).filter(|n| wordy(fill("{{alnum:32}}", &format!("words {n}")).as_bytes()));
        assert!(keys.count() <= 5);
    }

    #[test]
    fn little_says_nothing() {
        assert!(!wordy(b"word"));
        assert_eq!(mean(b"", 0), None);
        assert_eq!(mean(b"1234-5678", 0), None);
    }
}
