//! Atlassian's API tokens (`ATATT3…`, `ATCTT3…`): after `=`, the CRC-32 of all before it, `=` included, in capital hex.
//! Not written down by Atlassian, so a mismatch says nothing.

use super::kit::crc;
use super::{Checksum, Mend, Proof};

pub(crate) const CHECKSUM: Checksum =
    Checksum { check: |seen| check(seen.secret()).into(), mend: Mend::Proof(mend) };

/// What the checksum covers, and the checksum.
fn split(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = token.len().checked_sub(8)?;
    (end > 1 && token[end - 1] == b'=').then(|| token.split_at(end))
}

fn sum(body: &[u8]) -> Vec<u8> {
    format!("{:08X}", crc32fast::hash(body)).into_bytes()
}

fn check(token: &[u8]) -> Proof {
    crc::believed(split(token).is_some_and(|(body, tail)| sum(body) == tail))
}

fn mend(token: &[u8]) -> Vec<u8> {
    split(token).map_or_else(|| token.to_vec(), |(body, _)| [body, &sum(body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        // CRC-32 of "a=", computed with another implementation.
        assert_eq!(mend(b"a=00000000"), b"a=65570408");
        assert_eq!(check(b"a=00000000"), Proof::Unknown);
        assert_eq!(check(&mend(b"ATATT3xFfGF0abc=00000000")), Proof::HOLDS);
        assert_eq!(check(b"=00000000"), Proof::Unknown);
    }
}
