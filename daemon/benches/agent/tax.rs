//! What other programs lose: the same command in a home that is watched and in one that is not, one after the other, the order
//! changing from pair to pair.
//!
//! What a run has made is moved out of the home, not removed: a file system that has just freed fifty thousand files takes up to
//! twenty times as long to make as many (ext4 looks for inodes that have been free for a minute), which is nobody's tax.

use crate::common::Stage;
use crate::measure::{load, of_children};
use crate::scene;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files of the repository that is cloned.
const FILES: usize = 50_000;

struct Job {
    name: &'static str,
    program: &'static str,
    args: Vec<String>,
    /// What must be there before, below the home: from, to.
    copy: Option<(PathBuf, &'static str)>,
    /// What it makes, to be removed afterwards.
    makes: &'static str,
}

/// What a run has taken.
#[derive(Clone, Default)]
struct Taken {
    wall: Duration,
    cpu: Duration,
    /// What the agent has used meanwhile, and afterwards until it was at rest.
    agent: Duration,
    later: Duration,
    /// Both, by thread.
    threads: Vec<(String, Duration)>,
}

pub(crate) fn run(wrap: &[String], pairs: usize) {
    let (mut watched, other) = (scene::home(2000, 200), scene::home(2000, 200));
    scene::start(&mut watched, wrap);
    let apart = tempfile::tempdir().unwrap();
    for job in jobs(apart.path(), &watched) {
        let mut with = Vec::new();
        let mut without = Vec::new();
        // The first run warms what both need.
        one(&job, &other, None, apart.path());
        for pair in 0..pairs {
            if pair % 2 == 0 {
                with.push(one(&job, &watched, Some(&watched), apart.path()));
                without.push(one(&job, &other, None, apart.path()));
            } else {
                without.push(one(&job, &other, None, apart.path()));
                with.push(one(&job, &watched, Some(&watched), apart.path()));
            }
        }
        tell(&job, &with, &without);
    }
}

fn one(job: &Job, home: &Stage, agent: Option<&Stage>, apart: &Path) -> Taken {
    if let Some((from, to)) = &job.copy {
        let to = home.home().join(to);
        must(Command::new("cp").arg("-r").arg(from).arg(&to));
    }
    agent.into_iter().for_each(scene::calm);
    must(&mut Command::new("sync"));
    let used = || agent.map(scene::used).unwrap_or_default();
    let (before, cpu, begun) = (used(), of_children(), Instant::now());
    let mut command = home.command(job.program);
    // Tools of the user keep to themselves: rustup and its kind know their homes from these.
    for name in ["CARGO_HOME", "RUSTUP_HOME"] {
        let own = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let usual = own.join(format!(".{}", name.trim_end_matches("_HOME").to_lowercase()));
        command.env(name, std::env::var_os(name).map_or(usual, PathBuf::from));
    }
    must(command.args(&job.args));
    let (wall, meanwhile) = (begun.elapsed(), used());
    let cpu = of_children().saturating_sub(cpu);
    agent.into_iter().for_each(scene::calm);
    let end = used();
    let (agent, later) = (meanwhile.cpu.saturating_sub(before.cpu), end.cpu.saturating_sub(meanwhile.cpu));
    let old = (0..).map(|n| apart.join(format!("old-{n}"))).find(|path| !path.exists()).unwrap();
    fs::rename(home.home().join(job.makes), old).unwrap();
    Taken { wall, cpu, agent, later, threads: end.since(&before) }
}

fn must(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn tell(job: &Job, with: &[Taken], without: &[Taken]) {
    let median = |all: &[Taken], of: fn(&Taken) -> Duration| {
        let mut values: Vec<f64> = all.iter().map(|taken| of(taken).as_secs_f64()).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let ratio = |of: fn(&Taken) -> Duration| {
        let mut values: Vec<f64> =
            with.iter().zip(without).map(|(a, b)| of(a).as_secs_f64() / of(b).as_secs_f64()).collect();
        values.sort_by(f64::total_cmp);
        (values[values.len() / 2], values[0], values[values.len() - 1])
    };
    let percent = |(middle, least, most): (f64, f64, f64)| {
        format!(
            "{:+.1} % ({:+.1} … {:+.1})",
            (middle - 1.0) * 100.0,
            (least - 1.0) * 100.0,
            (most - 1.0) * 100.0
        )
    };
    println!(
        "tax: {}: wall {:.2} s with, {:.2} s without: {}; processor {:.2} s with, {:.2} s without: {}; the agent {:.2} s meanwhile, {:.2} s afterwards; {} pairs, {}",
        job.name,
        median(with, |t| t.wall),
        median(without, |t| t.wall),
        percent(ratio(|t| t.wall)),
        median(with, |t| t.cpu),
        median(without, |t| t.cpu),
        percent(ratio(|t| t.cpu)),
        median(with, |t| t.agent),
        median(with, |t| t.later),
        with.len(),
        load()
    );
    for taken in with {
        let times = taken.threads.iter().map(|(name, time)| format!("{name} {:.2}", time.as_secs_f64()));
        println!("tax:   the agent's seconds by thread: {}", times.collect::<Vec<_>>().join(", "));
    }
}

fn jobs(apart: &Path, stage: &Stage) -> Vec<Job> {
    let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let repository = repository(apart, stage);
    let mut clone = owned(&["clone", "-q"]);
    clone.extend([repository.display().to_string(), "src-clone".to_owned()]);
    let install = "install --prefix app --offline --no-audit --no-fund --loglevel error";
    let build = "build --quiet --offline --manifest-path small/Cargo.toml";
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    vec![
        Job { name: "git clone", program: "git", args: clone, copy: None, makes: "src-clone" },
        Job {
            name: "npm install",
            program: "npm",
            args: words(install),
            copy: Some((packages(apart, stage), "app")),
            makes: "app",
        },
        Job {
            name: "cargo build",
            program: "cargo",
            args: words(build),
            copy: Some((crates(apart), "small")),
            makes: "small",
        },
    ]
}

fn repository(apart: &Path, stage: &Stage) -> PathBuf {
    let dir = apart.join("repository");
    for n in 0..FILES {
        let below = dir.join(format!("d{}/e{}", n % 50, n / 50 % 40));
        fs::create_dir_all(&below).unwrap();
        let line = format!("fn f{n}(x: u32) -> u32 {{ x.wrapping_add({n}) }}\n");
        fs::write(below.join(format!("f{n}.rs")), line.repeat(1 + n % 40)).unwrap();
    }
    let git = |args: &[&str]| {
        let mut git = stage.command("git");
        must(
            git.args(["-c", "user.name=dev", "-c", "user.email=dev@host.example", "-C"]).arg(&dir).args(args),
        );
    };
    git(&["init", "-q"]);
    // It would go on in the background, and in the way of ours.
    git(&["config", "gc.auto", "0"]);
    git(&["config", "maintenance.auto", "false"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "all"]);
    git(&["gc", "-q"]);
    dir
}

/// A project whose packages are archives beside it.
fn packages(apart: &Path, stage: &Stage) -> PathBuf {
    let app = apart.join("app");
    fs::create_dir_all(app.join("archives")).unwrap();
    let mut needs = Vec::new();
    for p in 0..40 {
        let dir = apart.join(format!("packages/p{p}"));
        for n in 0..100 {
            let below = dir.join(format!("lib/{}", n % 5));
            fs::create_dir_all(&below).unwrap();
            let line = format!("exports.f{n} = (x) => x + {n};\n");
            fs::write(below.join(format!("m{n}.js")), line.repeat(1 + n % 30)).unwrap();
        }
        fs::write(dir.join("package.json"), format!("{{\"name\":\"p{p}\",\"version\":\"1.0.0\"}}")).unwrap();
        must(
            stage
                .command("npm")
                .args(["pack", "--silent", "--pack-destination"])
                .arg(app.join("archives"))
                .arg(&dir),
        );
        needs.push(format!("\"p{p}\":\"file:archives/p{p}-1.0.0.tgz\""));
    }
    let text = format!("{{\"name\":\"app\",\"version\":\"1.0.0\",\"dependencies\":{{{}}}}}", needs.join(","));
    fs::write(app.join("package.json"), text).unwrap();
    app
}

/// A workspace of some crates without dependencies.
fn crates(apart: &Path) -> PathBuf {
    let dir = apart.join("small");
    let names: Vec<String> = (0..12).map(|n| format!("part{n}")).collect();
    for name in &names {
        let src = dir.join(name).join("src");
        fs::create_dir_all(&src).unwrap();
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        fs::write(dir.join(name).join("Cargo.toml"), manifest).unwrap();
        let functions = (0..400).map(|n| {
            format!("pub fn f{n}(x: &[u32]) -> Vec<String> {{ x.iter().map(|y| format!(\"{{y}} {{}}\", y + {n})).collect() }}\n")
        });
        fs::write(src.join("lib.rs"), functions.collect::<String>()).unwrap();
    }
    let members: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let manifest = format!("[workspace]\nresolver = \"2\"\nmembers = [{}]\n", members.join(", "));
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    dir
}
