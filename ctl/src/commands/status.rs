//! `lapwing status`: how the agent is, and what is open. Without an agent: what the ledger knows.

use super::{Session, list};
use crate::exit::Exit;
use crate::render::status::{self, Answer};

pub(super) fn run(session: &mut Session) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let agent = session.agent()?;
    let coverage = agent.as_ref().map(|agent| agent.coverage());
    let answer = match (agent, coverage) {
        (Some(agent), Some(Ok(coverage))) => Answer::running(agent.status().clone(), coverage),
        (Some(agent), _) => Answer::running(agent.status().clone(), Vec::new()),
        (None, _) => {
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
