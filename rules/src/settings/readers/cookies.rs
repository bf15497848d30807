//! Cookie jars in the format of Netscape and curl, as git's `http.cookieFile` has them: seven columns between tabs.
//! Each cookie yields one `cookie` under the scope of its domain.

use super::Reader;
use crate::settings::entry::{Entry, Read, lines, text};

pub(crate) const READER: Reader = Reader { read, bounded: false };

/// Domain, subdomains too, path, only over TLS, expiry, name; then the value.
const BEFORE: usize = 6;

fn read(bytes: &[u8]) -> Read {
    let numbered = lines(bytes).zip(1u64..);
    let entries = numbered.filter_map(|((start, line), number)| entry(start, line, number)).collect();
    Read { entries, problems: Vec::new() }
}

fn entry(start: usize, line: &[u8], number: u64) -> Option<Entry> {
    // `#HttpOnly_` marks a cookie, any other `#` a comment.
    let cookie = line.strip_prefix(b"#HttpOnly_").unwrap_or(line);
    if cookie.first().is_none_or(|b| *b == b'#') {
        return None;
    }
    let tab = memchr::memchr_iter(b'\t', line).nth(BEFORE - 1)?;
    let domain = cookie.split(|b| *b == b'\t').next()?;
    (tab + 1 < line.len()).then(|| Entry {
        key: "cookie".to_owned(),
        value: text(&line[tab + 1..]),
        scope: text(domain),
        line: number,
        span: (start + tab + 1, start + line.len()),
        whole: (start, start + line.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cookie_is_read() {
        let file = "# Netscape\n.x.example\tTRUE\t/\tTRUE\t2147483647\to\tgit-me=1//q9\n#HttpOnly_y.example\tFALSE\t/\tTRUE\t0\tsid\tv\na\tb\nz\tF\t/\tF\t0\tn\t\n";
        let entries = read(file.as_bytes()).entries;
        let found: Vec<_> = entries.iter().map(|e| (e.scope.as_str(), e.value.as_str(), e.line)).collect();
        assert_eq!(found, [(".x.example", "git-me=1//q9", 2), ("y.example", "v", 3)]);
        assert!(entries.iter().all(|e| file[e.span.0..e.span.1] == e.value && e.key == "cookie"));
    }
}
