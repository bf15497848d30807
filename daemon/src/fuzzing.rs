//! What fuzzing runs of this crate: every kind of container, databases, objects of git. As
//! `lapwing_rules::testing::fuzzing`, whose targets these are, too; `fuzz/` makes a program of them.

use crate::machine::cells::{self, Content};
use crate::machine::files;
use crate::machine::git::objects::Store;
use crate::machine::git::{Repository, delta};
use crate::machine::slack::Slack;
use crate::unpack::{Budget, Kind, made, members};
use flate2::{Compression, write::ZlibEncoder};
use lapwing_rules::testing::fuzzing::Target;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

/// Every target of this crate. What must be a file is written to `dir`, by one thread at a time.
#[must_use]
pub fn targets(dir: &Path) -> Vec<Target> {
    let dir = || dir.to_owned();
    let (database, packs, made) = (dir(), dir(), dir());
    let seeds = dir();
    let mut all: Vec<Target> = KINDS.into_iter().map(container).collect();
    all.push(Target::new("container/nested", |data| unpack("nested", &made::gz(data)), nested));
    all.push(Target::new(
        "database/cells",
        move |data| cells(&database.join("cells.db"), data),
        move || databases(&seeds.join("seeds.db")),
    ));
    let (database, seeds) = (dir(), dir());
    all.push(Target::new(
        "database/slack",
        move |data| slack(&database.join("slack.db"), data),
        move || databases(&seeds.join("seeds.db")),
    ));
    all.push(Target::new(
        "git/raw",
        move |data| raw(&packs.join("raw"), data),
        || OPERATIONS.iter().map(|ops| joined(&pack(ops))).collect(),
    ));
    all.push(Target::new(
        "git/made",
        move |data| objects(&made.join("made"), &pack(data)),
        || OPERATIONS.iter().map(|ops| ops.to_vec()).collect(),
    ));
    all.push(Target::new("git/delta", difference, || vec![DELTA.to_vec()]));
    all
}

const KINDS: [Kind; 8] =
    [Kind::Zip, Kind::Tar, Kind::Deb, Kind::Gz, Kind::Bz2, Kind::Xz, Kind::Lzma, Kind::Zst];

/// Its name, and files of it.
fn samples(kind: Kind) -> (&'static str, Vec<Vec<u8>>) {
    let text = b"some = text\nmore of it, more of it, more of it\n";
    let tar = || {
        let long = made::special(b'L', b"a/very/long/name");
        let pax = made::special(b'x', b"14 path=abcde\n11 size=20\n");
        let sparse = made::special(b'S', text);
        made::tar(&[made::regular("a.txt", text), long, made::regular("b", text), pax, sparse])
    };
    match kind {
        Kind::Zip => {
            let zip = || made::Zip::default().deflated("a.txt", text).stored("b/c", text);
            let piped = zip().piped("d", 8, text).piped("e", 0, text).end();
            let others = [(12, made::bz2(text)), (93, made::zst(text)), (95, made::xz(text))];
            let others = others.into_iter().fold(made::Zip::default(), |zip, (method, packed)| {
                zip.member("f", 0, method, &packed, text.len(), false)
            });
            ("zip", vec![zip().end(), piped, others.end()])
        }
        Kind::Tar => ("tar", vec![tar()]),
        Kind::Deb => {
            let parts =
                [("debian-binary", b"2.0\n".to_vec()), ("data.tar.gz/", made::gz(&tar())), ("odd", vec![7])];
            ("deb", vec![made::deb(&parts)])
        }
        Kind::Gz => ("gz", vec![made::gz(text), [made::gz(text), made::gz(&tar())].concat()]),
        Kind::Bz2 => ("bz2", vec![made::bz2(text), [made::bz2(text), made::bz2(&tar())].concat()]),
        Kind::Xz => ("xz", vec![made::xz(text), [made::xz(text), vec![0; 8], made::xz(&tar())].concat()]),
        Kind::Lzma => ("lzma", vec![made::lzma(text), made::lzma(&tar())]),
        Kind::Zst => {
            let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), made::zst(&tar())].concat();
            ("zst", vec![made::zst(text), [made::zst(text), skipped].concat()])
        }
    }
}

fn container(kind: Kind) -> Target {
    let (name, _) = samples(kind);
    let run = move |data: &[u8]| {
        let sound = sound(kind, data);
        if Kind::of(&sound) == Some(kind) {
            unpack(name, &sound);
            // Within something else it is read as it comes.
            unpack(name, &made::tar(&[made::regular("inner", &sound)]));
        }
    };
    Target::new(format!("container/{name}"), run, move || samples(kind).1)
}

