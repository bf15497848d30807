//! What the agent's worker keeps between looks: the ledger, open, and up to where its events were told. It examines
//! what has changed, remembers what it finds, and says what has opened and what was resolved.

use crate::coalesce::Look;
use crate::document::{self, Frame};
use crate::home::Home;
use crate::ledger::{Cursor, Ledger, LedgerError, Totals, Turn};
use crate::machine::files::Buffer;
use crate::progress::Watch;
use crate::record::{Reason, Record, State};
use crate::sweep::{self, Done};
use crate::text;
use crate::world::World;
use lapwing_rules::ignore::IgnoreFile;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A finding that has opened or was resolved.
#[derive(Clone)]
pub(crate) struct News {
    pub(crate) turn: Turn,
    pub(crate) record: Record,
}

/// Why what was found could not be remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The ledger cannot be read or written.
    Ledger(String),
    /// The key of ids cannot be had: ids of this run would hold for this run only.
    Key(String),
}

/// What came of some looks.
#[derive(Default)]
pub(crate) struct Looked {
    pub(crate) news: Vec<News>,
    /// Up to where the news reach.
    pub(crate) cursor: Cursor,
    pub(crate) totals: Totals,
    /// What was looked at, as people call it, and what was not examined of it.
    pub(crate) seen: Vec<String>,
    pub(crate) gaps: Vec<(Reason, String, Option<String>)>,
    /// Files that took long to look at, links on the way to the home resolved.
    pub(crate) slow: Vec<(PathBuf, Duration)>,
    /// Nothing was remembered, for this reason: the looks are still to be done.
    pub(crate) trouble: Option<Trouble>,
    /// The ledger is another one than before: what it knows of the home is not what we have told it.
    pub(crate) anew: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Looker {
    ledger: Option<Ledger>,
    cursor: Cursor,
    /// Files that must be looked at when another one changes.
    also: HashMap<PathBuf, HashSet<PathBuf>>,
    /// Ignore files of the home, as the last sweep met them.
    ignores: Vec<IgnoreFile>,
}

/// A look that takes as long is one to be made less often.
const SLOW: Duration = Duration::from_millis(100);
/// Files that depend on another one, at most: what is beyond waits for the next sweep.
const ALSO: usize = 10_000;

impl Looker {
    /// Takes over what a sweep of the home has met: ignore files by the name that people call them.
    pub(crate) fn swept(&mut self, home: &Home, also: Vec<(PathBuf, PathBuf)>, ignores: &[String]) {
        self.also.clear();
        self.learn(home, also);
        let read = |shown: &String| sweep::ignore_file(&home.path(shown), shown);
        self.ignores = ignores.iter().filter_map(read).collect();
    }

    fn learn(&mut self, home: &Home, also: Vec<(PathBuf, PathBuf)>) {
        for (file, other) in also {
            let file = home.called(&file);
            if self.also.len() < ALSO || self.also.contains_key(&file) {
                self.also.entry(file).or_default().insert(other);
            }
        }
    }

    /// Examines what has changed, and says what is new since the last call, whoever has found it.
    pub(crate) fn look(&mut self, world: &World, looks: &[Look], watch: &Watch) -> Looked {
        let mut looked = Looked::default();
        if let Err(trouble) = self.try_look(world, looks, watch, &mut looked) {
            // What cannot be written now may be tomorrow, with a ledger opened anew.
            self.ledger = None;
            looked.trouble = Some(trouble);
        }
        looked
    }

    /// Notes that the news up to here were told.
    pub(crate) fn told(&mut self, cursor: Cursor) {
        let noted = self.ledger.as_ref().map(|ledger| ledger.tell(cursor));
        if let Some(Err(e)) = noted {
            tracing::debug!("what was told could not be noted: {e}");
        }
    }

    /// What can wait until it was reported.
    pub(crate) fn rest(&self) {
        if let Some(Err(e)) = self.ledger.as_ref().map(Ledger::tidy) {
            tracing::debug!("the ledger's journal could not be taken in: {e}");
        }
    }

    fn try_look(
        &mut self,
        world: &World,
        looks: &[Look],
        watch: &Watch,
        looked: &mut Looked,
    ) -> Result<(), Trouble> {
        let ledger_trouble = |e: LedgerError| Trouble::Ledger(e.to_string());
        looked.anew = self.open(world).map_err(ledger_trouble)?;
        if !looks.is_empty() {
            let mut done = self.examine(world, looks, watch, &mut looked.slow).map_err(ledger_trouble)?;
            if let Some(why) = world.setup.trouble.get() {
                return Err(Trouble::Key(why.clone()));
            }
            let (Some(ledger), now) = (&mut self.ledger, text::now()) else { return Ok(()) };
            ledger.commit(&done.batch, now).and_then(|()| ledger.settle(now)).map_err(ledger_trouble)?;
            looked.seen = looks.iter().map(|look| world.request.home.shown(path_of(look))).collect();
            looked.gaps = gaps(&mut done);
            self.learn(&world.request.home, std::mem::take(&mut done.land.also));
        }
        self.tell(world, looked).map_err(ledger_trouble)
    }

