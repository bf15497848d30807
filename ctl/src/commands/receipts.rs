//! `lapwing receipts`: what was changed and when, and what an interrupted run has left.

use super::{Session, fix};
use crate::apply::keep;
use crate::apply::receipt::{Deed, Receipt, State, Store};
use crate::apply::turn::Turn;
use crate::dates;
use crate::exit::Exit;
use crate::render::words::{clean, count, wrap};
use lapwing_agent::mend::Workshop;
use std::collections::BTreeSet;
use std::io::Write as _;

/// How far a change has come, in words.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Intended => "intended",
        State::Done => "done",
        State::Dropped => "not done",
        State::Undoing => "being taken back",
        State::Undone => "taken back",
    }
}

pub(super) fn run(session: &mut Session, id: Option<&str>) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let home = session.home()?;
    let Some(store) = Store::existing(home.state()) else { return none(session, json) };
    // While another run is at work its receipt is left alone: it is not interrupted.
    if home.is_own()
        && let Ok(_turn) = Turn::take(home.state())
    {
        let mended = fix::told(session, &home, &store)?;
        if !mended.is_empty() {
            let config = session.config()?.config;
            fix::remember(&Workshop::new(&home, &config), &mended)?;
        }
    }
    let mut receipts = Vec::new();
    for name in store.names().into_iter().rev().filter(|n| id.is_none_or(|id| n.starts_with(id))) {
        match store.read(&name) {
            Ok(receipt) => receipts.push(receipt),
            Err(why) => session.out.remark("warning", &format!("{}: {why}", clean(&name))),
        }
    }
    if json {
        session.print_json(&receipts)?;
        return Ok(Exit::Clean);
    }
    if receipts.is_empty() {
        return none(session, false);
    }
    for receipt in &receipts {
        print(session, receipt, id.is_some() || session.global.verbose)?;
    }
    Ok(Exit::Clean)
}

fn none(session: &mut Session, json: bool) -> anyhow::Result<Exit> {
    if json {
        session.print_json(&[(); 0])?;
    } else {
        writeln!(session.out, "Nothing was changed here by lapwing.")?;
    }
    Ok(Exit::Clean)
}

fn print(session: &mut Session, receipt: &Receipt, whole: bool) -> anyhow::Result<()> {
    let width = session.out.width();
    let files: BTreeSet<&str> = receipt.changes.iter().map(|c| c.path.as_str()).collect();
    let what = format!(
        "{}: {} in {}{}",
        dates::minute(receipt.at),
        count(receipt.mended.len() as u64, "finding", "findings"),
        count(files.len() as u64, "file", "files"),
        standing(receipt),
    );
    wrap(&mut session.out, &format!("{}  ", clean(&receipt.id)), &what, width)?;
    if !whole {
        return Ok(());
    }
    for mended in &receipt.mended {
        wrap(&mut session.out, &format!("  {}  ", clean(&mended.id)), &clean(&mended.summary), width)?;
    }
    for change in &receipt.changes {
        let text = format!("{}: {} ({})", clean(&change.path), deed(&change.deed), state(change.state));
        wrap(&mut session.out, "    ", &text, width)?;
    }
    Ok(())
}

fn standing(receipt: &Receipt) -> &'static str {
    if receipt.interrupted() {
        ", interrupted"
    } else if receipt.stands() {
        ""
    } else if receipt.changes.iter().any(|c| c.state == State::Undone) {
        ", taken back"
    } else {
        ", nothing was changed"
    }
}

fn deed(deed: &Deed) -> String {
    match deed {
        Deed::Rewrite { inverse, secrets, .. } => {
            let (places, secrets) = (inverse.len() as u64, *secrets as u64);
            match (places, secrets) {
                (0, n) => format!("{} taken out", count(n, "secret", "secrets")),
                (n, 0) => format!("{} changed", count(n, "place", "places")),
                (p, s) => {
                    format!(
                        "{} changed, {} taken out",
                        count(p, "place", "places"),
                        count(s, "secret", "secrets")
                    )
                }
            }
        }
        Deed::Create { .. } => "made".to_owned(),
        Deed::Mode { was, mode } => format!("mode {was:04o} became {mode:04o}"),
        Deed::Remove { .. } => "removed".to_owned(),
        Deed::Cells { cells } => format!("{} masked", count(*cells, "value", "values")),
        Deed::Keep { stored } => format!("kept in {}", clean(&keep::place(&stored.store))),
        Deed::Quarantine { kept: Some(kept) } => {
            format!("moved into the quarantine as {}", clean(&kept.entry))
        }
        Deed::Quarantine { kept: None } => "was gone already".to_owned(),
        Deed::Stop { unit } => format!("{} was stopped and disabled", clean(unit)),
        Deed::Gone { programs } => format!("nothing of it ran any more ({})", clean(&programs.join(", "))),
        Deed::Guide { argv } => format!("`{}` was run", clean(&argv.join(" "))),
    }
}
