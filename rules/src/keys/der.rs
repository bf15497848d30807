//! Private keys in DER: PKCS#1 (RFC 8017), PKCS#8 (RFC 5958), SEC1 (RFC 5915) and OpenSSL's own form of DSA.

use super::wire::{self, made};
use super::{Container, Key, NoKey, Public, product};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];

/// Every private key is a sequence of more than a few bytes.
pub(super) fn begins(body: &[u8]) -> bool {
    matches!(body, [SEQUENCE, 0x20..=0x7f | 0x81..=0x84, ..])
}

/// Reads a body by what its label promises.
pub(super) fn parse(label: &[u8], body: &[u8]) -> Result<Key, NoKey> {
    let public = match label {
        b"RSA PRIVATE KEY" => rsa(body),
        b"EC PRIVATE KEY" => ec(body),
        b"DSA PRIVATE KEY" => dsa(body),
        b"PRIVATE KEY" => pkcs8(body),
        _ => None,
    };
    let public = public.ok_or(NoKey::Broken)?;
    let kind = match (&public, label) {
        (Some(public), _) => wire::kind(&public.blob),
        (None, b"EC PRIVATE KEY") => "elliptic curve".to_owned(),
        (None, _) => String::new(),
    };
    Ok(Key { container: Container::Pem, locked: false, public, kind, comment: Vec::new() })
}

/// Reads elements from the front.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The elements of the one sequence that the bytes are.
    fn sequence(bytes: &'a [u8]) -> Option<Der<'a>> {
        let mut whole = Der(bytes);
        let inner = whole.element(SEQUENCE)?;
        // Some writers pad the end; nothing else may follow.
        whole.0.iter().all(|b| *b == 0).then_some(Der(inner))
    }

    /// The content of the next element, which must have this tag.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, first], rest) = self.0.split_first_chunk::<2>()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
                (digits.iter().fold(0usize, |len, b| (len << 8) | usize::from(*b)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    /// A number that is not empty.
    fn integer(&mut self) -> Option<&'a [u8]> {
        self.element(INTEGER).filter(|n| !n.is_empty())
    }
}

/// Version, modulus, two exponents, two primes and what speeds up computing with them.
fn rsa(bytes: &[u8]) -> Option<Option<Public>> {
    let mut der = Der::sequence(bytes)?;
    let version = der.integer()?;
    let (n, e, _d) = (der.integer()?, der.integer()?, der.integer()?);
    let (p, q) = (der.integer()?, der.integer()?);
    for _ in 0..3 {
        der.integer()?;
    }
    // With two primes their product is the modulus. The low 64 bits tell as much as anybody needs.
    let fits = product(n, p, q);
    (version == [1] || (version == [0] && fits)).then(|| made(b"ssh-rsa", &[e, n]))
}

/// Version, p, q, g, the public and the private number.
fn dsa(bytes: &[u8]) -> Option<Option<Public>> {
    let mut der = Der::sequence(bytes)?;
    let version = der.integer()?;
    let (p, q, g, y) = (der.integer()?, der.integer()?, der.integer()?, der.integer()?);
    der.integer()?;
    (version == [0]).then(|| made(b"ssh-dss", &[p, q, g, y]))
}

/// Version 1 and the private number; curve and public point may follow.
fn ec(bytes: &[u8]) -> Option<Option<Public>> {
    let mut der = Der::sequence(bytes)?;
    let sound = der.integer()? == [1] && der.element(OCTETS)?.len() >= 20;
    sound.then_some(None)
}

/// Version, algorithm, and the key as the algorithm writes it.
fn pkcs8(bytes: &[u8]) -> Option<Option<Public>> {
    let mut der = Der::sequence(bytes)?;
    let version = der.integer()?;
    let mut algorithm = Der(der.element(SEQUENCE)?);
    let (name, inner) = (algorithm.element(OBJECT)?, der.element(OCTETS)?);
    if version != [0] && version != [1] {
        return None;
    }
    match name {
        RSA => rsa(inner),
        DSA => dsa_parameters(algorithm.element(SEQUENCE)?, inner),
        _ => (inner.len() >= 20).then_some(None),
    }
}

/// p, q and g are the algorithm's parameters here; the public number is not written down.
fn dsa_parameters(parameters: &[u8], inner: &[u8]) -> Option<Option<Public>> {
    let mut der = Der(parameters);
    let (p, q, g) = (der.integer()?, der.integer()?, der.integer()?);
    Der(inner).integer()?;
    // Without y this identifies the key's group only, which is as far as its weakness goes.
    Some(made(b"ssh-dss", &[p, q, g]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in [
            &[0x30][..],
            &[0x30, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x03, 0x02, 0x05, 0x00],
            &[0x30, 0x82, 0x01],
            &[0x02, 0x01, 0x00],
        ] {
            assert!(
                rsa(bytes).is_none() && dsa(bytes).is_none() && ec(bytes).is_none() && pkcs8(bytes).is_none()
            );
        }
    }

    #[test]
    fn numbers_that_do_not_belong_together_are_refused() {
        let key = |n: u8| {
            let body =
                [&[2, 1, 0, 2, 1, n, 2, 1, 3, 2, 1, 3, 2, 1, 5, 2, 1, 7][..], &[2, 1, 1].repeat(3)].concat();
            [&[0x30, body.len() as u8], &body[..]].concat()
        };
        assert!(rsa(&key(35)).is_some());
        assert!(rsa(&key(37)).is_none());
    }
}
