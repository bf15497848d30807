//! What other programs read: every format from a checkout with hostile names in it, and standard input.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, Run, checked, paths, text};
use serde_json::Value;
use std::collections::HashSet;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

/// Names that a careless writer of XML, CSV, JSON or URIs trips over.
const NAMES: [&[u8]; 8] = [
    b"=cmd.txt",
    b"q\"uo'te, x.txt",
    b"new\nline.txt",
    b"bad\xff\xfe.txt",
    b"cd]]>end.txt",
    b"@at<b>&.txt",
    b"\x1b[31mred.txt",
    "\u{202e}evil\u{ffff}.txt".as_bytes(),
];

/// A checkout in a home, with a token in every file.
fn checkout() -> Home {
    let home = Home::new();
    home.write("src/app/.git/HEAD", "ref: refs/heads/main\n");
    for (n, name) in NAMES.iter().enumerate() {
        let path = home
            .write(&format!("src/app/web/{n}"), format!("x = {}\n", checked("ghp_", &format!("name {n}"))));
        std::fs::rename(&path, path.with_file_name(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    home.write("src/app/.env", format!("GITHUB_TOKEN={}\n", checked("ghp_", "env")));
    home
}

/// `lapwing` in a directory of the home.
fn at(home: &Home, dir: &str, args: &[&str]) -> Run {
    common::run(home.lapwing(args).current_dir(home.path(dir)))
}

/// `lapwing` with this on standard input, written piece by piece.
fn piped(home: &Home, args: &[&str], pieces: &[&[u8]]) -> Run {
    let mut command = home.lapwing(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for piece in pieces {
        pipe.write_all(piece).unwrap();
        pipe.flush().unwrap();
    }
    drop(pipe);
    common::finish(child)
}

fn json(run: &Run) -> Value {
    assert_eq!(run.code, 1, "{}", run.both());
    serde_json::from_slice(&run.out).unwrap_or_else(|e| panic!("{e}: {}", run.both()))
}

/// Cells of a CSV file, read as RFC 4180 says.
fn cells(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
        let (mut row, mut rest) = (Vec::new(), line);
        loop {
            let end = if let Some(quoted) = rest.strip_prefix('"') {
                let mut end = 0;
                while let Some(at) = quoted[end..].find('"') {
                    end += at + 1;
                    if !quoted[end..].starts_with('"') {
                        break;
                    }
                    end += 1;
                }
                row.push(quoted[..end - 1].replace("\"\"", "\""));
                end + 1
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                assert!(!rest[..end].contains('"'), "{line}");
                row.push(rest[..end].to_owned());
                end
            };
            match rest[end..].strip_prefix(',') {
                Some(more) => rest = more,
                None => break assert_eq!(&rest[end..], "", "{line}"),
            }
        }
        rows.push(row);
    }
    rows
}

#[test]
fn code_hosts_find_the_files_from_wherever_it_is_run() {
    let home = checkout();
    let location = |run: &Run| -> HashSet<String> {
        let issues = json(run);
        issues.as_array().unwrap().iter().map(|i| text(&i["location"]["path"])).collect()
    };
    let whole = home.path("src/app").display().to_string();
    let from_root = location(&at(&home, "src/app", &["scan", "--format", "gitlab"]));
    assert_eq!(from_root.len(), NAMES.len() + 1);
    assert!(
        from_root.contains(".env")
            && from_root.contains("web/=cmd.txt")
            && from_root.contains("web/new\nline.txt")
    );
    assert_eq!(location(&at(&home, "src/app/web", &["scan", "..", "--format", "gitlab"])), from_root);
    assert_eq!(location(&at(&home, "src/app", &["scan", &whole, "--format", "gitlab"])), from_root);
    let sarif = json(&at(&home, "src/app/web", &["scan", "../.env", "--format", "sarif"]));
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"], serde_json::json!({ "uri": ".env", "uriBaseId": "%SRCROOT%" }));
    assert_eq!((&place["region"]["startLine"], &place["region"]["endColumn"]), (&1.into(), &54.into()));
}

#[test]
fn fingerprints_are_the_same_on_every_machine() {
    let prints = |home: &Home| -> Vec<(String, String)> {
        let gitlab = json(&at(home, "src/app", &["scan", "--format", "gitlab"]));
        let sarif = json(&at(home, "src/app", &["scan", "--format", "sarif"]));
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let sarif = results.iter().map(|r| text(&r["partialFingerprints"]["primaryLocationLineHash"]));
        gitlab.as_array().unwrap().iter().map(|i| text(&i["fingerprint"])).zip(sarif).collect()
    };
    let (one, other) = (checkout(), checkout());
    let first = prints(&one);
    // The keys of ids differ; a line more above moves the finding.
    one.write("src/app/.env", [b"# remark\n".to_vec(), one.read("src/app/.env")].concat());
    let sorted = |mut prints: Vec<(String, String)>| {
        prints.sort();
        prints
    };
    let distinct: HashSet<&String> = first.iter().map(|(gitlab, _)| gitlab).collect();
    assert_eq!(distinct.len(), NAMES.len() + 1);
    assert_eq!(sorted(prints(&one)), sorted(first.clone()));
    assert_eq!(sorted(prints(&other)), sorted(first));
}

#[test]
fn hostile_names_break_no_format() {
    let home = checkout();
    let run = |format| at(&home, "src/app", &["scan", "--format", format]);
    let junit = run("junit");
    let xml = String::from_utf8(junit.out.clone()).unwrap();
    let illegal = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(junit.code == 1 && !xml.contains(illegal) && !xml.contains("]]>"), "{xml}");
    assert_eq!(xml.matches("<failure ").count(), NAMES.len() + 1, "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), xml.matches("</testcase>").count() + 1);
    assert!(!xml.replace("&lt;", "").contains("<b>"), "{xml}");

    let csv = run("csv");
    let rows = cells(&String::from_utf8(csv.out.clone()).unwrap());
    assert_eq!((csv.code, rows.len()), (1, NAMES.len() + 2), "{}", csv.both());
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{rows:?}");
    let path = rows[0].iter().position(|cell| cell == "path").unwrap();
    assert!(rows.iter().any(|row| row[path] == "web/new\\nline.txt"), "{rows:?}");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{rows:?}");
    // In its own directory the name stands at the beginning of the cell.
    let inside = cells(&at(&home, "src/app/web", &["scan", "--format", "csv"]).stdout());
    for name in ["'=cmd.txt", "'@at<b>&.txt", "q\"uo'te, x.txt"] {
        assert!(inside.iter().any(|row| row[path] == name), "{name}: {inside:?}");
    }
    for format in ["gitlab", "sarif"] {
        json(&run(format));
    }
}

#[test]
fn formats_without_room_for_gaps_say_so_beside_them() {
    let home = checkout();
    home.write(".config/lapwing/config.toml", "[scan]\npacks = [\"/nowhere/x.toml\"]\n");
    for format in ["gitlab", "csv"] {
        let run = at(&home, "src/app", &["scan", "--format", format]);
        assert!(
            run.code == 1 && run.stderr().starts_with("warning: not everything was examined"),
            "{}",
            run.both()
        );
    }
    let junit = at(&home, "src/app", &["scan", "--format", "junit"]).stdout();
    assert!(junit.contains("<error type=\"incomplete\"") && junit.contains("errors=\"1\""), "{junit}");
}

#[test]
fn standard_input_is_examined_like_a_file() {
    let home = Home::new();
    let token = checked("ghp_", "piped");
    let line = format!("\u{0}\u{1}\u{ff} token: {token}\n");
    let doc = piped(&home, &["scan", "-", "--format", "json"], &[line.as_bytes()]).document(1);
    assert_eq!(paths(doc.only()), ["(stdin)"]);
    assert_eq!((doc.count("files"), doc.count("bytes")), (1, line.len() as u64));
    // In pieces, with a token across two of them, and beside a path.
    let (head, tail) = token.split_at(17);
    home.write("notes.txt", &token);
    let run = piped(
        &home,
        &["scan", "notes.txt", "-", "--format", "json"],
        &[b"a ", head.as_bytes(), tail.as_bytes()],
    );
    assert_eq!(paths(run.document(1).only()), ["(stdin)", "notes.txt"]);
    // Larger than any window.
    let block = vec![b'.'; 1 << 20];
    let mut pieces: Vec<&[u8]> = vec![&block; 40];
    pieces.insert(20, line.as_bytes());
    let run = piped(&home, &["scan", "-", "--format", "json"], &pieces).document(1);
    assert_eq!(run.only()["sightings"][0]["line"], 1);
    assert_eq!(run.count("bytes"), (40 << 20) + line.len() as u64);
    // Nothing, and what is nothing to read.
    assert_eq!(piped(&home, &["scan", "-", "--format", "json"], &[]).document(0).count("bytes"), 0);
}

#[test]
fn a_name_says_what_standard_input_is() {
    let home = Home::new();
    let npmrc = b"strict-ssl=false\n";
    let named = |name: &str| piped(&home, &["scan", "-", "--stdin-name", name, "--format", "json"], &[npmrc]);
    for name in [".npmrc", "web/.npmrc", "~/.npmrc", "/srv/.npmrc"] {
        let doc = named(name).document(1);
        // There is no file whose mode could be judged.
        assert_eq!(paths(doc.only()), [name], "{:#}", doc.0);
    }
    assert_eq!(named("notes.md").document(0).findings().len(), 0);
    // Ignores count for the name.
    home.write(".lapwingignore", "web/ made up\n");
    assert_eq!(named("web/.npmrc").document(0).count("ignored"), 1);
    let refused = home.run(&["scan", "--stdin-name", ".env"]);
    assert!(refused.code == 2 && refused.stderr().contains("give `-`"), "{}", refused.both());
}

#[test]
fn a_silent_pipe_can_be_stopped() {
    let home = Home::new();
    let mut command = home.lapwing(&["scan", "-", "--format", "json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(format!("token: {}\n", checked("ghp_", "silent")).as_bytes()).unwrap();
    // The signal is caught once the run has begun; a reader that has taken the line has begun.
    std::thread::sleep(std::time::Duration::from_secs(2));
    home.must("kill", ["-INT", &child.id().to_string()]);
    let doc = common::finish(child).document(1);
    drop(pipe);
    // What had come is reported, and that more may have.
    assert_eq!((doc.findings().len(), doc.complete()), (1, false), "{:#}", doc.0);
    assert!(doc.gap("interrupted").is_some());
}
