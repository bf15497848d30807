//! The objects of a repository: those of its packs, and those that have a file each.

use super::super::files;
use super::Repository;
use super::delta;
use super::pack::{self, Broken, Kind, Pack, Stands, Unpack, open};
use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use zeroize::Zeroizing;

/// Differences that may stand upon each other: git itself makes at most 4095.
const CHAIN: usize = 4096;
/// Largest objects that may be made on the way to one.
const STEPS: usize = 64;
/// What reading any object costs, in bytes that could be made meanwhile.
const BEGIN: usize = 512;
/// Directories of objects that may borrow from each other.
const BORROWED: usize = 8;

/// Every object of a repository, by name.
pub(crate) struct Store {
    pub(crate) packs: Vec<Pack>,
    /// Ids of objects with a file of their own.
    pub(crate) loose: Vec<Vec<u8>>,
    objects: PathBuf,
    /// Objects of other repositories, which this one borrows.
    borrowed: Vec<PathBuf>,
    hash: usize,
    /// What could not be opened, and why.
    pub(crate) problems: Vec<(PathBuf, Broken)>,
    /// Directories that it would borrow from, but which lie where we do not look.
    pub(crate) outside: Vec<PathBuf>,
    /// How many of the packs and of the loose objects are not borrowed; those come first.
    pub(crate) own: (usize, usize),
}

impl Store {
    /// Opens the packs and lists the other objects. Objects are borrowed only below `home`.
    pub(crate) fn open(repository: &Repository, home: &Path) -> Store {
        let objects = repository.dir.join("objects");
        let mut store = Store {
            packs: Vec::new(),
            loose: loose(&objects, repository.hash),
            objects: objects.clone(),
            borrowed: Vec::new(),
            hash: repository.hash,
            problems: Vec::new(),
            outside: Vec::new(),
            own: (0, 0),
        };
        store.own.1 = store.loose.len();
        store.borrow(&objects, home);
        let borrowed = store.borrowed.iter().flat_map(|dir| loose(dir, repository.hash));
        let borrowed: Vec<_> = borrowed.collect();
        store.loose.extend(borrowed);
        store.packs(pack::indexes(&objects));
        store.own.0 = store.packs.len();
        store.packs(store.borrowed.iter().flat_map(|dir| pack::indexes(dir)).collect());
        store
    }

    /// The file of an object that has one.
    fn file(&self, id: &[u8]) -> Result<OwnedFd, Broken> {
        let name = crate::text::hex(id);
        let (prefix, rest) = name.split_at(2);
        let dirs = std::iter::once(&self.objects).chain(&self.borrowed);
        let mut opened = dirs.map(|d| open(&d.join(prefix).join(rest)));
        let opened = opened.find(|o| !matches!(o, Err(Broken::Missing)));
        opened.unwrap_or(Err(Broken::Missing)).map(|(fd, _)| fd)
    }

    fn packs(&mut self, indexes: Vec<PathBuf>) {
        for index in indexes {
            match Pack::open(&index, self.hash) {
                Ok(pack) => self.packs.push(pack),
                Err(why) => self.problems.push((index, why)),
            }
        }
    }

    fn borrow(&mut self, objects: &Path, home: &Path) {
        let lines = files::read_small(&objects.join("info/alternates")).ok().flatten().unwrap_or_default();
        for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty() && !l.starts_with(b"#")) {
            let path = objects.join(Path::new(std::ffi::OsStr::new(&*String::from_utf8_lossy(line))));
            let Ok(real) = std::fs::canonicalize(&path) else { continue };
            if !real.starts_with(home) {
                self.outside.push(real);
            } else if self.borrowed.len() < BORROWED && !self.borrowed.contains(&real) && real != self.objects
            {
                self.borrowed.push(real.clone());
                self.borrow(&real, home);
            }
        }
    }

    /// Reads objects, remembering so many bytes of those that others are made of.
    pub(crate) fn reader(&self, memory: usize, largest: usize) -> Reader<'_> {
        let (unpack, cache, broken) = (Unpack::new(), Cache::new(memory), HashMap::new());
        Reader { store: self, unpack, cache, broken, largest, work: 0 }
    }
}

/// Ids of the objects that have a file each.
pub(crate) fn loose(objects: &Path, hash: usize) -> Vec<Vec<u8>> {
    let mut ids = Vec::new();
    for n in 0..=255u8 {
        let prefix = crate::text::hex(&[n]);
        for path in files::list(&objects.join(&prefix)).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let id = data_encoding::HEXLOWER.decode(format!("{prefix}{name}").as_bytes());
            ids.extend(id.ok().filter(|id| id.len() == hash));
        }
    }
    ids.sort_unstable();
    ids
}

