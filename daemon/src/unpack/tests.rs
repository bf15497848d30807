use super::made::{Zip, bz2, deb, entry, gz, lzma, regular, special, sum, tar, xz, zst};
use super::*;
use std::time::{Duration, Instant};

type Pack = fn(&[u8]) -> Vec<u8>;

const TEXT: &[u8] = b"first line\nsecond line\nthird line\n";

/// Names and contents of what is handed out, and what is told.
fn open(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, Told) {
    open_with(bytes, &Budget::default())
}

fn open_with(bytes: &[u8], budget: &Budget) -> (Vec<(String, Vec<u8>)>, Told) {
    let mut out = Vec::new();
    let told = members(bytes, budget, &mut |name, from| {
        let mut content = Vec::new();
        from.read_to_end(&mut content).unwrap();
        out.push((name.to_owned(), content));
    });
    (out, told)
}

/// As [`open`], for what must be unpacked to its end.
#[track_caller]
fn names(bytes: &[u8]) -> Vec<String> {
    let (out, told) = open(bytes);
    assert!(told.partly.is_none() && told.damaged.is_none(), "{told:?}");
    assert!(out.iter().all(|(_, content)| content == TEXT), "{out:?}");
    out.into_iter().map(|(name, _)| name).collect()
}

/// How many bytes are handed out, and what is told; nothing is kept.
fn weigh(bytes: &[u8], budget: &Budget) -> (u64, Told) {
    let mut total = 0;
    let told = members(bytes, budget, &mut |_, from| total += io::copy(from, &mut io::sink()).unwrap());
    (total, told)
}

/// A stream that follows from a seed.
fn dice(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(state >> 33).unwrap()
    }
}

fn all_kinds() -> Vec<(Kind, Vec<u8>)> {
    let tarball = || tar(&[regular("a/b.txt", TEXT), regular("c.txt", TEXT)]);
    vec![
        (Kind::Zip, Zip::default().deflated("a/b.txt", TEXT).stored("c.txt", TEXT).end()),
        (Kind::Tar, tarball()),
        (Kind::Gz, gz(&tarball())),
        (Kind::Bz2, bz2(&tarball())),
        (Kind::Xz, xz(&tarball())),
        (Kind::Lzma, lzma(&tarball())),
        (Kind::Zst, zst(&tarball())),
    ]
}

#[test]
fn every_kind_is_unpacked() {
    for (kind, bytes) in all_kinds() {
        assert_eq!(Kind::of(&bytes), Some(kind));
        assert_eq!(names(&bytes), ["a/b.txt", "c.txt"], "{kind:?}");
    }
    let packages = deb(&[
        ("debian-binary", TEXT.to_vec()),
        ("control.tar.gz", gz(&tar(&[regular("./control", TEXT)]))),
        ("data.tar.xz", xz(&tar(&[regular("./etc/app.conf", TEXT)]))),
    ]);
    assert_eq!(names(&packages), ["debian-binary", "control.tar.gz › control", "data.tar.xz › etc/app.conf"]);
}

#[test]
fn what_only_looks_like_an_archive_is_none() {
    for text in
        ["", "P", "PK", "PK is a text about zip", "BZh is a text", "BZh9 too", "]\0\0\0 is rare", "\u{1f}"]
    {
        assert_eq!(Kind::of(text.as_bytes()), None, "{text}");
    }
    assert_eq!(Kind::of(b"!<arch>\n/               0           "), None);
    assert_eq!(Kind::of(&[0; 512]), None);
}