/// The same with sums that hold, which no chance would find.
fn sound(kind: Kind, data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let crc = |bytes: &[u8]| crc32fast::hash(bytes).to_le_bytes();
    match kind {
        Kind::Tar => {
            data.chunks_exact_mut(512).filter(|b| b[257..].starts_with(b"ustar")).for_each(made::sum)
        }
        Kind::Xz if data.len() > 13 => {
            let flags = crc(&data[6..8]);
            data[8..12].copy_from_slice(&flags);
            let end = 12 + 4 * usize::from(data[12]);
            if let Some(header) = data.get(12..end).map(crc) {
                data.iter_mut().skip(end).zip(header).for_each(|(b, sum)| *b = sum);
            }
        }
        _ => {}
    }
    data
}

fn nested() -> Vec<Vec<u8>> {
    let all: Vec<Vec<u8>> = KINDS.into_iter().flat_map(|kind| samples(kind).1).collect();
    let zip = all.iter().fold(made::Zip::default(), |zip, one| zip.deflated("x", one).stored("y", one));
    let tar: Vec<Vec<u8>> = all.iter().map(|one| made::regular("x", one)).collect();
    [vec![zip.end(), made::tar(&tar)], all].concat()
}

const BUDGET: Budget = Budget {
    floor: 512 << 10,
    ratio: 10,
    ample: 1 << 20,
    fair: 2,
    members: 50,
    depth: 4,
    name: 64,
    window: 8 << 20,
};

/// Never more bytes, members or depth than the budget has, whatever the archive says.
fn unpack(kind: &str, data: &[u8]) {
    let (mut total, mut count) = (0, 0);
    members(data, &BUDGET, &mut |name, from| {
        count += 1;
        let mut buffer = [0; 4096];
        // A byte of a name may become one character that takes three.
        assert!(
            name.len() <= (BUDGET.depth + 1) * 3 * (512 + BUDGET.name),
            "{kind}: a name of {}",
            name.len()
        );
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            total += n as u64;
        }
    });
    let packed = data.len() as u64;
    let allowed = BUDGET.floor + (packed * BUDGET.ratio).min(BUDGET.ample + packed * BUDGET.fair);
    assert!(total <= allowed + packed, "{kind}: {total} bytes of {packed}");
    assert!(count <= BUDGET.members + 1, "{kind}: {count} members");
}

#[expect(clippy::disallowed_methods, reason = "a file of our own, made to be read")]
fn write(path: &Path, data: &[u8]) {
    assert!(std::fs::write(path, data).is_ok(), "{} cannot be written", path.display());
}

/// No more is handed out than a file of this size can hold.
fn cells(path: &Path, data: &[u8]) {
    write(path, data);
    let mut total = 0;
    let _ = cells::each(path, &mut |cell| {
        total += match cell.content {
            Content::Text(bytes) | Content::Blob(bytes) => bytes.len(),
            Content::Long(from) => std::io::copy(from, &mut std::io::sink()).map_or(0, |n| n as usize),
            Content::TooLong(_) => 0,
        };
        assert!(cell.key.is_none_or(|k| k.len() <= 64) && !cell.table.is_empty());
        ControlFlow::Continue(())
    });
    assert!(total <= 2 * data.len() + (1 << 20), "{total} bytes of {}", data.len());
}

fn slack(path: &Path, data: &[u8]) {
    write(path, data);
    let Ok(stat) = rustix::fs::stat(path) else { return };
    let Ok(fd) = files::open_path(path, &stat) else { return };
    let size = data.len() as u64;
    for read in [Slack::unused(&fd, size), Slack::all(&fd, size)] {
        let total = read.map_or(0, |mut slack| std::io::copy(&mut slack, &mut std::io::sink()).unwrap_or(0));
        assert!(total <= 8 * size + 4096, "{total} bytes of {size}");
    }
}

