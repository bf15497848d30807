//! `lapwing history`: what happened to findings, newest first.

use super::Session;
use crate::exit::Exit;
use crate::render::history;
use lapwing_agent::history::{self as ledger, Happened};
use lapwing_agent::record::SCHEMA;
use serde::Serialize;

/// What is printed as JSON.
#[derive(Serialize)]
struct Answer {
    schema: u32,
    events: Vec<Happened>,
}

pub(super) fn run(session: &mut Session, limit: u32, since: Option<i64>) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let config = session.config()?.config;
    let engine = session.engine(&config);
    let events = ledger::history(&session.home()?, &engine, since.unwrap_or(i64::MIN), limit)?;
    if json {
        session.print_json(&Answer { schema: SCHEMA, events })?;
        return Ok(Exit::Clean);
    }
    let (width, lapwing) = (session.out.width(), session.lapwing());
    history::list(&mut session.out, &events, limit, &lapwing, width)?;
    Ok(Exit::Clean)
}
