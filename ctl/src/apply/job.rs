//! Plans that belong together, applied together: prepared, written into the receipt, committed, judged again, and then
//! settled or taken back.

use super::busy::{Running, Written, written};
use super::keep::verify;
use super::receipt::{Mended, Receipt, State, Store};
use super::refused::Refused;
use super::spot::Spot;
use super::step::outside::Outside;
use super::step::{Bench, Pending, Rules, cells, create, keep, mode, quarantine, remove, rewrite};
use lapwing_agent::home::Home;
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::edit::{digest, merge};
use lapwing_rules::fix::plan::{Edit, Plan, Step};
use lapwing_rules::fix::section;
use rustix::fs::Stat;
use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use zeroize::Zeroizing;

/// Jobs that are prepared at once: each may hold two files open.
const CHUNK: usize = 64;

/// What came of a plan.
pub(crate) struct Outcome {
    /// The plan.
    pub(crate) plan: Plan,
    /// Whether it was applied; otherwise the file, and why not.
    pub(crate) result: Result<(), (String, Refused)>,
}

/// Applies plans and keeps the receipt.
pub(crate) struct Applier<'a> {
    pub(crate) home: &'a Home,
    pub(crate) rules: &'a dyn Rules,
    pub(crate) store: &'a Store,
    /// What was changed so far in this run.
    pub(crate) receipt: Receipt,
    /// What files were when the change was shown.
    pub(crate) seen: HashMap<String, Stat>,
    /// Files as this run has left them.
    pub(crate) ours: HashSet<Written>,
}

/// Plans that touch the same files.
struct Job {
    plans: Vec<Plan>,
    steps: Vec<Box<dyn Pending>>,
    /// Where its changes begin in the receipt.
    first: usize,
    /// So many of its steps stay done although it has failed.
    stays: usize,
}

