//! Baselines: which findings were there already, in a file that a team may share.
//!
//! Finding ids are keyed for one user, so they mean nothing on another machine. A baseline brings a key of its own: a
//! random salt, made once and kept whenever the file is written anew. Its entries are digests under that salt, one for
//! each finding, sorted; nothing else is in the file, so it only changes when the findings do.
//!
//! **What an entry stands for.** A secret is its bytes: it may move, be copied and be edited around, in any file. A
//! setting or check is its rule, the *name* of its file (not where that lies: a checkout lies somewhere else for
//! everybody) and its key. So that one `.npmrc` in a baseline does not cover every `.npmrc` to come, equal ones are
//! counted: the second has an entry of its own, and is new when the baseline knows one only.
//!
//! **What a thief of the file can do.** The salt is in it, so whoever has the file may try guesses. Tokens that
//! vendors make cannot be guessed; a password that a person chose can. Entries are therefore stretched with Argon2id:
//! a guess costs some ten milliseconds and seven megabytes, for one file only, since another has another salt. That
//! makes a dictionary dear, not impossible: what is in a baseline is still to be replaced, and a weak password first.
//! A digest short enough to be ambiguous would hide guesses better, and new secrets too; that is the wrong trade.

use crate::fingerprint::Subject;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

/// What makes the entries of one baseline unlike those of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Salt(pub [u8; 16]);

/// What a finding is to a baseline, before it is stretched. It can be guessed at fast, so it can be neither printed nor
/// written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 32]);

/// One line of a baseline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry([u8; 10]);

/// What was there already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Baseline {
    /// Made once.
    pub salt: Salt,
    /// One a finding.
    pub entries: BTreeSet<Entry>,
}

/// First line that is no remark.
const FORM: &str = "lapwing-baseline";
const VERSION: &str = "1";
/// Kibibytes, and passes over them: what is advised for passwords, in the variant with the least memory, because several
/// are computed at once.
const COST: (u32, u32) = (7 * 1024, 5);

impl Mark {
    pub(crate) fn of(subject: &Subject<'_>, salt: &Salt) -> Mark {
        // An HMAC takes a key of any length, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&salt.0) else { return Mark([0; 32]) };
        match subject {
            Subject::Secret(bytes) => {
                mac.update(b"secret\0");
                mac.update(bytes);
            }
            Subject::Fact { rule, scope, key } => {
                let file = scope.rsplit('/').next().unwrap_or(scope);
                for part in ["fact", rule, file, key] {
                    mac.update(part.as_bytes());
                    mac.update(b"\0");
                }
            }
        }
        Mark(mac.finalize().into_bytes().into())
    }
}

/// Numbers equal marks, in their order, from 0.
#[must_use]
pub fn numbered(marks: impl IntoIterator<Item = Mark>) -> Vec<(Mark, u32)> {
    let mut met: HashMap<Mark, u32> = HashMap::new();
    let mut number = |mark| {
        let nth = met.entry(mark).or_default();
        *nth += 1;
        (mark, *nth - 1)
    };
    marks.into_iter().map(&mut number).collect()
}

impl Entry {
    /// The entry of the nth finding with this mark. Takes some ten milliseconds, on purpose. `None` when there is no
    /// memory for it.
    #[must_use]
    pub fn of(salt: &Salt, (mark, nth): &(Mark, u32)) -> Option<Entry> {
        let params = Params::new(COST.0, COST.1, 1, None).ok()?;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(params.block_count()).ok()?;
        blocks.resize(params.block_count(), Block::default());
        let mut input = mark.0.to_vec();
        input.extend(nth.to_le_bytes());
        let mut out = [0; 10];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into_with_memory(&input, &salt.0, &mut out, &mut blocks).ok()?;
        Some(Entry(out))
    }
}

impl Baseline {
    /// An empty one.
    #[must_use]
    pub fn new(salt: Salt) -> Baseline {
        Baseline { salt, entries: BTreeSet::new() }
    }

