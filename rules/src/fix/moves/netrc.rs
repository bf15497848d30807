//! What `~/.netrc` holds stays with people: curl and the others that read it know no keyring, and would be locked out.

use super::{Mover, Moving};
use crate::fix::kept::by_hand;
use crate::fix::plan::Draft;

pub(crate) const MOVER: Mover = Mover { plan };

fn plan(_: &Moving<'_>) -> Option<Draft> {
    let why = "curl, wget, pip and others read this file themselves and know no keyring: whatever moved its passwords would lock \
               them out. What only Git uses, hand to Git's helper with `git credential approve`, and take its lines out";
    Some(by_hand("", why))
}
