use super::*;
use lapwing_rules::pack::Packs;
use lapwing_rules::place::Places;

/// A machine written as a list: directories end in `/`, links are `from -> to`, mounts `dir/ !`.
struct Map(BTreeMap<PathBuf, Made>);

enum Made {
    Is(Kind),
    To(PathBuf),
}

impl Map {
    fn new(lines: &[&str]) -> Map {
        let mut map = BTreeMap::new();
        for line in lines {
            let (path, made) =
                match (line.split_once(" -> "), line.strip_suffix("/ !"), line.strip_suffix('/')) {
                    (Some((from, to)), _, _) => (at(from), Made::To(at(to))),
                    (_, Some(dir), _) => (at(dir), Made::Is(Kind::Remote)),
                    (_, _, Some(dir)) => (at(dir), Made::Is(Kind::Dir)),
                    _ => (at(line), Made::Is(Kind::Other)),
                };
            for above in path.ancestors().skip(1) {
                map.entry(above.to_owned()).or_insert(Made::Is(Kind::Dir));
            }
            map.insert(path, made);
        }
        Map(map)
    }
}

impl Ground for Map {
    fn kind(&self, path: &Path) -> Kind {
        let through = |dir: &Path| matches!(self.0.get(dir), Some(Made::To(_)));
        if path.ancestors().any(through) {
            return if self.real(path).is_some() { Kind::Link } else { Kind::Absent };
        }
        match self.0.get(path) {
            Some(Made::Is(kind)) => *kind,
            _ => Kind::Absent,
        }
    }

    fn real(&self, path: &Path) -> Option<PathBuf> {
        let link = path.ancestors().find_map(|dir| match self.0.get(dir) {
            Some(Made::To(to)) => Some((dir, to)),
            _ => None,
        });
        let real = match link {
            Some((dir, to)) => {
                path.strip_prefix(dir).ok().map(|below| match below.as_os_str().is_empty() {
                    true => to.clone(),
                    false => to.join(below),
                })?
            }
            None => path.to_owned(),
        };
        self.0.contains_key(&real).then_some(real)
    }

    fn names(&self, dir: &Path) -> Vec<OsString> {
        let inside = self.0.keys().filter(|path| path.parent() == Some(dir));
        inside.filter_map(|path| path.file_name().map(OsString::from)).collect()
    }
}

fn at(path: &str) -> PathBuf {
    if path.starts_with('/') { PathBuf::from(path) } else { Path::new("/home/a").join(path) }
}

fn terms(all: usize) -> Arc<Terms> {
    let mut skip = Paths::default();
    ["**/node_modules", "~/.cache", "~/go/pkg"].iter().for_each(|pattern| skip.add(pattern, ()));
    let budget = Budget { all, kept: all / 8 };
    Arc::new(Terms { home: at("").components().collect(), state: at(".local/state/lapwing"), skip, budget })
}

struct Asked<'a> {
    all: usize,
    moved: &'a [&'a str],
    repositories: &'a [&'a str],
    met: &'a [(&'a str, u64)],
}

const NOTHING: Asked<'_> = Asked { all: 1000, moved: &[], repositories: &[], met: &[] };

fn planned(machine: &[&str], asked: &Asked<'_>) -> Plan {
    let places = Places::new(Packs::builtin().places);
    let paths = |paths: &[&str]| paths.iter().map(|p| at(p)).collect::<Vec<_>>();
    let met: Vec<_> =
        asked.met.iter().map(|(dir, changed)| Met { dir: at(dir), changed: *changed }).collect();
    let (moved, repositories) = (paths(asked.moved), paths(asked.repositories));
    let wishes = Wishes { places: places.all(), moved: &moved, repositories: &repositories, met: &met };
    plan(&terms(asked.all), &wishes, &Map::new(machine))
}

fn watched(plan: &Plan) -> Vec<String> {
    let below = |dir: &PathBuf| dir.strip_prefix("/home/a").unwrap_or(dir).display().to_string();
    plan.watch.iter().map(below).collect()
}

#[test]
fn places_are_watched_with_what_is_above_them() {
    let plan = planned(&[".ssh/", ".config/gh/", ".config/other/", ".aws/credentials", "music/"], &NOTHING);
    let dirs = watched(&plan);
    assert_eq!(dirs[0], "");
    for dir in [".ssh", ".aws", ".config", ".config/gh"] {
        assert!(dirs.contains(&dir.to_owned()), "{dir}: {dirs:?}");
    }
    assert!(!dirs.contains(&"music".to_owned()) && !dirs.contains(&".config/other".to_owned()), "{dirs:?}");
    assert!(plan.left.is_empty());
}

