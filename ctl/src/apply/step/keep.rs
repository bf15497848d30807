//! Puts a credential where it belongs, and reads it back, before any file is touched.

use super::Pending;
use crate::apply::busy::Running;
use crate::apply::keep::{self, Kept, Stored};
use crate::apply::receipt::{Change, Deed, State};
use crate::apply::refused::Refused;
use lapwing_rules::fix::plan::Store;
use lapwing_rules::secret::Secret;

/// A credential that is about to be kept.
pub(crate) struct Keep {
    store: Store,
    secret: Secret,
    stored: Option<Stored>,
    /// It is still there although it was to be taken back.
    stays: bool,
}

/// Prepares it: nothing is done before the commit.
pub(crate) fn prepare(store: &Store, secret: &Secret) -> Keep {
    Keep { store: store.clone(), secret: Secret::new(secret.expose().to_vec()), stored: None, stays: false }
}

/// What a keyring says, as a refusal.
pub(crate) fn refused(why: &Kept) -> Refused {
    Refused::Missing(why.to_string())
}

impl Pending for Keep {
    fn change(&self) -> Change {
        let stored = self.stored.clone().unwrap_or_else(|| Stored { store: self.store.clone(), known: true });
        Change { path: String::new(), state: State::Intended, deed: Deed::Keep { stored } }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        self.stored = Some(keep::store(&self.store, &self.secret).map_err(|e| refused(&e))?);
        Ok(())
    }

    fn revert(&mut self) -> Result<(), Refused> {
        let Some(stored) = &self.stored else { return Ok(()) };
        let forgotten = keep::forget(stored).map_err(|e| refused(&e));
        self.stays = forgotten.is_err();
        if !self.stays {
            self.stored = None;
        }
        forgotten
    }

    fn stays(&self) -> bool {
        self.stays
    }

    fn settle(&mut self, _: &Running) -> Result<(), Refused> {
        Ok(())
    }
}
