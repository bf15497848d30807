//! The agent's workers: named threads that do what takes time, each with one job at a time. The agent gives out no
//! second job before the first is done, so that what waits is bounded by what it keeps itself.
//!
//! | thread | does | why by itself |
//! |---|---|---|
//! | `look` | single files | somebody waits for the news |
//! | `pass` | sweeps | takes minutes, at the lowest priority |
//! | `answer` | what is asked on the bus, reloads | must not wait for either |
//! | `watch` | sets watches (`eyes.rs`) | thousands of system calls |

use crate::bus::Call;
use crate::client::{Refusal, Swept};
use crate::coalesce::Look;
use crate::event::{Event, Failure, Outcome, Pass, Passed};
use crate::examine;
use crate::home::Home;
use crate::ledger::Cursor;
use crate::looker::{Looked, Looker, Trouble};
use crate::progress::Watch;
use crate::record::{Document, Reason};
use crate::sweep::Land;
use crate::text;
use crate::whole;
use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::mpsc::UnboundedSender;

/// What workers report. Each job yields one report, so that the channel holds no more than there are jobs.
pub(crate) enum Report {
    /// For the agent as it is.
    Event(Event),
    /// A pass, with what it has met.
    Passed(Passed, Option<Ground>),
    /// Rules and configuration are others now.
    World(Arc<World>, Event),
}

/// What a pass over the home has met.
pub(crate) struct Ground {
    pub(crate) land: Land,
    pub(crate) ignores: Vec<String>,
}

/// Jobs of the worker for looks.
enum LookJob {
    Look(Arc<World>, Vec<Look>),
    Told(Cursor),
    Swept(Home, Vec<(PathBuf, PathBuf)>, Vec<String>),
    Rekey(Home),
}

/// Jobs of the worker for answers.
enum AnswerJob {
    Call(Arc<World>, Call),
    Reload(Arc<World>),
}

/// The workers. They end when this goes.
pub(crate) struct Pool {
    look: SyncSender<LookJob>,
    pass: SyncSender<(Arc<World>, Pass)>,
    answer: SyncSender<AnswerJob>,
    /// Told to end what is under way.
    stop: Arc<Watch>,
}

/// Jobs that may wait for a worker: the agent gives out one at a time, with a note or two beside it.
const WAITING: usize = 16;
/// Calls that may wait for the worker for answers: as many as the bus lets in.
const CALLS: usize = crate::bus::WAITING;

impl Pool {
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start(reports: &UnboundedSender<Report>) -> std::io::Result<Pool> {
        let stop = Arc::new(Watch::default());
        let (look, jobs) = sync_channel(WAITING);
        let (out, watch) = (reports.clone(), Arc::clone(&stop));
        spawn("look", 5, move || looks(&jobs, &out, &watch))?;
        let (pass, jobs) = sync_channel(1);
        let (out, watch) = (reports.clone(), Arc::clone(&stop));
        spawn("pass", 19, move || passes(&jobs, &out, &watch))?;
        let (answer, jobs) = sync_channel(CALLS);
        let out = reports.clone();
        spawn("answer", 0, move || answers(&jobs, &out))?;
        Ok(Pool { look, pass, answer, stop })
    }

    /// Looks at paths; [`Event::Looked`] answers.
    pub(crate) fn look(&self, world: &Arc<World>, looks: Vec<Look>) {
        let _ = self.look.try_send(LookJob::Look(Arc::clone(world), looks));
    }

    /// Notes up to where the news were told.
    pub(crate) fn told(&self, cursor: Cursor) {
        let _ = self.look.try_send(LookJob::Told(cursor));
    }

    /// Lets the worker for looks know what a pass has met.
    pub(crate) fn swept(&self, home: &Home, also: Vec<(PathBuf, PathBuf)>, ignores: Vec<String>) {
        let _ = self.look.try_send(LookJob::Swept(home.clone(), also, ignores));
    }

    /// Tries to get the key of ids; [`Event::Rekeyed`] answers.
    pub(crate) fn rekey(&self, home: &Home) {
        let _ = self.look.try_send(LookJob::Rekey(home.clone()));
    }

