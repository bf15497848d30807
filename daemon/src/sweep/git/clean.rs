//! Contents of files in work trees that hold nothing. Git keeps the same bytes once more, and names them by their digest:
//! what a clone has just checked out is not unpacked and searched a second time.

use sha1::{Digest, Sha1};
use std::collections::HashSet;

/// Most contents that are remembered: three megabytes.
const MOST: usize = 100_000;

/// Digests of contents that were searched and hold nothing, each with how it was judged. See `Engine::manner`.
#[derive(Default)]
pub(crate) struct Clean(HashSet<u128>);

impl Clean {
    /// Notes the content of a whole file.
    pub(crate) fn note(&mut self, manner: u8, bytes: &[u8]) {
        if self.0.len() < MOST {
            let mut blob = Sha1::new();
            blob.update(format!("blob {}\0", bytes.len()));
            blob.update(bytes);
            self.0.extend(key(manner, &blob.finalize()));
        }
    }

    /// Whether the object with this id was searched so, and holds nothing. Repositories that name their objects by SHA-256 are
    /// searched as a whole.
    pub(crate) fn has(&self, manner: u8, id: &[u8]) -> bool {
        id.len() == 20 && key(manner, id).is_some_and(|key| self.0.contains(&key))
    }

    pub(crate) fn add(&mut self, other: Clean) {
        let room = MOST.saturating_sub(self.0.len());
        self.0.extend(other.0.into_iter().take(room));
    }
}

/// Sixteen bytes of a digest are as good as all.
fn key(manner: u8, id: &[u8]) -> Option<u128> {
    let id = u128::from_be_bytes(id.get(..16)?.try_into().ok()?);
    Some(id ^ u128::from(manner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_known_by_the_ids_that_git_gives_them() {
        let mut clean = Clean::default();
        clean.note(1, b"hello\n");
        let id = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        // `echo hello | git hash-object --stdin`
        assert!(clean.has(1, &id("ce013625030ba8dba906f756967f9e9ca394464a")));
        assert!(!clean.has(0, &id("ce013625030ba8dba906f756967f9e9ca394464a")), "judged otherwise");
        assert!(!clean.has(1, &id("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")));
        assert!(!clean.has(1, &id(&"ce".repeat(32))));
        let mut other = Clean::default();
        other.add(clean);
        assert!(other.has(1, &id("ce013625030ba8dba906f756967f9e9ca394464a")));
    }
}
