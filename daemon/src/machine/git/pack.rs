//! One pack: its index, where its objects begin, and what they are.

use super::super::files;
use flate2::{Decompress, FlushDecompress, Status};
use rustix::fs::Stat;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// Why an object or a pack cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    Unreadable,
    Damaged,
    TooLarge,
    /// It rests on an object that is not here.
    Missing,
}

/// Largest index of a pack that is read: some five million objects.
const INDEX: u64 = 160 << 20;
/// How often objects are looked at whose base comes later in the pack: git writes none such.
const PASSES: usize = 16;
/// Bytes read at once.
const CHUNK: usize = 32 << 10;

/// A pack that is open, with its index.
pub(crate) struct Pack {
    pub(crate) name: u64,
    fd: OwnedFd,
    hash: usize,
    ids: Vec<u8>,
    /// Where objects begin, in the order of their ids.
    offsets: Vec<u64>,
    /// Positions in `offsets`, in the order in which the objects stand in the pack.
    order: Vec<u32>,
}

/// How an object stands in a pack.
pub(crate) enum Stands {
    Whole(Kind),
    /// As the difference to the one at this offset of the same pack.
    Beside(u64),
    /// As the difference to the one with this id.
    Of(Vec<u8>),
}

/// What stands at an offset: how, how large it is unpacked, and where its packed bytes begin.
pub(crate) struct Head {
    pub(crate) stands: Stands,
    pub(crate) size: u64,
    pub(crate) at: u64,
}

/// Opens a regular file below a repository; not through a link in its last part.
pub(super) fn open(path: &Path) -> Result<(OwnedFd, Stat), Broken> {
    let stat = rustix::fs::lstat(path).map_err(|_| Broken::Missing)?;
    let fd = files::open_path(path, &stat).map_err(|_| Broken::Unreadable)?;
    Ok((fd, stat))
}