/// Tables of every kind, some with deleted rows, and a log.
fn databases(path: &Path) -> Vec<Vec<u8>> {
    let make = |sql: &str| {
        let _ = std::fs::remove_file(path);
        let done = rusqlite::Connection::open(path).and_then(|c| c.execute_batch(sql));
        assert!(done.is_ok(), "{done:?}");
        read(path)
    };
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO";
    let tables = format!(
        "PRAGMA page_size = 512; CREATE TABLE items(key TEXT UNIQUE, value BLOB); CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID;
         CREATE TABLE g(a, b AS (a || 'x') STORED, c AS (a || 'y')); CREATE VIEW v AS SELECT * FROM items;
         {rows} items SELECT 'key' || i, 'the value ' || i || hex(zeroblob(i)) FROM n;
         {rows} w SELECT i, 'text of ' || i FROM n; INSERT INTO g(a) VALUES ('one'), (zeroblob(3000));"
    );
    let deleted = "DELETE FROM items WHERE rowid % 3 = 0; DELETE FROM w; DROP TABLE g;";
    let small = "CREATE TABLE t(name, value); INSERT INTO t VALUES ('a', 'b');";
    vec![make(small), make(&tables), make(&format!("{tables}{deleted}"))]
}

#[expect(clippy::disallowed_methods, reason = "a file of our own, just made")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

/// Largest object.
const LARGEST: usize = 64 << 10;

/// Objects as [`pack`] takes them: what it is, for deltas of which, the length, the bytes.
const OPERATIONS: &[&[u8]] = &[
    b"\x02\0\x05hello\x01\0\x04tree\x04\0\x08\x05\x07\x91\0\x05\x02 x\x05\x02\x04\x07\x04\x90\x04",
    b"\0\0\x02ab\x04\0\x06\x02\x03\x90\x02\x01c\x05\x01\x04\x03\x02\x90\x02\x03\0\x03tag\
      \x05\x05\x04\x02\x02\x90\x02\x05\x04\x04\x02\x02\x90\x02",
];
const DELTA: &[u8] = b"\x0ehello, world\n!\x0e\x0a\x91\x07\x05\x05again";

/// A pack whose packing is sound, with objects that need not be: its index, and itself.
fn pack(mut ops: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let id = |n: usize| [&[n as u8; 19][..], &[1]].concat();
    let mut bytes = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    let mut offsets: Vec<usize> = Vec::new();
    while let Some((&[kind, base, length], rest)) = ops.split_first_chunk() {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(length)));
        ops = rest;
        let at = bytes.len();
        let back = offsets.get(usize::from(base) % offsets.len().max(1)).map(|to| at - to);
        let kind = [1, 2, 3, 4, 6, 7][usize::from(kind % 6)];
        // The size is right, but for those that say otherwise.
        let size = payload.len() ^ usize::from(base & 0x80 != 0);
        bytes.extend([(kind << 4) | (size & 15) as u8 | 0x80, (size >> 4) as u8]);
        match kind {
            6 => {
                let back = back.unwrap_or(1);
                let (low, high) = ((back & 0x7f) as u8, (back >> 7).wrapping_sub(1));
                if back > 0x7f {
                    bytes.push(0x80 | high as u8);
                }
                bytes.push(low);
            }
            7 => bytes.extend(id(usize::from(base & 0x7f))),
            _ => {}
        }
        let mut zlib = ZlibEncoder::new(&mut bytes, Compression::fast());
        let _ = zlib.write_all(payload).and_then(|()| zlib.try_finish());
        drop(zlib);
        offsets.push(at);
        if offsets.len() == 0x7f {
            break;
        }
    }
    let word = |n: usize| (n as u32).to_be_bytes();
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    index.extend([0; 255 * 4]);
    index.extend(word(offsets.len()));
    (0..offsets.len()).for_each(|n| index.extend(id(n)));
    index.extend(vec![0; 4 * offsets.len()]);
    offsets.iter().for_each(|at| index.extend(word(*at)));
    (index, bytes)
}

fn joined((index, pack): &(Vec<u8>, Vec<u8>)) -> Vec<u8> {
    [&(index.len() as u16).to_le_bytes()[..], index, pack].concat()
}

/// Two bytes for the length of the index, the index, the pack.
fn raw(dir: &Path, data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (index, pack) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))));
    objects(dir, &(index.to_vec(), pack.to_vec()));
}

fn repository(dir: &Path) -> Repository {
    Repository { dir: dir.to_owned(), tree: None, hash: 20, shallow: false, partial: false }
}

