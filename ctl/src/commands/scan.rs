//! `lapwing scan`: examines files and directories, or what git keeps of them, and remembers nothing.

use super::Session;
use crate::cli::Git;
use crate::exit::Exit;
use crate::render::text::Source;
use lapwing_agent::examine::{self, Versions};
use std::path::PathBuf;

pub(super) fn run(session: &mut Session, paths: &[PathBuf], git: &Git) -> anyhow::Result<Exit> {
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
