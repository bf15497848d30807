//! `lapwing unignore ID`: takes an ignore back.

use super::Session;
use crate::exit::Exit;
use crate::render::words::{clean, hang};
use lapwing_agent::examine;

pub(super) fn run(session: &mut Session, id: &str) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let config = session.config()?.config;
    let record = match session.ask(|agent| agent.unignore(id))? {
        Some(record) => record,
        None => {
            let engine = session.engine(&config);
            examine::decide(&session.home()?, &engine, id, None)?
        }
    };
    if json {
        session.print_json(&record)?;
        return Ok(Exit::Clean);
    }
    let text = format!("{} ({}) counts again.", clean(&record.id), clean(&record.title));
    let width = session.out.width();
    hang(&mut session.out, "", "", &text, width)?;
    Ok(Exit::Clean)
}
