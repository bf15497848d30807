//! Baselines: what was there already is left out, on every machine, and the file says nothing to a thief.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, Run, checked, paths, set_mode, text};
use std::os::unix::fs::{PermissionsExt as _, symlink};

const FILE: &str = ".lapwing-baseline";

/// A checkout in a home: tokens, a password, a setting.
fn checkout() -> Home {
    let home = Home::new();
    home.write("src/app/notes.txt", format!("token: {}\n", checked("ghp_", "notes")));
    home.write(
        "src/app/.env",
        format!(
            "DATABASE_URL=postgres://app:{}@db.company.test/app\nGITHUB_TOKEN={}\n",
            common::secret("{{alnum:14}}", "password"),
            checked("ghp_", "env")
        ),
    );
    home.write("src/app/.npmrc", "strict-ssl=false\n");
    home
}

fn at(home: &Home, args: &[&str]) -> Run {
    common::run(home.lapwing(args).current_dir(home.path("src/app")))
}

fn scan(home: &Home, code: i32) -> common::Document {
    at(home, &["scan", "--baseline", FILE, "--format", "json"]).document(code)
}

fn written(home: &Home) -> String {
    String::from_utf8(home.read(&format!("src/app/{FILE}"))).unwrap()
}

#[test]
fn only_what_is_new_is_reported() {
    let home = checkout();
    let before = at(&home, &["scan", "--format", "json"]).document(1).findings().len() as u64;
    let run = at(&home, &["baseline"]);
    assert!(
        run.code == 0 && run.stdout() == format!("{FILE}: 4 findings, 4 new, 0 gone.\n"),
        "{}",
        run.both()
    );
    let doc = scan(&home, 0);
    assert_eq!((doc.findings().len() as u64, doc.count("baselined"), before), (0, before, 4), "{:#}", doc.0);
    let shown = at(&home, &["scan", "--baseline", FILE]);
    assert!(shown.code == 0 && shown.stdout().contains("Nothing new found in 4 files"), "{}", shown.both());
    assert!(shown.stdout().contains("4 left out because of the baseline."), "{}", shown.both());

    home.write("src/app/new.txt", checked("ghp_", "new"));
    let doc = scan(&home, 1);
    assert_eq!(
        (paths(doc.only()), doc.count("baselined"), doc.count("critical")),
        (vec!["new.txt".to_owned()], 4, 1)
    );
    let answer = at(&home, &["baseline", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&answer.out).unwrap();
    assert_eq!(answer, serde_json::json!({ "file": FILE, "entries": 5, "added": 1, "removed": 0 }));
    assert_eq!(scan(&home, 0).count("baselined"), 5);
}

#[test]
fn the_same_findings_give_the_same_bytes() {
    let home = checkout();
    assert_eq!(at(&home, &["baseline"]).code, 0);
    let first = written(&home);
    assert_eq!(first.lines().count(), 4 + 4);
    let again = |what: &str| {
        assert_eq!(at(&home, &["baseline"]).code, 0);
        assert_eq!(written(&home), first, "{what}");
    };
    again("nothing has changed");
    let env = home.read("src/app/.env");
    home.write("src/app/.env", [b"# a remark\n\n".to_vec(), env].concat());
    std::fs::create_dir(home.path("src/app/web")).unwrap();
    for (from, to) in [("notes.txt", "web/moved.md"), (".npmrc", "web/.npmrc")] {
        std::fs::rename(home.path("src/app").join(from), home.path("src/app").join(to)).unwrap();
    }
    again("files were edited and moved");
    home.write("src/app/copy.txt", home.read("src/app/web/moved.md"));
    again("a copy of the same secret");
    let id = text(&at(&home, &["scan", "copy.txt", "--format", "json"]).document(1).only()["id"]);
    home.doctor();
    assert_eq!(home.run(&["ignore", &id, "--reason", "this user's decision"]).code, 0);
    again("what one user lives with is there all the same");
    std::fs::remove_dir_all(home.state()).unwrap();
    again("another key for ids");
    assert!(!first.contains("src") && !first.contains(".env"), "{first}");
    // A file of one's own salt has not one line of entries in common.
    assert_eq!(at(&home, &["baseline", "-o", "other"]).code, 0);
    let other = String::from_utf8(home.read("src/app/other")).unwrap();
    let entries =
        |text: &str| text.lines().skip(3).map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert!(entries(&first).is_disjoint(&entries(&other)), "{first}{other}");
}

#[test]
fn it_holds_on_another_machine_and_in_another_place() {
    let (one, other) = (checkout(), checkout());
    assert_eq!(at(&one, &["baseline"]).code, 0);
    other.write(&format!("src/app/{FILE}"), written(&one));
    std::fs::rename(other.path("src/app"), other.path("checkout")).unwrap();
    let file = format!("checkout/{FILE}");
    for path in ["checkout", &other.path("checkout").display().to_string()] {
        let doc = other.run(&["scan", path, "--baseline", &file, "--format", "json"]).document(0);
        assert_eq!((doc.findings().len(), doc.count("baselined")), (0, 4), "{:#}", doc.0);
    }
    // One risky setting that is known does not stand for all of its kind.
    other.write("checkout/pkg/.npmrc", "strict-ssl=false\n");
    let doc = other.run(&["scan", "checkout", "--baseline", &file, "--format", "json"]).document(1);
    assert_eq!(paths(doc.only()), ["checkout/pkg/.npmrc"]);
}

#[test]
fn doctor_leaves_out_what_it_remembers_too() {
    let home = checkout();
    home.write_mode(".profile", "umask 022\n", 0o666);
    let all = home.doctor().document(1).findings().len() as u64;
    assert_eq!(home.run(&["baseline", "--doctor", "-o", "known"]).code, 0);
    for _ in 0..2 {
        let doc = home.run(&["doctor", "--baseline", "known", "--format", "json"]).document(0);
        assert_eq!((doc.findings().len(), doc.count("baselined")), (0, all), "{:#}", doc.0);
    }
    home.write("new.txt", checked("ghp_", "new"));
    let doc = home.run(&["doctor", "--baseline", "known", "--format", "json"]).document(1);
    assert_eq!(paths(doc.only()), ["~/new.txt"]);
    // Nothing is forgotten: without the baseline everything is there.
    assert_eq!(home.doctor().document(1).findings().len() as u64, all + 1);
}

#[test]
fn a_file_that_is_no_baseline_is_neither_used_nor_replaced() {
    let home = checkout();
    assert_eq!(at(&home, &["baseline"]).code, 0);
    let good = written(&home);
    let one_line = |args: &[&str], says: &str| {
        let run = at(&home, args);
        let err = run.stderr();
        assert!(
            run.code == 2 && run.out.is_empty() && err.lines().count() == 1 && err.contains(says),
            "{}",
            run.both()
        );
    };
    one_line(
        &["scan", "--baseline", "nowhere"],
        "there is no baseline nowhere; `lapwing baseline -o nowhere` writes one",
    );
    one_line(&["doctor", "--baseline", "nowhere"], "there is no baseline nowhere");
    let half = good[..good.len() - 7].to_owned();
    let cases = [
        (half.as_str(), "line 8 is not an entry"),
        ("", "is not a baseline"),
        ("{}", "is not a baseline"),
        ("lapwing-baseline 9\n", "is of another version"),
        ("lapwing-baseline 1\n0011\n", "has no salt"),
    ];
    for (content, says) in cases {
        home.write("src/app/bad", content);
        one_line(&["scan", "--baseline", "bad"], says);
        one_line(&["baseline", "-o", "bad"], says);
        assert_eq!(home.read("src/app/bad"), content.as_bytes());
    }
    one_line(&["baseline", "-o", ".env"], "is not a baseline");
    one_line(&["baseline", "-o", "no/such/dir"], "there is no such directory");
    one_line(&["scan", "--baseline", "."], "is not a regular file");
    // Merged by hand or by git, in any order, it is good.
    let mut lines: Vec<&str> = good.lines().collect();
    lines[4..].reverse();
    home.write("src/app/merged", lines.join("\r\n"));
    let doc = at(&home, &["scan", "--baseline", "merged", "--format", "json"]).document(0);
    assert_eq!(doc.count("baselined"), 4);
}

#[test]
fn a_link_and_a_mode_are_kept() {
    let home = checkout();
    assert_eq!(at(&home, &["baseline", "-o", "real"]).code, 0);
    set_mode(&home.path("src/app/real"), 0o640);
    symlink("real", home.path(&format!("src/app/{FILE}"))).unwrap();
    home.write("src/app/new.txt", checked("ghp_", "new"));
    assert_eq!(at(&home, &["baseline"]).code, 0);
    assert!(home.path(&format!("src/app/{FILE}")).is_symlink());
    let real = home.path("src/app/real");
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(written(&home).lines().count(), 4 + 5);
    let left: Vec<_> = common::files(&home.path("src/app"))
        .into_iter()
        .filter(|p| p.to_string_lossy().contains("baseline-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
