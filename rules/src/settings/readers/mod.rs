//! Readers, one format a file. A reader never fails: what it cannot read becomes a problem, the rest stays.

use crate::settings::entry::Read;

/// A format.
pub struct Reader {
    /// Bytes of a whole file to entries.
    pub read: fn(&[u8]) -> Read,
    /// Keeps the number of its entries within bounds itself; others are given small files only.
    pub bounded: bool,
}

include!(concat!(env!("OUT_DIR"), "/readers.rs"));

/// The reader of this name: the stem of its file.
#[must_use]
pub fn reader(name: &str) -> Option<&'static Reader> {
    ALL.iter().find(|(stem, _)| *stem == name).map(|(_, reader)| *reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that has been bad news for parsers of every kind.
    const NASTY: &[&[u8]] = &[
        b"",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"=",
        b"[",
        b"[[",
        b"]",
        b"\"",
        b"'",
        b"\\",
        b"a\\\n",
        b"{",
        b"{\"a\":",
        b"- ",
        b"a: &x *x",
        b"[a]\nb",
        b": 1:0;",
        b"\x83",
        b"\r\n\r\n",
        b"Host\nMatch",
        b"machine",
        b"machine a login",
        b"\xef\xbb\xbfa=b",
        b"[a \"",
        b"a = \"unclosed",
        b"export",
        b"export =",
        b"- cmd:",
        b"{\"a\":[[[[[[[[[[[[[[[[",
        b"a:\n\t- b",
        b"%YAML",
        b"? ",
        b"<<: *a",
    ];

    #[test]
    fn no_reader_fails_or_lies_about_spans() {
        for (name, reader) in ALL {
            for bytes in NASTY {
                for entry in (reader.read)(bytes).entries {
                    let (start, end) = entry.span;
                    assert!(start <= end && end <= bytes.len(), "{name}: span of {bytes:?}");
                    assert!(entry.line >= 1, "{name}: line of {bytes:?}");
                }
            }
        }
    }

    #[test]
    fn no_reader_is_quadratic_on_one_long_line() {
        for (_, reader) in ALL {
            for unit in ["a=b ", "[", "{\"a\":", "\"", "- ", "\\", ": 1:0;"] {
                let bytes = unit.repeat(200_000 / unit.len());
                let _ = (reader.read)(bytes.as_bytes());
            }
        }
    }
    #[test]
    fn no_reader_fails_on_shuffled_syntax() {
        const BITS: &str = "= : ; # [ ] { } \" ' \\ , - a b 1 $( ) ` < > </ /> <!-- --> <<EOF & | export set -gx \
             alias machine password ä 😀 --- ... *x &x ! % ? null \"\"\" ''' key= value= <add PATH A=b";
        let bits: Vec<&str> = BITS.split(' ').chain([" ", "\n", "\r\n", "\t"]).collect();
        let mut state = 88_172_645_463_325_252_u64;
        let mut dice = |sides: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % sides as u64) as usize
        };
        for _ in 0..3000 {
            let text: String = (0..dice(24)).map(|_| bits[dice(bits.len())]).collect();
            for (name, reader) in ALL {
                for entry in (reader.read)(text.as_bytes()).entries {
                    let (start, end) = entry.span;
                    assert!(start <= end && end <= text.len() && entry.line >= 1, "{name}: {text:?}");
                }
            }
        }
    }
}
