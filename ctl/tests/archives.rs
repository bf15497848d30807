//! Archives as real programs make them: what is in them is found, and the finding says in which member and line.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, PATH, checked, text};
use std::path::Path;

/// A home with a directory of a `.env` and AWS-like places, and the token in it.
fn with_tree() -> (Home, String) {
    let home = Home::new();
    let token = checked("ghp_", "archives");
    home.write("../beside/app/.env", format!("A=1\nB=2\nGITHUB_TOKEN={token}\n"));
    home.write("../beside/history", format!("{}export GITHUB_TOKEN={token}\n", "ls\n".repeat(11)));
    (home, token)
}

fn installed(name: &str) -> bool {
    PATH.split(':').any(|dir| Path::new(dir).join(name).is_file())
}

/// Where the only finding of an archive is: members and lines; it has no offsets in the file.
#[track_caller]
fn inside(home: &Home, name: &str) -> Vec<(String, u64)> {
    let run = home.run(&["scan", "--format", "json", name]);
    let doc = run.document(1);
    assert!(doc.complete(), "{:#}", doc.0);
    let sightings = doc.only()["sightings"].as_array().unwrap();
    assert!(sightings.iter().all(|s| s["start"].is_null() && s["end"].is_null() && s["path"] == name));
    sightings.iter().map(|s| (text(&s["inside"]), s["line"].as_u64().unwrap())).collect()
}

fn both() -> Vec<(String, u64)> {
    vec![("app/.env".to_owned(), 3), ("history".to_owned(), 12)]
}

#[test]
fn a_secret_in_an_archive_is_found_with_its_member_and_line() {
    let (home, token) = with_tree();
    let beside = home.beside("beside");
    let beside = beside.to_str().unwrap();
    for (name, program, how) in [
        ("a.tar", "tar", "-cf"),
        ("a.tgz", "gzip", "-czf"),
        ("a.tar.bz2", "bzip2", "-cjf"),
        ("a.tar.xz", "xz", "-cJf"),
        ("a.tar.zst", "zstd", "--zstd -cf"),
    ] {
        if installed(program) {
            home.must("tar", [&how.split(' ').collect::<Vec<_>>()[..], &[name, "-C", beside, "."]].concat());
            assert_eq!(inside(&home, name), both(), "{name}");
        }
    }
    let python = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w', getattr(zipfile, sys.argv[2]))\n\
                  [z.write(sys.argv[3] + '/' + n, n) for n in ('app/.env', 'history')]\nz.close()\n";
    for (name, method) in [("a.jar", "ZIP_DEFLATED"), ("a.docx", "ZIP_STORED"), ("b.zip", "ZIP_BZIP2")] {
        if installed("python3") {
            home.must("python3", ["-c", python, name, method, beside]);
            assert_eq!(inside(&home, name), both(), "{name}");
        }
    }
    if installed("zip") {
        home.must("sh", ["-c", &format!("cd {beside} && zip -qr - . > {}", home.path("a.zip").display())]);
        assert_eq!(inside(&home, "a.zip"), both());
    }
    for (name, program) in
        [("history.gz", "gzip"), ("history.bz2", "bzip2"), ("history.xz", "xz"), ("history.zst", "zstd")]
    {
        if installed(program) {
            home.must("sh", ["-c", &format!("{program} -c {beside}/history > {name}")]);
            assert_eq!(inside(&home, name), [("history".to_owned(), 12)], "{name}");
        }
    }
    let told = home.run(&["scan", "a.tgz"]).both();
    assert!(told.contains("a.tgz › app/.env:3") && !told.contains(&token), "{told}");
}

