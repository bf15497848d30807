//! `lapwing fix`: mends what was found, each change shown first, and writes down how to take it back.

mod summary;
mod work;

use super::{Session, receipts};
use crate::apply::job::Applier;
use crate::apply::receipt::{Receipt, Store};
use crate::apply::repair::{Mended, repair};
use crate::apply::turn::Turn;
use crate::cli::Fix;
use crate::dates;
use crate::exit::{Exit, usage};
use crate::mend::report::Report;
use crate::mend::rules::ByWorkshop;
use crate::mend::show::Show;
use crate::render::words::clean;
use anyhow::Context as _;
use lapwing_agent::examine;
use lapwing_agent::home::Home;
use lapwing_agent::mend::Workshop;
use lapwing_agent::record::{Record, State};
use lapwing_rules::place::wild;
use lapwing_rules::rule::Grade;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::IsTerminal as _;
use work::Work;

pub(super) fn run(session: &mut Session, args: &Fix) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let home = session.home()?;
    if !home.is_own() {
        return Err(usage("another home is only looked at; run `lapwing fix` as the user whose home it is"));
    }
    let asks = !json && !args.dry_run && std::io::stdin().is_terminal() && session.out.is_terminal();
    let named = !args.ids.is_empty() || !args.rule.is_empty() || args.all;
    if !named && !asks && !args.dry_run {
        return Err(usage(
            "this is no terminal to ask in; name findings, give --rule or --all, and --yes or --dry-run",
        ));
    }
    let config = session.config()?.config;
    let _turn =
        if args.dry_run { None } else { Some(Turn::take(home.state()).context("nothing was changed")?) };
    let store = Store::open(home.state()).context("nothing was changed")?;
    let mended = if args.dry_run { Vec::new() } else { told(session, &home, &store)? };
    let workshop = Workshop::new(&home, &config);
    remember(&workshop, &mended)?;
    let rules = ByWorkshop(&workshop);
    let applier = Applier {
        home: &home,
        rules: &rules,
        store: &store,
        receipt: Receipt::begin(dates::now()),
        seen: HashMap::new(),
        ours: HashSet::new(),
    };
    let records = selected(&home, &workshop, args)?;
    let width = session.out.width();
    let show = Show { home: &home, workshop: &workshop, width };
    let report = Report::new(args.dry_run);
    let mut work =
        Work { session, config: &config, args, json, show, applier, report, mended: BTreeMap::new() };
    if asks && !(args.yes && named) {
        work.walk(records)?
    } else {
        work.batch(&records)?
    }
    work.end()
}

/// Ends what an earlier run has left in the middle, and says so.
pub(super) fn told(session: &mut Session, home: &Home, store: &Store) -> anyhow::Result<Vec<Mended>> {
    let mended =
        repair(home, store).context("an earlier run was interrupted, and that cannot be put right")?;
    for Mended { receipt, path, state } in &mended {
        let text = format!("{receipt} was interrupted: {} ({})", clean(path), receipts::state(*state));
        session.out.remark("note", &text);
    }
    Ok(mended)
}

/// What was in the middle is remembered as it is now: the interrupted run could not.
pub(super) fn remember(workshop: &Workshop, mended: &[Mended]) -> anyhow::Result<()> {
    let paths = mended.iter().map(|m| m.path.clone()).filter(|p| !p.is_empty());
    let touched: BTreeMap<_, _> = paths.map(|path| (path, Vec::new())).collect();
    if touched.is_empty() { Ok(()) } else { Ok(workshop.remember(&touched)?) }
}

/// The findings that were asked for, worst and surest first.
fn selected(home: &Home, workshop: &Workshop, args: &Fix) -> anyhow::Result<Vec<Record>> {
    let engine = workshop.engine();
    let mut records = Vec::new();
    if !args.ids.is_empty() {
        for id in &args.ids {
            records.push(examine::find(home, engine, id)?);
        }
    } else {
        records = examine::known(home, engine)?;
        records.retain(|r| r.state == State::Open);
        records.retain(|r| args.rule.is_empty() || args.rule.iter().any(|rule| wild(rule, &r.rule)));
    }
    records.sort_by_key(|r| Reverse((r.severity, r.grade.unwrap_or(Grade::Proved))));
    records.dedup_by(|a, b| a.id == b.id);
    Ok(records)
}
