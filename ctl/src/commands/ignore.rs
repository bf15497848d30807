//! `lapwing ignore ID`: decides to live with a finding.

use super::Session;
use crate::dates;
use crate::exit::{Exit, usage};
use crate::render::words::{clean, hang};
use lapwing_agent::examine;

pub(super) fn run(session: &mut Session, id: &str, reason: &str, until: Option<i64>) -> anyhow::Result<Exit> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(usage("the reason is empty; write one that you will understand next year"));
    }
    let json = session.json()?;
    let config = session.config()?.config;
    let record = match session.ask(|agent| agent.ignore(id, reason, until))? {
        Some(record) => record,
        None => {
            let engine = session.engine(&config);
            examine::decide(&session.home()?, &engine, id, Some((reason, until)))?
        }
    };
    if json {
        session.print_json(&record)?;
        return Ok(Exit::Clean);
    }
    let until = until.map(|end| format!(" until {}", dates::last_day(end))).unwrap_or_default();
    let id = clean(&record.id);
    let text = format!(
        "{id} ({}) is ignored{until}. `{} unignore {id}` takes it back.",
        clean(&record.title),
        session.lapwing()
    );
    let width = session.out.width();
    hang(&mut session.out, "", "", &text, width)?;
    Ok(Exit::Clean)
}
