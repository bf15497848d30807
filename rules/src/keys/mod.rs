//! Private and public keys by content: what holds them, whether anybody who reads the file can use them, how strong
//! they are. Containers: OpenSSH, PuTTY, and PEM over DER (PKCS#1, PKCS#8, SEC1, DSA). Cryptography is not needed: an
//! unencrypted key shows its numbers, and these must fit together.

mod armor;
mod der;
mod openssh;
pub(crate) mod putty;
mod wire;

use memchr::memmem;

/// A private key.
pub(crate) struct Key {
    /// What holds it.
    pub(crate) container: Container,
    /// Who reads the file still needs a passphrase or a hardware token.
    pub(crate) locked: bool,
    /// The public half, where the container shows it and its strength depends on its numbers.
    pub(crate) public: Option<Public>,
    /// Its algorithm in words, for example `Ed25519`; empty when it is not told.
    pub(crate) kind: String,
    /// What its owner has written beside it.
    pub(crate) comment: Vec<u8>,
}

/// What holds a private key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Container {
    /// `OPENSSH PRIVATE KEY`: for SSH only.
    OpenSsh,
    /// `PuTTY-User-Key-File`: for SSH only.
    Putty,
    /// PKCS#1, PKCS#8, SEC1: for SSH, TLS and anything else.
    Pem,
}

/// Algorithms that can be too weak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    Rsa,
    Dsa,
}

/// A public key.
pub(crate) struct Public {
    pub(crate) algorithm: Algorithm,
    /// Length of the modulus.
    pub(crate) bits: usize,
    /// As SSH sends it: the same for a private key and its `.pub` file.
    pub(crate) blob: Vec<u8>,
}

/// Why a block is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoKey {
    /// Nothing of a key is in it: `…`, `<your key>`, an empty body, noise.
    Blank,
    /// It looks like one, and is truncated, changed or made up.
    Broken,
}

/// Reads a block, PEM or PuTTY, however it is quoted.
pub(crate) fn parse(block: &[u8]) -> Result<Key, NoKey> {
    if putty::begins(block) {
        return putty::parse(&armor::unescape(block));
    }
    let block = armor::first(block).ok_or(NoKey::Blank)?;
    if block.locked() {
        let (kind, comment) = (String::new(), Vec::new());
        return Ok(Key { container: Container::Pem, locked: true, public: None, kind, comment });
    }
    let body = block.decode()?;
    // Labels are mixed up in the wild; how the body begins is not. What begins otherwise is no key at all.
    if openssh::begins(&body) {
        openssh::parse(&body)
    } else if der::begins(&body) {
        der::parse(block.label, &body)
    } else {
        Err(NoKey::Blank)
    }
}

/// The private key that a file is, or holds next to certificates. Files that merely mention one are looked at no
/// further than their first bytes.
pub(crate) fn in_file(bytes: &[u8]) -> Option<Key> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let armored = bytes.starts_with(b"-----BEGIN ") && memmem::find(bytes, b"PRIVATE KEY-----").is_some();
    (armored || putty::begins(bytes)).then(|| parse(bytes).ok()).flatten()
}

/// The lowest 64 bits of a number: as much as it takes to see whether numbers belong together.
fn low(number: &[u8]) -> u64 {
    number[number.len().saturating_sub(8)..].iter().fold(0, |n, b| (n << 8) | u64::from(*b))
}

/// Whether the modulus of an RSA key is the product of its primes, as far as their lowest bits tell.
pub(crate) fn product(n: &[u8], p: &[u8], q: &[u8]) -> bool {
    low(n) & 1 == 1 && low(p).wrapping_mul(low(q)) == low(n)
}

