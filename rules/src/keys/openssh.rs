//! OpenSSH's container (`openssh-key-v1`, described in PROTOCOL.key of OpenSSH). The public half is readable even
//! when the private one is encrypted.

use super::wire::{self, Wire};
use super::{Container, Key, NoKey};

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
    let kind = Wire(public).string()?;
    let open = cipher == b"none";
    if private.is_empty() || (open && (kdf != b"none" || !sound(kind, private))) {
        return None;
    }
    // The file of a key in a security token (`sk-…`) holds only a handle.
    let locked = !open || kind.starts_with(b"sk-");
    Some(Key { container: Container::OpenSsh, locked, public: wire::public(public) })
}

/// Whether an unencrypted section reads as one: the two random numbers are equal, the key is of the same kind as its
/// public half and has fields, the section is padded to a whole block.
fn sound(kind: &[u8], private: &[u8]) -> bool {
    let mut wire = Wire(private);
    let twins = matches!((wire.number(), wire.number()), (Some(a), Some(b)) if a == b);
    let fields = wire.string() == Some(kind) && wire.string().is_some() && wire.string().is_some();
    twins && fields && private.len().is_multiple_of(8)
}