impl Applier<'_> {
    /// Applies plans: those that touch the same files together, the others each by itself. An error is one of the receipt:
    /// without it nothing is changed.
    pub(crate) fn apply(&mut self, plans: Vec<Plan>) -> Result<Vec<Outcome>, Refused> {
        let mut outcomes = Vec::new();
        let mut groups = groups(plans).into_iter().peekable();
        while groups.peek().is_some() {
            let chunk = groups.by_ref().take(CHUNK).collect();
            self.chunk(chunk, &mut outcomes)?;
        }
        Ok(outcomes)
    }

    fn chunk(&mut self, groups: Vec<Vec<Plan>>, outcomes: &mut Vec<Outcome>) -> Result<(), Refused> {
        let running = Running::now();
        let id = self.receipt.id.clone();
        let (home, rules) = (self.home, self.rules);
        let bench =
            Bench { home, receipt: &id, running: &running, rules, seen: &self.seen, ours: &self.ours };
        let mut jobs = Vec::new();
        for plans in groups {
            let (job, refused) = prepare(&bench, plans);
            outcomes.extend(refused);
            jobs.extend(job);
        }
        for job in &mut jobs {
            job.first = self.receipt.changes.len();
            self.receipt.changes.extend(job.steps.iter().map(|s| s.change()));
        }
        if jobs.is_empty() {
            return Ok(());
        }
        self.store.write(&self.receipt)?;
        let mut done = Vec::new();
        for mut job in jobs {
            match commit(&mut job) {
                Ok(()) => done.push(job),
                Err(why) => self.over(job, Err(why), outcomes),
            }
        }
        let asked = done.iter().flat_map(|j| &j.plans).filter(|p| !alone(p));
        let wanted: Vec<_> = asked.map(|p| self.asked(p)).collect();
        let holds = if wanted.is_empty() { Vec::new() } else { self.rules.holds(&wanted) };
        let after = Running::now();
        for mut job in done {
            let still = job.plans.iter().find(|p| holds.contains(&p.finding));
            let result = match still.map(place) {
                Some(path) if !lasting(&job.plans) => {
                    let back = revert(&mut job.steps);
                    Err((path, with(Refused::StillThere, back)))
                }
                Some(path) => {
                    job.stays = job.steps.len();
                    // What was done stays done.
                    let _ = settle(&mut job.steps, &after);
                    Err((path, Refused::StillThere))
                }
                None => settle(&mut job.steps, &after),
            };
            self.over(job, result, outcomes);
        }
        self.store.write(&self.receipt)
    }

    /// What is judged again afterwards: also files that a program was to change, whatever the user has answered it.
    fn asked(&self, plan: &Plan) -> (FindingId, Vec<String>) {
        let (id, mut paths) = wanted(plan);
        let guided = plan.steps.iter().filter_map(|step| match step {
            Step::Guide { argv, .. } => Some(argv),
            _ => None,
        });
        let files = guided.flatten().filter(|w| w.starts_with("~/") && self.home.path(w).is_file());
        paths.extend(files.cloned());
        (id, paths)
    }

    /// Notes how a job has left its files.
    fn left(&mut self, job: &Job) {
        let stat = |path: &str| Spot::find(self.home, path).ok()?.stat().ok()?;
        let paths = job.steps.iter().map(|step| step.change().path);
        let stats: Vec<Stat> = paths.filter_map(|path| stat(&path)).collect();
        self.ours.extend(stats.iter().map(written));
    }

    /// Writes down how a job has ended.
    fn over(&mut self, job: Job, result: Result<(), (String, Refused)>, outcomes: &mut Vec<Outcome>) {
        let state = if result.is_ok() { State::Done } else { State::Dropped };
        if result.is_ok() {
            // What was refused may be somebody else's writing.
            self.left(&job);
        }
        for (i, step) in job.steps.iter().enumerate() {
            let state = if i < job.stays || step.stays() { State::Done } else { state };
            self.receipt.changes[job.first + i] = super::receipt::Change { state, ..step.change() };
        }
        for plan in job.plans {
            if result.is_ok() {
                self.receipt.mended.push(Mended {
                    id: plan.finding.short(),
                    rule: plan.rule.clone(),
                    summary: plan.summary.clone(),
                });
            }
            outcomes.push(Outcome { plan, result: result.clone() });
        }
    }
}

/// Where a plan changes something first; its rule when that is in no file.
fn place(plan: &Plan) -> String {
    plan.steps.iter().find_map(Step::path).map_or_else(|| plan.rule.clone(), str::to_owned)
}

fn wanted(plan: &Plan) -> (FindingId, Vec<String>) {
    let mut paths: Vec<String> = plan.steps.iter().filter_map(Step::path).map(str::to_owned).collect();
    paths.dedup();
    (plan.finding, paths)
}

/// Whether a plan only edits one file: then the rules have judged the result before it was put in place.
fn alone(plan: &Plan) -> bool {
    matches!(plan.steps.as_slice(), [Step::Edit { .. }])
}

/// Whether what was done stays even if a later step fails: nobody wants a worm back.
fn lasting(plans: &[Plan]) -> bool {
    plans.iter().any(|p| p.rule.starts_with("ioc."))
}

/// Plans by the files that they touch: two that share one are in one group.
fn groups(plans: Vec<Plan>) -> Vec<Vec<Plan>> {
    let mut groups: Vec<(Vec<String>, Vec<Plan>)> = Vec::new();
    let mut of: HashMap<String, usize> = HashMap::new();
    for plan in plans {
        let paths = wanted(&plan).1;
        let mut met: Vec<usize> = paths.iter().filter_map(|p| of.get(p).copied()).collect();
        met.sort_unstable();
        met.dedup();
        let into = met.first().copied().unwrap_or_else(|| {
            groups.push((Vec::new(), Vec::new()));
            groups.len() - 1
        });
        for other in met.into_iter().skip(1) {
            let (paths, plans) = std::mem::take(&mut groups[other]);
            groups[into].0.extend(paths);
            groups[into].1.extend(plans);
        }
        groups[into].0.extend(paths);
        groups[into].1.push(plan);
        for path in &groups[into].0 {
            of.insert(path.clone(), into);
        }
    }
    groups.into_iter().map(|(_, plans)| plans).filter(|plans| !plans.is_empty()).collect()
}