    /// Makes a pass; [`Event::Passed`] answers.
    pub(crate) fn pass(&self, world: &Arc<World>, pass: Pass) {
        self.stop.stop.store(false, Ordering::Relaxed);
        let _ = self.pass.try_send((Arc::clone(world), pass));
    }

    /// Ends the pass that is under way.
    pub(crate) fn interrupt(&self) {
        self.stop.stop.store(true, Ordering::Relaxed);
    }

    /// Answers a call.
    pub(crate) fn answer(&self, world: &Arc<World>, call: Call) {
        if let Err(TrySendError::Full(AnswerJob::Call(_, call))) =
            self.answer.try_send(AnswerJob::Call(Arc::clone(world), call))
        {
            refuse(call, Refusal::Busy);
        }
    }

    /// Reads configuration and rules anew; [`Event::Reloaded`] answers.
    pub(crate) fn reload(&self, before: &Arc<World>) {
        let _ = self.answer.try_send(AnswerJob::Reload(Arc::clone(before)));
    }
}

/// Starts a thread that gives way to others. A thread that may not is as good.
pub(crate) fn spawn(
    name: &str,
    nice: i32,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // On Linux this is the calling thread's alone.
        let _ = rustix::process::setpriority_process(None, nice);
        work();
    })
}

/// Jobs until nobody gives out any; a report nobody wants ends them too.
fn looks(jobs: &Receiver<LookJob>, out: &UnboundedSender<Report>, watch: &Watch) {
    let mut looker = Looker::default();
    for job in jobs {
        let report = match job {
            LookJob::Look(world, looks) => {
                Report::Event(Event::Looked(looked(&mut looker, |l| l.look(&world, &looks, watch))))
            }
            LookJob::Told(cursor) => {
                looker.told(cursor);
                continue;
            }
            LookJob::Swept(home, also, ignores) => {
                looker.swept(&home, also, &ignores);
                continue;
            }
            LookJob::Rekey(home) => rekey(&home),
        };
        if out.send(report).is_err() {
            return;
        }
        looker.rest();
    }
}

/// Looks, and goes on after a look that breaks: it may have left half of something behind, and is still to be done.
fn looked(looker: &mut Looker, look: impl FnOnce(&mut Looker) -> Looked) -> Looked {
    catch_unwind(AssertUnwindSafe(|| look(looker))).unwrap_or_else(|_| {
        *looker = Looker::default();
        let why = "a worker broke off; please report it".to_owned();
        Looked { trouble: Some(Trouble::Ledger(why)), ..Looked::default() }
    })
}

fn rekey(home: &Home) -> Report {
    match World::load(home) {
        Ok(world) => {
            let tried = world.key();
            Report::World(Arc::new(world), Event::Rekeyed(tried))
        }
        Err(e) => Report::Event(Event::Rekeyed(Err(e.to_string()))),
    }
}

fn passes(jobs: &Receiver<(Arc<World>, Pass)>, out: &UnboundedSender<Report>, watch: &Watch) {
    for (world, pass) in jobs {
        let (result, ground) = made(|| make(&world, &pass, watch));
        if out.send(Report::Passed(Passed { pass, result }, ground)).is_err() {
            return;
        }
    }
}

/// What a pass has come to, with what it has met.
type Made = (Result<Outcome, Failure>, Option<Ground>);

/// Makes a pass; one that breaks is still to be made.
fn made(make: impl FnOnce() -> Made) -> Made {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| {
        let why = "a pass broke off; please report it".to_owned();
        (Err(Failure::Home(why)), None)
    })
}