/// Reads every object of a repository with this pack, and a loose object whose file is the pack.
fn objects(dir: &Path, (index, pack): &(Vec<u8>, Vec<u8>)) {
    let (packs, loose) = (dir.join("objects/pack"), dir.join("objects/00"));
    assert!([&packs, &loose].iter().all(|d| std::fs::create_dir_all(d).is_ok()), "no room to work in");
    write(&packs.join("pack-a.idx"), index);
    write(&packs.join("pack-a.pack"), pack);
    write(&loose.join("1".repeat(38)), pack);
    let repository = repository(dir);
    let store = Store::open(&repository, dir);
    let mut reader = store.reader(1 << 20, LARGEST);
    for (n, pack) in store.packs.iter().enumerate() {
        let kinds = pack.kinds(&mut |id| reader.kind(id));
        for place in 0..kinds.len() {
            for read in [reader.packed(n, pack.offset(place)), reader.read(pack.id(place))] {
                assert!(read.map_or(0, |(_, bytes)| bytes.len()) <= LARGEST, "larger than may be");
            }
        }
    }
    for id in &store.loose {
        let _ = (reader.loose(id).is_ok(), reader.kind(id));
    }
}

/// The base's length, the base, the delta.
fn difference(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (base, delta) = rest.split_at(rest.len().min(usize::from(*length)));
    if let Some((_, size, _)) = delta::sizes(delta).filter(|(_, size, _)| *size <= LARGEST) {
        assert!(delta::apply(base, delta).is_none_or(|made| made.len() == size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_holds_on_its_seeds() {
        let dir = tempfile::tempdir().unwrap();
        for target in targets(dir.path()) {
            assert!(!target.seeds().is_empty(), "{}", target.name);
            target.replay();
        }
    }

    #[test]
    fn seeds_are_what_they_are_for() {
        for kind in KINDS {
            let (name, samples) = samples(kind);
            for sample in samples {
                assert_eq!(Kind::of(&sample), Some(kind), "{name}");
                let mut read = 0;
                let told = members(&sample, &BUDGET, &mut |_, from| {
                    read += std::io::copy(from, &mut std::io::sink()).unwrap();
                });
                assert!(told.damaged.is_none() && told.partly.is_none() && read > 40, "{name}: {told:?}");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        for sample in databases(&dir.path().join("a.db")) {
            write(&dir.path().join("b.db"), &sample);
            let mut count = 0;
            let each = &mut |_: cells::Cell<'_>| {
                count += 1;
                ControlFlow::Continue(())
            };
            cells::each(&dir.path().join("b.db"), each).unwrap();
            assert!(count >= 2);
        }
    }

    /// A file, a broken difference to it, and differences to that, one upon the other.
    #[test]
    fn what_rests_on_something_broken_is_given_up_at_once() {
        let mut ops = b"\x02\0\x02ab\x04\0\x04\x02\x02\x90\x09".to_vec();
        (1..0x7d).for_each(|base| ops.extend([4, base, 4, 2, 2, 0x90, 2]));
        let dir = tempfile::tempdir().unwrap();
        objects(dir.path(), &pack(&ops));
        let repository = repository(dir.path());
        let store = Store::open(&repository, dir.path());
        let (mut reader, pack) = (store.reader(1 << 20, LARGEST), &store.packs[0]);
        let good = (0..pack.len()).rev().filter(|n| reader.packed(0, pack.offset(*n)).is_ok()).count();
        assert_eq!((good, pack.len()), (1, 0x7e));
        // Each was looked at once: some five hundred bytes' worth.
        assert!(reader.work() < 0x7e * 600);
    }

    /// Two that rest on each other, and others upon them.
    #[test]
    fn a_ring_is_followed_once() {
        let mut ops = b"\x05\x01\x04\x02\x02\x90\x02\x05\0\x04\x02\x02\x90\x02".to_vec();
        (1..0x7d).for_each(|base| ops.extend([4, base, 4, 2, 2, 0x90, 2]));
        let dir = tempfile::tempdir().unwrap();
        objects(dir.path(), &pack(&ops));
        let store = Store::open(&repository(dir.path()), dir.path());
        let (mut reader, pack) = (store.reader(1 << 20, LARGEST), &store.packs[0]);
        assert!((0..pack.len()).all(|n| reader.packed(0, pack.offset(n)).is_err()));
        // One looked as deep as may be.
        assert!(reader.work() < 5000 * 600);
    }

    #[test]
    fn packs_that_are_made_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        for ops in OPERATIONS {
            objects(dir.path(), &pack(ops));
            let repository = repository(dir.path());
            let store = Store::open(&repository, dir.path());
            let (mut reader, pack) = (store.reader(1 << 20, LARGEST), &store.packs[0]);
            let good = (0..pack.len()).filter(|n| reader.packed(0, pack.offset(*n)).is_ok()).count();
            assert!(good >= 4, "{good} of {}", pack.len());
        }
    }
}