/// What becomes of a step of several plans: edits of one file are one step.
enum Slot<'a> {
    Edits { path: &'a str, guard: [u8; 32], of: Vec<(usize, &'a [Edit])> },
    Other(&'a Step),
}

/// Prepares the plans of a group. Plans that contradict an earlier one, and all of them if one step cannot be prepared,
/// come back refused.
fn prepare(bench: &Bench<'_>, mut plans: Vec<Plan>) -> (Option<Job>, Vec<Outcome>) {
    let mut refused = Vec::new();
    loop {
        let clash = match steps(bench, &plans) {
            Ok(steps) => return (Some(Job { plans, steps, first: 0, stays: 0 }), refused),
            Err(Trouble::Clash(index, path)) => Some((index, path)),
            Err(Trouble::Refused(path, why)) => {
                let failed = |plan| Outcome { plan, result: Err((path.clone(), why.clone())) };
                refused.extend(plans.into_iter().map(failed));
                return (None, refused);
            }
        };
        if let Some((index, path)) = clash {
            let plan = plans.remove(index);
            refused.push(Outcome { plan, result: Err((path, Refused::Overlap)) });
        }
    }
}

enum Trouble {
    /// This plan contradicts an earlier one, in this file.
    Clash(usize, String),
    Refused(String, Refused),
}

fn steps(bench: &Bench<'_>, plans: &[Plan]) -> Result<Vec<Box<dyn Pending>>, Trouble> {
    let mut slots: Vec<Slot<'_>> = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        for step in &plan.steps {
            let Step::Edit { path, guard, edits } = step else {
                // A file that two plans would make alike is made once.
                if !slots.iter().any(|slot| matches!(slot, Slot::Other(known) if alike(known, step))) {
                    slots.push(Slot::Other(step));
                }
                continue;
            };
            let known = slots.iter_mut().find_map(|slot| match slot {
                Slot::Edits { path: p, guard: g, of } if *p == path => Some((g, of)),
                _ => None,
            });
            match known {
                Some((g, _)) if g != guard => return Err(Trouble::Clash(index, path.clone())),
                Some((_, of)) => of.push((index, edits)),
                None => slots.push(Slot::Edits { path, guard: *guard, of: vec![(index, edits)] }),
            }
        }
    }
    // What is kept is kept before any file is touched.
    slots.sort_by_key(|slot| !matches!(slot, Slot::Other(Step::Keep { .. })));
    slots.iter().map(|slot| ready(bench, plans, slot)).collect()
}

fn alike(a: &Step, b: &Step) -> bool {
    match (a, b) {
        (Step::Create { path: p, bytes: x, .. }, Step::Create { path: q, bytes: y, .. }) => p == q && x == y,
        _ => false,
    }
}

fn ready(bench: &Bench<'_>, plans: &[Plan], slot: &Slot<'_>) -> Result<Box<dyn Pending>, Trouble> {
    match slot {
        Slot::Edits { path, guard, of } => {
            let (edits, left) = merge(of.iter().map(|(_, edits)| edits.to_vec()).collect());
            if let Some(first) = left.first() {
                return Err(Trouble::Clash(of[*first].0, (*path).to_owned()));
            }
            let edits = if of.len() > 1 { emptied(bench, path, guard, edits) } else { edits };
            let mends = of.iter().map(|(index, _)| &plans[*index]).filter(|p| alone(p));
            let mends: Vec<FindingId> = mends.map(|p| p.finding).collect();
            let step = rewrite::prepare(bench, path, *guard, &edits, &mends);
            step.map(|s| Box::new(s) as _).map_err(|why| Trouble::Refused((*path).to_owned(), why))
        }
        Slot::Other(step) => {
            let refused = |why| Trouble::Refused(step.path().unwrap_or_default().to_owned(), why);
            other(bench, step).map_err(refused)
        }
    }
}

