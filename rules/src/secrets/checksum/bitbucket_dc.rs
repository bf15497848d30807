//! Access tokens of Bitbucket Data Center: base64 of the token's number, a colon and the secret.

use super::kit::base64;
use super::{Checksum, Evidence, Mend, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

fn check(seen: &Seen<'_>) -> Evidence {
    let bytes = seen.secret().strip_prefix(b"BBDC-").and_then(base64::decode);
    let bytes = bytes.as_deref().map_or(&[][..], Vec::as_slice);
    let number = memchr::memchr(b':', bytes).map(|at| &bytes[..at]);
    let number = number.filter(|n| (4..=15).contains(&n.len()) && n.iter().all(u8::is_ascii_digit));
    Evidence::unknown().name("token number", number.and_then(|n| std::str::from_utf8(n).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_number() {
        let note = |bytes: &[u8]| {
            let token = format!("BBDC-{}", data_encoding::BASE64.encode(bytes));
            check(&Seen::alone(token.as_bytes())).note()
        };
        assert_eq!(note(b"123456789012:\x01\x02\xff").as_deref(), Some("token number 123456789012"));
        assert_eq!(note(b"noise\xff"), None);
        assert_eq!(note(b":x"), None);
    }
}
