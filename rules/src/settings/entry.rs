//! What a reader yields: entries that remember where they stood.

/// One key with its value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// Canonical key in lower case where the format ignores case: `http.sslverify`, `hostname`, `servers.0.token`.
    pub key: String,
    /// The value, unquoted and unescaped.
    pub value: String,
    /// The block it stands in: `Host *`, `Match exec …`, a section header; empty at top level.
    pub scope: String,
    /// Line, from 1.
    pub line: u64,
    /// Bytes of the value in the file, quotes not included; empty where the value is implied.
    pub span: (usize, usize),
    /// Bytes of the whole assignment, from its name to the end of its value, quotes included: what to take out to unset it.
    /// Empty where the reader does not say.
    pub whole: (usize, usize),
}

/// What came of reading a file: whatever could be read, and what could not. Never an error.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// One line each, naming the line of the file.
    pub problems: Vec<String>,
}

/// Counts lines along a file: readers ask for offsets in rising order.
pub struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    /// Starts at line 1.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Lines<'a> {
        Lines { bytes, at: 0, line: 1 }
    }

    /// The line of an offset. Linear over a whole file when offsets rise; starts anew when they fall.
    pub fn line(&mut self, offset: usize) -> u64 {
        let offset = offset.min(self.bytes.len());
        if offset < self.at {
            (self.at, self.line) = (0, 1);
        }
        self.line += memchr::memchr_iter(b'\n', &self.bytes[self.at..offset]).count() as u64;
        self.at = offset;
        self.line
    }
}

/// Lines of a file with the offset of each, without their ends (`\n` or `\r\n`).
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    bytes.split_inclusive(|b| *b == b'\n').map(move |line| {
        let start = at;
        at += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        (start, line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Text of bytes that need not be UTF-8.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Trims ASCII blanks and says where the rest began.
#[must_use]
pub fn trim(bytes: &[u8]) -> (usize, &[u8]) {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(bytes.len());
    (start, bytes[start..].trim_ascii_end())
}

/// The part of a file that is UTF-8, without its byte order mark, and where that part begins. What follows the first
/// bad byte becomes a problem: a parser that needs text cannot go on, and offsets must stay those of the file.
pub(crate) fn utf8<'a>(bytes: &'a [u8], read: &mut Read) -> (usize, &'a str) {
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let rest = &bytes[start..];
    match std::str::from_utf8(rest) {
        Ok(text) => (start, text),
        Err(e) => {
            let end = e.valid_up_to();
            let line = Lines::new(bytes).line(start + end);
            read.problems.push(format!("line {line}: not UTF-8; the rest was not read"));
            (start, std::str::from_utf8(&rest[..end]).unwrap_or_default())
        }
    }
}
