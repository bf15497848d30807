//! `lapwing scan`: examines files and directories, and remembers nothing.

use super::Session;
use crate::exit::Exit;
use crate::render::text::Source;
use lapwing_agent::examine;
use std::path::PathBuf;

pub(super) fn run(session: &mut Session, paths: &[PathBuf]) -> anyhow::Result<Exit> {
    let config = session.config()?.config;
    let doc = session.examine(|request, watch| examine::scan(request, paths, &config, watch))?;
    session.report(&doc, Source::Scan)
}
