use super::*;

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

fn at(path: &str) -> PathBuf {
    Path::new("/home/a").join(path)
}

fn changed(path: &str) -> FileEvent {
    FileEvent::Changed(at(path))
}

fn gone(path: &str) -> FileEvent {
    FileEvent::Gone(at(path))
}

fn new_dir(path: &str) -> FileEvent {
    FileEvent::NewDir(at(path))
}

struct Script {
    coalescer: Coalescer,
    looks: Vec<(u64, Look)>,
    most: usize,
}

impl Script {
    fn new() -> Script {
        let coalescer = Coalescer::new(Policy::new(PathBuf::from("/home/a")));
        Script { coalescer, looks: Vec::new(), most: 0 }
    }

    /// Lets time pass, giving each look at the very moment that was announced for it.
    fn until(&mut self, now: Moment) {
        while let Some(next) = self.coalescer.next().filter(|next| *next <= now) {
            let looks = self.coalescer.due(next);
            assert!(!looks.is_empty(), "woken at {next:?} for nothing");
            let next = u64::try_from(next.as_millis()).unwrap();
            self.looks.extend(looks.into_iter().map(|look| (next, look)));
        }
    }

    /// Whether a directory that has come is to be watched at once.
    fn push(&mut self, now: Moment, event: FileEvent) -> bool {
        let history = |p: &Path| p.ends_with(".bash_history");
        let class = match &event {
            FileEvent::Changed(p) if history(p) => Class::History,
            _ => Class::File,
        };
        self.until(now);
        let at_once = self.coalescer.push(event, class, now);
        self.most = self.most.max(self.coalescer.len());
        at_once
    }

    fn run(events: impl IntoIterator<Item = (u64, FileEvent)>) -> Script {
        let mut script = Script::new();
        for (now, event) in events {
            script.push(ms(now), event);
        }
        script.until(ms(10_000_000));
        assert_eq!(script.coalescer.len(), 0);
        assert!(script.coalescer.next().is_none() && script.coalescer.crowd.is_empty());
        script
    }
}

fn looks(events: impl IntoIterator<Item = (u64, FileEvent)>) -> Vec<(u64, Look)> {
    Script::run(events).looks
}

fn file(path: &str) -> Look {
    Look::File(at(path))
}

fn below(path: &str) -> Look {
    Look::Below(at(path))
}

fn grown(path: &str, dirs: &[&str]) -> Look {
    Look::Grown(at(path), dirs.iter().map(|dir| at(dir)).collect())
}

#[test]
fn a_file_is_looked_at_once_when_it_is_left_alone() {
    let events = [(0, changed(".npmrc")), (40, changed(".npmrc")), (90, changed(".npmrc"))];
    assert_eq!(looks(events), [(240, file(".npmrc"))]);
}

#[test]
fn histories_wait_longer() {
    assert_eq!(looks([(0, changed(".bash_history"))]), [(500, file(".bash_history"))]);
}

#[test]
fn what_is_never_left_alone_is_looked_at_every_five_seconds() {
    let steady = (0..200).map(|n| (n * 100, changed("log")));
    let looks: Vec<u64> = looks(steady).into_iter().map(|(at, _)| at).collect();
    assert_eq!(looks, [5000, 10_000, 15_000, 20_000]);
}

#[test]
fn saving_by_rename_is_one_look_and_a_temporary_name_one_lookup() {
    let events = [
        (0, changed("4913")),
        (1, gone("4913")),
        (2, changed(".x.swp")),
        (3, gone("x")),
        (4, changed("x")),
        (5, gone(".x.swp")),
    ];
    let expected = [(151, Look::Gone(at("4913"))), (154, file("x")), (155, Look::Gone(at(".x.swp")))];
    assert_eq!(looks(events), expected);
}

#[test]
fn a_new_directory_is_looked_at_with_all_that_came_into_it() {
    let events = [(0, new_dir("a")), (1, new_dir("a/b")), (2, changed("a/b/.env")), (3, changed("x"))];
    assert_eq!(looks(events), [(152, below("a")), (153, file("x"))]);
}

#[test]
fn a_directory_swallows_what_waits_below_it_and_nothing_beside_it() {
    let events = [(0, changed("a/x")), (0, changed("ab")), (1, new_dir("a/b")), (2, new_dir("a"))];
    assert_eq!(looks(events), [(150, file("ab")), (152, below("a"))]);
}

