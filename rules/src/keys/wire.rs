//! SSH's own encoding: lengths of four bytes before every field (RFC 4251, section 5).

use super::{Algorithm, Public};

/// Reads fields from the front.
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

impl<'a> Wire<'a> {
    pub(super) fn number(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*head))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (field, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(field)
    }
}

/// A public key as SSH sends it, when its algorithm can be too weak.
pub(super) fn public(blob: &[u8]) -> Option<Public> {
    let mut wire = Wire(blob);
    let (algorithm, modulus) = match wire.string()? {
        b"ssh-rsa" => {
            wire.string()?;
            (Algorithm::Rsa, wire.string()?)
        }
        b"ssh-dss" => (Algorithm::Dsa, wire.string()?),
        _ => return None,
    };
    Some(Public { algorithm, bits: bits(modulus), blob: blob.to_vec() })
}

/// The algorithm of a public key in words; empty when it is not known.
pub(super) fn kind(blob: &[u8]) -> String {
    let mut wire = Wire(blob);
    match wire.string().unwrap_or_default() {
        b"ssh-ed25519" | b"sk-ssh-ed25519@openssh.com" => "Ed25519".to_owned(),
        b"ecdsa-sha2-nistp256" | b"sk-ecdsa-sha2-nistp256@openssh.com" => "ECDSA, 256 bits".to_owned(),
        b"ecdsa-sha2-nistp384" => "ECDSA, 384 bits".to_owned(),
        b"ecdsa-sha2-nistp521" => "ECDSA, 521 bits".to_owned(),
        _ => match public(blob) {
            Some(Public { algorithm: Algorithm::Rsa, bits, .. }) => format!("RSA, {bits} bits"),
            Some(Public { algorithm: Algorithm::Dsa, bits, .. }) => format!("DSA, {bits} bits"),
            None => String::new(),
        },
    }
}

/// Makes a public key from its name and its numbers, which SSH and DER write alike.
pub(super) fn made(name: &[u8], numbers: &[&[u8]]) -> Option<Public> {
    let mut blob = Vec::new();
    for field in std::iter::once(&name).chain(numbers) {
        blob.extend_from_slice(&u32::try_from(field.len()).ok()?.to_be_bytes());
        blob.extend_from_slice(field);
    }
    public(&blob)
}

/// Length of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    let rest = &number[zeros..];
    rest.first().map_or(0, |b| rest.len() * 8 - b.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[1, 0]), 9);
    }

    #[test]
    fn a_made_key_reads_back() {
        let key = made(b"ssh-rsa", &[&[1, 0, 1], &[0, 0x80, 0]]).unwrap();
        assert_eq!((key.algorithm, key.bits), (Algorithm::Rsa, 16));
        assert!(made(b"ssh-ed25519", &[&[1]]).is_none());
        assert!(public(b"\0\0\0\x07ssh-rsa\xff\xff\xff\xff").is_none());
    }
}