#[test]
fn a_second_run_reads_no_archive_again_and_says_the_same() {
    let (home, _) = with_tree();
    let beside = home.beside("beside");
    let root = home.root().to_str().unwrap();
    home.must("tar", ["-czf", &format!("{root}/whole.tgz"), "-C", beside.to_str().unwrap(), "."]);
    let whole = home.read("whole.tgz");
    home.write("cut.tgz", &whole[..whole.len() - 20]);
    // A zip of one member that says it is encrypted.
    let mut zip = b"PK\x03\x04\x14\0\x01\0\x08\0\0\0\0\0\0\0\0\0\x04\0\0\0\x02\0\0\0\x01\0\0\0a????".to_vec();
    zip.extend(b"PK\x01\x02");
    home.write("locked.zip", zip);
    let told = |doc: &common::Document| {
        // Nobody can read what is damaged: that is told, and is no reason to call each run incomplete for ever.
        assert!(doc.gap("unparsable").is_none() && doc.complete(), "{:#}", doc.0);
        let partly = doc.gap("partly-unpacked").unwrap();
        let mut paths: Vec<String> = partly["paths"].as_array().unwrap().iter().map(text).collect();
        paths.sort();
        assert_eq!(paths, ["~/both.tar", "~/cut.tgz", "~/locked.zip"]);
        assert_eq!((partly["policy"].as_bool(), partly["count"].as_u64()), (Some(true), Some(3)));
        doc.of("github-pat")[0]["sightings"].as_array().unwrap().len()
    };
    // And both in one.
    let kept = home.path("locked.zip").display().to_string();
    home.must("sh", ["-c", &format!("mkdir t && cp {kept} t && head -c 60 whole.tgz > t/cut.gz && tar -cf both.tar -C t . && rm -r t")]);
    let first = home.doctor().document(1);
    let second = home.doctor().document(1);
    assert_eq!(told(&first), told(&second));
    assert_eq!(second.count("unchanged"), 4, "{:#}", second.0);
    let alone = |name: &str| {
        text(
            &home.run(&["scan", name, "--format", "json"]).document(0).gap("partly-unpacked").unwrap()["why"],
        )
    };
    assert!(alone("locked.zip").contains("1 member is encrypted"));
    home.write("short.gz", &home.read("cut.tgz")[..40]);
    assert!(alone("short.gz").contains("what comes before was searched"));
}

#[test]
fn a_history_that_was_packed_is_unpacked_where_histories_are() {
    let (home, token) = with_tree();
    let to = home.root().join(".zsh_history.gz");
    home.must(
        "sh",
        ["-c", &format!("gzip -c ../beside/history > {} && chmod 644 {}", to.display(), to.display())],
    );
    home.write_mode(".config/gh/hosts.yml", format!("github.com:\n    oauth_token: {token}\n"), 0o600);
    let doc = home.doctor().document(1);
    let [found] = &doc.of("github-pat")[..] else { panic!("{:#}", doc.0) };
    assert_eq!(text(&found["sightings"][1]["inside"]), ".zsh_history");
    assert!(text(&found["note"]).contains("still in use here: ~/.config/gh/hosts.yml"), "{found:#}");
    // It is a history still, that others must not read.
    assert_eq!(doc.of("file.mode-wide").len(), 1, "{:#}", doc.0);
    // What places hold is examined once, also when something is remembered of them; the key is a file more.
    let again = home.doctor().document(1);
    assert_eq!(again.0["findings"], doc.0["findings"]);
    assert!(again.count("files") <= doc.count("files") + 1, "{:#} {:#}", doc.0, again.0);
}

#[test]
fn what_tools_fill_is_left_out_of_archives_too() {
    let (home, token) = with_tree();
    let root = home.root().to_str().unwrap();
    home.write("../tree/node_modules/x/index.js", format!("const t = '{token}'\n"));
    home.must("tar", ["-cf", &format!("{root}/a.tar"), "-C", home.beside("tree").to_str().unwrap(), "."]);
    assert_eq!(home.run(&["scan", "--format", "json", "a.tar"]).document(0).findings().len(), 0);
    home.run(&["scan", "--all", "--format", "json", "a.tar"]).document(1).only();
}

#[test]
fn a_bomb_costs_little_and_is_told() {
    let home = Home::new();
    home.must("sh", ["-c", "head -c 300000000 /dev/zero | gzip | gzip > bomb.gz.gz"]);
    let doc = home.run(&["scan", "--format", "json", "."]).document(0);
    let gap = doc.gap("partly-unpacked").unwrap();
    assert!(text(&gap["why"]).contains("unpacks to more than 1"), "{gap:#}");
    assert!(doc.complete() && doc.count("bytes") < 100 << 20);
}
