//! Which files of a directory have not changed since they were examined: sixteen bytes each, packed.

use crate::ledger::DirKey;
use crate::machine::files::Identity;
use crate::text;
use std::collections::HashMap;

/// What an unchanged file was found to be, so that counts stay right without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Was {
    Examined,
    Opaque,
    /// An archive, not unpacked to its end.
    Partly,
    /// Too much for a rule.
    Damaged,
    /// An archive, too much for a rule, and not unpacked to its end.
    Both,
}

const ALL: [Was; 5] = [Was::Examined, Was::Opaque, Was::Partly, Was::Damaged, Was::Both];

/// States of the files of one directory.
#[derive(Default)]
pub(crate) struct States(HashMap<u64, u64>);

impl States {
    /// Reads packed states; a blob of odd length comes from damage, and its rest is not known.
    pub(crate) fn unpack(blob: &[u8]) -> States {
        let word = |b: &[u8]| b.iter().rev().fold(0u64, |acc, b| (acc << 8) | u64::from(*b));
        States(blob.chunks_exact(16).map(|c| (word(&c[..8]), word(&c[8..]))).collect())
    }

    /// The packed form, in a fixed order.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut pairs: Vec<_> = self.0.iter().collect();
        pairs.sort_unstable();
        pairs
            .into_iter()
            .flat_map(|(inode, state)| [inode.to_le_bytes(), state.to_le_bytes()])
            .flatten()
            .collect()
    }

    /// What a file was, if it has not changed.
    pub(crate) fn unchanged(&self, file: Identity) -> Option<Was> {
        let state = *self.0.get(&file.inode)?;
        ALL.into_iter().find(|was| mark(file, *was) == state)
    }

    /// Remembers a file.
    pub(crate) fn add(&mut self, file: Identity, was: Was) {
        self.0.insert(file.inode, mark(file, was));
    }
}

/// The lowest bits say what the file was.
fn mark(file: Identity, was: Was) -> u64 {
    let was = match was {
        Was::Examined => 0,
        Was::Opaque => 1,
        Was::Partly => 2,
        Was::Damaged => 3,
        Was::Both => 4,
    };
    (file.state & !7) | was
}

/// Names a directory in the index.
pub(crate) fn key(path: &std::path::Path) -> DirKey {
    let mut key = [0; 16];
    key.copy_from_slice(&text::digest(path.as_os_str().as_encoded_bytes())[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_everything() {
        let mut states = States::default();
        for n in 0..100 {
            let was = ALL[usize::try_from(n % 5).unwrap()];
            states.add(Identity { inode: n * 7, state: n * 0x1234_5678_9abc }, was);
        }
        let again = States::unpack(&states.pack());
        for n in 0..100 {
            let was = ALL[usize::try_from(n % 5).unwrap()];
            assert_eq!(again.unchanged(Identity { inode: n * 7, state: n * 0x1234_5678_9abc }), Some(was));
        }
        assert_eq!(again.unchanged(Identity { inode: 7, state: 1 << 20 }), None);
    }

    #[test]
    fn a_damaged_blob_is_read_as_far_as_it_goes() {
        assert_eq!(States::unpack(&[1; 17]).0.len(), 1);
        assert_eq!(States::unpack(&[]).0.len(), 0);
    }
}
