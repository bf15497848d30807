//! Plans of files as they are.
#![expect(clippy::disallowed_methods, reason = "the tests make the files")]

use super::*;
use lapwing_rules::finding::Finding;
use lapwing_rules::fix::edit::{apply, digest, merge};
use lapwing_rules::fix::plan::Plan;
use lapwing_rules::rule::Safety;
use lapwing_rules::testing::fill;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

/// A home with these files, and a workshop for it whose ids ask no keyring.
fn workshop(files: &[(&str, &str)]) -> (TempDir, Workshop) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let home = Home::other(dir.path());
    let ids = Fingerprinter::new(|| Zeroizing::new([1; 32]));
    let workshop = Workshop::with(&home, &Config::default(), ids, Trouble::default());
    (dir, workshop)
}

fn of<'p>(plans: &'p Plans, rule: &str) -> &'p Planned {
    let found: Vec<&str> = plans.plans.iter().map(|(f, _)| f.page.id.as_str()).collect();
    plans.plans.iter().find(|(f, _)| f.page.id == rule).unwrap_or_else(|| panic!("{rule}: only {found:?}"))
}

fn want((finding, _): &Planned, path: &str) -> Wanted {
    Wanted { id: finding.id.short(), path: finding.path.clone().unwrap_or_else(|| path.to_owned()) }
}

/// A file with all edits made that plans have for it, and these.
fn mended(bytes: &[u8], plans: &[(Finding, Plan)]) -> (Vec<u8>, Vec<Edit>) {
    let mut lists = Vec::new();
    for (_, plan) in plans {
        for step in &plan.steps {
            if let Step::Edit { edits, guard, .. } = step {
                assert!(*guard == digest(bytes));
                lists.push(edits.clone());
            }
        }
    }
    let edits = merge(lists).0;
    (apply(bytes, &edits).unwrap(), edits)
}

#[test]
fn what_is_wanted_is_planned_and_guarded() {
    let config = "[http]\n\tsslVerify = false\n[core]\n\tfsmonitor = ./x.sh\n";
    let (dir, workshop) = workshop(&[(".gitconfig", config)]);
    fs::set_permissions(dir.path().join(".gitconfig"), fs::Permissions::from_mode(0o640)).unwrap();
    let all = workshop.file("~/.gitconfig");
    assert_eq!(all.plans.len(), 2);
    let wanted = want(of(&all, "git.tls-verify-off"), "~/.gitconfig");
    let other = Wanted { id: "F-00000000".to_owned(), path: "~/.gitconfig".to_owned() };
    let plans = workshop.plans(&[wanted, other.clone()]);
    assert_eq!((plans.plans.len(), plans.gone), (1, vec![other]));
    assert!(plans.plans[0].1.safety == Safety::Safe);
    assert_eq!(mended(config.as_bytes(), &plans.plans).0, b"[core]\n\tfsmonitor = ./x.sh\n");
    let guard = &plans.guards["~/.gitconfig"];
    assert_eq!((guard.mode, guard.size, guard.linked), (0o640, config.len() as u64, false));
    assert_eq!(guard.inode.1, rustix::fs::stat(dir.path().join(".gitconfig")).unwrap().st_ino);
}