#[test]
fn stars_are_followed_and_their_directory_is_watched() {
    let machine = [
        ".mozilla/firefox/ab.default/logins.json",
        ".mozilla/firefox/cd.x/",
        "/etc/ssh/ssh_config.d/",
        "/usr/x/",
    ];
    let dirs = watched(&planned(&machine, &NOTHING));
    let pattern = |p: &&str| dirs.contains(&(*p).to_owned());
    assert!(["/etc/ssh", "/etc/ssh/ssh_config.d", "/etc"].iter().all(pattern), "{dirs:?}");
    assert!(!["/", "/usr", "/usr/x", "/home"].iter().any(pattern), "{dirs:?}");
}

#[test]
fn double_stars_go_down_a_little_and_not_into_what_is_skipped() {
    let machine = [".ssh/a/b/", ".ssh/a/b/c/d/e/", ".ssh/node_modules/x/"];
    let dirs = watched(&planned(&machine, &NOTHING));
    let has = |p: &str| dirs.contains(&p.to_owned());
    assert!(has(".ssh/a") && has(".ssh/a/b") && has(".ssh/a/b/c"), "{dirs:?}");
    assert!(!has(".ssh/a/b/c/d/e") && !has(".ssh/node_modules/x"), "{dirs:?}");
}

#[test]
fn a_place_that_is_a_link_is_watched_where_it_leads() {
    let machine =
        ["dotfiles/git/config", ".gitconfig -> dotfiles/git/config", "dotfiles/ssh/", ".ssh -> dotfiles/ssh"];
    let plan = planned(&machine, &NOTHING);
    let dirs = watched(&plan);
    assert!(
        dirs.contains(&"dotfiles/git".to_owned()) && dirs.contains(&"dotfiles/ssh".to_owned()),
        "{dirs:?}"
    );
    assert!(!dirs.contains(&".ssh".to_owned()), "{dirs:?}");
    assert_eq!(plan.place_of(&at("dotfiles/git/config")), Some(at(".gitconfig")));
    assert_eq!(plan.place_of(&at("dotfiles/ssh/config")), Some(at(".ssh/config")));
    assert_eq!(plan.place_of(&at("dotfiles/git/other")), None);
}

#[test]
fn links_out_of_the_home_are_not_followed() {
    let dirs = watched(&planned(&["/srv/ssh/config", ".ssh -> /srv/ssh"], &NOTHING));
    assert!(!dirs.iter().any(|dir| dir.starts_with("/srv")), "{dirs:?}");
}

#[test]
fn what_variables_have_moved_is_watched() {
    let asked = Asked { moved: &["tools/aws/credentials", "/opt/kube/config"], ..NOTHING };
    let dirs = watched(&planned(&["tools/aws/", "/opt/kube/"], &asked));
    for dir in ["tools", "tools/aws", "/opt/kube"] {
        assert!(dirs.contains(&dir.to_owned()), "{dir}: {dirs:?}");
    }
    assert!(!dirs.contains(&"/opt".to_owned()), "{dirs:?}");
}

#[test]
fn repositories_come_before_the_rest_and_the_rest_by_how_lately_it_changed() {
    let machine =
        ["src/x/.git/hooks/", "src/x/.claude/", "src/x/lib/", "bare.git/hooks/", "old/", "new/", "deep/er/"];
    let met = [
        ("old", 1_000_000),
        ("new", 9_000_000),
        ("src/x/lib", 9_000_000),
        ("new", 9_000_000),
        ("src/x", 9_000_000),
    ];
    let asked = Asked { repositories: &["src/x/.git", "bare.git"], met: &met, ..NOTHING };
    let dirs = watched(&planned(&machine, &asked));
    let order = [
        "src/x/.git",
        "src/x/.git/hooks",
        "src/x",
        "src/x/.claude",
        "src",
        "bare.git",
        "bare.git/hooks",
        "new",
        "src/x/lib",
        "old",
    ];
    assert_eq!(dirs[dirs.len() - order.len()..], order);
}

