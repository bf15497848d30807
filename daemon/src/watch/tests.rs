//! With the real kernel: nothing here is simulated.
#![expect(clippy::disallowed_methods, reason = "tests make and read files of their own")]

use super::*;
use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Handles events as the agent does, and keeps what was told.
struct Agent {
    watcher: Watcher,
    inbox: Inbox,
    root: PathBuf,
    changed: HashSet<PathBuf>,
    gone: HashSet<PathBuf>,
    lost: Vec<Option<PathBuf>>,
    troubles: Vec<Trouble>,
    _dir: tempfile::TempDir,
}

impl Agent {
    fn new(most: usize) -> Agent {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        let inbox = Inbox::new(most);
        let mut watcher = Watcher::start(inbox.clone()).unwrap();
        assert_eq!(watcher.apply(std::slice::from_ref(&root), &[]), []);
        Agent {
            watcher,
            inbox,
            root,
            changed: HashSet::new(),
            gone: HashSet::new(),
            lost: Vec::new(),
            troubles: Vec::new(),
            _dir: dir,
        }
    }

    /// Takes in what there is; whether there was anything.
    fn step(&mut self) -> bool {
        let events = self.inbox.drain();
        let any = !events.is_empty();
        for event in events {
            match event {
                FileEvent::Changed(path) => drop(self.changed.insert(path)),
                FileEvent::Gone(path) => {
                    self.troubles.extend(self.watcher.apply(&[], std::slice::from_ref(&path)));
                    self.gone.insert(path);
                }
                FileEvent::NewDir(path) => self.troubles.extend(self.watcher.join(&[path])),
                FileEvent::Lost(below) => self.lost.push(below),
            }
        }
        any
    }

    /// Goes on until something holds.
    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&Agent) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            if !self.step() {
                std::thread::park_timeout(Duration::from_millis(2));
            }
        }
    }

    /// Goes on until all that has happened so far was told: the kernel keeps the order.
    #[track_caller]
    fn settle(&mut self) {
        let mark = self.root.join("mark");
        self.changed.remove(&mark);
        // What the first round finds may be directories that are watched only then.
        for round in 0..5 {
            self.changed.remove(&mark);
            write(&mark, &round.to_string());
            let before = mark.clone();
            self.until("the mark", move |agent| agent.changed.contains(&before) || !agent.lost.is_empty());
            while self.step() {}
        }
        self.changed.remove(&mark);
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// Every file below a directory.
fn files(dir: &Path) -> HashSet<PathBuf> {
    let mut found = HashSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => drop(found.insert(entry.path())),
        }
    }
    found
}

#[test]
fn the_ways_in_which_editors_save_are_all_told() {
    let mut agent = Agent::new(Inbox::MOST);
    let at = |name: &str| agent.root.join(name);
    let (plain, vim, new) = (at("plain"), at("vim"), at("new"));
    for path in [&plain, &vim, &new] {
        write(path, "old");
    }
    agent.settle();
    agent.changed.clear();
    // In place; the old one moved aside and a new one written; a new one moved over.
    write(&plain, "new");
    std::fs::rename(&vim, agent.root.join("vim~")).unwrap();
    write(&vim, "new");
    std::fs::remove_file(agent.root.join("vim~")).unwrap();
    write(&agent.root.join(".new.tmp"), "new");
    std::fs::rename(agent.root.join(".new.tmp"), &new).unwrap();
    agent.settle();
    for path in [&plain, &vim, &new] {
        assert!(agent.changed.contains(path), "{path:?}");
    }
    assert!(agent.gone.contains(&agent.root.join(".new.tmp")));
}

