#![expect(clippy::disallowed_methods, reason = "tests make files of their own")]

use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    (dir, Home::at(&root, &root.join("state")))
}

fn moved(home: &Home, shown: &str) -> Kept {
    let step = prepare(home, shown, "r1", 7).unwrap().unwrap();
    assert!(step.commit().unwrap());
    step.kept().clone()
}

#[test]
fn what_is_moved_is_kept_as_it_was_and_comes_back() {
    let (_dir, home) = home();
    let file = home.path("~/a.sh");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o751)).unwrap();
    let kept = moved(&home, "~/a.sh");
    assert!(!file.exists());
    let entry = directory(&home).join(&kept.entry);
    assert_eq!(std::fs::read(entry.join(CONTENT)).unwrap(), b"#!/bin/sh\n");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&directory(&home)), mode(&entry), mode(&entry.join(MANIFEST))), (0o700, 0o700, 0o600));
    assert_eq!((kept.mode, kept.kind, kept.at), (0o751, Kind::File, 7));
    assert_eq!(kept.digest, Some(hex(&hash(&b"#!/bin/sh\n"[..]).unwrap())));
    assert_eq!(all(&home), std::slice::from_ref(&kept));
    back(&home, &kept).unwrap();
    assert_eq!((std::fs::read(&file).unwrap(), mode(&file)), (b"#!/bin/sh\n".to_vec(), 0o751));
    assert!(all(&home).is_empty() && !entry.exists());
}

#[test]
fn a_link_is_moved_and_not_what_it_leads_to() {
    let (_dir, home) = home();
    std::fs::write(home.path("~/kept"), "x").unwrap();
    symlink("kept", home.path("~/link")).unwrap();
    symlink("/nowhere/at/all", home.path("~/dead")).unwrap();
    for name in ["~/link", "~/dead"] {
        let kept = moved(&home, name);
        assert_eq!((kept.kind, kept.digest.is_none()), (Kind::Link, true));
        assert!(sys::lstat(home.path(name)).is_err());
        back(&home, &kept).unwrap();
        assert!(sys::lstat(home.path(name)).is_ok());
    }
    assert!(home.path("~/kept").exists());
}

#[test]
fn a_directory_goes_with_all_that_is_in_it() {
    let (_dir, home) = home();
    std::fs::create_dir_all(home.path("~/d/e")).unwrap();
    std::fs::write(home.path("~/d/e/f"), "x").unwrap();
    let kept = moved(&home, "~/d");
    assert!(!home.path("~/d").exists());
    back(&home, &kept).unwrap();
    assert_eq!(std::fs::read(home.path("~/d/e/f")).unwrap(), b"x");
}

#[test]
fn what_is_gone_needs_no_move_and_what_has_changed_is_refused() {
    let (_dir, home) = home();
    assert!(prepare(&home, "~/none", "r1", 7).unwrap().is_none());
    assert!(prepare(&home, "~/no/dir/at/all", "r1", 7).unwrap().is_none());
    let file = home.path("~/a");
    std::fs::write(&file, "x").unwrap();
    let step = prepare(&home, "~/a", "r1", 7).unwrap().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(step.commit(), Ok(false));
    std::fs::write(&file, "x").unwrap();
    let step = prepare(&home, "~/a", "r1", 7).unwrap().unwrap();
    std::fs::write(home.path("~/b"), "y").unwrap();
    std::fs::rename(home.path("~/b"), &file).unwrap();
    assert_eq!(step.commit(), Err(Refused::Changed("name")));
    assert_eq!(std::fs::read(&file).unwrap(), b"y");
    assert!(all(&home).is_empty());
}

#[test]
fn directories_of_another_file_system_go_entry_by_entry() {
    let (_dir, home) = home();
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let top = other.path().join("d");
    std::fs::create_dir_all(top.join("e")).unwrap();
    std::fs::write(top.join("e/f"), "x").unwrap();
    std::fs::set_permissions(top.join("e/f"), std::fs::Permissions::from_mode(0o751)).unwrap();
    symlink("e/f", top.join("g")).unwrap();
    let kept = moved(&home, &top.display().to_string());
    assert!(!top.exists() && holds(&home, &kept));
    back(&home, &kept).unwrap();
    assert_eq!(std::fs::read(top.join("g")).unwrap(), b"x");
    assert_eq!(top.join("e/f").metadata().unwrap().permissions().mode() & 0o777, 0o751);
}

#[test]
fn what_went_with_its_directory_needs_no_move() {
    let (_dir, home) = home();
    std::fs::create_dir(home.path("~/d")).unwrap();
    std::fs::write(home.path("~/d/a"), "x").unwrap();
    let step = prepare(&home, "~/d/a", "r1", 7).unwrap().unwrap();
    std::fs::remove_dir_all(home.path("~/d")).unwrap();
    assert_eq!(step.commit(), Ok(false));
}

#[test]
fn moves_of_one_run_do_not_take_each_others_place() {
    let (_dir, home) = home();
    let steps: Vec<Move> = ["~/a", "~/b"]
        .into_iter()
        .map(|shown| {
            std::fs::write(home.path(shown), shown).unwrap();
            prepare(&home, shown, "r1", 7).unwrap().unwrap()
        })
        .collect();
    assert!(steps.iter().all(|step| step.commit().unwrap()));
    for step in &steps {
        back(&home, step.kept()).unwrap();
        assert_eq!(std::fs::read(home.path(&step.kept().shown)).unwrap(), step.kept().shown.as_bytes());
    }
}

#[test]
fn what_is_there_now_is_not_overwritten() {
    let (_dir, home) = home();
    std::fs::write(home.path("~/a"), "x").unwrap();
    let kept = moved(&home, "~/a");
    std::fs::write(home.path("~/a"), "new").unwrap();
    assert_eq!(back(&home, &kept), Err(Refused::Changed("name")));
    assert_eq!(std::fs::read(home.path("~/a")).unwrap(), b"new");
    assert_eq!(all(&home), [kept]);
}

#[test]
fn what_comes_from_another_file_system_is_copied_and_compared() {
    let (_dir, home) = home();
    // A file system of its own wherever there is one.
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let file = other.path().join("a");
    std::fs::write(&file, "x").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let kept = moved(&home, &file.display().to_string());
    assert!(!file.exists());
    back(&home, &kept).unwrap();
    let mode = file.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((std::fs::read(&file).unwrap(), mode), (b"x".to_vec(), 0o640));
}
