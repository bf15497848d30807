//! What a token says of itself without any network: one algorithm a file. Each tells whether the token can be what it
//! looks like, and what its structure shows: an account, a project, an end.

mod kit;

pub(crate) use kit::evidence::{Evidence, Proof, Worth, lapsed};

/// A secret and what stands around it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// The bytes that were searched; the secret is a part of them.
    bytes: &'a [u8],
    at: (usize, usize),
}

/// Bytes on either side of a secret that a check may look at.
const AROUND: usize = 4096;

impl<'a> Seen<'a> {
    /// `at` are the secret's bytes.
    pub(crate) fn new(bytes: &'a [u8], at: (usize, usize)) -> Seen<'a> {
        Seen { bytes, at }
    }

    /// A secret by itself.
    #[cfg(test)]
    pub(crate) fn alone(secret: &'a [u8]) -> Seen<'a> {
        Seen { bytes: secret, at: (0, secret.len()) }
    }

    /// The secret.
    pub(crate) fn secret(&self) -> &'a [u8] {
        self.bytes.get(self.at.0..self.at.1).unwrap_or_default()
    }

    /// A bounded stretch before the secret.
    pub(crate) fn before(&self) -> &'a [u8] {
        let end = self.at.0.min(self.bytes.len());
        &self.bytes[end.saturating_sub(AROUND)..end]
    }

    /// A bounded stretch behind it.
    pub(crate) fn after(&self) -> &'a [u8] {
        let start = self.at.1.min(self.bytes.len());
        &self.bytes[start..(start + AROUND).min(self.bytes.len())]
    }
}

/// How a made-up token of the right shape becomes a good example.
#[derive(Clone, Copy)]
pub(crate) enum Mend {
    /// Gives it a checksum that holds.
    Proof(fn(&[u8]) -> Vec<u8>),
    /// Gives it a structure that can be read, which proves nothing.
    Shape(fn(&[u8]) -> Vec<u8>),
    /// Only real ones will do, or any will.
    None,
}

/// An algorithm.
pub(crate) struct Checksum {
    /// Judges the whole secret.
    pub(crate) check: fn(&Seen<'_>) -> Evidence,
    /// For examples.
    pub(crate) mend: Mend,
}

include!(concat!(env!("OUT_DIR"), "/checksums.rs"));

/// The algorithm of this name: the stem of its file, with `-` for `_`.
pub(crate) fn checksum(name: &str) -> Option<&'static Checksum> {
    ALL.iter()
        .find(|(stem, _)| stem.bytes().map(|b| if b == b'_' { b'-' } else { b }).eq(name.bytes()))
        .map(|(_, c)| *c)
}