#[test]
fn what_is_still_open_a_mode_and_a_link_are_told() {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mut agent = Agent::new(Inbox::MOST);
    let (open, mode, link) = (agent.root.join("open"), agent.root.join("mode"), agent.root.join("link"));
    write(&mode, "");
    let mut file = std::fs::File::create(&open).unwrap();
    agent.settle();
    agent.changed.clear();
    file.write_all(b"more").unwrap();
    std::fs::set_permissions(&mode, std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink("/nowhere", &link).unwrap();
    agent.settle();
    for path in [&open, &mode, &link] {
        assert!(agent.changed.contains(path), "{path:?}");
    }
}

#[test]
fn reading_is_not_told() {
    let mut agent = Agent::new(Inbox::MOST);
    (0..50).for_each(|n| write(&agent.root.join(n.to_string()), "text"));
    agent.settle();
    agent.changed.clear();
    assert_eq!(files(&agent.root).into_iter().map(|f| std::fs::read(f).unwrap().len()).max(), Some(4));
    agent.settle();
    assert_eq!(agent.changed, HashSet::new());
}

#[test]
fn nothing_in_directories_made_a_moment_ago_is_missed() {
    let mut agent = Agent::new(Inbox::MOST);
    for n in 0..50 {
        let dir = agent.root.join(format!("{n}/a/b/c"));
        std::fs::create_dir_all(&dir).unwrap();
        write(&dir.join("file"), "text");
        if n % 7 == 0 {
            agent.step();
        }
    }
    let all = files(&agent.root);
    agent.until("all files are told of", |agent| all.is_subset(&agent.changed));
    agent.until("all directories are watched", |agent| agent.watcher.counts().watched == 201);
    assert_eq!((&agent.lost[..], &agent.troubles[..]), (&[][..], &[][..]));
    // They are watched from then on.
    let late = agent.root.join("49/a/b/c/late");
    write(&late, "text");
    agent.until("a later file is told of", |agent| agent.changed.contains(&late));
}

#[test]
fn ten_thousand_files_at_once_are_all_told() {
    let mut agent = Agent::new(Inbox::MOST);
    let root = agent.root.clone();
    let writer = std::thread::spawn(move || {
        for n in 0..10_000 {
            write(&root.join(n.to_string()), "text");
        }
    });
    agent.until("ten thousand files", |agent| agent.changed.len() >= 10_000 || !agent.lost.is_empty());
    writer.join().unwrap();
    agent.settle();
    let all = files(&agent.root);
    let missed = all.iter().filter(|f| !f.ends_with("mark") && !agent.changed.contains(*f)).count();
    assert!(missed == 0 || !agent.lost.is_empty(), "{missed} missed, and nobody was told");
    assert_eq!((missed, agent.lost.len()), (0, 0));
}

#[test]
fn a_directory_is_followed_under_its_new_name() {
    let mut agent = Agent::new(Inbox::MOST);
    let (old, new) = (agent.root.join("old"), agent.root.join("new"));
    std::fs::create_dir_all(old.join("deep/er")).unwrap();
    agent.until("all are watched", |agent| agent.watcher.counts().watched == 4);
    std::fs::rename(&old, &new).unwrap();
    agent.until("the new name is watched", |agent| {
        agent.watcher.watches_below(&agent.root.join("new/deep/er"))
    });
    agent.settle();
    assert!(agent.gone.contains(&old) && !agent.watcher.watches_below(&old));
    let file = new.join("deep/er/file");
    write(&file, "text");
    agent.until("a file under the new name", |agent| agent.changed.contains(&file));
    assert!(!agent.changed.iter().any(|path| path.starts_with(&old)), "{:?}", agent.changed);
}

#[test]
fn what_is_watched_below_a_moved_directory_is_left_even_if_that_was_not_watched() {
    let mut agent = Agent::new(Inbox::MOST);
    let (old, new) = (agent.root.join("old"), agent.root.join("new"));
    std::fs::create_dir_all(old.join("a/b")).unwrap();
    agent.until("all are watched", |agent| agent.watcher.counts().watched == 4);
    assert_eq!(agent.watcher.apply(&[], std::slice::from_ref(&old)), []);
    assert_eq!(agent.watcher.apply(&[old.join("a/b"), old.join("a")], &[]), []);
    std::fs::rename(&old, &new).unwrap();
    agent.until("the new names are watched", |agent| agent.watcher.watches(&agent.root.join("new/a/b")));
    agent.settle();
    write(&new.join("a/b/file"), "text");
    agent.until("a file", |agent| agent.changed.contains(&agent.root.join("new/a/b/file")));
    assert!(!agent.changed.iter().any(|path| path.starts_with(&old)), "{:?}", agent.changed);
    assert!(!agent.watcher.watches_below(&old));
}

#[test]
fn a_thousand_renames_of_directories_end_with_the_right_one_watched() {
    let mut agent = Agent::new(Inbox::MOST);
    let root = agent.root.clone();
    std::fs::create_dir_all(root.join("d0/in")).unwrap();
    agent.until("both are watched", |agent| agent.watcher.counts().watched == 3);
    let mover = std::thread::spawn(move || {
        for n in 0..2000 {
            let to = root.join(format!("d{}", (n + 1) % 1000));
            std::fs::rename(root.join(format!("d{}", n % 1000)), to).unwrap();
            write(&root.join(format!("d{}/in/file", (n + 1) % 1000)), "text");
        }
    });
    while !mover.is_finished() {
        agent.step();
    }
    mover.join().unwrap();
    agent.settle();
    let file = agent.root.join("d0/in/last");
    write(&file, "text");
    agent.until("a file in the last one", |agent| agent.changed.contains(&file));
    assert_eq!(agent.watcher.counts().watched, 3);
    // Some were moved on before they could be watched; nothing worse than that has happened.
    assert!(agent.troubles.iter().all(|t| matches!(t, Trouble::Vanished(_))), "{:?}", agent.troubles);
}

#[test]
fn directories_that_vanish_are_left_and_told() {
    let mut agent = Agent::new(Inbox::MOST);
    let dirs: Vec<_> = (0..300).map(|n| agent.root.join(n.to_string())).collect();
    dirs.iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
    agent.until("all are watched", |agent| agent.watcher.counts().watched == 301);
    dirs.iter().for_each(|dir| std::fs::remove_dir(dir).unwrap());
    agent.until("all are left", |agent| agent.watcher.counts().watched == 1);
    agent.settle();
    assert!(dirs.iter().all(|dir| agent.gone.contains(dir)));
    assert_eq!(agent.watcher.inotify.watched_paths().unwrap().len(), 1);
    // They come again, and are watched again.
    dirs.iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
    agent.until("all are watched again", |agent| agent.watcher.counts().watched == 301);
    let file = dirs[299].join("file");
    write(&file, "text");
    agent.until("a file in one", |agent| agent.changed.contains(&file));
}

#[test]
fn a_directory_whose_parent_is_not_watched_is_told_to_be_gone() {
    let mut agent = Agent::new(Inbox::MOST);
    let (a, b) = (agent.root.join("x/y/a"), agent.root.join("x/y/b"));
    std::fs::create_dir_all(&a).unwrap();
    assert_eq!(agent.watcher.apply(std::slice::from_ref(&a), std::slice::from_ref(&agent.root)), []);
    let _ = agent.inbox.drain();
    std::fs::rename(&a, &b).unwrap();
    agent.until("it is gone", |agent| agent.gone.contains(&a));
    assert_eq!(agent.watcher.inotify.watched_paths().unwrap().len(), 0);
}

#[test]
fn links_and_what_is_not_ours_are_not_watched() {
    let mut agent = Agent::new(Inbox::MOST);
    let at = |name: &str| agent.root.join(name);
    let (link, behind, file, none) = (at("link"), at("link/in"), at("file"), at("none"));
    std::fs::create_dir_all(at("real/in")).unwrap();
    std::os::unix::fs::symlink(at("real"), &link).unwrap();
    write(&file, "text");
    let add = [link.clone(), behind.clone(), file.clone(), none.clone(), PathBuf::from("relative")];
    let expected = [
        Trouble::Link(link),
        Trouble::Link(behind),
        Trouble::Vanished(file),
        Trouble::Vanished(none),
        Trouble::Vanished("relative".into()),
    ];
    assert_eq!(agent.watcher.apply(&add, &[]), expected);
    assert_eq!(agent.watcher.counts().watched, 1);
}

#[test]
fn after_an_overflow_everything_is_watched_afresh() {
    let mut agent = Agent::new(100);
    (0..500).for_each(|n| write(&agent.root.join(n.to_string()), "text"));
    agent.until("the overflow is told", |agent| agent.lost.contains(&None));
    assert!(agent.watcher.counts().overflows > 0);
    assert_eq!(agent.watcher.renew(), []);
    // The old thread may still tell something.
    let late = agent.root.join("late");
    write(&late, "text");
    agent.until("what comes after", |agent| agent.changed.contains(&late));
    assert_eq!(agent.watcher.counts().watched, 1);
}

/// Runs one of the tests below in a user namespace of its own, with limits of its own. `false` where there are none.
#[track_caller]
fn limited(setting: &str, test: &str) {
    let exe = std::env::current_exe().unwrap();
    let script = format!("{setting} && exec \"$0\" --exact {test} --ignored --nocapture --test-threads=1");
    let output = Command::new("unshare").args(["-Ur", "sh", "-c", &script]).arg(exe).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn at_the_limit_of_watches_what_fits_is_watched() {
    limited("echo 64 > /proc/sys/user/max_inotify_watches", "watch::tests::within_64_watches");
}

#[test]
#[ignore = "run by at_the_limit_of_watches_what_fits_is_watched"]
fn within_64_watches() {
    assert_eq!(limits().watches, 64);
    let mut agent = Agent::new(Inbox::MOST);
    let dirs: Vec<_> = (0..100).map(|n| agent.root.join(format!("{n:03}"))).collect();
    dirs.iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
    let trouble = agent.watcher.apply(&dirs, &[]);
    let watched = agent.watcher.counts().watched;
    assert!((32..=64).contains(&watched), "{watched}");
    assert_eq!(trouble, [Trouble::LimitReached { watched, wanted: 101 }]);
    // Those that are watched are, and when there is room again the next one is too.
    let file = dirs[0].join("file");
    write(&file, "text");
    agent.until("a file in the first", |agent| agent.changed.contains(&file));
    assert_eq!(agent.watcher.apply(&dirs[99..], &dirs[1..2]), []);
    let file = dirs[99].join("file");
    write(&file, "text");
    agent.until("a file in the last", |agent| agent.changed.contains(&file));
}

#[test]
fn without_an_instance_it_is_said_so() {
    limited("echo 0 > /proc/sys/user/max_inotify_instances", "watch::tests::within_no_instances");
}

#[test]
#[ignore = "run by without_an_instance_it_is_said_so"]
fn within_no_instances() {
    assert_eq!(limits().instances, 0);
    assert_eq!(Watcher::start(Inbox::new(10)).err(), Some(Trouble::NoInstance));
}

#[test]
fn when_the_kernel_drops_events_it_is_told() {
    let inbox = Inbox::new(Inbox::MOST);
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path()).unwrap();
    let mut watcher = Watcher::start(inbox.clone()).unwrap();
    assert_eq!(watcher.apply(std::slice::from_ref(&root), &[]), []);
    // The thread waits here for as long as the inbox is held: nobody reads what the kernel queues.
    let most = limits().queue;
    inbox.held(|| {
        // Made, closed, and moved from and to: four events each, and some more for what is read already.
        for n in 0..most / 4 + 1000 {
            let (a, b) = (root.join(format!("a{n}")), root.join(format!("b{n}")));
            write(&a, "");
            std::fs::rename(a, b).unwrap();
        }
    });
    let deadline = Instant::now() + PATIENCE;
    while !inbox.drain().contains(&FileEvent::Lost(None)) {
        assert!(Instant::now() < deadline, "the overflow was never told");
        std::thread::park_timeout(Duration::from_millis(2));
    }
    assert!(watcher.counts().overflows > 0);
}
