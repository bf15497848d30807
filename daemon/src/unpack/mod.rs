//! Archives and compressed files: their members, one after the other, each as a stream. Nothing is written anywhere
//! and no name is opened: a member's name is only shown.
//!
//! What is unpacked was written by others. Memory does not depend on what an archive says of itself, time is linear in
//! what [`Budget`] allows, and what could not be unpacked is told.

mod ar;
mod budget;
mod streams;
mod tar;
mod zip;
mod zstd;

pub use budget::{Budget, Told};
use budget::{Nest, Soft};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicBool;

/// Between an archive and its member in a name.
pub const WITHIN: &str = " › ";
/// Bytes that tell every kind: a tar says what it is at 257.
const HEAD: usize = 512;
/// Bytes read at once from what is unpacked.
const CHUNK: usize = 32 << 10;

/// What can be unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Also jar, war, apk, docx, xlsx, pptx, odt, whl, nupkg, vsix, xpi …
    Zip,
    /// Any tar with a `ustar` header.
    Tar,
    /// A Debian package.
    Deb,
    /// gzip.
    Gz,
    /// bzip2.
    Bz2,
    /// xz.
    Xz,
    /// The older format of the same.
    Lzma,
    /// Zstandard.
    Zst,
}

impl Kind {
    /// What a file is, by its first bytes.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Kind> {
        let at = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|b| b.starts_with(magic));
        let digit = |at: usize| head.get(at).is_some_and(|b| (b'1'..=b'9').contains(b));
        let bzip = digit(3) && (at(4, b"1AY&SY") || at(4, b"\x17\x72\x45\x38\x50\x90"));
        match head.first()? {
            b'P' if zip::begins(head) => Some(Kind::Zip),
            0x1f if at(1, b"\x8b\x08") => Some(Kind::Gz),
            b'B' if at(0, b"BZh") && bzip => Some(Kind::Bz2),
            0xfd if at(0, b"\xfd7zXZ\0") => Some(Kind::Xz),
            0x28 if at(0, b"\x28\xb5\x2f\xfd") => Some(Kind::Zst),
            b']' if streams::is_lzma(head) => Some(Kind::Lzma),
            b'!' if at(0, ar::DEB) => Some(Kind::Deb),
            _ if at(257, b"ustar") => Some(Kind::Tar),
            _ => None,
        }
    }
}

/// Takes members. `head` is how the member begins, at most 512 bytes; `false` when no more are wanted.
pub trait Take {
    /// Whether a member of this name is worth unpacking.
    fn wants(&mut self, name: &str) -> bool;
    /// A member. What is not read of it is passed over.
    fn member(&mut self, name: &str, head: &[u8], from: &mut dyn Read) -> bool;
}

/// Something that can be read anywhere.
pub trait ReadAt {
    /// Reads at an offset; 0 at the end.
    ///
    /// # Errors
    /// When reading fails.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|o| self.get(o..)).unwrap_or_default();
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// A stretch of something, read from its beginning to its end.
struct At<'a> {
    from: &'a dyn ReadAt,
    at: u64,
    end: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(into.len());
        let n = self.from.read_at(&mut into[..most], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Unpacks a file of `size` bytes whose own name is `name`.
pub fn file(
    from: &dyn ReadAt,
    (name, size): (&str, u64),
    budget: &Budget,
    stop: &AtomicBool,
    take: &mut dyn Take,
) -> Told {
    let nest = Nest::new(budget, size, stop);
    let mut head = [0; HEAD];
    let mut start = At { from, at: 0, end: size };
    let n = fill(&mut start, &mut head).unwrap_or_default();
    if Kind::of(&head[..n]) == Some(Kind::Zip) && zip::listed(&nest, from, size, take) {
        return nest.told();
    }
    let mut whole = Soft::new(At { from, at: 0, end: size }, &nest, name);
    visit(&nest, Name { parents: "", own: name, hidden: true }, 0, &mut whole, take);
    nest.told()
}

/// The members of an archive in memory, for fuzzing: the whole way from bytes to names and streams.
#[doc(hidden)]
pub fn members(bytes: &[u8], budget: &Budget, each: &mut dyn FnMut(&str, &mut dyn Read)) -> Told {
    struct Each<'e>(&'e mut dyn FnMut(&str, &mut dyn Read));
    impl Take for Each<'_> {
        fn wants(&mut self, _: &str) -> bool {
            true
        }
        fn member(&mut self, name: &str, _: &[u8], from: &mut dyn Read) -> bool {
            (self.0)(name, from);
            true
        }
    }
    struct Bytes<'b>(&'b [u8]);
    impl ReadAt for Bytes<'_> {
        fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.read_at(into, offset)
        }
    }
    file(&Bytes(bytes), ("", bytes.len() as u64), budget, &AtomicBool::new(false), &mut Each(each))
}