/// Edits of several plans: where together they take all that a section has, its header goes too. A file that is not what they
/// are for any more is refused when the step is prepared.
fn emptied(bench: &Bench<'_>, path: &str, guard: &[u8; 32], edits: Vec<Edit>) -> Vec<Edit> {
    let Some(reader) = bench.rules.place(path).and_then(|p| p.reader.as_deref()) else { return edits };
    let mut bytes = Zeroizing::new(Vec::new());
    let read = Spot::find(bench.home, path).and_then(|spot| spot.open()).map(|(file, _)| {
        // No file of settings is longer.
        file.take(1 << 20).read_to_end(&mut bytes)
    });
    match read {
        Ok(Ok(_)) if digest(&bytes) == *guard => section::emptied(reader, &bytes, edits),
        _ => edits,
    }
}

fn other(bench: &Bench<'_>, step: &Step) -> Result<Box<dyn Pending>, Refused> {
    Ok(match step {
        Step::Create { path, bytes, mode } => Box::new(create::prepare(bench, path, bytes, *mode)?),
        Step::Mode { path, was, mode } => Box::new(mode::prepare(bench, path, *was, *mode)?),
        Step::Cells { path, secret } => Box::new(cells::prepare(bench, path, secret.expose())?),
        Step::Remove { path, guard } => Box::new(remove::prepare(bench, path, *guard)?),
        Step::Keep { store, secret } => Box::new(keep::prepare(store, secret)),
        Step::Quarantine { path } => Box::new(quarantine::prepare(bench.home, path, bench.receipt)?),
        Step::StopUnit { unit } => Box::new(Outside::Stop(unit.clone())),
        Step::Gone { programs } => Box::new(Outside::Gone(bench.home.clone(), programs.clone())),
        Step::Guide { argv, .. } => Box::new(Outside::Guide(bench.home.clone(), argv.clone())),
        Step::Edit { .. } => return Err(Refused::Overlap),
    })
}

/// Commits steps in order; those before one that fails are taken back, but not where that would bring a worm back.
fn commit(job: &mut Job) -> Result<(), (String, Refused)> {
    let steps = &mut job.steps;
    for i in 0..steps.len() {
        if let Err(why) = steps[i].commit() {
            let path = steps[i].change().path;
            if lasting(&job.plans) {
                job.stays = i;
                return Err((path, why));
            }
            let back = revert(&mut steps[..i]);
            return Err((path, with(why, back)));
        }
    }
    // Whether the tool finds what was kept, set up as it is now: nobody is locked out of what is theirs.
    for step in job.plans.iter().flat_map(|p| &p.steps) {
        let Step::Keep { store, secret } = step else { continue };
        if let Err(why) = verify(store, secret) {
            let back = revert(steps);
            return Err((String::new(), with(keep::refused(&why), back)));
        }
    }
    Ok(())
}

/// Why something failed, and what could not be taken back afterwards.
fn with(why: Refused, back: Result<(), Refused>) -> Refused {
    match back {
        Ok(()) => why,
        Err(back) => Refused::Missing(format!("{why}; besides, {back}")),
    }
}

/// Takes steps back, last first; goes on when one cannot be.
fn revert(steps: &mut [Box<dyn Pending>]) -> Result<(), Refused> {
    let mut result = Ok(());
    for step in steps.iter_mut().rev() {
        let back = step.revert();
        result = result.and(back);
    }
    result
}

fn settle(steps: &mut [Box<dyn Pending>], running: &Running) -> Result<(), (String, Refused)> {
    for i in 0..steps.len() {
        if let Err(why) = steps[i].settle(running) {
            let path = steps[i].change().path;
            // The step that would not settle has put itself back.
            let _ = revert(steps);
            return Err((path, why));
        }
    }
    Ok(())
}
