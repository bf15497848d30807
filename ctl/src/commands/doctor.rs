//! `lapwing doctor`: examines the home and remembers what was found.

use super::Session;
use crate::cli::Known;
use crate::exit::Exit;
use crate::render::text::Source;
use lapwing_agent::examine;

pub(super) fn run(session: &mut Session, known: &Known) -> anyhow::Result<Exit> {
    session.leave_out(known)?;
    let config = session.config()?.config;
    let doc = session.examine(|request, watch| examine::doctor(request, &config, watch))?;
    session.report(&doc, Source::Doctor)
}
