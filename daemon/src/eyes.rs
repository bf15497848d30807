//! The worker that sets watches: it has the plan and the watcher, because thousands of system calls would hold the loop.

use crate::event::{Event, FileEvent, Watching};
use crate::home::Home;
use crate::pool::{Report, spawn};
use crate::record::{Gap, Reason};
use crate::sweep::Land;
use crate::watch::{Inbox, Machine, Trouble, Watcher, limits};
use crate::watchplan::{self, Budget, Left, Met, Plan, Terms, Verdict, Why, Wishes};
use crate::world::World;
use lapwing_rules::place::Paths;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// New directories that may wait to be watched: what is beyond is swept.
const WAITING: usize = 4096;
/// Directories named for one reason.
const NAMED: usize = 20;

enum Job {
    Plan(Arc<World>, Vec<PathBuf>, Vec<PathBuf>),
    Admit(PathBuf),
    Join(PathBuf, Vec<PathBuf>),
    Gone(PathBuf),
    Renew,
    Blind,
}

/// See the module. The thread ends when this goes.
pub(crate) struct Eyes {
    jobs: SyncSender<Job>,
    inbox: Inbox,
    reports: UnboundedSender<Report>,
    plan: Arc<Mutex<Option<Plan>>>,
}

impl Eyes {
    /// Starts the thread; nothing is watched yet.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        home: &Home,
        inbox: &Inbox,
        reports: &UnboundedSender<Report>,
    ) -> std::io::Result<Eyes> {
        let (jobs, todo) = sync_channel(WAITING);
        let plan = Arc::default();
        let worker = Worker {
            home: home.clone(),
            inbox: inbox.clone(),
            plan: Arc::clone(&plan),
            watcher: None,
            troubles: Vec::new(),
        };
        let out = reports.clone();
        spawn("watch", 0, move || worker.run(&todo, &out))?;
        Ok(Eyes { jobs, inbox: inbox.clone(), reports: reports.clone(), plan })
    }

    /// Watches what is worth it, of what a sweep has met; [`Event::Watching`] answers.
    /// Directories are handed over for good: those that are watched are known from then on, and twice the paths of a large
    /// home are megabytes.
    pub(crate) fn plan(&self, world: &Arc<World>, land: &mut Land) {
        let dirs = std::mem::take(&mut land.dirs);
        let job = Job::Plan(Arc::clone(world), dirs, land.repositories.clone());
        let _ = self.jobs.try_send(job);
    }

    /// Watches a directory that has come, if that is worth it.
    pub(crate) fn admit(&self, dir: PathBuf) {
        if let Err(full) = self.jobs.try_send(Job::Admit(dir))
            && let std::sync::mpsc::TrySendError::Full(Job::Admit(dir)) = full
        {
            self.inbox.push(FileEvent::Lost(Some(dir)));
        }
    }

    /// Watches what is worth it of what has come below a directory, so that it can be swept afterwards; [`Event::Joined`]
    /// answers.
    pub(crate) fn join(&self, dir: PathBuf, come: Vec<PathBuf>) {
        if let Err(full) = self.jobs.try_send(Job::Join(dir, come))
            && let std::sync::mpsc::TrySendError::Full(Job::Join(dir, _)) = full
        {
            self.inbox.push(FileEvent::Lost(None));
            let _ = self.reports.send(Report::Event(Event::Joined(dir)));
        }
    }

    /// A path went away; it may have been watched.
    pub(crate) fn gone(&self, path: &Path) {
        if self.locked().as_ref().is_some_and(|plan| plan.watches(path)) {
            let sent = self.jobs.try_send(Job::Gone(path.to_owned()));
            if sent.is_err() {
                self.inbox.push(FileEvent::Lost(None));
            }
        }
    }

    /// Events were lost: watches may not stand for what they were set on any more.
    pub(crate) fn renew(&self) {
        let _ = self.jobs.try_send(Job::Renew);
    }

    /// Watches nothing.
    pub(crate) fn blind(&self) {
        let _ = self.jobs.try_send(Job::Blind);
    }

    /// The place that is a link to a path, or to a directory that it is in.
    pub(crate) fn place_of(&self, path: &Path) -> Option<PathBuf> {
        self.locked().as_ref().and_then(|plan| plan.place_of(path))
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Worker {
    home: Home,
    inbox: Inbox,
    plan: Arc<Mutex<Option<Plan>>>,
    watcher: Option<Watcher>,
    troubles: Vec<Trouble>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>, out: &UnboundedSender<Report>) {
        for job in jobs {
            let (mut added, mut joined) = (0, None);
            match job {
                Job::Plan(world, dirs, repositories) => added = self.replan(&world, dirs, &repositories),
                Job::Admit(dir) => {
                    if !self.admit(dir) {
                        continue;
                    }
                }
                Job::Join(dir, come) => {
                    self.join(come);
                    joined = Some(dir);
                }
                Job::Gone(path) => self.gone(&path),
                Job::Renew => {
                    self.troubles = self.watcher.as_mut().map(Watcher::renew).unwrap_or_default();
                    self.troubles.push(Trouble::Overflow);
                }
                Job::Blind => {
                    // What was watched is kept in mind: it will be again.
                    self.watcher = None;
                    continue;
                }
            }
            let watching = Watching { added: count(added), ..self.state() };
            let events = [Some(Event::Watching(watching)), joined.map(Event::Joined)];
            if events.into_iter().flatten().any(|event| out.send(Report::Event(event)).is_err()) {
                return;
            }
        }
    }

    /// Gets from what is watched to what ought to be. How many directories were not watched before.
    fn replan(&mut self, world: &World, dirs: Vec<PathBuf>, repositories: &[PathBuf]) -> usize {
        self.troubles.clear();
        let ground = match Machine::new() {
            Ok(ground) => ground,
            Err(trouble) => {
                self.troubles.push(trouble);
                return 0;
            }
        };
        let terms = Arc::new(self.terms(world));
        let met = self.met(dirs);
        let moved = crate::sweep::moved(world.setup.engine.places());
        let repositories: Vec<PathBuf> = repositories.iter().map(|dir| self.home.real(dir)).collect();
        let wishes = Wishes {
            places: world.setup.engine.places().all(),
            moved: &moved,
            repositories: &repositories,
            met: &met,
        };
        let mut new = watchplan::plan(&terms, &wishes, &ground);
        drop(met);
        let old = self.plan.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut add, remove) = match (&old, &self.watcher) {
            (Some(old), Some(_)) => watchplan::changes(old, &new),
            _ => (new.watch.clone(), Vec::new()),
        };
        // The order is needed no more.
        new.watch = Vec::new();
        if self.watcher.is_none() {
            // Other runs of Lapwing write to the ledger.
            add.insert(0, terms.state.clone());
            match Watcher::start(self.inbox.clone()) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(trouble) => self.troubles.push(trouble),
            }
        }
        self.troubles.extend(self.watcher.as_mut().map(|w| w.apply(&add, &remove)).unwrap_or_default());
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        add.len()
    }

    /// What the sweep has met, and what is watched: what has come since the sweep was there is not in its list.
    fn met(&self, mut dirs: Vec<PathBuf>) -> Vec<Met> {
        if let Some(plan) = self.plan.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            dirs.extend(plan.watched().map(Path::to_owned));
        }
        dirs.sort_unstable();
        dirs.dedup();
        dirs.iter().filter_map(|dir| met(&self.home, dir)).collect()
    }

    fn terms(&self, world: &World) -> Terms {
        let mut skip = Paths::default();
        world.config.scan.skip.iter().for_each(|pattern| skip.add(pattern, ()));
        let state = self.home.state();
        Terms {
            home: self.home.canonical().to_owned(),
            state: std::fs::canonicalize(state).unwrap_or_else(|_| state.to_owned()),
            skip,
            budget: Budget::of(limits(), world.config.agent.max_watches as usize),
        }
    }

    /// Whether anything has changed.
    fn admit(&mut self, dir: PathBuf) -> bool {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(plan), Some(watcher)) = (plan.as_mut(), self.watcher.as_mut()) else { return false };
        if plan.admit(&dir) != Verdict::Watch {
            return false;
        }
        let troubles = watcher.join(std::slice::from_ref(&dir));
        let joined = troubles.is_empty();
        if joined {
            plan.joined(dir);
        }
        troubles.into_iter().for_each(|trouble| note(&mut self.troubles, trouble));
        joined
    }

    /// Watches what is worth it of directories and all below them. Each is watched before it is listed: what comes into it
    /// from then on is told of.
    fn join(&mut self, mut dirs: Vec<PathBuf>) {
        while let (Some(dir), Some(watcher)) = (dirs.pop(), self.watcher.as_mut()) {
            // Held for one directory at a time: the loop asks for it with every event.
            let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(plan) = plan.as_mut() else { return };
            let met = match plan.admit(&dir) {
                Verdict::Watch => watcher.follow(&dir).inspect(|_| plan.joined(dir)),
                // There may be room for a repository's own directory in one for which there is none.
                Verdict::Sweep(Why::Budget) => watcher.directories(&dir),
                Verdict::Sweep(Why::Mount | Why::Vendored | Why::Own) => continue,
            };
            match met {
                Ok(below) => dirs.extend(below),
                Err(trouble) => note(&mut self.troubles, trouble),
            }
        }
    }

    fn gone(&mut self, path: &Path) {
        if let Some(plan) = self.plan.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            plan.gone(path);
        }
        if let Some(watcher) = self.watcher.as_mut().filter(|watcher| watcher.watches_below(path)) {
            let _ = watcher.apply(&[], &[path.to_owned()]);
        }
    }

    fn state(&self) -> Watching {
        let watched = self.watcher.as_ref().map_or(0, |watcher| watcher.counts().watched);
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let left = plan.as_ref().map(|plan| plan.left.clone()).unwrap_or_default();
        let short = match (&self.watcher, plan.as_ref()) {
            (None, Some(plan)) => plan.watch.len(),
            _ => self.troubles.iter().map(short).sum(),
        };
        let left_over = |why: Why| left.get(&why).map_or(0, |left| left.count);
        let unwatched = left_over(Why::Budget) + left_over(Why::Mount) + short;
        Watching {
            watched: count(watched),
            added: 0,
            unwatched: count(unwatched),
            gaps: self.gaps(&left, short),
            trouble: self.troubles.iter().find(|t| serious(t)).map(ToString::to_string),
        }
    }

    /// `short`: directories that ought to be watched and could not be.
    fn gaps(&self, left: &BTreeMap<Why, Left>, short: usize) -> Vec<Gap> {
        let gap = |why: Why, words: &str| {
            let left = left.get(&why).filter(|left| left.count > 0)?;
            Some(Gap {
                reason: Reason::Unwatched,
                policy: true,
                count: left.count as u64,
                paths: left.dirs.iter().take(NAMED).map(|dir| self.home.shown(dir)).collect(),
                why: words.to_owned(),
            })
        };
        let refused = (short > 0).then(|| Gap {
            reason: Reason::Unwatched,
            policy: true,
            count: short as u64,
            paths: Vec::new(),
            why: "the kernel gave no watches for them: changes there are found by the next sweep".to_owned(),
        });
        [
            gap(Why::Budget, "more directories than are watched: changes there are found by the next sweep"),
            gap(Why::Mount, "network and FUSE mounts do not tell of all changes: sweeps leave them out too"),
            refused,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What keeps more than one directory from being watched.
fn serious(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::LimitReached { .. } | Trouble::NoInstance | Trouble::Stopped | Trouble::Overflow
    )
}

/// Keeps a trouble that is no single directory's. At the kernel's limit each new directory meets the same one: they add up.
fn note(troubles: &mut Vec<Trouble>, trouble: Trouble) {
    let limit = |known: &&mut Trouble| matches!(known, Trouble::LimitReached { .. });
    if let (Trouble::LimitReached { .. }, Some(Trouble::LimitReached { wanted, .. })) =
        (&trouble, troubles.iter_mut().find(limit))
    {
        *wanted += 1;
    } else if serious(&trouble) && !troubles.contains(&trouble) {
        troubles.push(trouble);
    }
}

/// How many directories are not watched for this.
fn short(trouble: &Trouble) -> usize {
    match trouble {
        Trouble::LimitReached { watched, wanted } => wanted.saturating_sub(*watched),
        Trouble::NotPermitted(_) | Trouble::Foreign(_) | Trouble::Other { .. } => 1,
        _ => 0,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A directory as the plan wants to know of it.
fn met(home: &Home, dir: &Path) -> Option<Met> {
    let stat = rustix::fs::lstat(dir).ok()?;
    Some(Met { dir: home.real(dir), changed: stat.st_mtime.unsigned_abs() })
}
