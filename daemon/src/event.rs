//! Everything that can happen to the agent, and everything that it can want done: two closed lists.

use crate::bus::Call;
use crate::client::Swept;
use crate::coalesce::{Class, Look};
use crate::desktop::Choice;
use crate::ledger::{Cursor, Totals};
use crate::looker::{Looked, News, Trouble};
use crate::notice::{Notice, Quiet};
use crate::power::Power;
use crate::record::Gap;
use std::path::PathBuf;
use std::time::Duration;

/// Time since the machine was started, sleep included (`CLOCK_BOOTTIME`): never set back, and a jump in it is a sleep.
pub(crate) type Moment = Duration;

/// What the watcher has to say of the file system. Paths are absolute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FileEvent {
    /// A file was written, created, moved here, or its mode has changed.
    Changed(PathBuf),
    /// A file or directory went away or was moved elsewhere.
    Gone(PathBuf),
    /// A directory has come: what is below was not watched until now.
    NewDir(PathBuf),
    /// Events were dropped: anything below (anywhere, when `None`) may have changed.
    Lost(Option<PathBuf>),
}

/// What has happened.
pub(crate) enum Event {
    /// Something in the file system; histories are looked at later than other files.
    File(FileEvent, Class),
    /// Somebody, perhaps we, has written to the ledger.
    Ledger,
    /// The looks that were asked for are done.
    Looked(Looked),
    /// The pass that was asked for has ended.
    Passed(Passed),
    /// What is below a directory is watched as well as it can be.
    Joined(PathBuf),
    /// The watches are set as well as they can be.
    Watching(Watching),
    /// How the machine is powered.
    Power(Power),
    /// Whether the machine is busy, as was asked.
    Load(bool),
    /// The machine has slept.
    Woke,
    /// Whether now is the time for a notification, as was asked.
    Quiet(Quiet),
    /// Somebody has chosen something on a notification.
    Chosen(Choice),
    /// Somebody asks something on the bus.
    Asked(Call),
    /// Configuration and rules are to be read anew.
    Reload,
    /// They were, and what is wrong with rule files; or they have a mistake and the old ones stay.
    Reloaded(Result<Vec<String>, String>),
    /// Whether the key of ids can be had now.
    Rekeyed(Result<(), String>),
    /// Something that the agent leans on is in trouble, or out of it (`None`).
    Problem(Source, Option<String>),
    /// A time that was asked for has come.
    Tick,
    /// The agent is to end.
    Stop,
}

/// A pass that has ended.
pub(crate) struct Passed {
    pub(crate) pass: Pass,
    /// What came of it.
    pub(crate) result: Result<Outcome, Failure>,
}

/// Why a pass came to nothing.
pub(crate) enum Failure {
    /// The home or directory cannot be entered; one line.
    Home(String),
    /// What it found could not be remembered.
    Trouble(Trouble),
}

/// What a pass has come to.
pub(crate) struct Outcome {
    /// Ended before its end.
    pub(crate) stopped: bool,
    pub(crate) swept: Swept,
    pub(crate) coverage: Vec<Gap>,
}

/// A pass over many files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// The whole home.
    Home,
    /// What is below one directory.
    Below(PathBuf),
}

/// How well the home is watched.
#[derive(Clone, Default)]
pub(crate) struct Watching {
    /// Directories in which changes are noticed at once.
    pub(crate) watched: u32,
    /// Those of them that a plan has just added.
    pub(crate) added: u32,
    /// Directories that only sweeps look at.
    pub(crate) unwatched: u32,
    /// What kept directories from being watched, as coverage.
    pub(crate) gaps: Vec<Gap>,
    /// What is wrong, one line with what to do.
    pub(crate) trouble: Option<String>,
}

/// What can be in trouble.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Source {
    Config,
    Rules,
    Ledger,
    Key,
    Watches,
    Bus,
    Desktop,
    Home,
    Memory,
    Processor,
}

impl Source {
    /// What it is called.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Source::Config => "configuration",
            Source::Rules => "rules",
            Source::Ledger => "ledger",
            Source::Key => "key of ids",
            Source::Watches => "watches",
            Source::Bus => "session bus",
            Source::Desktop => "notifications",
            Source::Home => "home",
            Source::Memory => "memory",
            Source::Processor => "processor",
        }
    }
}

/// What is to be done.
pub(crate) enum Effect {
    /// Look at these, in the worker for looks; answered by [`Event::Looked`]. Without any, only say what is new.
    Look(Vec<Look>),
    /// Make a pass, in the worker for passes; answered by [`Event::Passed`].
    Pass(Pass),
    /// End the pass that is under way.
    Interrupt,
    /// Watch what is worth it, of what the last pass has met; answered by [`Event::Watching`].
    Plan,
    /// Watch a directory that has come, if that is worth it.
    Admit(PathBuf),
    /// Watch what is worth it of the directories that have come below one, and what is in them; answered by [`Event::Joined`].
    Join(PathBuf, Vec<PathBuf>),
    /// Watch nothing.
    Blind,
    /// Say it in the journal and on the bus.
    Tell(Vec<News>, Cursor),
    /// Say it in the journal and on the bus.
    Swept(Swept, Totals),
    /// Ask whether now is the time for a notification; answered by [`Event::Quiet`].
    AskQuiet,
    /// Ask whether the machine is busy; answered by [`Event::Load`].
    AskLoad,
    /// Show a notification.
    Show(Notice),
    /// Take notifications about nothing but these off the screen.
    Withdraw(Vec<String>),
    /// Show a finding to the user, in a terminal.
    Open(String),
    /// The user does not want to hear of these for a week.
    IgnoreForAWeek(Vec<String>),
    /// Answer a call, in the worker for answers.
    Answer(Call),
    /// Read configuration and rules anew; answered by [`Event::Reloaded`].
    Reload,
    /// Try to get the key of ids, in the worker for looks; answered by [`Event::Rekeyed`].
    Rekey,
    /// Say a problem in the journal: it is new.
    Complain(Source, String),
    /// End.
    Exit,
}