/// What something is called.
#[derive(Clone, Copy)]
struct Name<'a> {
    /// The archives that it is in, the outermost left out: that is the file itself.
    parents: &'a str,
    own: &'a str,
    /// Its name says nothing that the file's does not: `a.tar` in `a.tar.gz`.
    hidden: bool,
}

impl Name<'_> {
    fn full(&self) -> String {
        join(self.parents, self.own)
    }

    /// What its members are in.
    fn inner(&self) -> String {
        if self.hidden { self.parents.to_owned() } else { self.full() }
    }
}

fn join(parents: &str, own: &str) -> String {
    if parents.is_empty() { own.to_owned() } else { format!("{parents}{WITHIN}{own}") }
}

/// Hands something out, or what is packed in it.
fn visit(nest: &Nest<'_>, name: Name<'_>, depth: usize, from: &mut dyn Read, take: &mut dyn Take) {
    let mut head = [0; HEAD];
    let n = fill(from, &mut head).unwrap_or_default();
    let head = &head[..n];
    let Some(kind) = Kind::of(head) else {
        if !take.member(&name.full(), head, &mut head.chain(from)) {
            nest.halt();
        }
        return;
    };
    if depth >= nest.budget.depth {
        return nest.partly(|| format!("{}: packed more than {} times", name.full(), nest.budget.depth));
    }
    let whole = head.chain(from);
    let mut whole = BufReader::with_capacity(CHUNK, whole);
    let inner = name.inner();
    match kind {
        Kind::Zip => zip::streamed(nest, &inner, depth + 1, &mut whole, take),
        Kind::Tar => tar::members(nest, &inner, depth + 1, &mut whole, take),
        Kind::Deb => ar::members(nest, &inner, depth + 1, &mut whole, take),
        Kind::Gz | Kind::Bz2 | Kind::Xz | Kind::Lzma | Kind::Zst => {
            let (own, packed) = (streams::stem(name.own, head), name.full());
            let content = Name { parents: &inner, own: &own, hidden: true };
            if let Some(mut stream) = streams::open(nest, kind, &packed, &mut whole) {
                nest.within(|| visit(nest, content, depth + 1, &mut stream, take));
            }
        }
    }
}

/// Reads until `into` is full or there is no more.
fn fill(from: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < into.len() {
        match from.read(&mut into[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}

/// Passes over what is left. Returns how much that was.
fn drain(from: &mut dyn BufRead, nest: &Nest<'_>) -> u64 {
    let mut total = 0;
    while !nest.halted() {
        let n = match from.fill_buf() {
            Ok(buffer) => buffer.len(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        if n == 0 {
            break;
        }
        from.consume(n);
        total += n as u64;
    }
    total
}

#[cfg(any(test, feature = "fuzzing"))]
#[allow(clippy::unwrap_used, reason = "makes files for tests and fuzzing")]
pub(crate) mod made;
#[cfg(test)]
mod tests;
