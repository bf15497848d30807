//! What a database keeps besides its rows: pages that are free and the unused parts of the others. Rows that were
//! deleted or overwritten stay there until somebody vacuums the database.
//!
//! Read from the file itself, because SQLite does not hand it out. The file may be damaged: every number in it is
//! checked, and what makes no sense ends the reading.

use rustix::fs::{SeekFrom, seek};
use std::io::{self, Read};
use std::os::fd::OwnedFd;

/// Most pages of a database: one bit of memory for each.
const PAGES: u64 = 1 << 26;
/// Pages read at once.
const CHUNK: usize = 256 << 10;
/// How a write-ahead log begins.
pub(crate) const LOG: [&[u8]; 2] = [b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"];
/// Between pieces that do not belong together.
const APART: &[u8] = b"\0\n";

/// Reads pages of a database, or what of them is free, from the beginning to the end, as text with something between
/// the values of its rows.
pub(crate) struct Slack<'f> {
    fd: &'f OwnedFd,
    page: usize,
    /// Bytes at the end of each page that are not SQLite's.
    reserved: usize,
    /// Where the first page begins, and how far it is to the next one.
    start: u64,
    stride: usize,
    pages: u64,
    /// Pages that are in no use; `None` when every byte is wanted.
    free: Option<Vec<u64>>,
    /// The page to look at next, from 0.
    next: u64,
    chunk: Vec<u8>,
    /// First page of the chunk.
    first: u64,
    /// What has been found and not yet handed out.
    out: Vec<u8>,
    given: usize,
    /// Whether the last page ended with free bytes.
    open: bool,
}

