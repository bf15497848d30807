//! Compressed streams: one decoder a kind, each over as many streams as follow each other.

use super::budget::{Nest, Unpacked};
use super::zstd::{self, Zstd};
use super::{Kind, tar};
use bzip2::bufread::BzDecoder;
use flate2::bufread::{DeflateDecoder, GzDecoder};
use lzma_rust2::{LzmaReader, XzReader};
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// What a decoder of gzip holds, about: 32 KiB of window and its tables.
const GZ: u64 = 64 << 10;
/// What one of bzip2 holds: four bytes for each of a block's 900,000.
const BZ: u64 = 4 << 20;
/// What the LZMA decoders hold beside the dictionary.
const LZMA: u64 = 256 << 10;
/// What beginning a stream costs, in bytes that could be unpacked meanwhile: else a file of nothing but beginnings
/// would take hours.
const LIGHT: u64 = 4 << 10;
const HEAVY: u64 = 64 << 10;

/// A decoder's output, for whoever it is read by.
type Out<'n, 'b, 'r> = Unpacked<'n, 'b, Box<dyn Read + 'r>>;

/// A decoder for a file of this kind, unless there may not be one.
pub(super) fn open<'n, 'b, 'r>(
    nest: &'n Nest<'b>,
    kind: Kind,
    name: &str,
    from: &'r mut dyn BufRead,
) -> Option<Out<'n, 'b, 'r>>
where
    'n: 'r,
    'b: 'r,
{
    if !nest.member() {
        return None;
    }
    let begin = from.fill_buf().unwrap_or_default();
    let (needs, grows) = match kind {
        Kind::Gz => ((GZ, LIGHT), false),
        Kind::Bz2 => ((BZ, HEAVY), false),
        Kind::Xz => ((LZMA + xz_dictionary(begin), HEAVY), true),
        Kind::Lzma => ((LZMA + lzma_dictionary(begin), HEAVY), true),
        Kind::Zst => ((zstd::holds(zstd::window(begin)), LIGHT), false),
        Kind::Zip | Kind::Tar | Kind::Deb => return None,
    };
    let fits = needs.0 <= nest.budget.window;
    let most = u32::try_from((nest.budget.window + LZMA) >> 10).unwrap_or(u32::MAX);
    // Where the first dictionary is too large, output is cut before memory grows beyond the limit; where it is not, none
    // that follows may be.
    let limit = if fits { most } else { u32::MAX };
    Unpacked::new(nest, name, needs, grows, || {
        let decoder: Box<dyn Read> = match kind {
            Kind::Gz => Box::new(Gz { now: Some(GzDecoder::new(from)), nest }),
            Kind::Bz2 => Box::new(Bz { now: Some(BzDecoder::new(from)), nest }),
            Kind::Xz => Box::new(XzReader::new_mem_limit(from, true, limit)),
            Kind::Lzma => Box::new(LzmaReader::new_mem_limit(from, limit, None).ok()?),
            _ => Box::new(Zstd::new(from, nest)),
        };
        Some(decoder)
    })
}

/// A decoder for a member of a zip, by the number of its method.
pub(super) fn method<'n, 'b, 'r>(
    nest: &'n Nest<'b>,
    method: u16,
    name: &str,
    from: &'r mut dyn BufRead,
) -> Option<Out<'n, 'b, 'r>>
where
    'n: 'r,
    'b: 'r,
{
    match method {
        8 => Unpacked::new(nest, name, (GZ, LIGHT), false, || {
            Some(Box::new(DeflateDecoder::new(from)) as Box<dyn Read>)
        }),
        12 => open(nest, Kind::Bz2, name, from),
        93 => open(nest, Kind::Zst, name, from),
        95 => open(nest, Kind::Xz, name, from),
        _ => {
            nest.partly(|| format!("{name}: is packed in a way that is not known"));
            None
        }
    }
}

/// gzip files may follow each other; what else follows is padding.
struct Gz<'n, 'b, 'r> {
    now: Option<GzDecoder<&'r mut dyn BufRead>>,
    nest: &'n Nest<'b>,
}

