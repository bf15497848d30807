//! What was changed, written down before it is done: enough to explain it, to bring an interrupted change to an end, and
//! to take it back. Never what was secret, and never a digest of it.

use super::fresh::Fresh;
use super::keep::Stored;
use super::quarantine::Kept;
use super::refused::Refused;
use super::spot::Spot;
use rustix::fs as sys;
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Version of the file's form.
pub(crate) const SCHEMA: u32 = 1;
/// Largest receipt that is read.
const LARGEST: u64 = 64 << 20;

/// One run of `lapwing fix`, however many findings it has mended: taken back by one `lapwing undo`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// Its name: when it was begun, and four letters.
    pub(crate) id: String,
    /// When it was begun, seconds since 1970.
    pub(crate) at: i64,
    /// What it has mended.
    pub(crate) mended: Vec<Mended>,
    /// What it has changed, in order.
    pub(crate) changes: Vec<Change>,
}

/// A finding that was mended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Mended {
    /// For example `F-7K3Q2MAB`.
    pub(crate) id: String,
    /// Its rule.
    pub(crate) rule: String,
    /// What was changed, one line.
    pub(crate) summary: String,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    /// `~/…` in the home, else absolute; where the file really is. Empty for what is in no file.
    pub(crate) path: String,
    /// How far it has come.
    pub(crate) state: State,
    /// What it is.
    #[serde(flatten)]
    pub(crate) deed: Deed,
}

/// How far a change has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Written down, perhaps done: the run ended in between, or goes on.
    Intended,
    /// Done.
    Done,
    /// Not done: it could not be, or did not mend what it should have.
    Dropped,
    /// Being taken back.
    Undoing,
    /// Taken back.
    Undone,
}

/// What a change is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Deed {
    /// Bytes of a file were replaced.
    Rewrite {
        /// What the file is afterwards.
        after: Print,
        /// Its mode, before and afterwards.
        mode: u32,
        /// The name beside it that one of its two versions has for a moment.
        temporary: String,
        /// The lock of its tool, while it is held.
        lock: Option<String>,
        /// How to take it back, in order of place.
        inverse: Vec<Inverse>,
        /// Edits that took a secret out: what was there is gone for good.
        secrets: usize,
    },
    /// A file was made.
    Create {
        /// What it is.
        after: Print,
        /// Directories made for it, outermost first.
        directories: Vec<String>,
    },
    /// Permission bits were changed.
    Mode {
        /// Before.
        was: u32,
        /// Afterwards.
        mode: u32,
    },
    /// A file was removed after what it held had been kept elsewhere.
    Remove {
        /// The name beside it that it has for a moment.
        temporary: String,
    },
    /// Values in the cells of a database were replaced.
    Cells {
        /// How many.
        cells: u64,
    },
    /// A credential was kept.
    Keep {
        /// Where, and whether it was there before.
        stored: Stored,
    },
    /// Something was moved into the quarantine.
    Quarantine {
        /// What, and where it was; `null` when it was gone already.
        kept: Option<Kept>,
    },
    /// A unit was stopped and disabled.
    Stop {
        /// Its name.
        unit: String,
    },
    /// Nothing of these programs ran any more.
    Gone {
        /// As indicators name them.
        programs: Vec<String>,
    },
    /// A program was run in the terminal.
    Guide {
        /// Program and arguments.
        argv: Vec<String>,
    },
}

/// What a file is after a change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Print {
    /// Bytes.
    pub(crate) length: u64,
    /// SHA-256 of them.
    pub(crate) digest: String,
}

/// How to take an edit back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Inverse {
    /// First byte, in what the file is after the change.
    pub(crate) at: u64,
    /// What stands there after the change.
    pub(crate) now: Bytes,
    /// What stood there before.
    pub(crate) was: Bytes,
    /// What is around it, so that it is found again when something else has been edited.
    pub(crate) around: Around,
}

/// Some bytes before and after an edit. Digests are cut short: they tell places apart, and tell nothing else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Around {
    /// Bytes before, and their digest.
    pub(crate) before: (u64, String),
    /// Bytes after, and their digest.
    pub(crate) after: (u64, String),
}

/// Bytes of a text file, mostly.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Raw(Vec<u8>),
}

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Bytes {
        std::str::from_utf8(bytes).map_or_else(|_| Bytes::Raw(bytes.to_vec()), |t| Bytes::Text(t.to_owned()))
    }

    pub(crate) fn get(&self) -> &[u8] {
        match self {
            Bytes::Text(text) => text.as_bytes(),
            Bytes::Raw(bytes) => bytes,
        }
    }
}

impl Receipt {
    /// Begins one.
    pub(crate) fn begin(at: i64) -> Receipt {
        Receipt { schema: SCHEMA, id: name(at), at, mended: Vec::new(), changes: Vec::new() }
    }

    /// Whether a run ended in the middle of it.
    pub(crate) fn interrupted(&self) -> bool {
        self.changes.iter().any(|c| matches!(c.state, State::Intended | State::Undoing))
    }

