//! Zip. A file is read by its directory, so that members nobody wants cost nothing. A zip within something else, or one
//! whose end is missing, is read as it comes: each member has a header of its own. Either way a byte of the file is
//! unpacked once at most, whatever headers say, and nothing is kept of the members.

use super::budget::Nest;
use super::streams;
use super::tar::{says, shown};
use super::{At, CHUNK, Name, ReadAt, Take, drain, fill, join, visit};
use std::io::{self, BufRead, BufReader, Read};

const LOCAL: u32 = 0x504b_0304;
const LISTED: u32 = 0x504b_0102;
const END: u32 = 0x504b_0506;
const END64: u32 = 0x504b_0606;
const LOCATOR64: u32 = 0x504b_0607;
const DESCRIPTOR: u32 = 0x504b_0708;
/// Bytes of a header behind its signature.
const LOCAL_LEN: usize = 26;
const LISTED_LEN: usize = 42;
const END_LEN: usize = 22;
/// A size or offset that stands elsewhere.
const ELSEWHERE: u64 = 0xffff_ffff;

/// Whether a file begins like a zip: with a member, or with the end of an empty one.
pub(super) fn begins(head: &[u8]) -> bool {
    match signature(head) {
        LOCAL => head.get(4..30).is_none_or(|h| Header::local(h).is_some()),
        sig => sig == END,
    }
}

/// A little-endian number, zero where there is none.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes.get(at..at + len).unwrap_or_default().iter().rev().fold(0, |n, b| (n << 8) | u64::from(*b))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

/// What a header says.
struct Header {
    flags: u16,
    method: u16,
    packed: u64,
    size: u64,
    name: usize,
    extra: usize,
}

impl Header {
    /// The header of a member, without its signature. Anything may look like a signature: `None` when this is none.
    fn local(bytes: &[u8]) -> Option<Header> {
        let header = Header {
            flags: short(bytes, 2),
            method: short(bytes, 4),
            packed: number(bytes, 14, 4),
            size: number(bytes, 18, 4),
            name: usize::from(short(bytes, 22)),
            extra: usize::from(short(bytes, 24)),
        };
        let known = header.method <= 20 || (92..=99).contains(&header.method);
        (bytes.first().is_some_and(|version| *version <= 90) && known).then_some(header)
    }

    /// Sizes above 4 GiB stand in an extra field: those that are missing, in this order.
    fn large(&mut self, mut extra: &[u8], offset: Option<&mut u64>) {
        while extra.len() >= 4 {
            let (id, len) = (short(extra, 0), usize::from(short(extra, 2)));
            let field = &extra[4..(4 + len).min(extra.len())];
            if id == 1 {
                let mut at = 0;
                let missing = [Some(&mut self.size), Some(&mut self.packed), offset];
                for value in missing.into_iter().flatten().filter(|v| **v == ELSEWHERE) {
                    if field.len() >= at + 8 {
                        *value = number(field, at, 8);
                        at += 8;
                    }
                }
                return;
            }
            extra = &extra[4 + field.len()..];
        }
    }

    fn encrypted(&self) -> bool {
        self.flags & 1 != 0 || self.method == 99
    }

    /// Whether its length is only told behind it. Some programs say 0 without saying so; an empty deflate stream has two
    /// bytes.
    fn open(&self) -> bool {
        self.packed == 0 && (self.flags & 8 != 0 || self.method != 0)
    }
}