impl Pack {
    /// The pack that belongs to an index (`*.idx`).
    pub(crate) fn open(index: &Path, hash: usize) -> Result<Pack, Broken> {
        let (fd, stat) = open(index)?;
        let length = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if length > INDEX {
            return Err(Broken::TooLarge);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        exactly(&fd, 0, &mut bytes)?;
        let (fd, stat) = open(&index.with_extension("pack"))?;
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let (ids, offsets) = parse(&bytes, hash, size).ok_or(Broken::Damaged)?;
        let mut order: Vec<u32> = (0..u32::try_from(offsets.len()).unwrap_or_default()).collect();
        order.sort_unstable_by_key(|n| offsets[*n as usize]);
        Ok(Pack { name: name(index), fd, hash, ids, offsets, order })
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The id of an object by its place in the pack.
    pub(crate) fn id(&self, place: usize) -> &[u8] {
        let n = self.order[place] as usize * self.hash;
        &self.ids[n..n + self.hash]
    }

    /// Where an object begins, by its place in the pack.
    pub(crate) fn offset(&self, place: usize) -> u64 {
        self.offsets[self.order[place] as usize]
    }

    /// Where the object with this id begins.
    pub(crate) fn find(&self, id: &[u8]) -> Option<u64> {
        let (mut low, mut high) = (0, self.offsets.len());
        while low < high {
            let middle = low.midpoint(high);
            let at = middle * self.hash;
            match self.ids[at..at + self.hash].cmp(id) {
                std::cmp::Ordering::Equal => return Some(self.offsets[middle]),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// What every object is, in the order of the pack; `None` for those that rest on something which is not here.
    pub(crate) fn kinds(&self, elsewhere: &mut dyn FnMut(&[u8]) -> Option<Kind>) -> Vec<Option<Kind>> {
        let mut kinds: Vec<Option<Kind>> = vec![None; self.len()];
        let mut waiting = Vec::new();
        let mut window = Window { fd: &self.fd, start: 0, bytes: Vec::new() };
        let place = |at: u64| self.order.binary_search_by_key(&at, |n| self.offsets[*n as usize]).ok();
        for n in 0..self.len() {
            let at = self.offset(n);
            let Some((stands, ..)) = window.head(at).and_then(|b| head(b, at, self.hash)) else { continue };
            let base = match &stands {
                Stands::Whole(kind) => {
                    kinds[n] = Some(*kind);
                    continue;
                }
                Stands::Beside(at) => place(*at),
                Stands::Of(id) => self.find(id).and_then(place),
            };
            match (base, &stands) {
                (Some(base), _) if kinds[base].is_some() => kinds[n] = kinds[base],
                // Its base comes later in the pack.
                (Some(base), _) => waiting.push((n, base)),
                (None, Stands::Of(id)) => kinds[n] = elsewhere(id),
                _ => {}
            }
        }
        // From either end in turn: a pack that somebody has made to take long is given up.
        for _ in 0..PASSES {
            waiting.reverse();
            waiting.retain(|(n, base)| {
                kinds[*n] = kinds[*base];
                kinds[*n].is_none()
            });
        }
        kinds
    }

    /// How the object at an offset stands.
    pub(crate) fn head(&self, at: u64) -> Result<Head, Broken> {
        let mut bytes = [0; 64];
        let length = some(&self.fd, at, &mut bytes)?;
        let (stands, size, length) = head(&bytes[..length], at, self.hash).ok_or(Broken::Damaged)?;
        Ok(Head { stands, size, at: at + length as u64 })
    }

    pub(crate) fn inflate(&self, head: &Head, unpack: &mut Unpack) -> Result<Vec<u8>, Broken> {
        let size = usize::try_from(head.size).map_err(|_| Broken::TooLarge)?;
        unpack.exactly(&self.fd, head.at, size)
    }
}

/// A pack's name as a number: it says what is in it, so a pack of the same name never changes.
pub(crate) fn name(index: &Path) -> u64 {
    short(&crate::text::digest(index.file_name().unwrap_or_default().as_encoded_bytes()))
}

/// The first eight bytes.
pub(crate) fn short(id: &[u8]) -> u64 {
    id.iter().take(8).fold(0, |n, b| (n << 8) | u64::from(*b))
}

/// Ids, sorted, and the offsets of their objects.
fn parse(bytes: &[u8], hash: usize, pack: u64) -> Option<(Vec<u8>, Vec<u64>)> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    // Version 1 has not been written since 2008.
    if word(0)? != 0xff74_4f63 || word(4)? != 2 {
        return None;
    }
    let count = word(8 + 255 * 4)? as usize;
    let ids = 8 + 256 * 4;
    let small = ids + count.checked_mul(hash + 4)?;
    let large = small + count * 4;
    let offset = |n: usize| {
        let at = word(small + n * 4)?;
        if at & 0x8000_0000 == 0 {
            return Some(u64::from(at));
        }
        let at = large + (at & 0x7fff_ffff) as usize * 8;
        Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
    };
    let offsets: Vec<u64> = (0..count).map(offset).collect::<Option<_>>()?;
    let ids = bytes.get(ids..ids + count * hash)?.to_vec();
    offsets.iter().all(|at| *at < pack).then_some((ids, offsets))
}

/// Reads the head of an object that begins at `at`: how it stands, its size, and how many bytes that took.
fn head(bytes: &[u8], at: u64, hash: usize) -> Option<(Stands, u64, usize)> {
    let first = *bytes.first()?;
    let (mut size, mut n, mut shift) = (u64::from(first & 15), 1, 4);
    let mut more = first & 0x80 != 0;
    while more {
        let byte = *bytes.get(n).filter(|_| shift < 57)?;
        size |= u64::from(byte & 0x7f) << shift;
        (n, shift, more) = (n + 1, shift + 7, byte & 0x80 != 0);
    }
    let stands = match (first >> 4) & 7 {
        1 => Stands::Whole(Kind::Commit),
        2 => Stands::Whole(Kind::Tree),
        3 => Stands::Whole(Kind::Blob),
        4 => Stands::Whole(Kind::Tag),
        6 => {
            let mut back = 0u64;
            loop {
                let byte = *bytes.get(n)?;
                n += 1;
                back = back.checked_mul(128)? + u64::from(byte & 0x7f);
                if byte & 0x80 == 0 {
                    break;
                }
                back += 1;
            }
            Stands::Beside(at.checked_sub(back).filter(|_| back > 0)?)
        }
        7 => {
            let id = bytes.get(n..n + hash)?.to_vec();
            n += hash;
            Stands::Of(id)
        }
        _ => return None,
    };
    Some((stands, size, n))
}

/// Part of a file that is read from its beginning to its end, a few bytes here and there.
struct Window<'a> {
    fd: &'a OwnedFd,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    fn head(&mut self, at: u64) -> Option<&[u8]> {
        let within = |start: u64, bytes: &[u8]| {
            let from = usize::try_from(at.checked_sub(start)?).ok()?;
            (from + 64 <= bytes.len()).then_some(from)
        };
        if within(self.start, &self.bytes).is_none() {
            self.bytes.resize(CHUNK, 0);
            let length = some(self.fd, at, &mut self.bytes).ok()?;
            self.bytes.truncate(length);
            self.start = at;
        }
        self.bytes.get(usize::try_from(at - self.start).ok()?..)
    }
}

/// Unpacks one object after the other.
pub(crate) struct Unpack {
    zlib: Decompress,
    input: Vec<u8>,
}

impl Unpack {
    pub(crate) fn new() -> Unpack {
        Unpack { zlib: Decompress::new(true), input: vec![0; CHUNK] }
    }

    /// Unpacks what begins at `at` and has this size.
    pub(crate) fn exactly(&mut self, fd: &OwnedFd, at: u64, size: usize) -> Result<Vec<u8>, Broken> {
        // One more byte tells whether it is larger than it says.
        let out = self.most(fd, at, size + 1)?;
        if out.len() == size { Ok(out) } else { Err(Broken::Damaged) }
    }

    /// Unpacks what begins at `at`, to its end or as far as `most` goes.
    pub(crate) fn most(&mut self, fd: &OwnedFd, mut at: u64, most: usize) -> Result<Vec<u8>, Broken> {
        self.zlib.reset(true);
        let mut out = vec![0; most];
        let mut length = 0;
        // Small objects are many: they are read with little around them.
        let mut chunk = (most / 2).clamp(512, CHUNK);
        loop {
            let read = some(fd, at, &mut self.input[..chunk])?;
            let mut input = &self.input[..read];
            while !input.is_empty() {
                let (before, made) = (self.zlib.total_in(), self.zlib.total_out());
                let told = self.zlib.decompress(input, &mut out[length..], FlushDecompress::None);
                let used = usize::try_from(self.zlib.total_in() - before).unwrap_or_default();
                let fresh = usize::try_from(self.zlib.total_out() - made).unwrap_or_default();
                length += fresh;
                input = input.get(used..).unwrap_or_default();
                match told {
                    Ok(Status::StreamEnd) => {
                        out.truncate(length);
                        return Ok(out);
                    }
                    Ok(_) if length == most => return Ok(out),
                    Ok(_) if used > 0 || fresh > 0 => {}
                    Ok(_) | Err(_) => return Err(Broken::Damaged),
                }
            }
            if read == 0 {
                return Err(Broken::Damaged);
            }
            at += read as u64;
            chunk = CHUNK;
        }
    }
}

/// Reads as many bytes as there are, up to the buffer's length.
pub(super) fn some(fd: &OwnedFd, at: u64, buffer: &mut [u8]) -> Result<usize, Broken> {
    let mut length = 0;
    while length < buffer.len() {
        match rustix::io::pread(fd, &mut buffer[length..], at + length as u64) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Broken::Unreadable),
        }
    }
    Ok(length)
}

fn exactly(fd: &OwnedFd, at: u64, buffer: &mut [u8]) -> Result<(), Broken> {
    if some(fd, at, buffer)? == buffer.len() { Ok(()) } else { Err(Broken::Damaged) }
}

/// Indexes of the packs of a directory of objects.
pub(crate) fn indexes(objects: &Path) -> Vec<PathBuf> {
    let mut paths = files::list(&objects.join("pack")).unwrap_or_default();
    paths.retain(|p| p.extension().is_some_and(|e| e == "idx"));
    paths.sort();
    paths
}
