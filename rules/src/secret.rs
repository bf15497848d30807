//! A secret that cannot be printed or left behind in memory, and the little of one that people may see.

use zeroize::Zeroizing;

/// Bytes of a secret. No `Debug`, `Display`, `Serialize` or `Clone`; wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, for matching and digests only.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// At most this many characters of a vendor's fixed prefix are shown.
const PREFIX_SHOWN: usize = 12;
/// A secret shorter than this shows nothing of its own.
const LONG: usize = 20;
/// Characters shown at the end of a long secret, so that two can be told apart.
const TAIL: usize = 3;

/// Masks a secret: the vendor's fixed prefix (public knowledge, `public_prefix` bytes), then `…`, then the last
/// three characters of a long one. Nothing of a short one is shown, not even its length.
#[must_use]
pub fn mask(secret: &[u8], public_prefix: usize) -> String {
    if let Some(label) = block(secret) {
        return label;
    }
    let printable = |b: &[u8]| b.iter().all(|c| c.is_ascii_graphic());
    let prefix = public_prefix.min(PREFIX_SHOWN).min(secret.len());
    // Up to a blank: `-----BEGIN` says enough of a header.
    let head = secret[..prefix].split(|c| !c.is_ascii_graphic()).next().unwrap_or_default();
    let body = secret.len() - prefix;
    let tail = if body >= LONG { &secret[secret.len() - TAIL..] } else { &[] };
    let show = |b: &[u8]| if printable(b) { String::from_utf8_lossy(b).into_owned() } else { String::new() };
    format!("{}…{}", show(head), show(tail))
}

/// What makes two secrets the same one: a key block is the same whether its lines end in LF, CRLF or an escape, are
/// indented, quoted or joined.
pub(crate) fn identity<T>(secret: &[u8], of: impl FnOnce(&[u8]) -> T) -> T {
    let blocks = [&b"-----BEGIN "[..], b"PuTTY-User-Key-File-"];
    if !blocks.iter().any(|b| secret.starts_with(b)) {
        return of(secret);
    }
    let mut same = Zeroizing::new(Vec::with_capacity(secret.len()));
    let mut bytes = secret.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                while bytes.next_if_eq(&b'\\').is_some() {}
                bytes.next_if(|b| matches!(b, b'n' | b'r' | b't'));
            }
            b'"' | b'\'' | b',' => {}
            b if b.is_ascii_whitespace() => {}
            b => same.push(b),
        }
    }
    of(&same)
}

/// What a block says of itself in its first line: `OPENSSH PRIVATE KEY`, `PuTTY-User-Key-File-3: ssh-ed25519`. What has no second
/// line is no block, but a secret that begins like one.
fn block(secret: &[u8]) -> Option<String> {
    let mut lines = secret.split(|b| matches!(b, b'\n' | b'\r' | b'\\'));
    let line = lines.next().filter(|_| lines.next().is_some())?;
    let words = match line.strip_prefix(b"-----BEGIN ") {
        Some(label) => label.strip_suffix(b"-----")?,
        None => line.strip_prefix(b"PuTTY-User-Key-File-").map(|_| line)?,
    };
    let plain = words.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b':'));
    (plain && words.len() <= 48).then(|| String::from_utf8_lossy(words).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_show_nothing() {
        assert_eq!(mask(b"hunter2", 0), "…");
        assert_eq!(mask(b"correct horse", 0), "…");
    }

    #[test]
    fn what_begins_like_a_key_and_is_none_shows_no_more_than_others() {
        assert_eq!(mask(b"PuTTY-User-Key-File-hunter22", 0), "…r22");
        assert_eq!(mask(b"-----BEGIN hunter2-----", 0), "…---");
        assert_eq!(mask(b"-----BEGIN EC PRIVATE KEY-----\\nMHcC", 0), "EC PRIVATE KEY");
    }

    #[test]
    fn long_secrets_show_prefix_and_tail() {
        let token = [b"ghp_".as_slice(), &[b'a'; 33], b"xyz"].concat();
        assert_eq!(mask(&token, 4), "ghp_…xyz");
        assert_eq!(mask(b"BEGIN KEY aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 12), "BEGIN…aaa");
    }

    #[test]
    fn blocks_show_their_label_only() {
        let key = ["-----", "BEGIN RSA PRIVATE KEY", "-----\\nMIIEpAIBAAKCAQEA\\n"].concat();
        assert_eq!(mask(key.as_bytes(), 0), "RSA PRIVATE KEY");
        assert_eq!(
            mask(b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", 0),
            "PuTTY-User-Key-File-3: ssh-ed25519"
        );
    }

    #[test]
    fn a_key_is_the_same_in_every_dress() {
        let plain = ["-----", "BEGIN KEY", "-----\nAAAA\nBBBB\n-----END KEY-----"].concat();
        let same = identity(plain.as_bytes(), <[u8]>::to_vec);
        let escaped = plain.replace('\n', "\\n");
        for dress in [
            plain.replace('\n', "\r\n"),
            escaped.clone(),
            escaped.replace('\\', "\\\\"),
            plain.replace('\n', "\n    "),
        ] {
            assert_eq!(identity(dress.as_bytes(), <[u8]>::to_vec), same, "{dress}");
        }
        assert_eq!(identity(b"a b\\nc", <[u8]>::to_vec), b"a b\\nc");
    }

    #[test]
    fn unprintable_bytes_are_never_shown() {
        assert_eq!(mask(&[0xff; 40], 4), "…");
    }
}