#[test]
fn what_went_with_a_directory_is_not_looked_at() {
    let events = [(0, changed("a/x")), (1, new_dir("a/b")), (2, gone("a"))];
    assert_eq!(looks(events), [(152, Look::Gone(at("a")))]);
    let moved_back = [(0, changed("a/x")), (2, gone("a")), (3, new_dir("a")), (4, changed("a/x"))];
    assert_eq!(looks(moved_back), [(154, below("a"))]);
}

#[test]
fn many_files_of_one_directory_are_one_sweep() {
    let burst = (0..1000).map(|n| (n / 10, changed(&format!("src/repo/{n}"))));
    assert_eq!(looks(burst), [(99 + 500, below("src/repo"))]);
}

#[test]
fn a_checkout_is_swept_where_it_was_and_not_file_by_file() {
    // 100,000 files in 10,000 directories, 20,000 a second.
    let path = |n: u64| format!("src/repo/{}/{}/{}/{n}", n / 10_000, n / 100, n / 10);
    let script = Script::run((0..100_000).map(|n| (n / 20, changed(&path(n)))));
    let other = script
        .looks
        .iter()
        .find(|(_, look)| !matches!(look, Look::Below(p) if p.starts_with(at("src/repo"))));
    assert_eq!(other, None);
    assert!(script.looks.len() <= 20, "{} looks", script.looks.len());
    assert!(script.most < 1100, "{} waited", script.most);
}

#[test]
fn a_burst_that_goes_on_is_swept_less_and_less_often() {
    // Five minutes of something that writes 2,500 files a second, five in a row in each of many directories.
    let path = |n: u64| format!("src/repo/out/{}/{}", n / 5 % 2000, n % 5);
    let looks = looks((0..750_000).map(|n| (n * 2 / 5, changed(&path(n)))));
    let other = looks.iter().find(|(_, look)| *look != below("src/repo/out"));
    assert_eq!(other, None);
    let late = looks.iter().filter(|(at, _)| *at > 120_000).count();
    assert!(looks.len() <= 10 && late <= 4, "{looks:?}");
}

#[test]
fn a_directory_that_comes_is_watched_at_once_but_in_a_burst_when_that_is_swept() {
    let mut script = Script::new();
    assert!(script.push(ms(0), new_dir("src/repo")));
    assert!(script.push(ms(1), new_dir("src/repo/.git")));
    for n in 0..100 {
        script.push(ms(2), changed(&format!("src/repo/.git/{n}")));
    }
    assert!(!script.push(ms(3), new_dir("src/repo/a")));
    assert!(script.push(ms(4), new_dir("src/other")), "not beside it");
    script.until(ms(2000));
    assert_eq!(script.looks, [(154, below("src/other")), (503, grown("src/repo", &["src/repo/a"]))]);
    // It goes on.
    assert!(!script.push(ms(2100), new_dir("src/repo/b")));
    script.until(ms(20_000));
    assert_eq!(script.looks.last(), Some(&(2600, grown("src/repo", &["src/repo/b"]))));
    assert!(script.push(ms(30_000), new_dir("src/repo/c")), "it is over");
}

#[test]
fn a_directory_that_is_not_watched_at_once_is_when_it_is_swept_or_everything_is() {
    let mut made = 11_u64;
    let mut random = |n: u64| {
        made = made.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (made >> 33) % n
    };
    let mut script = Script::new();
    let (mut later, mut gone_at) = (Vec::new(), Vec::new());
    for n in 0..60_000 {
        let (now, wide) = (n / 8, 2 + random(40));
        let path = format!("{}/{}/{}", random(3), random(wide), random(200));
        let event = match random(40) {
            0 => gone(&path),
            1 => gone(path.rsplit_once('/').unwrap().0),
            2..5 => new_dir(&path),
            5 => new_dir(path.rsplit_once('/').unwrap().0),
            6 => FileEvent::Lost(Some(at(&path))),
            _ => changed(&path),
        };
        let dir = if let FileEvent::NewDir(dir) = &event { Some(dir.clone()) } else { None };
        gone_at.extend(if let FileEvent::Gone(dir) = &event { Some((now, dir.clone())) } else { None });
        if !script.push(ms(now), event) {
            later.extend(dir.map(|dir| (now, dir)));
        }
    }
    script.until(ms(1_000_000));
    assert!(later.len() > 1000, "{}", later.len());
    for (now, dir) in later {
        let watched = script.looks.iter().any(|(at, look)| match look {
            Look::Grown(_, trees) => *at >= now && trees.iter().any(|tree| dir.starts_with(tree)),
            Look::Everything => *at >= now,
            _ => false,
        });
        let went = || gone_at.iter().any(|(at, gone)| *at >= now && dir.starts_with(gone));
        assert!(watched || went(), "{now}: {dir:?}");
    }
}