#[test]
fn a_file_that_is_only_compressed_is_called_what_it_was() {
    let stop = AtomicBool::new(false);
    let name = |own: &str, bytes: &[u8]| {
        struct Last(String);
        impl Take for Last {
            fn wants(&mut self, _: &str) -> bool {
                true
            }
            fn member(&mut self, name: &str, _: &[u8], _: &mut dyn Read) -> bool {
                self.0 = name.to_owned();
                true
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut opened = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        io::Write::write_all(&mut opened, bytes).unwrap();
        let mut last = Last(String::new());
        file(&opened, (own, bytes.len() as u64), &Budget::default(), &stop, &mut last);
        last.0
    };
    assert_eq!(name("history.gz", &gz(TEXT)), "history");
    assert_eq!(name("notes.txt.XZ", &xz(TEXT)), "notes.txt");
    assert_eq!(name(".gz", &gz(TEXT)), ".gz");
    let mut kept = gz(TEXT);
    kept[3] |= 8;
    kept.splice(10..10, b"shell\x1b/history\0".iter().copied());
    assert_eq!(name("rotated", &kept), "shell\u{fffd}/history");
    assert_eq!(name("a.tgz", &gz(&tar(&[regular("x", TEXT)]))), "x");
    assert_eq!(name("a.zip", &Zip::default().stored("log.zst", &zst(TEXT)).end()), "log.zst › log");
}

#[test]
fn archives_in_archives_are_unpacked_as_they_come() {
    let inner = Zip::default().piped("p.txt", 8, TEXT).piped("s.txt", 0, TEXT).deflated("d.txt", TEXT).end();
    let layer = gz(&tar(&[regular("x.zip", &inner)]));
    let image = gz(&tar(&[regular("layer.tar.gz", &layer), regular("manifest.json", TEXT)]));
    let within = |name: &str| format!("layer.tar.gz › x.zip › {name}");
    assert_eq!(
        names(&image),
        [within("p.txt"), within("s.txt"), within("d.txt"), "manifest.json".to_owned()]
    );
    assert_eq!(names(&[b"#!/bin/sh\n", &inner[..]].concat()[10..]).len(), 3);
}

#[test]
fn streams_that_follow_each_other_are_one_and_padding_is_nothing() {
    for pack in [gz, bz2, xz, zst] as [Pack; 4] {
        let (half, rest) = TEXT.split_at(10);
        assert_eq!(names(&[pack(half), pack(rest)].concat()).len(), 1);
    }
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
    assert_eq!(names(&[&zst(TEXT)[..], skippable].concat()).len(), 1);
    for pack in [gz, bz2, zst] as [Pack; 3] {
        assert_eq!(names(&[pack(TEXT), b"\0\0\0garbage".to_vec()].concat()).len(), 1);
    }
    let twice = [tar(&[regular("a", TEXT)]), tar(&[regular("b", TEXT)]), b"garbage".repeat(200)].concat();
    assert_eq!(names(&twice), ["a", "b"]);
}

#[test]
fn what_comes_before_damage_is_handed_out() {
    let mut roll = dice(1);
    let long: Vec<u8> = (0..40_000).flat_map(|n| format!("line {n} {}\n", roll()).into_bytes()).collect();
    for pack in [gz, bz2, xz, lzma, zst] as [Pack; 5] {
        let whole = pack(&long);
        let (out, told) = open(&whole[..whole.len() * 3 / 4]);
        let got = &out[0].1;
        assert!(got.len() > 100_000 && got.starts_with(b"line 0 "), "{:?} {}", Kind::of(&whole), got.len());
        assert!(told.damaged.unwrap().contains("what comes before was searched"));
    }
    let zip = Zip::default().deflated("a", TEXT).deflated("b", &long).deflated("c", TEXT);
    let (members, mut bytes) = (zip.bytes.clone(), zip.end());
    let (out, told) = open(&members[..2000]);
    assert!(out[0].1 == TEXT && out[1].0 == "b" && out.len() == 2 && told.damaged.is_some());
    bytes[1000] ^= 0xff;
    let (out, _) = open(&bytes);
    assert_eq!((out.len(), &out[2].1[..]), (3, TEXT));
    let mut tarball = tar(&[regular("a", TEXT), regular("b", TEXT), regular("c", TEXT)]);
    tarball[1024 + 3] ^= 1;
    let (out, told) = open(&tarball);
    assert_eq!(out.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(told.damaged.unwrap(), "is damaged; what comes before was searched");
    let (out, told) = open(&tarball[..520]);
    assert!(out[0].1 == TEXT[..8] && told.damaged.unwrap().contains("ends early"));
}

#[test]
fn encrypted_members_are_counted() {
    let zip =
        || Zip::default().member("a", 1, 8, b"????????", 3, false).member("b", 1, 99, b"????", 3, false);
    let bytes = zip().deflated("c", TEXT).end();
    for bytes in [bytes.clone(), gz(&bytes)] {
        let (out, told) = open(&bytes);
        assert_eq!((out.len(), told.partly.as_deref()), (1, Some("2 members are encrypted")));
        assert!(told.damaged.is_none());
    }
    let (_, told) = open(&Zip::default().member("a", 0, 98, b"????", 3, false).end());
    assert_eq!(told.partly.unwrap(), "a: is packed in a way that is not known");
}

/// A budget that is used up soon.
fn tight() -> Budget {
    Budget { floor: 1 << 20, ample: 4 << 20, ..Budget::default() }
}

#[test]
fn bombs_are_left_when_they_cost_too_much() {
    let zeros = vec![0; 64 << 20];
    let bombs = [
        gz(&zeros),
        bz2(&zeros),
        xz(&zeros),
        zst(&zeros),
        Zip::default().deflated("zeros", &zeros).end(),
        gz(&gz(&gz(&zeros))),
        gz(&tar(&[regular("zeros", &zeros)])),
    ];
    for bomb in bombs {
        let (total, told) = weigh(&bomb, &tight());
        assert!(total <= 10 << 20, "{total}");
        assert!(told.partly.unwrap().starts_with("unpacks to more than "));
        assert!(told.damaged.is_none(), "what is left is not damaged");
    }
    let fair = b"words of all kinds 0123456789\n".repeat(1000);
    let (total, told) = weigh(&gz(&fair), &tight());
    assert_eq!((total, told.partly), (30_000, None));
}

#[test]
fn archives_of_archives_of_bombs_share_one_budget() {
    let mut bytes = Zip::default().deflated("zeros", &vec![0; 4 << 20]).end();
    for _ in 0..4 {
        let mut zip = Zip::default();
        for n in 0..16 {
            zip = zip.deflated(&format!("{n}.zip"), &bytes);
        }
        bytes = zip.end();
    }
    let (total, told) = weigh(&bytes, &tight());
    assert!(total <= 8 << 20 && told.partly.is_some(), "{total}");
}

#[test]
fn there_is_an_end_to_archives_in_archives() {
    let (mut zip, mut packed) = (TEXT.to_vec(), TEXT.to_vec());
    for _ in 0..50 {
        zip = Zip::default().stored("again.zip", &zip).end();
        packed = gz(&packed);
    }
    for bytes in [zip, packed] {
        let (out, told) = open(&bytes);
        assert!(out.is_empty() && told.partly.unwrap().ends_with("packed more than 8 times"));
    }
}

#[test]
fn members_that_share_bytes_are_unpacked_once() {
    let data = b"shared bytes 0123456789 abcdefghijklmnopqrstuvwxyz\n".repeat(100);
    let zip = Zip::default().stored("0", &data);
    let fields = zip.list[6..32].to_vec();
    let bytes = (1..1000).fold(zip, |zip, _| zip.entry("0", &fields, 0)).end();
    let (total, told) = weigh(&bytes, &Budget::default());
    assert!(total <= bytes.len() as u64, "{total}");
    assert_eq!(told.partly.unwrap(), "has members that overlap");
}

#[test]
fn there_is_an_end_to_members_and_to_beginnings() {
    let few = Budget { members: 100, ..Budget::default() };
    let empty = regular("empty", b"").repeat(1000);
    for bytes in [empty, gz(b"").repeat(1000), zst(b"").repeat(1000)] {
        let (_, told) = open_with(&bytes, &few);
        assert_eq!(told.partly.as_deref(), Some("has more than 100 members"));
    }
    let (_, told) = weigh(&bz2(b"").repeat(1000), &tight());
    assert!(told.partly.is_some());
}

#[test]
fn decoders_take_no_more_memory_than_they_may() {
    let small = Budget { window: 6 << 20, ..Budget::default() };
    // As far as memory does not grow, the size that a header asks for does not matter.
    let mut bytes = lzma(TEXT);
    bytes[1..5].copy_from_slice(&0x4000_0000u32.to_le_bytes());
    let (out, told) = open_with(&bytes, &small);
    assert!(out[0].1 == TEXT && told.partly.is_none(), "{told:?}");
    let mut bytes = lzma(&vec![7; 20 << 20]);
    bytes[1..5].copy_from_slice(&0x4000_0000u32.to_le_bytes());
    let (total, told) = weigh(&bytes, &small);
    assert!(total <= 6 << 20 && told.partly.unwrap().contains("needs more than 6 MiB of memory"), "{total}");
    // What was cut for that is no damage, and what follows it is judged by itself.
    let mut bytes = lzma(&tar(&[regular("zeros", &vec![7; 20 << 20])]));
    bytes[1..5].copy_from_slice(&0x4000_0000u32.to_le_bytes());
    let (_, told) = weigh(&bytes, &small);
    assert!(told.partly.is_some() && told.damaged.is_none(), "{told:?}");
    let (_, told) = weigh(&tar(&[regular("a.lzma", &bytes), regular("b.gz", &gz(TEXT)[..20])]), &small);
    assert!(told.partly.is_some() && told.damaged.is_some(), "{told:?}");
    // A frame with a window of 128 MiB.
    let (out, told) = open_with(b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00", &small);
    assert!(out.is_empty() && told.partly.unwrap().contains("needs more than 6 MiB of memory"));
}

#[test]
fn sizes_that_lie_lead_nowhere() {
    let wrong = |at: usize, with: &[u8]| {
        let mut bytes = Zip::default().deflated("a", TEXT).stored("b", TEXT).end();
        bytes[at..at + with.len()].copy_from_slice(with);
        open(&bytes)
    };
    for bytes in [&[0xff; 4][..], &[0xfe, 0xff, 0xff, 0x7f]] {
        let directory = Zip::default().deflated("a", TEXT).stored("b", TEXT).bytes.len();
        for at in [18, 22, directory + 20, directory + 24, directory + 42] {
            let (out, _) = wrong(at, bytes);
            assert!(out.iter().all(|(_, content)| content.len() < 1000));
        }
    }
    // Zip64: real sizes in an extra field, then absurd ones.
    for size in [TEXT.len() as u64, u64::MAX, 1 << 40] {
        let mut zip = [&b"PK\x03\x04\x2d"[..], &[0; 13], &[0xff; 8], b"\x01\0\x14\0a\x01\0\x10\0"].concat();
        zip.extend([size.to_le_bytes(), size.to_le_bytes()].concat());
        zip.extend([TEXT, b"PK\x05\x06"].concat());
        let (out, told) = open(&zip);
        assert!(out[0].0 == "a" && out[0].1.starts_with(TEXT));
        assert_eq!(told.damaged.is_some(), size > 100);
    }
    for size in [&b"77777777777"[..], &b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"[..]] {
        let (out, told) = open(&tar(&[entry("a", b'0', size, TEXT)]));
        assert!(out[0].1.starts_with(TEXT) && told.damaged.unwrap().contains("ends early"));
    }
    for size in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"99999999999", b"-1"] {
        let (out, told) = open(&tar(&[entry("a", b'0', size, TEXT), regular("b", TEXT)]));
        assert!(out.len() == 1 && out[0].0 == "b" && told.damaged.is_some());
    }
}

#[test]
fn links_and_devices_in_a_tar_hold_nothing() {
    let specials = (b'1'..=b'6').map(|kind| special(kind, b"")).collect::<Vec<_>>().concat();
    assert_eq!(names(&tar(&[specials, regular("after", TEXT)])), ["after"]);
    let mut sparse = special(b'S', TEXT);
    sparse[482] = 1;
    sum(&mut sparse);
    let mut more = vec![0; 1024];
    more[504] = 1;
    sparse.splice(512..512, more);
    assert_eq!(names(&tar(&[sparse, regular("after", TEXT)])), ["special", "after"]);
}

#[test]
fn names_are_shown_and_nothing_else() {
    let pax = |text: &str| special(b'x', text.as_bytes());
    let long = "very/long/".repeat(500) + "name";
    let record = format!("{} path={long}\n", long.len() + 11);
    let members = [
        regular("../../etc/passwd", TEXT),
        regular("/root/.ssh/config", TEXT),
        regular("a\x1b[2Jb\n", TEXT),
        special(b'L', b"gnu/long\0"),
        regular("short", TEXT),
        pax("19 path=caf\u{e9}/x.txt\n"),
        regular("short", TEXT),
        pax(&record),
        regular("short", TEXT),
        pax("99999999999999999999 path=x\n"),
        regular("kept", TEXT),
    ];
    let found = names(&tar(&members));
    assert_eq!(found[..3], ["../../etc/passwd", "root/.ssh/config", "a\u{fffd}[2Jb\u{fffd}"]);
    assert_eq!((found[3].as_str(), found[6].as_str()), ("gnu/long", "kept"));
    assert!(found[4].starts_with("caf"), "{}", found[4]);
    assert!(found[5].len() == 1024 && found[5].ends_with("/long/name"), "{}", found[5].len());
    assert_eq!(names(&Zip::default().stored("a › b", TEXT).end()), ["a > b"]);
}

#[test]
fn a_stop_is_heeded() {
    let mut count = 0;
    struct One<'c>(&'c mut u32);
    impl Take for One<'_> {
        fn wants(&mut self, _: &str) -> bool {
            true
        }
        fn member(&mut self, _: &str, _: &[u8], _: &mut dyn Read) -> bool {
            *self.0 += 1;
            false
        }
    }
    struct Bytes(Vec<u8>);
    impl ReadAt for Bytes {
        fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.read_at(into, offset)
        }
    }
    let stop = AtomicBool::new(false);
    for (_, bytes) in all_kinds() {
        let size = bytes.len() as u64;
        let told = file(&Bytes(bytes), ("a", size), &Budget::default(), &stop, &mut One(&mut count));
        assert!(told.partly.is_none() && told.damaged.is_none());
    }
    assert_eq!(count, 7, "one of each");
}

