//! Edits made while a file is copied, through a fixed buffer: what is copied may be larger than memory.

use lapwing_rules::fix::plan::Edit;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Copies everything, with the edits made: `seen` is shown what is read, `written` what is written. `edits` in
/// order of place. An edit past the end is a mistake of whoever made it, and an error.
pub(crate) fn copy(
    from: &mut dyn Read,
    edits: &[Edit],
    seen: &mut dyn FnMut(&[u8]),
    to: &mut dyn Write,
) -> io::Result<u64> {
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let (mut at, mut next) = (0usize, edits.iter().peekable());
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let chunk = &buffer[..length];
        seen(chunk);
        let end = at + length;
        // `at` is where the part of the chunk begins that has not been dealt with.
        let base = at;
        while let Some(edit) = next.peek() {
            if edit.start >= end {
                break;
            }
            if edit.start >= at {
                to.write_all(&chunk[at - base..edit.start - base])?;
                to.write_all(&edit.with)?;
            }
            at = edit.end.min(end).max(at);
            if edit.end > end {
                break;
            }
            next.next();
        }
        to.write_all(&chunk[at - base..])?;
        at = end;
    }
    for edit in next {
        if edit.start != at || edit.end != at {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "an edit lies past the end of the file",
            ));
        }
        to.write_all(&edit.with)?;
    }
    Ok(at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, with: &str) -> Edit {
        Edit { start, end, with: with.into(), secret: false }
    }

    fn splice(bytes: &[u8], edits: &[Edit]) -> io::Result<Vec<u8>> {
        let mut new = Vec::new();
        copy(&mut &bytes[..], edits, &mut |_| {}, &mut new)?;
        Ok(new)
    }

    fn spliced(text: &str, edits: &[Edit]) -> String {
        String::from_utf8(splice(text.as_bytes(), edits).unwrap()).unwrap()
    }

    /// A reader that hands out few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(self.1).min(into.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[test]
    fn edits_replace_insert_and_delete() {
        let edits = [edit(0, 1, "A"), edit(2, 2, "+"), edit(3, 5, ""), edit(6, 6, "!")];
        assert_eq!(spliced("abcdef", &edits), "Ab+cf!");
        assert_eq!(spliced("", &[edit(0, 0, "x")]), "x");
        assert_eq!(spliced("abc", &[]), "abc");
    }

    #[test]
    fn windows_do_not_matter() {
        let text = "0123456789abcdefghij";
        let edits = [edit(0, 0, "<"), edit(1, 9, "_"), edit(9, 10, "nine"), edit(15, 20, "end")];
        let whole = spliced(text, &edits);
        for window in 1..=text.len() {
            let (mut new, mut seen) = (Vec::new(), Vec::new());
            let mut note = |b: &[u8]| seen.extend_from_slice(b);
            copy(&mut Slow(text.as_bytes(), window), &edits, &mut note, &mut new).unwrap();
            assert_eq!(String::from_utf8(new).unwrap(), whole, "{window}");
            assert_eq!(seen, text.as_bytes(), "{window}");
        }
    }

    #[test]
    fn an_edit_past_the_end_is_an_error() {
        assert!(splice(b"abc", &[edit(4, 4, "x")]).is_err());
        assert!(splice(b"abc", &[edit(2, 4, "x")]).is_err());
    }
}
