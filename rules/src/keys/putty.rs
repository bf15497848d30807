//! PuTTY's key files, versions 2 and 3: lines of text, the public half always readable.

use super::wire::{self, Wire};
use super::{Container, Key, NoKey};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PuTTY-User-Key-File-")
}

pub(super) fn parse(text: &[u8]) -> Result<Key, NoKey> {
    let (mut name, mut cipher, mut comment, mut mac) = (&b""[..], &b""[..], &b""[..], &b""[..]);
    let (mut public, mut private) = (None, None);
    let mut lines =
        text.split(|b| *b == b'\n').map(|l| l.trim_ascii().trim_ascii_start()).filter(|l| !l.is_empty());
    while let Some(line) = lines.next() {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let value = line[colon + 1..].trim_ascii();
        match &line[..colon] {
            b"Encryption" => cipher = value,
            b"Comment" => comment = value,
            b"Public-Lines" => public = body(value, &mut lines),
            b"Private-Lines" => private = body(value, &mut lines),
            b"Private-MAC" => mac = value,
            other if begins(other) => name = value,
            _ => {}
        }
    }
    let (Some(public), Some(private)) = (public, private) else { return Err(NoKey::Blank) };
    let whole = Wire(&public).string() == Some(name) && Wire(&private).string().is_some();
    let locked = cipher != b"none";
    let sealed =
        || !begins_third(text) || seal(&[name, cipher, comment, &public, &private]).as_bytes() == mac;
    let sound = locked || (whole && sealed());
    if !sound {
        return Err(NoKey::Broken);
    }
    let (kind, comment) = (wire::kind(&public), comment.to_vec());
    Ok(Key { container: Container::Putty, locked, public: wire::public(&public), kind, comment })
}

/// Version 2 is sealed with SHA-1, which is not computed here.
fn begins_third(text: &[u8]) -> bool {
    text.starts_with(b"PuTTY-User-Key-File-3")
}

/// The seal of version 3 over all fields, whose key is empty when there is no passphrase.
pub(crate) fn seal(fields: &[&[u8]]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&[]) else { return String::new() };
    for field in fields {
        mac.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        mac.update(field);
    }
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// The base64 of so many lines; `None` when they are not there or say something else.
fn body<'a>(count: &[u8], lines: &mut impl Iterator<Item = &'a [u8]>) -> Option<Zeroizing<Vec<u8>>> {
    /// A key of 16384 bits has fewer.
    const MOST: usize = 256;
    let count: usize = std::str::from_utf8(count).ok()?.parse().ok().filter(|n| *n <= MOST)?;
    let letters = Zeroizing::new(lines.take(count).collect::<Vec<_>>().concat());
    BASE64.decode(&letters).ok().filter(|b| !b.is_empty()).map(Zeroizing::new)
}
