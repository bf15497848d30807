//! `lapwing scan`: examines files, directories and standard input, or what git keeps of them, and remembers nothing.

use super::Session;
use crate::cli::{Git, Known};
use crate::exit::{Exit, usage};
use crate::render::text::Source;
use lapwing_agent::examine::{self, Versions};
use std::path::PathBuf;

pub(super) fn run(
    session: &mut Session,
    paths: &[PathBuf],
    stdin_name: Option<PathBuf>,
    known: &Known,
    git: &Git,
) -> anyhow::Result<Exit> {
    if stdin_name.is_some() && !paths.iter().any(|p| p.as_os_str() == "-") {
        return Err(usage("--stdin-name names what is read from standard input; give `-` among the paths"));
    }
    session.stdin = stdin_name;
    session.leave_out(known)?;
    let config = session.config()?.config;
    let doc = session.examine(|request, watch| match versions(git) {
        Some(versions) => examine::scan_git(request, paths, &versions, &config, watch),
        None => examine::scan(request, paths, &config, watch),
    })?;
    session.report(&doc, Source::Scan)
}

fn versions(git: &Git) -> Option<Versions> {
    match git {
        Git { staged: true, .. } => Some(Versions::Staged),
        Git { since: Some(name), .. } => Some(Versions::Since(name.clone())),
        Git { history: true, .. } => Some(Versions::History),
        Git { .. } => None,
    }
}