    /// Opens the ledger unless it is open; whether it is another one than the last time, or new to the agent.
    fn open(&mut self, world: &World) -> Result<bool, LedgerError> {
        if self.ledger.as_ref().is_some_and(|ledger| !ledger.replaced()) {
            return Ok(false);
        }
        let known = self.ledger.take().is_some();
        let (ledger, note) = Ledger::open(&world.request.home.ledger())?;
        if let Some(note) = &note {
            tracing::warn!("{note}");
        }
        // What happened while no agent ran and nobody was told of: also what the last one did not come to tell.
        ledger.tidy_later()?;
        self.cursor = match ledger.told()? {
            Some(told) => told.min(ledger.cursor()?),
            None => {
                let end = ledger.cursor()?;
                ledger.tell(end)?;
                end
            }
        };
        self.ledger = Some(ledger);
        Ok(known || note.is_some())
    }

    fn examine(
        &mut self,
        world: &World,
        looks: &[Look],
        watch: &Watch,
        slow: &mut Vec<(PathBuf, Duration)>,
    ) -> Result<Done, LedgerError> {
        let home = &world.request.home;
        let paths = self.paths(home, looks);
        let Some(ledger) = &self.ledger else { return Ok(Done::default()) };
        let mut remembered = HashMap::new();
        for path in &paths {
            remembered.extend(ledger.remembered(&home.shown(path))?);
        }
        let scope = world.setup.scope(&world.request, &world.config, watch, remembered);
        let mut buffer = Buffer::new();
        let mut total = Done::default();
        for path in &paths {
            if is_ignore_file(path) {
                self.ignores.retain(|file| file.path != home.shown(path));
                self.ignores.extend(sweep::ignore_file(path, &home.shown(path)));
            }
            let begun = Instant::now();
            total.add(sweep::changed(&scope, path, &mut buffer));
            let time = begun.elapsed();
            if time >= SLOW {
                slow.push((home.real(path), time));
            }
        }
        Ok(total)
    }

    /// What to look at: what has changed first, then what depends on it, so that this has the last word.
    fn paths(&self, home: &Home, looks: &[Look]) -> Vec<PathBuf> {
        let known: HashSet<PathBuf> = looks.iter().map(|look| home.called(path_of(look))).collect();
        let after = known.iter().filter_map(|path| self.also.get(path)).flatten();
        let after: HashSet<&PathBuf> = after.filter(|path| !known.contains(*path)).collect();
        // What went away is looked at last: what was moved is there before it is gone, and is the same finding.
        let (gone, there): (Vec<&Look>, Vec<&Look>) = looks.iter().partition(|l| matches!(l, Look::Gone(_)));
        let there = there.into_iter().chain(gone).map(|look| home.called(path_of(look)));
        there.chain(after.into_iter().cloned()).collect()
    }

    fn tell(&mut self, world: &World, looked: &mut Looked) -> Result<(), LedgerError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let (turns, end) = ledger.news(self.cursor)?;
        let now = text::now();
        for (finding, turn) in turns {
            let (seen, life) = ledger.of(&finding)?;
            let lives: HashMap<_, _> = life.map(|life| (finding, life)).into_iter().collect();
            let frame = Frame::with(Arc::clone(&world.pages), world.setup.engine.places(), &lives, now);
            let mut records = frame.records(&seen);
            if turn == Turn::Opened {
                document::silence(&mut records, &self.ignores, &world.today());
                records.retain(|record| record.state == State::Open);
            }
            looked.news.extend(records.into_iter().map(|record| News { turn, record }));
        }
        self.cursor = end;
        looked.cursor = end;
        looked.totals = ledger.totals(now)?;
        Ok(())
    }
}

/// The path that a look is about; nothing for everything, which is a sweep and no look.
fn path_of(look: &Look) -> &Path {
    match look {
        Look::File(path) | Look::Gone(path) | Look::Below(path) | Look::Grown(path, _) => path,
        Look::Everything => Path::new(""),
    }
}

fn is_ignore_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == ".lapwingignore" || name == ".gitleaksignore")
}

fn gaps(done: &mut Done) -> Vec<(Reason, String, Option<String>)> {
    let missed: BTreeMap<_, _> = std::mem::take(&mut done.missed);
    let each = |(reason, missed): (Reason, sweep::Missed)| {
        let why = missed.why;
        missed.paths.into_iter().map(move |path| (reason, path, why.clone()))
    };
    missed.into_iter().flat_map(each).collect()
}