/// An object's bytes, wiped when the last who needs them is done.
pub(crate) type Bytes = Rc<Zeroizing<Vec<u8>>>;

/// Reads objects one after the other.
pub(crate) struct Reader<'s> {
    store: &'s Store,
    unpack: Unpack,
    cache: Cache,
    /// What could not be read: else everything that rests on it would be tried down to it.
    broken: HashMap<(usize, u64), Broken>,
    largest: usize,
    work: usize,
}

impl Reader<'_> {
    /// Bytes that were made since this was last asked, those on the way to others included.
    pub(crate) fn work(&mut self) -> i64 {
        i64::try_from(std::mem::take(&mut self.work)).unwrap_or(i64::MAX)
    }

    /// The object with this id.
    pub(crate) fn read(&mut self, id: &[u8]) -> Result<(Kind, Bytes), Broken> {
        for (n, pack) in self.store.packs.iter().enumerate() {
            if let Some(at) = pack.find(id) {
                return self.packed(n, at);
            }
        }
        self.loose(id)
    }

    /// The object at an offset of a pack.
    pub(crate) fn packed(&mut self, pack: usize, at: u64) -> Result<(Kind, Bytes), Broken> {
        let mut chain = Vec::new();
        let read = self.chained(pack, at, &mut chain);
        if let Err(why) = read {
            self.broken.extend(chain.iter().map(|(at, _)| ((pack, *at), why)));
        }
        read
    }

    /// As [`Reader::packed`]. `chain` is left with what can never be made.
    fn chained(
        &mut self,
        pack: usize,
        mut at: u64,
        chain: &mut Vec<(u64, Zeroizing<Vec<u8>>)>,
    ) -> Result<(Kind, Bytes), Broken> {
        let store = self.store;
        let mut pending = 0;
        let (kind, mut bytes) = loop {
            if let Some(known) = self.cache.get((pack, at)) {
                break known;
            }
            if let Some(why) = self.broken.get(&(pack, at)) {
                return Err(*why);
            }
            self.work += BEGIN;
            let head = store.packs[pack].head(at)?;
            if head.size > self.largest as u64 {
                return Err(Broken::TooLarge);
            }
            let made = Zeroizing::new(store.packs[pack].inflate(&head, &mut self.unpack)?);
            self.work += made.len();
            let base = match head.stands {
                Stands::Whole(kind) => {
                    let bytes = Rc::new(made);
                    self.cache.put((pack, at), kind, &bytes);
                    break (kind, bytes);
                }
                Stands::Beside(base) => Ok(base),
                Stands::Of(id) => store.packs[pack].find(&id).ok_or(id),
            };
            pending += made.len();
            chain.push((at, made));
            if chain.len() > CHAIN || pending > 4 * self.largest {
                // Too much for this one; those on the way may be good, but not those of a ring.
                let mut met = HashSet::new();
                if chain.iter().all(|(at, _)| met.insert(*at)) {
                    chain.clear();
                }
                return Err(Broken::Damaged);
            }
            match base {
                Ok(base) => at = base,
                // A pack may be made to rest on objects that are elsewhere; one step only, so that it must end.
                Err(id) => break self.loose(&id)?,
            }
        };
        let mut steps = 0;
        while let Some((at, delta)) = chain.last() {
            let at = *at;
            let (_, size, _) = delta::sizes(delta).ok_or(Broken::Damaged)?;
            self.work += size.min(self.largest);
            steps += size.min(self.largest);
            if size > self.largest {
                return Err(Broken::TooLarge);
            }
            if steps > STEPS * self.largest {
                chain.clear();
                return Err(Broken::TooLarge);
            }
            let made = delta::apply(&bytes, delta).ok_or(Broken::Damaged)?;
            bytes = Rc::new(Zeroizing::new(made));
            self.cache.put((pack, at), kind, &bytes);
            chain.pop();
        }
        Ok((kind, bytes))
    }

    /// An object with a file of its own.
    pub(crate) fn loose(&mut self, id: &[u8]) -> Result<(Kind, Bytes), Broken> {
        let fd = self.store.file(id)?;
        let start = self.unpack.most(&fd, 0, HEAD)?;
        let (kind, size, length) = head(&start).ok_or(Broken::Damaged)?;
        if size > self.largest {
            return Err(Broken::TooLarge);
        }
        self.work += length + size;
        let mut whole = Zeroizing::new(self.unpack.exactly(&fd, 0, length + size)?);
        whole.drain(..length);
        Ok((kind, Rc::new(whole)))
    }

    /// What an object with a file of its own is.
    pub(crate) fn kind(&mut self, id: &[u8]) -> Option<Kind> {
        let fd = self.store.file(id).ok()?;
        Some(head(&self.unpack.most(&fd, 0, HEAD).ok()?)?.0)
    }
}

