//! Moves something into the quarantine.

use super::Pending;
use crate::apply::busy::Running;
use crate::apply::quarantine::{self, Kept, Move};
use crate::apply::receipt::{Change, Deed, State};
use crate::apply::refused::Refused;
use crate::dates;
use lapwing_agent::home::Home;

/// A move that is about to be made.
pub(crate) struct Quarantine {
    home: Home,
    path: String,
    /// `None` when nothing is there any more.
    moving: Option<Move>,
    done: bool,
}

/// Prepares a move.
pub(crate) fn prepare(home: &Home, shown: &str, receipt: &str) -> Result<Quarantine, Refused> {
    let moving = quarantine::prepare(home, shown, receipt, dates::now())?;
    Ok(Quarantine { home: home.clone(), path: shown.to_owned(), moving, done: false })
}

impl Quarantine {
    fn kept(&self) -> Option<Kept> {
        self.moving.as_ref().map(|m| m.kept().clone())
    }
}

impl Pending for Quarantine {
    fn change(&self) -> Change {
        let deed = Deed::Quarantine { kept: self.kept() };
        Change { path: self.path.clone(), state: State::Intended, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        if let Some(moving) = &self.moving {
            self.done = moving.commit()?;
        }
        if !self.done {
            self.moving = None;
        }
        Ok(())
    }

    fn revert(&mut self) -> Result<(), Refused> {
        match self.kept().filter(|_| std::mem::take(&mut self.done)) {
            Some(kept) => quarantine::back(&self.home, &kept),
            None => Ok(()),
        }
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        Ok(())
    }
}

/// Something that is about to be put back.
pub(crate) struct Back {
    home: Home,
    kept: Kept,
}

impl Back {
    /// Prepares it: nothing is done before the end.
    pub(crate) fn new(home: &Home, kept: &Kept) -> Back {
        Back { home: home.clone(), kept: kept.clone() }
    }
}

impl Pending for Back {
    fn change(&self) -> Change {
        let deed = Deed::Quarantine { kept: Some(self.kept.clone()) };
        Change { path: self.kept.shown.clone(), state: State::Undoing, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        quarantine::back(&self.home, &self.kept)
    }

    fn revert(&mut self) -> Result<(), Refused> {
        // Back into the quarantine: under the same name, which is free again.
        match quarantine::again(&self.home, &self.kept)? {
            true => Ok(()),
            false => Err(Refused::Gone),
        }
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        Ok(())
    }
}