/// Small archives of every kind with some bytes changed, cut or doubled: whatever comes out, it comes soon.
#[test]
fn no_change_of_bytes_panics_or_takes_long() {
    let inner = Zip::default().piped("p", 8, TEXT).piped("s", 0, TEXT).end();
    let mut seeds: Vec<Vec<u8>> = all_kinds().into_iter().map(|(_, bytes)| bytes).collect();
    seeds.push(inner.clone());
    seeds.push(gz(&inner));
    seeds.push(Zip::default().stored("a.xz", &xz(TEXT)).member("z", 0, 93, &zst(TEXT), 34, false).end());
    seeds.push(deb(&[("debian-binary", TEXT.to_vec()), ("d.tar", tar(&[regular("a", TEXT)]))]));
    let begun = Instant::now();
    for (n, seed) in seeds.iter().enumerate() {
        let mut roll = dice(n as u64);
        for round in 0..2000 {
            let mut bytes = seed.clone();
            for _ in 0..=roll() % 4 {
                // Headers are where it matters.
                let within = if round % 2 == 0 { bytes.len().min(64) } else { bytes.len() };
                let at = roll() % within.max(1);
                match roll() % 6 {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] ^= 1 << (roll() % 8),
                    2 => bytes[at] = 0xff,
                    3 => bytes[at] = 0,
                    4 => bytes.extend_from_within(at..),
                    _ => bytes[at] = u8::try_from(roll() % 256).unwrap(),
                }
            }
            weigh(&bytes, &tight());
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}
