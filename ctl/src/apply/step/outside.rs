//! Steps that other programs do: stopping a unit, looking whether something runs, a program that the user answers. What
//! they have done is not taken back.

use super::Pending;
use crate::apply::busy::Running;
use crate::apply::receipt::{Change, Deed, State};
use crate::apply::refused::Refused;
use crate::apply::{guide, programs, unit};
use lapwing_agent::home::Home;

/// Something that another program does.
pub(crate) enum Outside {
    /// Stops and disables a unit.
    Stop(String),
    /// Verifies that none of these programs runs.
    Gone(Home, Vec<String>),
    /// Runs a program that the user answers.
    Guide(Home, Vec<String>),
}

/// An error as a refusal: its own words.
fn refused(error: &anyhow::Error) -> Refused {
    Refused::Missing(error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

impl Pending for Outside {
    fn change(&self) -> Change {
        let deed = match self {
            Outside::Stop(unit) => Deed::Stop { unit: unit.clone() },
            Outside::Gone(_, programs) => Deed::Gone { programs: programs.clone() },
            Outside::Guide(_, argv) => Deed::Guide { argv: argv.clone() },
        };
        Change { path: String::new(), state: State::Intended, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        let done = match self {
            Outside::Stop(unit) => unit::stop(unit).map(drop),
            Outside::Gone(home, programs) => programs::gone(home, programs).and_then(|()| unit::reload()),
            Outside::Guide(home, argv) => guide::run(home, argv),
        };
        done.map_err(|e| refused(&e))
    }

    fn revert(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        // Its files are put away by now: the service manager forgets them.
        match self {
            Outside::Stop(_) => unit::reload().map_err(|e| refused(&e)),
            Outside::Gone(..) | Outside::Guide(..) => Ok(()),
        }
    }
}
