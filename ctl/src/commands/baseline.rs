//! `lapwing baseline`: writes down what there is, so that later runs report only what is new.

use super::Session;
use crate::cli::Baseline as Asked;
use crate::exit::{self, Exit, usage};
use crate::render::text::Source;
use crate::render::{coverage, words};
use lapwing_agent::record::Reason;
use lapwing_agent::{baseline, examine};
use lapwing_rules::baseline::Baseline;
use serde::Serialize;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Serialize)]
struct Answer {
    file: String,
    /// In it now.
    entries: usize,
    /// Of these, not in it before.
    added: usize,
    /// In it before and not now.
    removed: usize,
}

pub(super) fn run(session: &mut Session, asked: &Asked) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let old = baseline::read(&asked.output)?.unwrap_or_else(baseline::fresh);
    let config = session.config()?.config;
    // Under the old salt, and leaving nothing out.
    session.baseline = Some(Baseline::new(old.salt));
    let doc = session.examine(|request, watch| match asked.doctor {
        true => examine::doctor(request, &config, watch),
        false => examine::scan(request, &asked.paths, &config, watch),
    })?;
    let file = words::clean(&asked.output.display().to_string());
    if doc.coverage.iter().any(|gap| gap.reason == Reason::Interrupted) {
        session.out.remark("warning", &format!("{file} is not written: the run was stopped before the end"));
        return Ok(Exit::Incomplete);
    }
    let new = Baseline { entries: doc.summary.entries.clone(), ..old };
    write(&asked.output, &new.text()).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => usage(format!("{file} cannot be written: there is no such directory")),
        kind => anyhow::anyhow!("{file} cannot be written: {kind}"),
    })?;
    let answer = Answer {
        file,
        entries: new.entries.len(),
        added: new.entries.difference(&old.entries).count(),
        removed: old.entries.difference(&new.entries).count(),
    };
    if json {
        session.print_json(&answer)?;
    } else {
        let view = session.view(Source::Scan);
        let count = words::count(answer.entries as u64, "finding", "findings");
        writeln!(session.out, "{}: {count}, {} new, {} gone.", answer.file, answer.added, answer.removed)?;
        coverage::gaps(&mut session.out, &doc, &view)?;
    }
    Ok(if exit::complete(&doc) { Exit::Clean } else { Exit::Incomplete })
}

/// Wholly or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // A link is kept, and what it leads to is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mode = std::fs::metadata(&path).map_or(0o666, |meta| meta.permissions().mode() & 0o7777);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let mut file = tempfile::Builder::new()
        .prefix(".lapwing-baseline-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|e| e.error)?;
    Ok(())
}