    /// Reads a file. The order of its lines does not matter, so that two branches merge.
    ///
    /// # Errors
    /// One line that says which line is wrong. Half a baseline is none: what it lacks would look new.
    pub fn parse(text: &str) -> Result<Baseline, String> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let mut lines = lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
        match lines.next().map(|(_, line)| line.split_once(' ')) {
            Some(Some((FORM, VERSION))) => {}
            Some(Some((FORM, _))) => return Err("is of another version of Lapwing".to_owned()),
            _ => return Err("is not a baseline".to_owned()),
        }
        let salt = lines.next().and_then(|(_, line)| decoded(line.strip_prefix("salt ")?));
        let Some(salt) = salt else { return Err("has no salt".to_owned()) };
        let entry = |(number, line): (u32, &str)| {
            decoded(line).map(Entry).ok_or_else(|| format!("line {number} is not an entry"))
        };
        Ok(Baseline { salt: Salt(salt), entries: lines.map(entry).collect::<Result<_, _>>()? })
    }

    /// The file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "# Findings that were there already: `lapwing scan --baseline FILE` leaves them out, and\n\
             # `lapwing baseline -o FILE` writes them anew. The lines tell neither secrets nor files.\n\
             {FORM} {VERSION}\nsalt {}\n",
            HEXLOWER.encode(&self.salt.0)
        );
        for entry in &self.entries {
            let _ = writeln!(text, "{}", HEXLOWER.encode(&entry.0));
        }
        text
    }
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([7; 16]);

    fn fact(scope: &str) -> Mark {
        Mark::of(&Subject::Fact { rule: "r", scope, key: "k" }, &SALT)
    }

    fn secret(bytes: &[u8]) -> Mark {
        Mark::of(&Subject::Secret(bytes), &SALT)
    }

    #[test]
    fn a_secret_is_its_bytes_and_a_fact_its_rule_name_and_key() {
        assert!(secret(b"a") == secret(b"a") && secret(b"a") != secret(b"b"));
        assert!(Mark::of(&Subject::Secret(b"a"), &Salt([8; 16])) != secret(b"a"));
        assert!(fact("~/src/app/.npmrc") == fact("other/.npmrc") && fact(".npmrc") != fact(".yarnrc"));
    }

    #[test]
    fn equal_facts_are_counted() {
        let (one, two) = (fact("a/.npmrc"), fact("b/.yarnrc"));
        let numbered = numbered([one, two, one]);
        assert!(numbered == [(one, 0), (two, 0), (one, 1)]);
        assert_ne!(Entry::of(&SALT, &numbered[0]).unwrap(), Entry::of(&SALT, &numbered[2]).unwrap());
    }

    #[test]
    fn entries_are_the_same_on_every_machine() {
        // Files of teams hold these: a change of this value is a change of the form, and needs another number.
        let entry = Entry::of(&SALT, &(secret(b"example"), 0)).unwrap();
        assert_eq!(HEXLOWER.encode(&entry.0), "8df088196897f479f1c9");
    }

    #[test]
    fn a_file_is_read_back_the_same_in_any_order() {
        let entries = [Entry([1; 10]), Entry([0xfe; 10])];
        let baseline = Baseline { salt: SALT, entries: entries.into_iter().collect() };
        let text = baseline.text();
        assert_eq!(Baseline::parse(&text), Ok(baseline.clone()));
        let mut lines: Vec<&str> = text.lines().collect();
        let last = lines.len() - 1;
        lines.swap(last, last - 1);
        let (crlf, again) = (lines.join("\r\n"), [lines.join("\n"), HEXLOWER.encode(&[1; 10])].join("\n"));
        assert_eq!(Baseline::parse(&crlf), Ok(baseline.clone()));
        assert_eq!(Baseline::parse(&again), Ok(baseline));
    }

    #[test]
    fn half_a_baseline_is_none() {
        let whole = Baseline { salt: SALT, entries: [Entry([1; 10])].into_iter().collect() }.text();
        let error = |text: &str| Baseline::parse(text).unwrap_err();
        assert_eq!(error(""), "is not a baseline");
        assert_eq!(error("{\"findings\": []}"), "is not a baseline");
        assert_eq!(error("lapwing-baseline 2\n"), "is of another version of Lapwing");
        assert_eq!(error("lapwing-baseline 1\n"), "has no salt");
        assert_eq!(error(&whole.replace("salt 07", "salt ")), "has no salt");
        assert_eq!(error(&whole[..whole.len() - 5]), "line 5 is not an entry");
        assert_eq!(error(&format!("{whole}<<<<<<< HEAD\n")), "line 6 is not an entry");
    }
}
