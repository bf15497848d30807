//! `lapwing undo`: takes back what one run of `fix` has changed, all of it or nothing.

use super::{Session, fix};
use crate::apply::receipt::{Receipt, Store};
use crate::apply::refused::Refused;
use crate::apply::turn::Turn;
use crate::apply::undo::{Undone, undo};
use crate::exit::{Exit, usage};
use crate::mend::rules::ByWorkshop;
use crate::render::words::{clean, count, wrap};
use anyhow::Context as _;
use lapwing_agent::examine;
use lapwing_agent::mend::Workshop;
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    receipt: &'a str,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    restored: usize,
    secrets: usize,
    note: Option<&'a str>,
}

impl<'a> File<'a> {
    fn of(undone: &'a Undone) -> File<'a> {
        let Undone { path, restored, secrets, note } = undone;
        File { path, restored: *restored, secrets: *secrets, note: note.as_deref() }
    }
}

pub(super) fn run(session: &mut Session, id: Option<&str>) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let home = session.home()?;
    if !home.is_own() {
        return Err(usage("another home is only looked at; run `lapwing undo` as the user whose home it is"));
    }
    let _turn = Turn::take(home.state()).context("nothing was changed")?;
    let store = Store::open(home.state()).context("nothing was changed")?;
    let mended = fix::told(session, &home, &store)?;
    let config = session.config()?.config;
    let workshop = Workshop::new(&home, &config);
    fix::remember(&workshop, &mended)?;
    let mut receipt = chosen(&store, id)?;
    // Before it is: whoever takes something back wants it to be there.
    let mended: Vec<String> = receipt.mended.iter().map(|m| m.id.clone()).collect();
    examine::mended(&home, &mended, false)?;
    let done = undo(&home, &ByWorkshop(&workshop), &store, &mut receipt).map_err(|(path, why)| {
        anyhow::anyhow!("{}: {}; nothing was taken back", clean(&path), refusal(&why))
    })?;
    workshop.remember(&done.iter().map(|u| (u.path.clone(), Vec::new())).collect())?;
    if json {
        let files = done.iter().map(File::of).collect();
        session.print_json(&Answer { schema: 1, receipt: &receipt.id, files })?;
    } else {
        print(session, &receipt, &done)?;
    }
    Ok(Exit::Clean)
}

/// What was changed since is told in the words of whoever takes something back.
fn refusal(why: &Refused) -> String {
    match why {
        Refused::Changed("content") => {
            "what was changed there has been edited since, and that is not overwritten".to_owned()
        }
        Refused::Changed(what) => format!("its {what} has been changed since, and that is not overwritten"),
        why => why.to_string(),
    }
}

/// The receipt that is meant: the latest that stands, or the one that is named.
fn chosen(store: &Store, id: Option<&str>) -> anyhow::Result<Receipt> {
    let names: Vec<String> =
        store.names().into_iter().rev().filter(|n| id.is_none_or(|id| n.starts_with(id))).collect();
    if let (Some(id), n @ 2..) = (id, names.len()) {
        return Err(usage(format!("{} stands for {n} receipts; write more of it", clean(id))));
    }
    for name in names {
        let receipt = store.read(&name).with_context(|| format!("the receipt {name}"))?;
        if receipt.stands() {
            return Ok(receipt);
        }
        if let Some(id) = id {
            return Err(usage(format!("of {} nothing is left to take back", clean(id))));
        }
    }
    Err(usage(match id {
        Some(id) => format!("there is no receipt {}; `lapwing receipts` lists them", clean(id)),
        None => "there is nothing to take back".to_owned(),
    }))
}

fn print(session: &mut Session, receipt: &Receipt, done: &[Undone]) -> anyhow::Result<()> {
    let width = session.out.width();
    for undone in done {
        let mut text = Vec::new();
        if undone.restored > 0 {
            text.push(format!("{} as before", count(undone.restored as u64, "place", "places")));
        }
        if undone.secrets > 0 {
            text.push(format!("{} stay taken out", count(undone.secrets as u64, "secret", "secrets")));
        }
        text.extend(undone.note.as_deref().map(clean));
        let path = if undone.path.is_empty() { String::new() } else { format!("{}: ", clean(&undone.path)) };
        wrap(&mut session.out, "  ", &format!("{path}{}", text.join(", ")), width)?;
    }
    let text = format!("{} is taken back.", clean(&receipt.id));
    Ok(wrap(&mut session.out, "", &text, width)?)
}
