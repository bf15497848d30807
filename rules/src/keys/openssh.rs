//! OpenSSH's container (`openssh-key-v1`, described in PROTOCOL.key of OpenSSH). The public half is readable even
//! when the private one is encrypted.

use super::wire::{self, Wire};
use super::{Container, Key, NoKey, low};

const MAGIC: &[u8] = b"openssh-key-v1\0";

pub(super) fn begins(body: &[u8]) -> bool {
    body.starts_with(MAGIC)
}

pub(super) fn parse(body: &[u8]) -> Result<Key, NoKey> {
    read(body).ok_or(NoKey::Broken)
}

fn read(body: &[u8]) -> Option<Key> {
    let mut wire = Wire(body.strip_prefix(MAGIC)?);
    let (cipher, kdf, _options) = (wire.string()?, wire.string()?, wire.string()?);
    if wire.number()? != 1 {
        return None;
    }
    let (public, private) = (wire.string()?, wire.string()?);
    let name = Wire(public).string()?;
    let open = cipher == b"none";
    if private.is_empty() || (open && kdf != b"none") {
        return None;
    }
    let comment = if open { sound(public, private)? } else { Vec::new() };
    // The file of a key in a security token (`sk-…`) holds only a handle.
    let locked = !open || name.starts_with(b"sk-");
    let (kind, public) = (wire::kind(public), wire::public(public));
    Some(Key { container: Container::OpenSsh, locked, public, kind, comment })
}

/// The comment of an unencrypted section that reads as one: the two random numbers are equal, the key is of the same kind
/// as its public half and fits it, and the section is padded to a whole block.
fn sound(public: &[u8], private: &[u8]) -> Option<Vec<u8>> {
    let (mut outer, mut inner) = (Wire(public), Wire(private));
    let twins = inner.number()? == inner.number()?;
    let name = inner.string()?;
    let same = twins && outer.string()? == name && private.len().is_multiple_of(8);
    let fits = match name {
        b"ssh-ed25519" => {
            let (half, pair) = (inner.string()?, inner.string()?);
            outer.string()? == half && pair.len() == 64 && pair[32..] == *half
        }
        b"ssh-rsa" => {
            let (n, e, _d, _inverse) = (inner.string()?, inner.string()?, inner.string()?, inner.string()?);
            let (p, q) = (inner.string()?, inner.string()?);
            outer.string()? == e && outer.string()? == n && low(p).wrapping_mul(low(q)) == low(n)
        }
        _ if name.starts_with(b"ecdsa-sha2-") => {
            let (curve, point, number) = (inner.string()?, inner.string()?, inner.string()?);
            outer.string()? == curve && outer.string()? == point && !number.is_empty()
        }
        b"ssh-dss" => {
            let numbers = [inner.string()?, inner.string()?, inner.string()?, inner.string()?];
            inner.string()?;
            numbers.into_iter().all(|n| outer.string() == Some(n))
        }
        // A kind that is not known here has a public and a private field at least.
        _ => return (same && inner.string().is_some() && inner.string().is_some()).then(Vec::new),
    };
    let comment = inner.string()?.to_vec();
    let padded = inner.0.iter().zip(1u8..).all(|(byte, count)| *byte == count);
    (same && fits && padded).then_some(comment)
}
