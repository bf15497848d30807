//! What code hosts compare between runs, and must be the same on every machine: paths within the checkout, and
//! fingerprints. Ids will not do for that: they are keyed, and a build machine has another key each time.

use lapwing_agent::record::Record;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The checkout in which the command runs: from the nearest directory with a `.git` on, or else the current one.
pub(crate) struct Checkout {
    root: PathBuf,
    here: PathBuf,
}

impl Checkout {
    /// That of the current directory.
    pub(crate) fn here() -> Checkout {
        let here = std::env::current_dir().unwrap_or_default();
        let root = here.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(&here).to_owned();
        Checkout { root, here }
    }

    /// A path as seen from the root of the checkout; absolute when it is outside. What is no path (`~/…`, `(stdin)`)
    /// stays what it is.
    pub(crate) fn path(&self, shown: &str) -> String {
        if shown.starts_with("~/") || (shown.starts_with('(') && shown.ends_with(')') && !shown.contains('/'))
        {
            return shown.to_owned();
        }
        let mut whole = PathBuf::new();
        for part in self.here.join(shown).components() {
            match part {
                std::path::Component::ParentDir => drop(whole.pop()),
                part => whole.push(part),
            }
        }
        let path: &Path = whole.strip_prefix(&self.root).unwrap_or(&whole);
        path.to_string_lossy().into_owned()
    }
}

#[cfg(test)]
impl Checkout {
    pub(crate) fn of(root: &str, here: &str) -> Checkout {
        Checkout { root: PathBuf::from(root), here: PathBuf::from(here) }
    }
}

/// Fingerprints of one report: of what is shown only (rule, path, masked evidence), so that lines may move, and a number
/// that keeps those apart which look the same.
#[derive(Default)]
pub(crate) struct Fingerprints(HashMap<[u8; 32], u32>);

impl Fingerprints {
    /// The next one for a finding at this path.
    pub(crate) fn next(&mut self, record: &Record, path: &str) -> String {
        let parts = [&record.rule, path, &record.preview].join("\0");
        let digest: [u8; 32] = Sha256::digest(parts.as_bytes()).into();
        let nth = self.0.entry(digest).or_default();
        *nth += 1;
        let digest = Sha256::new().chain_update(digest).chain_update(nth.to_le_bytes()).finalize();
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn paths_are_seen_from_the_root_of_the_checkout() {
        let checkout = Checkout::of("/home/dev/src/app", "/home/dev/src/app/web");
        let path = |shown| checkout.path(shown);
        assert_eq!(path("config/.env"), "web/config/.env");
        assert_eq!(path("./.env"), "web/.env");
        assert_eq!(path("../api/.env"), "api/.env");
        assert_eq!(path("/home/dev/src/app/.env"), ".env");
        assert_eq!(path("../../other/.env"), "/home/dev/src/other/.env");
        assert_eq!(path("/etc/gitconfig"), "/etc/gitconfig");
        assert_eq!(path("~/.npmrc"), "~/.npmrc");
        assert_eq!(path("(stdin)"), "(stdin)");
        assert_eq!(path("(a)/b"), "web/(a)/b");
    }

    #[test]
    fn fingerprints_hang_on_what_is_shown_and_never_repeat() {
        let record = sample::token();
        let all = |lines: u64| {
            let mut prints = Fingerprints::default();
            let mut moved = record.clone();
            moved.id = format!("F-0000000{lines}");
            moved.sightings[0].line = Some(lines);
            [prints.next(&moved, "a"), prints.next(&moved, "a"), prints.next(&moved, "b")]
        };
        let (one, two) = (all(1), all(2));
        assert_eq!(one, two);
        assert!(one[0] != one[1] && one[1] != one[2] && one[0] != one[2]);
        assert_eq!(one[0].len(), 32);
    }
}