impl Read for Gz<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(now) = &mut self.now {
            let n = now.read(into)?;
            if n > 0 {
                return Ok(n);
            }
            let Some(from) = self.now.take().map(GzDecoder::into_inner) else { break };
            if from.fill_buf()?.first() == Some(&0x1f) && self.nest.member() && self.nest.spend(LIGHT) {
                self.now = Some(GzDecoder::new(from));
            }
        }
        Ok(0)
    }
}

/// As [`Gz`].
struct Bz<'n, 'b, 'r> {
    now: Option<BzDecoder<&'r mut dyn BufRead>>,
    nest: &'n Nest<'b>,
}

impl Read for Bz<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(now) = &mut self.now {
            let n = now.read(into)?;
            if n > 0 {
                return Ok(n);
            }
            let Some(from) = self.now.take().map(BzDecoder::into_inner) else { break };
            if from.fill_buf()?.first() == Some(&b'B') && self.nest.member() && self.nest.spend(HEAVY) {
                self.now = Some(BzDecoder::new(from));
            }
        }
        Ok(0)
    }
}

/// Whether a file is an `.lzma`, which has no magic: usual properties, a dictionary of a usual size, and a length that
/// is unknown or believable.
pub(super) fn is_lzma(head: &[u8]) -> bool {
    let Some(header) = head.get(..13) else { return false };
    let length = header[5..].iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    let dictionary = lzma_dictionary(header);
    let usual =
        dictionary.is_power_of_two() || (dictionary.is_multiple_of(3) && (dictionary / 3).is_power_of_two());
    header[0] == 0x5d && dictionary >= 4096 && usual && (length == u64::MAX || length < 1 << 38)
}

fn lzma_dictionary(head: &[u8]) -> u64 {
    head.get(1..5).map_or(0, |d| d.iter().rev().fold(0, |n, b| (n << 8) | u64::from(*b)))
}

/// The dictionary of the first block. Of a chain of filters LZMA2 is the last: its id, the length of its properties
/// (one), and a number that stands for the size.
fn xz_dictionary(head: &[u8]) -> u64 {
    let block = head.get(12..).unwrap_or_default();
    let Some(&size) = block.first() else { return 0 };
    let end = (usize::from(size) * 4).min(block.len());
    let code = block[..end].windows(3).rev().find_map(|w| (w[0] == 0x21 && w[1] == 1).then_some(w[2]));
    match code {
        Some(code @ 0..=39) => (2 | u64::from(code & 1)) << (code / 2 + 11),
        Some(_) => u64::from(u32::MAX),
        None => 0,
    }
}

/// What a file is called once it is unpacked.
pub(super) fn stem<'a>(name: &'a str, head: &'a [u8]) -> Cow<'a, str> {
    const PLAIN: [&str; 6] = [".gz", ".bz2", ".xz", ".lzma", ".zst", ".zstd"];
    const TAR: [&str; 7] = [".tgz", ".tbz", ".tbz2", ".txz", ".tlz", ".tzst", ".svgz"];
    let strip = |suffix: &&str| {
        let at = name.len().checked_sub(suffix.len()).filter(|at| name.is_char_boundary(*at))?;
        (at > 0 && name[at..].eq_ignore_ascii_case(suffix)).then(|| &name[..at])
    };
    if let Some(stem) = PLAIN.iter().find_map(strip) {
        return stem.into();
    }
    if let Some(stem) = TAR.iter().find_map(strip) {
        return stem.into();
    }
    gz_name(head).map_or(name.into(), |own| tar::shown(own, usize::MAX).into())
}

/// The name that gzip has kept, where there is one.
fn gz_name(head: &[u8]) -> Option<&[u8]> {
    let flags = *head.get(3).filter(|_| head.starts_with(b"\x1f\x8b"))?;
    let extra = match (flags & 4 != 0, head.get(10..12)) {
        (true, Some(len)) => 2 + usize::from(u16::from_le_bytes([len[0], len[1]])),
        _ => 0,
    };
    let rest = head.get(10 + extra..).filter(|_| flags & 8 != 0)?;
    let end = rest.iter().position(|b| *b == 0)?;
    (end > 0).then(|| &rest[..end])
}