/// Reads a zip by its directory. `false` when there is none to be found, and nothing was handed out.
pub(super) fn listed(nest: &Nest<'_>, from: &dyn ReadAt, size: u64, take: &mut dyn Take) -> bool {
    let Some((start, end, shift)) = directory(from, size) else { return false };
    let mut list = BufReader::with_capacity(CHUNK, At { from, at: start, end });
    let mut header = [0; 4 + LISTED_LEN];
    // Members that share bytes would be unpacked again and again.
    let (mut read, mut any) = (0u64, false);
    while !nest.halted() {
        match fill(&mut list, &mut header) {
            Ok(n) if n == header.len() && signature(&header) == LISTED => {}
            Ok(n) if n > 0 && any => {
                nest.damaged(|| says("", "has a damaged directory"));
                break;
            }
            _ => break,
        }
        // From its third field on it is what stands before the member, too; then come fields of its own.
        let Some(mut member) = Header::local(&header[6..]) else { break };
        let mut offset = number(&header, 42, 4);
        let mut names = Vec::new();
        let _ = (&mut list).take((member.name + member.extra) as u64).read_to_end(&mut names);
        let (name, extra) = names.split_at(member.name.min(names.len()));
        member.large(extra, Some(&mut offset));
        let _ = io::copy(&mut (&mut list).take(u64::from(short(&header, 32))), &mut io::sink());
        any = true;
        if !nest.member() {
            break;
        }
        let own = shown(name, nest.budget.name);
        if name.ends_with(b"/") || !take.wants(&own) {
            continue;
        }
        if member.encrypted() {
            nest.encrypted();
            continue;
        }
        read = read.saturating_add(member.packed);
        if read > size {
            nest.partly(|| "has members that overlap".to_owned());
            nest.halt();
            break;
        }
        let at = At { from, at: offset.saturating_add(shift), end: start };
        if !content(nest, &own, &member, at, take) {
            nest.damaged(|| format!("{own}: is not where the archive says"));
        }
    }
    any
}

/// A member that the directory has named. `false` when it is not there.
fn content(nest: &Nest<'_>, own: &str, member: &Header, mut at: At<'_>, take: &mut dyn Take) -> bool {
    let mut header = [0; 4 + LOCAL_LEN];
    let there = fill(&mut at, &mut header).is_ok_and(|n| n == header.len()) && signature(&header) == LOCAL;
    if !there {
        return false;
    }
    at.at += u64::from(short(&header, 26)) + u64::from(short(&header, 28));
    let mut packed = BufReader::with_capacity(CHUNK, at).take(member.packed);
    unpack(nest, Name { parents: "", own, hidden: false }, 1, member.method, &mut packed, take);
    if packed.limit() > 0 && member.method == 0 {
        drain(&mut packed, nest);
        if packed.limit() > 0 {
            nest.damaged(|| says(own, "ends early"));
        }
    }
    true
}

/// Where the directory is, and how far everything is from where it says: programs stand before some zips.
fn directory(from: &dyn ReadAt, size: u64) -> Option<(u64, u64, u64)> {
    let most = size.min(0xffff + END_LEN as u64);
    let mut tail = Vec::new();
    At { from, at: size - most, end: size }.read_to_end(&mut tail).ok()?;
    let at = memchr::memmem::rfind(&tail, &END.to_be_bytes())?;
    let end = size - most + at as u64;
    let (mut length, mut offset) = (number(&tail, at + 12, 4), number(&tail, at + 16, 4));
    let mut close = end;
    if let Some(locator) = at.checked_sub(20).filter(|l| signature(&tail[*l..]) == LOCATOR64) {
        let mut record = [0; 56];
        let mut there = At { from, at: number(&tail, locator + 8, 8), end };
        if fill(&mut there, &mut record).is_ok_and(|n| n == record.len()) && signature(&record) == END64 {
            (length, offset) = (number(&record, 40, 8), number(&record, 48, 8));
            close = number(&tail, locator + 8, 8);
        }
    }
    let start = close.checked_sub(length)?;
    let shift = start.checked_sub(offset)?;
    Some((start, close, shift))
}

