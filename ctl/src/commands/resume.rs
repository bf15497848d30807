//! `lapwing resume`: asks the agent to go on.

use super::Session;
use crate::exit::Exit;
use lapwing_agent::client::Agent;
use std::io::Write;

pub(super) fn run(session: &mut Session) -> anyhow::Result<Exit> {
    session.tell(Agent::resume)?;
    if !session.global.quiet {
        writeln!(session.out, "The agent goes on. What has changed meanwhile is examined now.")?;
    }
    Ok(Exit::Clean)
}