impl<'f> Slack<'f> {
    /// What is in no row. `None` when the file is no database, or one of more pages than anybody has.
    pub(crate) fn unused(fd: &'f OwnedFd, size: u64) -> Option<Slack<'f>> {
        let mut slack = Slack::all(fd, size)?;
        let mut head = [0; 100];
        rustix::io::pread(fd, &mut head, 0).ok().filter(|n| *n == head.len())?;
        slack.free = Some(vec![0; usize::try_from(slack.pages / 64 + 1).ok()?]);
        slack.freelist(number(&head, 32));
        Some(slack)
    }

    /// Every page of a database or of its write-ahead log.
    pub(crate) fn all(fd: &'f OwnedFd, size: u64) -> Option<Slack<'f>> {
        let mut head = [0; 32];
        rustix::io::pread(fd, &mut head, 0).ok().filter(|n| *n == head.len())?;
        let log = LOG.iter().any(|magic| head.starts_with(magic));
        let page = match u16::from_be_bytes([head[16], head[17]]) {
            _ if log => number(&head, 8) as usize,
            1 => 1 << 16,
            n => usize::from(n),
        };
        if !page.is_power_of_two() || !(512..=1 << 16).contains(&page) {
            return None;
        }
        // Each page in a log has a header of its own.
        let (start, stride, reserved) =
            if log { (32 + 24, page + 24, 0) } else { (0, page, usize::from(head[20])) };
        let pages = size.saturating_sub(start).div_ceil(stride as u64);
        let (chunk, out) = (Vec::new(), Vec::new());
        (pages <= PAGES).then_some(Slack {
            fd,
            page,
            reserved,
            start,
            stride,
            pages,
            free: None,
            next: 0,
            chunk,
            first: 0,
            out,
            given: 0,
            open: false,
        })
    }

    /// Notes the pages of the list of free pages: trunks that name leaves. A loop ends at a page that was met before.
    fn freelist(&mut self, mut trunk: u32) {
        let mut page = vec![0; self.page];
        while self.note(trunk) {
            let at = u64::from(trunk - 1) * self.page as u64;
            if !rustix::io::pread(self.fd, &mut page, at).is_ok_and(|n| n == page.len()) {
                return;
            }
            let leaves = number(&page, 4) as usize;
            page[8..].chunks_exact(4).take(leaves).for_each(|leaf| {
                self.note(number(leaf, 0));
            });
            trunk = number(&page, 0);
        }
    }

    /// Notes a free page, counted from 1; `false` when there is none of this number or it is known.
    fn note(&mut self, page: u32) -> bool {
        let Some(at) = u64::from(page).checked_sub(1).filter(|at| *at < self.pages) else { return false };
        let bits =
            self.free.as_mut().zip(usize::try_from(at / 64).ok()).and_then(|(free, i)| free.get_mut(i));
        let Some(bits) = bits else { return false };
        let known = *bits & (1 << (at % 64)) != 0;
        *bits |= 1 << (at % 64);
        !known
    }

    fn wanted(&self, page: u64) -> bool {
        let Some(free) = &self.free else { return true };
        usize::try_from(page / 64).ok().and_then(|i| free.get(i)).is_some_and(|b| b & (1 << (page % 64)) != 0)
    }

    /// Takes in the next page; `false` when there are no more.
    fn step(&mut self) -> io::Result<bool> {
        let within = self.first..self.first + self.chunk.len().div_ceil(self.stride) as u64;
        if !within.contains(&self.next) && !self.load()? {
            return Ok(false);
        }
        let at = usize::try_from(self.next - self.first).map_or(0, |n| n * self.stride);
        let bytes = &self.chunk[at..(at + self.page).min(self.chunk.len())];
        let bytes = &bytes[..bytes.len().min(self.page.saturating_sub(self.reserved))];
        if self.wanted(self.next) {
            // Behind the number of the page that followed it in a long value, that goes on from page to page.
            let goes_on = self.open && bytes.first() == Some(&0);
            if !goes_on {
                self.out.extend_from_slice(APART);
            }
            carve(bytes.get(if goes_on { 4 } else { 0 }..).unwrap_or_default(), &mut self.out);
            self.open = true;
        } else {
            unused(bytes, if self.next == 0 { 100 } else { 0 }, &mut self.out);
            self.open = false;
        }
        self.next += 1;
        Ok(true)
    }

    /// Reads the pages from the next one that is no hole.
    fn load(&mut self) -> io::Result<bool> {
        let stride = self.stride as u64;
        // File systems that know no holes say so by an error.
        match seek(self.fd, SeekFrom::Data(self.start + self.next * stride)) {
            Ok(data) => self.next = self.next.max(data.saturating_sub(self.start) / stride),
            Err(rustix::io::Errno::NXIO) => return Ok(false),
            Err(_) => {}
        }
        if self.next >= self.pages {
            return Ok(false);
        }
        self.chunk.resize(CHUNK.max(self.page) / self.page * self.stride, 0);
        let mut read = 0;
        while read < self.chunk.len() {
            let at = self.start + self.next * stride + read as u64;
            match rustix::io::pread(self.fd, &mut self.chunk[read..], at) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.chunk.truncate(read);
        self.first = self.next;
        Ok(read > 0)
    }
}

impl Read for Slack<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            if !self.step()? {
                return Ok(0);
            }
        }
        let n = into.len().min(self.out.len() - self.given);
        into[..n].copy_from_slice(&self.out[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

/// The unused parts of a page of a tree: between its list of cells and the first of them, and the blocks that deleted
/// cells have left. Any other page (a part of a long value) has none.
fn unused(page: &[u8], head: usize, out: &mut Vec<u8>) {
    let short =
        |at: usize| page.get(head + at..head + at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let list = match page.get(head) {
        Some(2 | 5) => 12,
        Some(10 | 13) => 8,
        _ => return,
    };
    let (Some(block), Some(cells), Some(content)) = (short(1), short(3), short(5)) else { return };
    let mut add = |from: usize, to: usize| {
        if let Some(bytes) = page.get(from..to).filter(|b| b.len() >= 8 && b.iter().any(|b| *b != 0)) {
            out.extend_from_slice(APART);
            carve(bytes, out);
        }
    };
    let content = if content == 0 { 1 << 16 } else { content };
    add(head + list + 2 * cells, content.min(page.len()));
    // Blocks stand in order, one behind the end of the other: none is read twice, and a loop cannot be followed.
    let (mut at, mut end) = (block, 1);
    while at >= end && at + 4 <= page.len() {
        let size = usize::from(u16::from_be_bytes([page[at + 2], page[at + 3]]));
        end = at + size.max(4);
        add(at + 4, end.min(page.len()));
        at = usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
    }
}

/// Copies bytes in which rows may stand, with their values apart: in a row they follow each other without anything
/// between, and the first follows numbers that may look like letters.
fn carve(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        let Some((header, lengths)) = row(&bytes[at..]) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(APART);
        at += header;
        for length in lengths {
            out.extend_from_slice(&bytes[at..at + length]);
            out.extend_from_slice(APART);
            at += length;
        }
        from = at;
    }
    out.extend_from_slice(&bytes[from..]);
}

/// The length of a row's header and of each of its values, when one begins here: the header's length, then the kind
/// of each value, of which at least one is text.
fn row(bytes: &[u8]) -> Option<(usize, Vec<usize>)> {
    let header = usize::from(*bytes.first()?);
    if !(2..0x20).contains(&header) || bytes.len() <= header {
        return None;
    }
    // A line's end or a tab is followed by text: no text looks like a row of which some value is a number.
    if matches!(header, 9 | 10 | 13) && bytes[1..header].iter().all(|b| *b > 8) {
        return None;
    }
    let (mut at, mut end, mut lengths, mut text) = (1, header, Vec::new(), None);
    while at < header {
        let (kind, size) = varint(&bytes[at..header])?;
        at += size;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        if kind >= 25 && kind % 2 == 1 {
            text.get_or_insert((end, length));
        }
        end += length;
        lengths.push(length);
    }
    let (start, length) = text.filter(|_| end <= bytes.len())?;
    let sample = bytes.get(start..(start + length.min(16)))?;
    let plain = sample.iter().all(|b| *b >= 0x80 || b.is_ascii_graphic() || b.is_ascii_whitespace());
    plain.then_some((header, lengths))
}

/// A number of up to three bytes: longer ones are of no value that a page could hold.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (n, byte) in bytes.iter().take(3).enumerate() {
        value = value << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, n + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carved(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        carve(bytes, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn values_of_a_row_are_kept_apart() {
        // Two texts of 26 and 35 bytes, whose kinds are the letters A and S, and a null.
        let row = format!("\x50\x07\x04AS\0{}{}\x07rest", "k".repeat(26), "v".repeat(35));
        let expected = format!("\x50\x07\0\n{}\0\n{}\0\n\0\n\x07rest", "k".repeat(26), "v".repeat(35));
        assert_eq!(carved(row.as_bytes()), expected);
    }

    #[test]
    fn text_and_noise_stay_as_they_are() {
        let text = "\tname\tvalue of it\n\tanother line which is long enough\r\n".repeat(200);
        assert!(carved(text.as_bytes()) == text);
        let mut noise = Vec::new();
        let mut state = 1u32;
        for _ in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.push((state >> 24) as u8);
        }
        let mut out = Vec::new();
        carve(&noise, &mut out);
        assert!(out.len() < 2 * noise.len());
        for end in 0..300 {
            carve(&noise[..end], &mut out);
            unused(&noise[..end], 0, &mut out);
        }
    }

    #[test]
    fn blocks_that_overlap_are_not_read_again_and_again() {
        // Every four bytes a block that goes to the page's end.
        let mut page = vec![13, 0, 8, 0, 0, 0, 0, 0];
        for at in (8u16..4000).step_by(4) {
            page.extend([(at + 4).to_be_bytes(), [0x0f, 0xff]].concat());
        }
        let mut out = Vec::new();
        unused(&page, 0, &mut out);
        assert!(out.len() <= 2 * page.len() + 16, "{} of {}", out.len(), page.len());
    }

    #[test]
    fn what_is_no_database_has_no_pages() {
        let dir = tempfile::tempdir().unwrap();
        for bytes in [
            &b""[..],
            b"SQLite format 3\0",
            &[0xff; 200],
            &[0; 200],
            b"\x37\x7f\x06\x82 and no more than this text....",
        ] {
            let path = dir.path().join("a");
            #[expect(clippy::disallowed_methods, reason = "a test's own file")]
            std::fs::write(&path, bytes).unwrap();
            let fd = crate::machine::files::open_path(&path, &rustix::fs::stat(&path).unwrap()).unwrap();
            assert!(
                Slack::unused(&fd, bytes.len() as u64).is_none()
                    && Slack::all(&fd, bytes.len() as u64).is_none()
            );
        }
    }
}