    /// Whether there is something left to take back.
    pub(crate) fn stands(&self) -> bool {
        self.changes.iter().any(|c| matches!(c.state, State::Done | State::Intended))
    }
}

/// `20261129-001500-k3f9`: sorts by time, and two in one second differ.
fn name(at: i64) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let mut random = [0; 4];
    let _ = rustix::rand::getrandom(&mut random[..], rustix::rand::GetRandomFlags::empty());
    let letters: String = random.iter().map(|b| char::from(LETTERS[usize::from(b & 31)])).collect();
    format!("{}-{letters}", crate::dates::stamp(at))
}

/// Where receipts are kept.
pub(crate) struct Store {
    dir: PathBuf,
}

impl Store {
    /// The receipts below a state directory; made, for the user alone, when they are not there.
    pub(crate) fn open(state: &Path) -> Result<Store, Refused> {
        if state.as_os_str().is_empty() {
            return Err(Refused::Missing("there is no home directory to keep receipts in".to_owned()));
        }
        let dir = state.join("receipts");
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|e| Refused::from_io("make the directory for receipts", &e))?;
        let dir = std::fs::canonicalize(&dir).map_err(|e| Refused::from_io("find the receipts", &e))?;
        Ok(Store { dir })
    }

    /// As [`Store::open`], to read only: `None` when there are none.
    pub(crate) fn existing(state: &Path) -> Option<Store> {
        let dir = std::fs::canonicalize(state.join("receipts")).ok()?;
        Some(Store { dir })
    }

    fn spot(&self, id: &str) -> Result<Spot, Refused> {
        Spot::at(&self.dir.join(format!("{id}.json")), id)
    }

    /// Writes a receipt, all at once, and waits until it is on the disk.
    pub(crate) fn write(&self, receipt: &Receipt) -> Result<(), Refused> {
        let tried = "write the receipt";
        let spot = self.spot(&receipt.id)?;
        let text = serde_json::to_vec(receipt).map_err(|e| Refused::System(tried, e.to_string()))?;
        let mut fresh = Fresh::beside(&spot, &receipt.id)?;
        fresh.file.write_all(&text).map_err(|e| Refused::from_io(tried, &e))?;
        fresh.sync()?;
        fresh.replace(&spot)?;
        spot.settle()
    }

    /// The names of all of them, oldest first.
    pub(crate) fn names(&self) -> Vec<String> {
        let open = sys::open(&self.dir, sys::OFlags::DIRECTORY | sys::OFlags::CLOEXEC, sys::Mode::empty());
        let entries = open.and_then(|dir| sys::Dir::read_from(&dir));
        let name =
            |e: sys::DirEntry| e.file_name().to_string_lossy().strip_suffix(".json").map(str::to_owned);
        let mut names: Vec<String> = entries.into_iter().flatten().flatten().filter_map(name).collect();
        names.retain(|n| !n.starts_with('.'));
        names.sort();
        names
    }

    /// Reads one.
    pub(crate) fn read(&self, id: &str) -> Result<Receipt, Refused> {
        let (file, _) = self.spot(id)?.open()?;
        let mut text = Vec::new();
        file.take(LARGEST).read_to_end(&mut text).map_err(|e| Refused::from_io("read the receipt", &e))?;
        let receipt: Receipt = serde_json::from_slice(&text)
            .map_err(|_| Refused::System("read the receipt", "it is damaged".to_owned()))?;
        if receipt.schema == SCHEMA {
            Ok(receipt)
        } else {
            Err(Refused::Missing("it is of another version of lapwing; use that one".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    pub(crate) fn sample() -> Receipt {
        let print = Print { length: 3, digest: "00".to_owned() };
        let around = Around { before: (0, String::new()), after: (0, String::new()) };
        let inverse = Inverse { at: 1, now: Bytes::new(b"b"), was: Bytes::new(&[0xff, 0]), around };
        let deed = Deed::Rewrite {
            after: print,
            mode: 0o600,
            temporary: ".a.lapwing-x".to_owned(),
            lock: None,
            inverse: vec![inverse],
            secrets: 1,
        };
        let change = Change { path: "~/a".to_owned(), state: State::Intended, deed };
        Receipt { changes: vec![change], ..Receipt::begin(1_764_374_100) }
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written_and_is_the_users_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("deep/state");
        let store = Store::open(&state).unwrap();
        let mut receipt = sample();
        store.write(&receipt).unwrap();
        receipt.changes[0].state = State::Done;
        store.write(&receipt).unwrap();
        assert_eq!(store.names(), [receipt.id.clone()]);
        assert_eq!(store.read(&receipt.id).unwrap(), receipt);
        assert!(!receipt.interrupted() && receipt.stands());
        let mode = |p: &Path| p.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.dir), 0o700);
        assert_eq!(mode(&store.dir.join(format!("{}.json", receipt.id))), 0o600);
    }

    #[test]
    fn names_sort_by_time() {
        let (a, b) = (Receipt::begin(1_764_374_100), Receipt::begin(1_764_374_101));
        assert!(a.id < b.id);
        assert!(a.id.starts_with("20251128-235500-"), "{}", a.id);
    }
}