#[test]
fn included_files_and_modes_of_folders_are_found_by_themselves() {
    let (dir, workshop) = workshop(&[
        (".gitconfig", "[include]\n\tpath = work.inc\n"),
        ("work.inc", "[http]\n\tsslVerify = false\n"),
        (".ssh/known", ""),
    ]);
    fs::set_permissions(dir.path().join(".ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let included = want(of(&workshop.file("~/.gitconfig"), "git.tls-verify-off"), "");
    assert_eq!(included.path, "~/work.inc");
    let open =
        of(&Plans { plans: workshop.engine.plans_home(&workshop.cx()), ..Plans::default() }, "ssh.dir-mode")
            .0
            .id;
    let open = Wanted { id: open.short(), path: "~/.ssh".to_owned() };
    let plans = workshop.plans(&[included, open]);
    assert!(plans.gone.is_empty() && plans.problems.is_empty());
    assert!(matches!(&of(&plans, "ssh.dir-mode").1.steps[..], [Step::Mode { was: 0o755, mode: 0o700, .. }]));
    assert!(
        matches!(&of(&plans, "git.tls-verify-off").1.steps[..], [Step::Edit { path, .. }] if path == "~/work.inc")
    );
    assert!(plans.guards["~/.ssh"].directory && !plans.guards["~/work.inc"].directory);
}

#[test]
fn links_are_followed_to_where_the_file_is() {
    let (dir, workshop) = workshop(&[("dots/gitconfig", "[http]\n\tsslVerify = false\n")]);
    symlink("dots/gitconfig", dir.path().join(".gitconfig")).unwrap();
    let plans = workshop.file("~/.gitconfig");
    let guard = &plans.guards["~/.gitconfig"];
    assert!(guard.linked && guard.real.ends_with("dots/gitconfig"));
}

#[test]
fn what_is_no_file_has_no_plans() {
    let (dir, workshop) = workshop(&[]);
    let pipe = dir.path().join(".gitconfig");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    for path in ["~/.gitconfig", "~/gone"] {
        let plans = workshop.file(path);
        assert!(plans.plans.is_empty() && plans.guards.is_empty());
    }
}

/// A transcript that is not read whole, with twelve tokens.
fn transcript() -> String {
    let line = format!("{{\"text\":\"{}\"}}\n", "word ".repeat(2000));
    let mut text = String::new();
    for i in 0..1200 {
        text += &line;
        if i % 100 == 0 {
            text += &fill("{\"text\":\"T=glpat-{{alnum:20}}\\n\"}\n", &i.to_string());
        }
    }
    assert!(text.len() > READABLE);
    text
}

/// What is found where a file was edited.
fn judged(workshop: &Workshop, path: &str, after: &[u8], edits: &[Edit]) -> Vec<FindingId> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(after).unwrap();
    workshop.judge_edited(path, file.as_fd(), after.len(), edits).unwrap()
}

#[test]
fn a_file_larger_than_memory_should_hold_is_planned_window_by_window() {
    let text = transcript();
    let path = "~/.claude/projects/a/b.jsonl";
    let (_dir, workshop) = workshop(&[(&path[2..], &text)]);
    let plans = workshop.file(path).plans;
    assert_eq!(plans.len(), 12);
    assert!(plans.iter().all(|(_, plan)| plan.safety == Safety::Review && plan.credential));
    let (after, edits) = mended(text.as_bytes(), &plans);
    assert!(judged(&workshop, path, &after, &edits).is_empty());
    // Edits that do nothing change nothing.
    let idle: Vec<Edit> =
        edits.iter().map(|e| Edit { end: e.start, with: Vec::new(), ..e.clone() }).collect();
    let before = judged(&workshop, path, text.as_bytes(), &idle);
    assert_eq!(before, plans.iter().map(|(f, _)| f.id).collect::<Vec<_>>());
}

#[test]
fn a_secret_that_an_edit_leaves_or_makes_is_found() {
    let path = "~/.claude/projects/a/b.jsonl";
    let token = fill("glpat-{{alnum:20}}", "torn");
    let torn = format!("{} {}\n", &token[..3], &token[3..]);
    let text = format!("{0}{1}{torn}{1}T={token}\n{0}", transcript(), "word ".repeat(1000));
    let (_dir, workshop) = workshop(&[(&path[2..], &text)]);
    let tear = text.find(&torn).unwrap() + 3;
    let whole = text.find(&token).unwrap();
    let join = Edit { start: tear, end: tear + 1, with: Vec::new(), secret: false };
    let gone = Edit { start: whole, end: whole + token.len(), with: b"-".to_vec(), secret: true };
    let count = |edits: &[Edit]| {
        let after = apply(text.as_bytes(), edits).unwrap();
        judged(&workshop, path, &after, edits).len()
    };
    assert_eq!(count(std::slice::from_ref(&gone)), 0);
    // The whole one lies behind what an edit can change.
    assert_eq!(count(std::slice::from_ref(&join)), 1);
    assert_eq!(count(&[join, gone]), 1);
}

#[test]
fn a_large_file_is_searched_once_while_it_stays_as_it_is() {
    let path = "~/.claude/projects/a/b.jsonl";
    let (dir, workshop) = workshop(&[(&path[2..], &transcript())]);
    let stat = || rustix::fs::stat(dir.path().join(&path[2..])).unwrap();
    let mut plans = workshop.file(path).plans;
    let ids: Vec<String> = plans.iter().map(|(finding, _)| finding.id.short()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let first = BTreeSet::from([ids[0]]);
    let mut left = Left::new(path, &stat(), &first, plans.split_off(1));
    let mut take =
        |path: &str, ids: &[&str]| Some(left.take(path, &stat(), &ids.iter().copied().collect())?.len());
    assert_eq!(take(path, &ids[1..3]), Some(2));
    assert_eq!(take(path, &ids[2..4]), None, "one of them was given away");
    assert_eq!(take(path, &ids[3..]), Some(9));
    assert_eq!(take(path, &["F-00000000"]), Some(0));
    assert_eq!(take("~/other", &["F-00000001"]), None);
    fs::write(dir.path().join(&path[2..]), "x").unwrap();
    assert_eq!(take(path, &["F-00000002"]), None);
}

#[test]
fn cells_of_a_history_are_planned_each() {
    let (dir, workshop) = workshop(&[(".local/share/atuin/x", "")]);
    let path = "~/.local/share/atuin/history.db";
    let db = rusqlite::Connection::open(dir.path().join(&path[2..])).unwrap();
    db.execute("CREATE TABLE history (id TEXT, command TEXT)", []).unwrap();
    let token = fill("glpat-{{alnum:20}}", "cells");
    for command in
        [format!("export T={token}"), "ls".to_owned(), format!("curl -H 'PRIVATE-TOKEN: {token}' x")]
    {
        db.execute("INSERT INTO history VALUES ('1', ?1)", [command]).unwrap();
    }
    let plans = workshop.file(path);
    let (finding, plan) = &plans.plans[0];
    assert_eq!((plans.plans.len(), finding.inside.as_deref()), (1, Some("history row 1, command")));
    assert!(matches!(&plan.steps[..], [Step::Cells { secret, .. }] if secret.expose() == token.as_bytes()));
    assert!(
        plan.summary.ends_with("in 2 cells")
            && plan.safety == Safety::Review
            && !plan.summary.contains(&token)
    );
    assert!(plans.guards.contains_key(path));
}

#[test]
fn what_is_in_no_file_is_told_and_not_gone() {
    let (dir, workshop) = workshop(&[("src/a/.git/HEAD", ""), ("b.gz", "\u{1f}x")]);
    fs::write(dir.path().join("b.gz"), b"\x1f\x8b\x08\0").unwrap();
    let wanted = ["(processes)", "~/src/a", "~/b.gz"]
        .map(|path| Wanted { id: "F-00000000".to_owned(), path: path.to_owned() });
    let plans = workshop.plans(&wanted);
    let told: Vec<&str> = plans.problems.iter().map(|p| p.what.as_str()).collect();
    assert_eq!(told, ["~/b.gz", "(processes)", "~/src/a"]);
    assert!(plans.plans.is_empty() && plans.gone.is_empty());
}

#[test]
fn people_see_no_secret() {
    let text =
        fill("url = https://me:{{alnum:20}}@h.example/\nT=glpat-{{alnum:20}} # lapwing:ignore\n", "hide");
    let (_dir, workshop) = workshop(&[]);
    let shown = String::from_utf8(workshop.hide("~/notes.txt", text.as_bytes())).unwrap();
    assert_eq!(shown.lines().count(), 2);
    assert!(shown.contains("T=glpat-…") && !shown.contains(&text[10..40]), "{shown}");
}

#[test]
fn judging_looks_at_new_content_as_a_scan_would() {
    let (dir, workshop) = workshop(&[(".gitconfig", "[http]\n\tsslVerify = false\n")]);
    let stat = rustix::fs::stat(Path::new(&dir.path().join(".gitconfig"))).unwrap();
    let plans = workshop.file("~/.gitconfig").plans;
    let ids = workshop.judge("~/.gitconfig", b"[http]\n\tsslVerify = false\n", &stat);
    assert_eq!(ids, [plans[0].0.id]);
    assert!(workshop.judge("~/.gitconfig", b"[http]\n", &stat).is_empty());
}
