//! Proofs that need no network: one algorithm a file. Each says whether a token can be what it looks like.

/// What a proof says of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// It is what it looks like; the evidence in words.
    Holds(&'static str),
    /// It cannot be a working token; the reason in words.
    Fails(&'static str),
    /// Nothing can be said.
    Unknown,
    /// It is real but does no harm (an encrypted key, an expired token): no finding.
    Harmless,
}

/// Gives a token of the right shape a checksum that holds.
type Mend = fn(&[u8]) -> Vec<u8>;

/// An algorithm.
pub(crate) struct Checksum {
    /// Judges the whole secret.
    pub(crate) check: fn(&[u8]) -> Proof,
    /// Makes a token that holds from one of the right shape, for examples; `None` where only real ones will do.
    pub(crate) mend: Option<Mend>,
}

include!(concat!(env!("OUT_DIR"), "/checksums.rs"));

/// The algorithm of this name: the stem of its file, with `-` for `_`.
pub(crate) fn checksum(name: &str) -> Option<&'static Checksum> {
    ALL.iter()
        .find(|(stem, _)| stem.bytes().map(|b| if b == b'_' { b'-' } else { b }).eq(name.bytes()))
        .map(|(_, c)| *c)
}
