//! Readers, one format a file. A reader never fails: what it cannot read becomes a problem, the rest stays.

use crate::settings::entry::Read;

/// A format.
pub struct Reader {
    /// Bytes of a whole file to entries.
    pub read: fn(&[u8]) -> Read,
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
}
#[cfg(test)]
mod zz {
    use super::*;
    #[test]
    fn zz_fuzz() {
        let bits: Vec<&str> = "= : ; # [ ] { } \" ' \\ \n \r\n \t , - a b 1 $( ) ` < > </ /> <!-- --> <<EOF EOF & | export set -gx alias machine password \u{e4} \u{1f600} --- ... *x &x ! % @ ? null true \"\"\" ''' key= value= <add PATH A=b".split(' ').chain([" ", "  ", "\n"]).collect();
        let mut x = 88172645463325252u64;
        let mut r = |n: usize| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x % n as u64) as usize
        };
        for _ in 0..60_000 {
            let n = 1 + r(24);
            let mut t: Vec<u8> = Vec::new();
            for _ in 0..n {
                t.extend(bits[r(bits.len())].bytes());
                if r(40) == 0 {
                    t.push(r(256) as u8);
                }
            }
            for (name, reader) in ALL {
                for e in (reader.read)(&t).entries {
                    assert!(e.span.0 <= e.span.1 && e.span.1 <= t.len() && e.line >= 1, "{name} {t:?} {e:?}");
                }
            }
        }
    }
    #[test]
    fn zz_time() {
        for unit in [
            "a: b\n",
            "{\"a\": 1}, ",
            "export A=\"b\"\n",
            "<a b='c'>d</a>\n",
            "cat <<EOF\n",
            "a='\n",
            "$(",
            "\"$(`",
            "[[a]]\nb=1\n",
            "[a.b]\n",
            "- a\n",
            "{a: {",
            "&x a\n",
            "'",
            "a = [1,\n",
            "x\\\n",
            " x\n",
            "<",
            "<a ",
            "<!--",
            "machine a\n",
            "macdef x\n",
            "a = {b = 1}\n",
            "? ",
            "a=b\n",
        ] {
            let t = unit.repeat(1_000_000 / unit.len());
            for (name, reader) in ALL {
                let s = std::time::Instant::now();
                let n = (reader.read)(t.as_bytes()).entries.len();
                let e = s.elapsed().as_millis();
                if e > 1500 {
                    println!("SLOW {name} {unit:?} {e}ms {n}");
                }
            }
        }
        for f in ["/etc/skel/.bashrc", "/etc/skel/.profile", "/etc/bash.bashrc"] {
            let Ok(b) = std::process::Command::new("cat").arg(f).output() else { continue };
            for e in (reader("shell_rc").unwrap().read)(&b.stdout).entries {
                println!("RC {f} {} = {}", e.key, e.value);
            }
        }
    }
}