#[test]
fn what_is_too_much_is_left_to_sweeps_and_told() {
    let met: Vec<_> = (0..100).map(|n| (format!("d{n}"), n)).collect();
    let met: Vec<_> = met.iter().map(|(dir, changed)| (dir.as_str(), *changed)).collect();
    let plan = planned(&[".ssh/", ".aws/"], &Asked { all: 16, met: &met, ..NOTHING });
    assert_eq!(plan.watch.len(), 14, "two are kept for what is special: {:?}", plan.watch);
    let left = &plan.left[&Why::Budget];
    assert_eq!((left.count, left.dirs.len()), (100 - 11, LISTED));
    let tight = planned(&[".ssh/", ".aws/"], &Asked { all: 2, ..NOTHING });
    assert_eq!(tight.watch.len(), 2);
    assert_eq!(tight.left[&Why::Budget].count, 1);
    assert!(planned(&[".ssh/"], &Asked { all: 0, ..NOTHING }).watch.is_empty());
}

#[test]
fn mounts_vendored_trees_and_our_own_are_not_watched() {
    let machine = [".aws/ !", "src/node_modules/x/", ".local/state/lapwing/"];
    let met = [("src/node_modules/x", 5), (".local/state/lapwing", 5), (".local/state", 5)];
    let plan = planned(&machine, &Asked { met: &met, ..NOTHING });
    assert_eq!(plan.left[&Why::Mount].dirs, [at(".aws")]);
    assert_eq!(plan.left[&Why::Vendored].dirs, [at("src/node_modules/x")]);
    let dirs = watched(&plan);
    assert!(dirs.contains(&".local/state".to_owned()) && !dirs.contains(&".local/state/lapwing".to_owned()));
}

#[test]
fn new_directories_are_admitted_while_there_is_room() {
    let met: Vec<_> = (0..100).map(|n| (format!("d{n}"), n)).collect();
    let met: Vec<_> = met.iter().map(|(dir, changed)| (dir.as_str(), *changed)).collect();
    let mut full = planned(&[], &Asked { all: 16, met: &met, ..NOTHING });
    let roomy = planned(&[], &NOTHING);
    assert_eq!(roomy.admit(&at("src/new")), Verdict::Watch);
    assert_eq!(full.admit(&at("src/new")), Verdict::Sweep(Why::Budget));
    // Where the worst news comes from there is still some.
    for special in [".aws", ".config/gh", "src/x/.git", "src/x/.git/hooks", "src/x/.claude"] {
        assert_eq!(full.admit(&at(special)), Verdict::Watch, "{special}");
    }
    for vendored in ["src/node_modules", "src/node_modules/a", "src/node_modules/a/.git", ".cache/x"] {
        assert_eq!(roomy.admit(&at(vendored)), Verdict::Sweep(Why::Vendored), "{vendored}");
    }
    assert_eq!(roomy.admit(&at(".local/state/lapwing/homes")), Verdict::Sweep(Why::Own));
    full.joined(at(".aws"));
    full.joined(at(".config/gh"));
    assert_eq!(full.admit(&at(".gnupg")), Verdict::Sweep(Why::Budget));
    full.gone(&at(".aws"));
    assert_eq!(full.admit(&at(".aws")), Verdict::Watch);
    // What a directory is in that was moved need not be watched itself.
    assert!(full.watches(&at(".config/gh")) && full.watches(&at(".config")) && !full.watches(&at(".con")));
    full.gone(&at(".config"));
    assert!(!full.watches(&at(".config/gh")) && full.watches(&at("d0")));
}

#[test]
fn from_plan_to_plan_only_what_differs_changes() {
    let old = planned(&[".ssh/", "a/"], &Asked { met: &[("a", 1)], ..NOTHING });
    let new = planned(&[".ssh/", ".aws/"], &NOTHING);
    assert_eq!(changes(&old, &new), (vec![at(".aws")], vec![at("a")]));
    assert_eq!(changes(&new, &new), (vec![], vec![]));
}

#[test]
fn others_keep_most_of_what_the_kernel_gives() {
    let limits = |watches| Limits { watches, instances: 128, queue: 16_384 };
    assert_eq!(Budget::of(limits(64), CAP).all, 16);
    assert_eq!(Budget::of(limits(8192), CAP).all, 2048);
    assert_eq!(Budget::of(limits(1 << 20), CAP).all, CAP);
    assert_eq!(Budget::of(limits(1 << 20), 100).all, 100);
    assert_eq!(Budget::of(Limits { instances: 0, ..limits(8192) }, CAP).all, 0);
}
