//! `lapwing pause`: asks the agent to look away for a while. It goes on by itself: what is forgotten must not stay off.

use super::Session;
use crate::dates;
use crate::exit::Exit;
use crate::render::words::hang;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn run(session: &mut Session, seconds: u32) -> anyhow::Result<Exit> {
    session.tell(|agent| agent.pause(seconds))?;
    if !session.global.quiet {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed());
        let until = dates::moment(now.saturating_add(seconds.into()));
        let text = format!("The agent looks away until {until}. `lapwing resume` makes it go on sooner.");
        let width = session.out.width();
        hang(&mut session.out, "", "", &text, width)?;
    }
    Ok(Exit::Clean)
}
