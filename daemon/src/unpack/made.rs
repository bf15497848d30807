//! Archives for tests, made byte by byte where a library would refuse to make what is wrong.

use std::io::Write;

pub(crate) fn gz(data: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(data).unwrap();
    gz.finish().unwrap()
}

pub(crate) fn bz2(data: &[u8]) -> Vec<u8> {
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(data).unwrap();
    bz.finish().unwrap()
}

pub(crate) fn xz(data: &[u8]) -> Vec<u8> {
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(data).unwrap();
    xz.finish().unwrap()
}

pub(crate) fn lzma(data: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut lzma = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
    lzma.write_all(data).unwrap();
    lzma.finish().unwrap()
}

pub(crate) fn zst(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(data).unwrap();
    deflate.finish().unwrap()
}

/// A zip that is being made; every field can be made to lie.
#[derive(Default)]
pub(crate) struct Zip {
    pub(crate) bytes: Vec<u8>,
    pub(crate) list: Vec<u8>,
    pub(crate) count: u16,
}

impl Zip {
    /// Packed.
    pub(crate) fn deflated(self, name: &str, data: &[u8]) -> Zip {
        self.member(name, 0, 8, &deflate(data), data.len(), false)
    }

    /// As it is.
    pub(crate) fn stored(self, name: &str, data: &[u8]) -> Zip {
        self.member(name, 0, 0, data, data.len(), false)
    }

    /// With its length behind it, as programs write that cannot go back.
    pub(crate) fn piped(self, name: &str, method: u16, data: &[u8]) -> Zip {
        let packed = if method == 8 { deflate(data) } else { data.to_vec() };
        self.member(name, 8, method, &packed, data.len(), true)
    }

    pub(crate) fn member(
        mut self,
        name: &str,
        flags: u16,
        method: u16,
        packed: &[u8],
        size: usize,
        piped: bool,
    ) -> Zip {
        let at = self.bytes.len();
        let (packed_len, size) = (u32::try_from(packed.len()).unwrap(), u32::try_from(size).unwrap());
        let fields = |packed: u32, size: u32| {
            let name = u16::try_from(name.len()).unwrap().to_le_bytes();
            let mut out = [20u16, flags, method, 0, 0].map(u16::to_le_bytes).concat();
            out.extend([0, packed, size].map(u32::to_le_bytes).concat());
            out.extend([name, [0, 0]].concat());
            out
        };
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(if piped { fields(0, 0) } else { fields(packed_len, size) });
        self.bytes.extend([name.as_bytes(), packed].concat());
        if piped {
            self.bytes.extend(b"PK\x07\x08");
            self.bytes.extend([0, packed_len, size].map(u32::to_le_bytes).concat());
        }
        self.entry(name, &fields(packed_len, size), at)
    }

    /// A line of the directory for what is at this offset.
    pub(crate) fn entry(mut self, name: &str, fields: &[u8], at: usize) -> Zip {
        self.list.extend(b"PK\x01\x02\x14\0");
        self.list.extend(fields);
        self.list.extend([0; 10]);
        self.list.extend(u32::try_from(at).unwrap().to_le_bytes());
        self.list.extend(name.as_bytes());
        self.count += 1;
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        let (at, len) = (u32::try_from(self.bytes.len()).unwrap(), u32::try_from(self.list.len()).unwrap());
        self.bytes.extend(&self.list);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend([self.count, self.count].map(u16::to_le_bytes).concat());
        self.bytes.extend([len, at].map(u32::to_le_bytes).concat());
        self.bytes.extend([0, 0]);
        self.bytes
    }
}

/// A header of a tar, and its content.
pub(crate) fn entry(name: &str, kind: u8, size: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut block);
    let padding = vec![0; (512 - data.len() % 512) % 512];
    [&block[..], data, &padding].concat()
}

/// Makes a header's sum right.
pub(crate) fn sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// A regular file in a tar.
pub(crate) fn regular(name: &str, data: &[u8]) -> Vec<u8> {
    entry(name, b'0', format!("{:011o}", data.len()).as_bytes(), data)
}

/// A special one, with data of its own.
pub(crate) fn special(kind: u8, data: &[u8]) -> Vec<u8> {
    entry("special", kind, format!("{:011o}", data.len()).as_bytes(), data)
}

pub(crate) fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

pub(crate) fn deb(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len()).bytes());
        out.extend(data);
        out.extend(vec![b'\n'; data.len() % 2]);
    }
    out
}