/// The public key that a file is, when it is one line of an algorithm that can be too weak.
pub(crate) fn public_file(bytes: &[u8]) -> Option<Public> {
    /// The line of an RSA key of 16384 bits is shorter.
    const LONGEST: usize = 8192;
    let line = bytes.trim_ascii();
    let known = line.starts_with(b"ssh-rsa ") || line.starts_with(b"ssh-dss ");
    if !known || line.len() > LONGEST || line.contains(&b'\n') {
        return None;
    }
    let encoded = line.split(u8::is_ascii_whitespace).nth(1)?;
    wire::public(&data_encoding::BASE64.decode(encoded).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    fn key(kind: &str) -> Key {
        let text = fill(&format!("{{{{pem:{kind}}}}}"), "keys");
        parse(text.as_bytes()).unwrap_or_else(|why| panic!("{kind}: {why:?}"))
    }

    #[test]
    fn unencrypted_and_encrypted_containers() {
        for (open, locked) in [
            ("openssh", "openssh-locked"),
            ("rsa", "rsa-locked"),
            ("pkcs8", "pkcs8-locked"),
            ("putty", "putty-locked"),
        ] {
            assert!(!key(open).locked, "{open}");
            assert!(key(locked).locked, "{locked}");
        }
        assert!(!key("ec").locked);
        assert!(!key("dsa").locked);
        assert!(key("openssh-sk").locked, "without the token a handle is worth nothing");
    }

    #[test]
    fn the_public_half_is_the_same_in_every_container() {
        let blob = |kind| key(kind).public.map(|p| (p.algorithm, p.bits, p.blob));
        assert!(blob("rsa").is_some_and(|(algorithm, bits, _)| algorithm == Algorithm::Rsa && bits > 1000));
        assert_eq!(blob("rsa"), blob("pkcs8"));
        assert!(blob("dsa").is_some_and(|(algorithm, ..)| algorithm == Algorithm::Dsa));
        assert!(blob("openssh").is_none(), "every Ed25519 key is strong");
    }

    #[test]
    fn cut_anywhere_it_never_holds_and_never_panics() {
        for kind in ["openssh", "rsa", "pkcs8", "ec", "dsa", "putty"] {
            let text = fill(&format!("{{{{pem:{kind}}}}}"), "keys");
            let (head, tail) = (text.find('\n').unwrap() + 1, text.rfind('\n').unwrap());
            // The last characters may be padding.
            for end in (head..tail - 4).step_by(7) {
                let cut = format!("{}{}", &text[..end], &text[tail..]);
                assert!(parse(cut.as_bytes()).is_err(), "{kind} cut at {end}");
            }
        }
    }

    #[test]
    fn a_public_half_of_another_key_is_noticed() {
        let text = fill("{{pem:openssh}}", "keys");
        let (head, tail) = (text.lines().next().unwrap(), text.lines().last().unwrap());
        let body: String = text.lines().filter(|l| !l.contains('-')).collect();
        let mut bytes = data_encoding::BASE64.decode(body.as_bytes()).unwrap();
        // In the middle of the outer public half.
        let at = memmem::find(&bytes, b"ssh-ed25519").unwrap() + 30;
        bytes[at] ^= 1;
        let changed = format!("{head}\n{}\n{tail}", data_encoding::BASE64.encode(&bytes));
        assert_eq!(parse(changed.as_bytes()).err(), Some(NoKey::Broken));
        assert!(parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn a_putty_file_whose_seal_is_broken_is_noticed() {
        let text = fill("{{pem:putty}}", "keys");
        assert!(parse(text.as_bytes()).is_ok());
        assert!(parse(text.replace("Comment: made", "Comment: maid").as_bytes()).is_err());
        assert!(parse(text.replace("\n", "\r\n").as_bytes()).is_ok());
    }

    #[test]
    fn kinds_and_comments() {
        assert_eq!(key("openssh").kind, "Ed25519");
        assert_eq!(key("openssh").comment, b"made");
        assert_eq!(key("putty").comment, b"made");
        assert_eq!(key("rsa-2048").kind, "RSA, 2048 bits");
        assert_eq!(key("pkcs8").kind, key("rsa").kind);
        assert_eq!(key("ec").kind, "elliptic curve");
    }

    #[test]
    fn files_that_are_keys() {
        assert!(in_file(fill("{{pem:openssh}}", "k").as_bytes()).is_some());
        assert!(in_file(fill("{{pem:putty}}", "k").as_bytes()).is_some());
        assert!(in_file(fill("key: {{pem:openssh}}", "k").as_bytes()).is_none());
        let chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{{pem:pkcs8}}";
        assert!(in_file(fill(chain, "k").as_bytes()).is_some());
        assert!(public_file(b"ssh-rsa AAAA").is_none());
        assert!(public_file(b"ssh-ed25519 AAAA me").is_none());
    }

    #[test]
    fn a_byte_changed_anywhere_never_panics() {
        for kind in ["openssh", "rsa", "pkcs8", "ec", "dsa", "putty", "rsa-locked"] {
            let text = fill(&format!("{{{{pem:{kind}}}}}"), "keys").into_bytes();
            for (i, byte) in (0..text.len()).step_by(3).zip(b"\\\"\xff-\n/:\0Z".iter().cycle()) {
                let mut changed = text.clone();
                changed[i] = *byte;
                let _ = (parse(&changed), in_file(&changed), public_file(&changed));
            }
        }
    }
}
