//! `lapwing scan`: examines files, directories and standard input, and remembers nothing.

use super::Session;
use crate::cli::Known;
use crate::exit::{Exit, usage};
use crate::render::text::Source;
use lapwing_agent::examine;
use std::path::PathBuf;

pub(super) fn run(
    session: &mut Session,
    paths: &[PathBuf],
    stdin_name: Option<PathBuf>,
    known: &Known,
) -> anyhow::Result<Exit> {
    if stdin_name.is_some() && !paths.iter().any(|p| p.as_os_str() == "-") {
        return Err(usage("--stdin-name names what is read from standard input; give `-` among the paths"));
    }
    session.stdin = stdin_name;
    session.leave_out(known)?;
    let config = session.config()?.config;
    let doc = session.examine(|request, watch| examine::scan(request, paths, &config, watch))?;
    session.report(&doc, Source::Scan)
}
