//! `lapwing show ID`: one finding in full.

use super::{Session, list};
use crate::cli::Format;
use crate::exit::Exit;
use crate::render::text::Source;
use crate::render::{detail, rotation};
use lapwing_agent::examine;
use std::io::Write;

pub(super) fn run(session: &mut Session, id: &str) -> anyhow::Result<Exit> {
    let config = session.config()?.config;
    let engine = session.engine(&config);
    let record = match session.ask(|agent| agent.get(id))? {
        Some(record) => record,
        None => examine::find(&session.home()?, &engine, id)?,
    };
    if session.global.format != Format::Text {
        let source = Source::List { filters: String::new(), one_rule: true };
        session.report(&list::document(vec![record]), source)?;
        return Ok(Exit::Clean);
    }
    let pages = engine.pages();
    let page = pages.iter().find(|(_, page)| page.id == record.rule).map(|(_, page)| page.as_ref());
    let (lapwing, width) = (session.lapwing(), session.out.width());
    detail::finding(&mut session.out, &record, page, &lapwing, width)?;
    if rotation::applies(&record) {
        let rotated = examine::rotated(&session.home()?, &record.id)?;
        writeln!(session.out)?;
        rotation::checklist(&mut session.out, &record, rotated, &lapwing, width)?;
    }
    Ok(Exit::Clean)
}
