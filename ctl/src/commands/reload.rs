//! `lapwing reload`: asks the agent to read configuration and rules anew.

use super::Session;
use crate::exit::Exit;
use lapwing_agent::client::Agent;
use std::io::Write;

pub(super) fn run(session: &mut Session) -> anyhow::Result<Exit> {
    session.tell(Agent::reload)?;
    if !session.global.quiet {
        writeln!(session.out, "The agent has read its configuration and rules anew.")?;
    }
    Ok(Exit::Clean)
}
