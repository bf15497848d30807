//! Keyed identity of findings: an HMAC, so that an id tells nothing about a secret to who lacks the key.

use crate::baseline::{Mark, Salt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use zeroize::Zeroizing;

/// 128 bits that name a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FindingId(pub [u8; 16]);

/// Crockford's alphabet: no `I`, `L`, `O`, `U`, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters shown of an id: 40 bits, enough for a million findings on one laptop.
const SHOWN: usize = 8;

impl FindingId {
    /// The shown form, for example `F-7K3Q2MAB`.
    #[must_use]
    pub fn short(&self) -> String {
        let bits = self.0.iter().take(5).fold(0u64, |acc, b| (acc << 8) | u64::from(*b));
        let digit = |i: usize| char::from(ALPHABET[(bits >> (5 * (SHOWN - 1 - i))) as usize & 31]);
        format!("F-{}", (0..SHOWN).map(digit).collect::<String>())
    }
}

/// The key that makes ids, 32 bytes.
pub type Key = Zeroizing<[u8; 32]>;

/// What an id is about.
pub enum Subject<'a> {
    /// A secret: the same bytes anywhere are the same finding, whichever rule saw them.
    Secret(&'a [u8]),
    /// A fact: a rule, the scope (a file or a repository), and the key in it.
    Fact {
        /// Rule id.
        rule: &'a str,
        /// File or scope.
        scope: &'a str,
        /// Key or section.
        key: &'a str,
    },
}

/// Makes ids. The key is fetched at the first finding, so that a clean run never asks the keyring.
pub struct Fingerprinter {
    fetch: Box<dyn Fn() -> Key + Send + Sync>,
    key: OnceLock<Key>,
    /// With a baseline: its salt, and what each id is to it.
    marks: Option<(Salt, Mutex<HashMap<FindingId, Mark>>)>,
}

impl Fingerprinter {
    /// `fetch` is called once at most.
    #[must_use]
    pub fn new(fetch: impl Fn() -> Key + Send + Sync + 'static) -> Fingerprinter {
        Fingerprinter { fetch: Box::new(fetch), key: OnceLock::new(), marks: None }
    }

    /// Also notes what each finding is to the baseline with this salt.
    #[must_use]
    pub fn marking(self, salt: Option<Salt>) -> Fingerprinter {
        Fingerprinter { marks: salt.map(|salt| (salt, Mutex::default())), ..self }
    }

    /// The key, once it was fetched.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        self.key.get().cloned()
    }

    /// What the findings so far are to the baseline, by their shown ids.
    #[must_use]
    pub fn marks(&self) -> HashMap<String, Mark> {
        let Some((_, marks)) = &self.marks else { return HashMap::new() };
        let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.iter().map(|(id, mark)| (id.short(), *mark)).collect()
    }

    /// The id of a subject.
    #[must_use]
    pub fn id(&self, subject: &Subject<'_>) -> FindingId {
        let key = self.key.get_or_init(|| (self.fetch)());
        // An HMAC takes a key of any length, so this cannot fail; an empty id would only merge findings.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key[..]) else { return FindingId([0; 16]) };
        match subject {
            Subject::Secret(bytes) => {
                mac.update(b"secret\0");
                mac.update(bytes);
            }
            Subject::Fact { rule, scope, key } => {
                for part in ["fact", rule, scope, key] {
                    mac.update(part.as_bytes());
                    mac.update(b"\0");
                }
            }
        }
        let digest = mac.finalize().into_bytes();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let id = FindingId(id);
        if let Some((salt, marks)) = &self.marks {
            let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.entry(id).or_insert_with(|| Mark::of(subject, salt));
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(seed: u8) -> Fingerprinter {
        Fingerprinter::new(move || Zeroizing::new([seed; 32]))
    }

    #[test]
    fn same_secret_same_id_other_key_other_id() {
        let a = printer(1).id(&Subject::Secret(b"abc"));
        assert!(a == printer(1).id(&Subject::Secret(b"abc")));
        assert!(a != printer(2).id(&Subject::Secret(b"abc")));
        assert!(a != printer(1).id(&Subject::Secret(b"abd")));
    }

    #[test]
    fn parts_of_a_fact_do_not_run_into_each_other() {
        let p = printer(1);
        let one = p.id(&Subject::Fact { rule: "r", scope: "ab", key: "c" });
        let two = p.id(&Subject::Fact { rule: "r", scope: "a", key: "bc" });
        assert!(one != two);
    }

    #[test]
    fn with_a_baseline_every_id_has_a_mark() {
        let p = printer(1).marking(Some(Salt([2; 16])));
        let id = p.id(&Subject::Secret(b"abc"));
        assert!(p.id(&Subject::Secret(b"abc")) == id);
        assert_eq!(p.marks().keys().cloned().collect::<Vec<_>>(), [id.short()]);
        let without = printer(1);
        assert!(without.id(&Subject::Secret(b"abc")) == id);
        assert!(without.marks().is_empty());
    }

    #[test]
    fn short_form_is_readable() {
        let short = FindingId([0xff; 16]).short();
        assert_eq!(short, "F-ZZZZZZZZ");
        assert_eq!(FindingId([0; 16]).short(), "F-00000000");
    }
}