#[test]
fn when_a_burst_is_over_files_are_files_again() {
    let burst = (0..1000).map(|n| (n / 10, changed(&format!("src/repo/{n}"))));
    let later = [(10_000, changed("src/repo/.env"))];
    assert_eq!(looks(burst.chain(later)), [(599, below("src/repo")), (10_150, file("src/repo/.env"))]);
}

#[test]
fn a_quiet_file_is_not_kept_waiting_by_a_thousand_others_a_second() {
    let noises: [fn(u64) -> String; 4] = [
        |n| format!("noise/{n}"),
        |n| format!("noise/{}/{n}", n % 100),
        |n| format!("src/noise-{}/{}", n % 100, n % 1000),
        |n| format!("noise-{}/{}", n % 100, n % 1000),
    ];
    for (kind, noise) in noises.into_iter().enumerate() {
        let mut events: Vec<_> = (0..20_000).map(|n| (n, changed(&noise(n)))).collect();
        let quiet: Vec<u64> = (0..15).map(|n| 1000 + n * 1117).collect();
        events.extend(quiet.iter().map(|at| (*at, changed("src/quiet/.env"))));
        events.sort_by_key(|(at, _)| *at);
        let looks = looks(events);
        let told = looks.iter().filter(|(_, look)| *look == file("src/quiet/.env")).map(|(at, _)| *at);
        assert_eq!(told.collect::<Vec<_>>(), quiet.iter().map(|at| at + 150).collect::<Vec<_>>(), "{kind}");
    }
}

#[test]
fn the_home_is_never_the_scene_of_a_burst() {
    let path = |n: u64| match n % 2 {
        0 => changed(&format!("{n}/x")),
        _ => FileEvent::Changed(PathBuf::from(format!("/{n}"))),
    };
    let looks = looks((0..3000).map(|n| (0, path(n))));
    assert_eq!(looks.len(), 3000);
}

#[test]
fn lost_events_widen_what_is_swept() {
    let events = [(0, changed("a/x")), (1, FileEvent::Lost(Some(at("a"))))];
    assert_eq!(looks(events), [(151, grown("a", &["a"]))]);
    let events = [(0, changed("a/x")), (1, FileEvent::Lost(None))];
    assert_eq!(looks(events), [(150, file("a/x")), (501, Look::Everything)]);
    assert_eq!(looks([(1, FileEvent::Lost(Some(PathBuf::from("/home"))))]), [(501, Look::Everything)]);
}

#[test]
fn overflow_after_overflow_does_not_sweep_everything_again_and_again() {
    let looks = looks((0..600).map(|n| (n * 1000, FileEvent::Lost(None))));
    assert!((10..=16).contains(&looks.len()), "{looks:?}");
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut made = 1_u64;
    let mut random = |n: u64| {
        made = made.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (made >> 33) % n
    };
    let events: Vec<_> = (0..200_000)
        .map(|n| {
            let depth = random(6);
            let dirs = (0..depth).map(|_| format!("{}/", random(40))).collect::<String>();
            let path = format!("{dirs}{}", random(5000));
            let event = match random(20) {
                0 => gone(&path),
                1 => new_dir(&path),
                2 => FileEvent::Lost(Some(at(&path))),
                _ => changed(&path),
            };
            (n / 100, event)
        })
        .collect();
    let script = Script::run(events);
    assert!(script.most <= WAITING, "{}", script.most);
}

#[test]
fn every_event_is_followed_by_a_look_that_covers_it() {
    let mut made = 7_u64;
    let mut random = |n: u64| {
        made = made.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (made >> 33) % n
    };
    let events: Vec<_> = (0..30_000_u64)
        .map(|n| (n / 4, format!("{}/{}/{}", random(3), random(30), random(100))))
        .map(|(now, path)| (now, at(&path)))
        .collect();
    let looks = Script::run(events.iter().map(|(now, p)| (*now, FileEvent::Changed(p.clone())))).looks;
    for (now, path) in events {
        let covers = |look: &Look| match look {
            Look::File(p) => *p == path,
            Look::Below(dir) => path.starts_with(dir),
            Look::Grown(..) | Look::Gone(_) | Look::Everything => false,
        };
        assert!(looks.iter().any(|(at, look)| *at >= now && covers(look)), "{now}: {path:?}");
    }
}
