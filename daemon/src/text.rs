//! Small things about bytes and text.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// SHA-256, for names of files and rows: never of a secret.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Text of bytes that need not be UTF-8.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// A path as text: bytes that are not UTF-8 as `\xNN`, so that two different paths never look alike.
pub(crate) fn path(path: &Path) -> String {
    let mut out = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Whether a character moves the cursor, hides itself or turns the reading direction.
pub(crate) fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// An error on one line. The picture that TOML errors draw of the file is left out: it may show a value.
pub(crate) fn line(error: &str) -> String {
    let number = |c: char| c.is_ascii_digit() || c == ' ';
    let lines = error.lines().map(str::trim).filter(|l| !l.trim_start_matches(number).starts_with('|'));
    lines.filter(|l| !l.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn paths_that_are_not_text_stay_apart() {
        let shown = |b: &[u8]| path(Path::new(std::ffi::OsStr::from_bytes(b)));
        assert_eq!(shown(b"a/\xffb"), "a/\\xffb");
        assert_ne!(shown(b"\xff"), shown(b"\xfe"));
    }

    #[test]
    fn the_picture_of_an_error_is_left_out() {
        let error =
            "not valid TOML: error at line 12\n     |\n  12 | key = [\"value\"\n     |  ^\nunclosed array\n";
        assert_eq!(line(error), "not valid TOML: error at line 12: unclosed array");
    }
}
