//! `lapwing watch`: findings as they open and resolve, a line each, until Ctrl-C.

use super::Session;
use crate::cli::Format;
use crate::exit::{Exit, usage};
use crate::render::live;
use lapwing_agent::client::Trouble;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn run(session: &mut Session) -> anyhow::Result<Exit> {
    let lines = match session.global.format {
        Format::Text => false,
        Format::Jsonl => true,
        _ => return Err(usage("this command prints text or, with --format jsonl, one JSON object a line")),
    };
    let agent = session.need()?;
    let status = agent.status().clone();
    let mut live = agent.live()?;
    // Not before it is true: who has read this misses nothing.
    if !lines && !session.global.quiet {
        live::begin(&mut session.out, &status)?;
    }
    // Ctrl-C ends the program, as it does where nobody listens for it: nothing is left half done.
    loop {
        session.out.flush()?;
        match live.wait() {
            Ok(happening) if lines => live::line(&mut session.out, now(), &happening)?,
            Ok(happening) => live::text(&mut session.out, now(), &happening, session.global.quiet)?,
            Err(trouble @ Trouble::Garbled(_)) => session.out.remark("note", &trouble.to_string()),
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed())
}
