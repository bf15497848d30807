//! Zstandard: frames that follow each other, some of them not meant for us.

use super::budget::Nest;
use super::fill;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Magic, descriptor, window, dictionary, size.
const HEADER: usize = 18;
/// What beginning a frame costs, see `streams`.
const BEGIN: u64 = 4 << 10;

/// What a decoder holds for a window: its buffer is a ring whose size is a power of two above window and a block.
pub(super) fn holds(window: u64) -> u64 {
    window.saturating_add(128 << 10).checked_next_power_of_two().unwrap_or(u64::MAX)
}

/// How far back a frame may refer, by its header.
pub(super) fn window(header: &[u8]) -> u64 {
    let Some(&descriptor) = header.get(4) else { return 0 };
    if descriptor & 0x20 == 0 {
        let Some(&byte) = header.get(5) else { return 0 };
        let base = 1u64 << (10 + (byte >> 3));
        return base + base / 8 * u64::from(byte & 7);
    }
    // One segment: its window is its size.
    let at = 5 + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let len = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let size =
        header.get(at..at + len).unwrap_or_default().iter().rev().fold(0, |n, b| (n << 8) | u64::from(*b));
    if len == 2 { size + 256 } else { size }
}

/// Length of a header that begins with these five bytes.
fn header_len(descriptor: u8) -> usize {
    let single = descriptor & 0x20 != 0;
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        n => 1 << n,
    };
    5 + usize::from(!single) + [0, 1, 2, 4][usize::from(descriptor & 3)] + size
}

pub(super) struct Zstd<'n, 'b, 'r> {
    from: &'r mut dyn BufRead,
    nest: &'n Nest<'b>,
    decoder: FrameDecoder,
    begun: bool,
    ended: bool,
}

impl<'n, 'b, 'r> Zstd<'n, 'b, 'r> {
    pub(super) fn new(from: &'r mut dyn BufRead, nest: &'n Nest<'b>) -> Zstd<'n, 'b, 'r> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(nest.budget.window / 2);
        Zstd { from, nest, decoder, begun: false, ended: false }
    }

    /// Begins the next frame, if one follows: what else follows is padding.
    fn begin(&mut self) -> io::Result<()> {
        loop {
            let mut header = [0; HEADER];
            let n = fill(self.from, &mut header[..4])?;
            let skippable = n == 4 && header[0] & 0xf0 == 0x50 && header[1..4] == [0x2a, 0x4d, 0x18];
            if !self.nest.member() || !self.nest.spend(BEGIN) || (header[..4] != MAGIC && !skippable) {
                self.ended = true;
                return Ok(());
            }
            if skippable {
                self.from.read_exact(&mut header[..4])?;
                let len = u64::from(u32::from_le_bytes([header[0], header[1], header[2], header[3]]));
                io::copy(&mut (&mut *self.from).take(len), &mut io::sink())?;
                continue;
            }
            self.from.read_exact(&mut header[4..5])?;
            let len = header_len(header[4]);
            self.from.read_exact(&mut header[5..len])?;
            if holds(window(&header[..len])) > self.nest.budget.window {
                self.nest.partly(|| "needs more memory to unpack than there may be".to_owned());
                self.ended = true;
                return Ok(());
            }
            self.begun = true;
            return self.decoder.init(&header[..len]).map_err(io::Error::other);
        }
    }
}

impl Read for Zstd<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.ended || into.is_empty() || self.nest.halted() {
                return Ok(0);
            }
            if self.begun && self.decoder.can_collect() > 0 {
                return self.decoder.read(into);
            }
            if !self.begun || self.decoder.is_finished() {
                self.begin()?;
            } else {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                if let Err(e) = self.decoder.decode_blocks(&mut *self.from, one) {
                    self.ended = true;
                    return Err(io::Error::other(e));
                }
            }
        }
    }
}