fn make(world: &World, pass: &Pass, watch: &Watch) -> Made {
    let World { config, request, setup, .. } = world;
    let made = match pass {
        Pass::Home => whole::home(setup, request, config, watch),
        Pass::Below(dir) => whole::below(setup, request, config, watch, &request.home.called(dir)),
    };
    let made = match made {
        Ok(made) => made,
        Err(e) => return (Err(Failure::Home(e.to_string())), None),
    };
    if let Some(why) = setup.trouble.get() {
        return (Err(Failure::Trouble(Trouble::Key(why.clone()))), None);
    }
    if let Some(gap) = made.document.coverage.iter().find(|gap| gap.reason == Reason::Ledger) {
        return (Err(Failure::Trouble(Trouble::Ledger(gap.why.clone()))), None);
    }
    let stopped = watch.stop.load(Ordering::Relaxed);
    let swept = swept(&made.document);
    let outcome = Outcome { stopped, swept, coverage: made.document.coverage };
    (Ok(outcome), Some(Ground { land: made.land, ignores: made.ignores }))
}

fn swept(document: &Document) -> Swept {
    let summary = &document.summary;
    Swept {
        at: text::now(),
        millis: summary.millis,
        files: summary.files,
        unchanged: summary.unchanged,
        bytes: summary.bytes,
        opened: 0,
        resolved: 0,
        complete: summary.complete,
    }
}

fn answers(jobs: &Receiver<AnswerJob>, out: &UnboundedSender<Report>) {
    for job in jobs {
        match job {
            AnswerJob::Call(world, call) => {
                // Whoever asked and does not wait any more has no answer to get; a call that breaks drops its answer.
                let _ = catch_unwind(AssertUnwindSafe(|| answer(&world, call)));
            }
            AnswerJob::Reload(before) => {
                let report = match World::reload(&before) {
                    Ok(world) => {
                        let problems = world.problems();
                        Report::World(Arc::new(world), Event::Reloaded(Ok(problems)))
                    }
                    Err(e) => Report::Event(Event::Reloaded(Err(e.to_string()))),
                };
                if out.send(report).is_err() {
                    return;
                }
            }
        }
    }
}

fn answer(world: &World, call: Call) {
    let (home, engine) = (&world.request.home, &world.setup.engine);
    match call {
        Call::List { reply } => {
            let known = examine::known(home, engine).map(Arc::new);
            drop(reply.send(known.map_err(Refusal::from)));
        }
        Call::Get { id, reply } => drop(reply.send(examine::find(home, engine, &id).map_err(Refusal::from))),
        Call::Ignore { id, reason, until, reply } => {
            let decided = examine::decide(home, engine, &id, Some((&reason, until)));
            drop(reply.send(decided.map_err(Refusal::from)));
        }
        Call::Unignore { id, reply } => {
            drop(reply.send(examine::decide(home, engine, &id, None).map_err(Refusal::from)));
        }
        // The agent answers these itself.
        Call::Coverage { .. }
        | Call::Rescan { .. }
        | Call::Pause { .. }
        | Call::Resume { .. }
        | Call::Reload { .. } => {}
    }
}

/// Tells who asked that nothing comes of it.
pub(crate) fn refuse(call: Call, why: Refusal) {
    match call {
        Call::List { reply } => drop(reply.send(Err(why))),
        Call::Coverage { reply } => drop(reply.send(Err(why))),
        Call::Get { reply, .. } | Call::Ignore { reply, .. } | Call::Unignore { reply, .. } => {
            drop(reply.send(Err(why)));
        }
        Call::Rescan { reply, .. }
        | Call::Pause { reply, .. }
        | Call::Resume { reply }
        | Call::Reload { reply } => drop(reply.send(Err(why))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_breaks_is_a_trouble_and_the_next_is_as_ever() {
        let mut looker = Looker::default();
        let broken = looked(&mut looker, |_| panic!("a mistake"));
        assert!(matches!(broken.trouble, Some(Trouble::Ledger(why)) if why.contains("broke off")));
        assert!(broken.seen.is_empty() && broken.news.is_empty());
        let fine = looked(&mut looker, |_| Looked { cursor: 7, ..Looked::default() });
        assert!(fine.trouble.is_none() && fine.cursor == 7);
    }

    #[test]
    fn a_pass_that_breaks_has_come_to_nothing() {
        let (result, ground) = made(|| panic!("a mistake"));
        assert!(matches!(result, Err(Failure::Home(why)) if why.contains("broke off")));
        assert!(ground.is_none());
    }
}
