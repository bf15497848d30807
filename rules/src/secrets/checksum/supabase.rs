//! Supabase's keys (`sb_secret_…`, `sb_publishable_…`): the last eight characters are base64 of the SHA-256 of the
//! project's name, `|` and all before them. The name mostly stands nearby, in the address of the project. Source:
//! Supabase's script for hosts of their own, `docker/utils/add-new-auth-keys.sh`.

use super::{Checksum, Evidence, Mend, Proof, Seen};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Proof(mend) };

/// What stands for the project where there is none.
const OWN: &[u8] = b"supabase-self-hosted";
/// Letters and digits of a project's name.
const NAME: usize = 20;
/// Names tried at most: a file that holds more is no configuration.
const MOST: usize = 64;
const TAIL: usize = 8;

/// What the checksum covers, and the checksum.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = key.len().checked_sub(TAIL + 1).filter(|end| *end > 0 && key[*end] == b'_')?;
    Some((&key[..end], &key[end + 1..]))
}

fn sum(project: &[u8], body: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest([project, b"|", body].concat());
    let mut text = BASE64URL_NOPAD.encode(&digest).into_bytes();
    text.truncate(TAIL);
    text
}

/// Words that may be a project's name, nearest ones first.
fn names<'a>(seen: &Seen<'a>) -> impl Iterator<Item = &'a [u8]> {
    let name = |word: &&[u8]| word.len() == NAME;
    let split = |b: &u8| !(b.is_ascii_lowercase() || b.is_ascii_digit());
    let before = seen.before().rsplit(split).filter(name);
    before.take(MOST / 2).chain(seen.after().split(split).filter(name).take(MOST / 2))
}

fn check(seen: &Seen<'_>) -> Evidence {
    let Some((body, tail)) = split(seen.secret()) else { return Evidence::unknown() };
    if sum(OWN, body) == tail {
        return Evidence::from(Proof::HOLDS).tell("of a server of your own");
    }
    // Without its project nothing can be said: the name may stand in another file.
    let project = names(seen).find(|name| sum(name, body) == tail).and_then(|n| std::str::from_utf8(n).ok());
    match project {
        Some(_) => Evidence::from(Proof::HOLDS).name("of project", project),
        None => Evidence::unknown(),
    }
}

fn mend(key: &[u8]) -> Vec<u8> {
    split(key).map_or_else(|| key.to_vec(), |(body, _)| [body, b"_", &sum(OWN, body)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    /// Computed with an implementation in another language.
    #[test]
    fn known_answers() {
        let body = format!("sb_secret_{}", "a".repeat(22));
        assert_eq!(sum(OWN, body.as_bytes()), b"HpTnZZqG");
        assert_eq!(sum(b"abcdefghijklmnopqrst", body.as_bytes()), b"wmXOMR6h");
    }

    fn file(text: &str, project: &str) -> Evidence {
        let body = fill("sb_secret_{{alnum:22}}", "supabase");
        let tail = sum(project.as_bytes(), body.as_bytes());
        let key = format!("{body}_{}", String::from_utf8(tail).unwrap());
        let text = text.replace("KEY", &key);
        let at = text.find(&key).unwrap();
        check(&Seen::new(text.as_bytes(), (at, at + key.len())))
    }

    #[test]
    fn the_project_is_found_where_its_address_stands() {
        let project = "abcdefghijklmnopqrst";
        for text in [
            "SUPABASE_URL=https://abcdefghijklmnopqrst.supabase.co\nSUPABASE_SECRET_KEY=KEY\n",
            "KEY\nhttps://abcdefghijklmnopqrst.supabase.co/rest/v1",
            "{\"ref\":\"abcdefghijklmnopqrst\",\"other\":\"bbbbbbbbbbbbbbbbbbbb\",\"key\":\"KEY\"}",
        ] {
            let said = file(text, project);
            assert_eq!(said.note().as_deref(), Some("its checksum holds; of project abcdefghijklmnopqrst"));
        }
        assert_eq!(file("KEY", "supabase-self-hosted").proof, Proof::HOLDS);
    }

    #[test]
    fn without_its_project_nothing_is_said() {
        for text in ["KEY", "https://abcdefghijklmnopqrsu.supabase.co KEY", "xabcdefghijklmnopqrst KEY"] {
            assert_eq!(file(text, "abcdefghijklmnopqrst"), Evidence::unknown(), "{text}");
        }
        let far = format!("abcdefghijklmnopqrst{}KEY", " ".repeat(9000));
        assert_eq!(file(&far, "abcdefghijklmnopqrst"), Evidence::unknown());
    }
}