fn signature(bytes: &[u8]) -> u32 {
    bytes.get(..4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

/// Reads a zip from its beginning to its end, member by member.
pub(super) fn streamed(
    nest: &Nest<'_>,
    parents: &str,
    depth: usize,
    from: &mut dyn BufRead,
    take: &mut dyn Take,
) {
    while !nest.halted() {
        match next(from, &[LOCAL, LISTED, END]) {
            Some(LOCAL) => {}
            Some(_) => return,
            None => return nest.damaged(|| says(parents, "ends early")),
        }
        let mut bytes = [0; LOCAL_LEN];
        if !fill(from, &mut bytes).is_ok_and(|n| n == LOCAL_LEN) {
            return nest.damaged(|| says(parents, "ends early"));
        }
        let Some(mut header) = Header::local(&bytes) else { continue };
        let mut names = Vec::new();
        let _ = (&mut *from).take((header.name + header.extra) as u64).read_to_end(&mut names);
        let (name, extra) = names.split_at(header.name.min(names.len()));
        header.large(extra, None);
        if !nest.member() {
            return;
        }
        let own = shown(name, nest.budget.name);
        let wanted = !name.ends_with(b"/") && take.wants(&join(parents, &own));
        let name = Name { parents, own: &own, hidden: false };
        one(nest, name, depth, &header, wanted, from, take);
    }
}

fn one(
    nest: &Nest<'_>,
    name: Name<'_>,
    depth: usize,
    header: &Header,
    wanted: bool,
    from: &mut dyn BufRead,
    take: &mut dyn Take,
) {
    if wanted && header.encrypted() {
        nest.encrypted();
    }
    let readable = wanted && !header.encrypted();
    if !header.open() {
        let mut packed = (&mut *from).take(header.packed);
        if readable {
            unpack(nest, name, depth, header.method, &mut packed, take);
        }
        drain(&mut packed, nest);
        if packed.limit() > 0 {
            nest.damaged(|| says(name.parents, "ends early"));
        }
    } else if header.method == 0 {
        let mut stored = Stored { from, held: [0; 4], len: 0, ended: false };
        if readable {
            visit(nest, name, depth, &mut stored, take);
        }
        // The end of one that is encrypted is found as the next header.
        drain(&mut BufReader::with_capacity(CHUNK, stored), nest);
    } else if readable || !header.encrypted() {
        // Where it ends is known when it is unpacked, wanted or not.
        let Some(mut stream) = streams::method(nest, header.method, &name.full(), from) else { return };
        if readable {
            visit(nest, name, depth, &mut stream, take);
        }
        drain(&mut BufReader::with_capacity(CHUNK, stream), nest);
    }
}

fn unpack(
    nest: &Nest<'_>,
    name: Name<'_>,
    depth: usize,
    method: u16,
    packed: &mut dyn BufRead,
    take: &mut dyn Take,
) {
    if method == 0 {
        return visit(nest, name, depth, packed, take);
    }
    if let Some(mut stream) = streams::method(nest, method, &name.full(), packed) {
        visit(nest, name, depth, &mut stream, take);
    }
}

/// Reads up to the next of these signatures, and past it.
fn next(from: &mut dyn BufRead, which: &[u32]) -> Option<u32> {
    let mut seen = 0u32;
    loop {
        let buffer = from.fill_buf().ok()?;
        if buffer.is_empty() {
            return None;
        }
        let found = buffer.iter().position(|b| {
            seen = (seen << 8) | u32::from(*b);
            which.contains(&seen)
        });
        let n = found.map_or(buffer.len(), |at| at + 1);
        from.consume(n);
        if found.is_some() {
            return Some(seen);
        }
    }
}

/// A member that is neither packed nor of a known length: it ends where its descriptor begins.
struct Stored<'r> {
    from: &'r mut dyn BufRead,
    held: [u8; 4],
    len: usize,
    ended: bool,
}

impl Read for Stored<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n < into.len() && !self.ended {
            if self.len == 4 && self.held == DESCRIPTOR.to_be_bytes() {
                self.ended = true;
                break;
            }
            let Some(byte) = self.from.fill_buf()?.first().copied() else {
                // No descriptor: what is held back is the rest.
                if self.len == 0 {
                    self.ended = true;
                    break;
                }
                into[n] = self.held[0];
                self.held.copy_within(1.., 0);
                self.len -= 1;
                n += 1;
                continue;
            };
            self.from.consume(1);
            if self.len == 4 {
                into[n] = self.held[0];
                n += 1;
                self.held.copy_within(1.., 0);
                self.held[3] = byte;
            } else {
                self.held[self.len] = byte;
                self.len += 1;
            }
        }
        Ok(n)
    }
}
