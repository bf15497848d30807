//! `lapwing rotated ID`: the user says that a credential was replaced, and its checklist is done.

use super::Session;
use crate::exit::{Exit, usage};
use crate::render::rotation;
use crate::render::words::{clean, hang};
use lapwing_agent::examine;

pub(super) fn run(session: &mut Session, id: &str, undo: bool) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let config = session.config()?.config;
    let engine = session.engine(&config);
    let home = session.home()?;
    let found = examine::find(&home, &engine, id)?;
    if !rotation::applies(&found) {
        let (id, title) = (clean(&found.id), clean(&found.title));
        return Err(usage(format!("{id} ({title}) is no credential, so there is nothing to rotate")));
    }
    let record = examine::rotate(&home, &engine, &found.id, !undo)?;
    if json {
        session.print_json(&record)?;
        return Ok(Exit::Clean);
    }
    let (id, title) = (clean(&record.id), clean(&record.title));
    let text = if undo {
        format!("{id} ({title}) counts as not rotated again.")
    } else {
        format!(
            "{id} ({title}) is rotated. Copies of the old one may stay in files; `{} fix {id}` takes them out.",
            session.lapwing()
        )
    };
    let width = session.out.width();
    hang(&mut session.out, "", "", &text, width)?;
    Ok(Exit::Clean)
}