/// Longest head of an object with a file of its own.
const HEAD: usize = 32;

/// `blob 123` and a zero: what it is, its size, and how long that is.
fn head(bytes: &[u8]) -> Option<(Kind, usize, usize)> {
    let end = bytes.iter().position(|b| *b == 0)?;
    let (kind, size) = std::str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    let kind = match kind {
        "commit" => Kind::Commit,
        "tree" => Kind::Tree,
        "blob" => Kind::Blob,
        "tag" => Kind::Tag,
        _ => return None,
    };
    Some((kind, size.parse().ok()?, end + 1))
}

/// Objects that were made last: others are likely to be made of them. What is not asked for again goes first.
struct Cache {
    young: Generation,
    old: Generation,
    bytes: usize,
    most: usize,
}

type Generation = HashMap<(usize, u64), (Kind, Bytes)>;

impl Cache {
    fn new(memory: usize) -> Cache {
        Cache { young: HashMap::new(), old: HashMap::new(), bytes: 0, most: memory / 2 }
    }

    fn get(&mut self, key: (usize, u64)) -> Option<(Kind, Bytes)> {
        if let Some(known) = self.young.get(&key) {
            return Some(known.clone());
        }
        let (kind, bytes) = self.old.remove(&key)?;
        self.put(key, kind, &bytes);
        Some((kind, bytes))
    }

    fn put(&mut self, key: (usize, u64), kind: Kind, bytes: &Bytes) {
        if bytes.len() > self.most / 2 {
            return;
        }
        if self.bytes + bytes.len() > self.most {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        // What a map needs for an entry counts too.
        self.bytes += bytes.len() + 128;
        self.young.insert(key, (kind, Rc::clone(bytes)));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests damage repositories of their own")]
mod tests {
    use super::*;
    use std::process::Command;

    fn git(dir: &Path, args: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args).current_dir(dir);
        assert!(command.output().unwrap().status.success(), "{args:?}");
    }

    /// A repository with deltas of files and trees.
    fn packed() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "-q"]);
        let text: String = (0..300).map(|n| format!("line {n} of many\n")).collect();
        for n in 0..8 {
            std::fs::write(dir.path().join("a.txt"), format!("{text}{n}\n")).unwrap();
            std::fs::write(dir.path().join(format!("{n}.txt")), format!("{n}\n")).unwrap();
            git(dir.path(), &["add", "."]);
            git(dir.path(), &["commit", "-qm", "x"]);
        }
        git(dir.path(), &["gc", "-q"]);
        dir
    }

    /// Reads everything; how many objects could be read.
    fn everything(dir: &Path) -> usize {
        let repository = Repository::of(dir).unwrap();
        let store = Store::open(&repository, dir);
        let mut reader = store.reader(1 << 20, 1 << 20);
        let mut count = 0;
        for (n, pack) in store.packs.iter().enumerate() {
            let kinds = pack.kinds(&mut |id| reader.kind(id));
            for (place, kind) in kinds.into_iter().enumerate() {
                let read = reader.packed(n, pack.offset(place));
                let found = reader.read(pack.id(place));
                count += usize::from(read.is_ok_and(|(k, _)| Some(k) == kind) && found.is_ok());
            }
        }
        count
    }

    #[test]
    fn every_object_is_read_and_damage_never_panics() {
        let dir = packed();
        let all = everything(dir.path());
        assert!(all >= 32, "{all}");
        let files = files::list(&dir.path().join(".git/objects/pack")).unwrap();
        for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "idx" || e == "pack")) {
            let good = std::fs::read(file).unwrap();
            std::fs::remove_file(file).unwrap();
            for at in (0..good.len()).step_by(13) {
                let mut bad = good.clone();
                bad[at] ^= 0xa5;
                std::fs::write(file, &bad).unwrap();
                assert!(everything(dir.path()) <= all);
            }
            for length in (0..good.len()).step_by(97) {
                std::fs::write(file, &good[..length]).unwrap();
                everything(dir.path());
            }
            std::fs::write(file, &good).unwrap();
        }
        assert_eq!(everything(dir.path()), all);
    }

    #[test]
    fn what_is_too_large_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "-q"]);
        std::fs::write(dir.path().join("zeros"), vec![0; 3 << 20]).unwrap();
        git(dir.path(), &["add", "."]);
        let repository = Repository::of(dir.path()).unwrap();
        let store = Store::open(&repository, dir.path());
        let read = store.reader(1 << 20, 1 << 20).loose(&store.loose[0]);
        assert_eq!(read.err(), Some(Broken::TooLarge));
        assert_eq!(store.reader(1 << 20, 3 << 20).loose(&store.loose[0]).unwrap().1.len(), 3 << 20);
    }
}
