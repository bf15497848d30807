//! `lapwing status`: how the agent is, and what is open. Without an agent: what the ledger knows.

use super::{Session, list};
use crate::exit::Exit;
use crate::render::status::{self, Answer};

pub(super) fn run(session: &mut Session) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let agent = session.agent()?;
    let answer = match agent {
        Some(agent) => {
            let mut status = agent.status().clone();
            // Unknown is not the same as nothing.
            let coverage = agent.coverage().unwrap_or_else(|trouble| {
                status.problems.push(format!("it does not say what it could not examine: {trouble}"));
                Vec::new()
            });
            Answer::running(status, coverage)
        }
        None => {
            let config = session.config()?.config;
            let engine = session.engine(&config);
            let known = lapwing_agent::examine::known(&session.home()?, &engine)?;
            Answer::alone(list::document(known).summary)
        }
    };
    if json {
        session.print_json(&answer)?;
        return Ok(Exit::Clean);
    }
    let (width, lapwing) = (session.out.width(), session.lapwing());
    let own = session.global.home.is_none();
    status::text(&mut session.out, &answer, own, &lapwing, width)?;
    Ok(Exit::Clean)
}
