//! One run of `fix`: the plans of findings, what is said to them, and what came of each.

use crate::apply::job::Applier;
use crate::cli::Fix;
use crate::commands::Session;
use crate::mend::ask::{Answer, ask, line};
use crate::mend::hold::hold;
use crate::mend::report::{Item, Report, Status, Trouble};
use crate::mend::show::Show;
use crate::render::page::{self, Switch};
use crate::render::words::{clean, wrap};
use anyhow::Context as _;
use lapwing_agent::config::Config;
use lapwing_agent::examine;
use lapwing_agent::mend::{Plans, Wanted};
use lapwing_agent::record::Record;
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::plan::{Plan, Step};
use lapwing_rules::fix::planner::Planned;
use lapwing_rules::rule::Safety;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, Write as _};

const ASK: &str = "this is no terminal to ask in; --yes agrees to what is safe";
const REVIEW: &str = "this change wants a look first; run `lapwing fix` in a terminal";

/// A run of `fix`.
pub(super) struct Work<'a> {
    pub(super) session: &'a mut Session,
    pub(super) config: &'a Config,
    pub(super) args: &'a Fix,
    pub(super) json: bool,
    pub(super) show: Show<'a>,
    pub(super) applier: Applier<'a>,
    pub(super) report: Report,
    /// Files that were changed, and what is in them no more.
    pub(super) mended: BTreeMap<String, Vec<FindingId>>,
}

/// What is wanted of records: each where it was seen.
fn wanted(records: &[&Record]) -> Vec<Wanted> {
    let mut all = Vec::new();
    for record in records {
        // A database's log is mended with its database.
        let whole = |path: &'_ str| path.len() - if path.ends_with("-wal") { "-wal".len() } else { 0 };
        let paths: BTreeSet<&str> = record.sightings.iter().map(|s| &s.path[..whole(&s.path)]).collect();
        let paths = if paths.is_empty() { BTreeSet::from([""]) } else { paths };
        all.extend(paths.into_iter().map(|path| Wanted { id: record.id.clone(), path: path.to_owned() }));
    }
    all
}

impl Work<'_> {
    /// Reads afresh, and remembers what files are at this moment.
    fn plans(&mut self, records: &[&Record]) -> Vec<Planned> {
        let Plans { plans, gone, problems, .. } = self.show.workshop.plans(&wanted(records));
        let title: BTreeMap<&str, &Record> = records.iter().map(|r| (r.id.as_str(), *r)).collect();
        for id in gone.iter().map(|w| w.id.as_str()).collect::<BTreeSet<_>>() {
            if let Some(record) = title.get(id) {
                self.report.results.push(gone_item(record));
            }
        }
        let troubles = problems.into_iter().map(|p| Trouble { path: p.what, why: p.why });
        self.report.problems.extend(troubles);
        for path in plans.iter().flat_map(|(_, plan)| &plan.steps).filter_map(|s| s.path()) {
            // Read afresh, seen afresh: an earlier change of this run may have been to the same file.
            if let Ok(spot) = crate::apply::spot::Spot::find(self.show.home, path)
                && let Ok(Some(stat)) = spot.stat()
            {
                self.applier.seen.insert(path.to_owned(), stat);
            }
        }
        plans
    }

    /// Without questions: what is safe is done when `--yes` says so, everything else is told.
    pub(super) fn batch(&mut self, records: &[Record]) -> anyhow::Result<()> {
        let records: Vec<&Record> = records.iter().collect();
        let mut apply = Vec::new();
        let plans = self.plans(&records);
        self.trusted()?;
        let (plans, held) = hold(self.show.home, self.show.workshop, self.config, plans)?;
        self.held(held)?;
        for (finding, plan) in plans {
            let item = |status| Item::new(&finding, &plan, status);
            let refused = |word, text| item(Status::Refused).because(Status::Refused, word, "", text);
            match plan.safety {
                _ if plan.steps.is_empty() => self.report.results.push(item(Status::Manual)),
                _ if self.args.dry_run => {
                    self.preview(&records, &finding.id.short(), &plan)?;
                    self.report.results.push(item(Status::Planned));
                }
                Safety::Safe if self.args.yes => apply.push((finding, plan)),
                Safety::Safe => self.report.results.push(refused("ask", ASK)),
                _ => self.report.results.push(refused("review", REVIEW)),
            }
        }
        self.apply(apply)
    }

    fn preview(&mut self, records: &[&Record], id: &str, plan: &Plan) -> anyhow::Result<()> {
        match records.iter().find(|r| r.id == id) {
            Some(record) if !self.json => Ok(self.show.finding(&mut self.session.out, record, &[plan])?),
            _ => Ok(()),
        }
    }

    /// One finding after the other, each read afresh.
    pub(super) fn walk(&mut self, records: Vec<Record>) -> anyhow::Result<()> {
        let mut input = std::io::stdin().lock();
        let mut left = std::collections::VecDeque::from(records);
        while let Some(record) = left.pop_front() {
            let plans = self.plans(&[&record]);
            self.trusted()?;
            // What has to wait is not asked about.
            let (plans, held) = hold(self.show.home, self.show.workshop, self.config, plans)?;
            self.held(held)?;
            if plans.is_empty() {
                continue;
            }
            let shown: Vec<&Plan> = plans.iter().map(|(_, plan)| plan).collect();
            self.show.finding(&mut self.session.out, &record, &shown)?;
            let safe = shown.iter().all(|p| p.safety == Safety::Safe);
            let answer =
                if self.args.yes && safe { Answer::Yes } else { self.question(&record, &plans, &mut input)? };
            match answer {
                Answer::Yes => {
                    let can = doable(plans, &mut self.report);
                    self.apply(can)?;
                }
                Answer::All => {
                    let alike: Vec<Record> = left.iter().filter(|r| r.rule == record.rule).cloned().collect();
                    left.retain(|r| r.rule != record.rule);
                    let more = self.plans(&alike.iter().collect::<Vec<_>>());
                    let can = doable(plans.into_iter().chain(more).collect(), &mut self.report);
                    self.apply(can)?;
                }
                Answer::Ignore => self.status(&plans, Status::Ignored),
                Answer::Skip | Answer::Explain => self.status(&plans, Status::Skipped),
                Answer::Quit => {
                    self.status(&plans, Status::Skipped);
                    break;
                }
            }
        }
        Ok(())
    }

    fn status(&mut self, plans: &[Planned], status: Status) {
        let status = |plan: &Plan| {
            if plan.steps.is_empty() && status == Status::Skipped { Status::Manual } else { status }
        };
        self.report.results.extend(plans.iter().map(|(f, plan)| Item::new(f, plan, status(plan))));
    }

    /// Asks until there is an answer that goes on.
    fn question(
        &mut self,
        record: &Record,
        plans: &[Planned],
        input: &mut dyn BufRead,
    ) -> anyhow::Result<Answer> {
        let can = plans.iter().any(|(_, plan)| !plan.steps.is_empty());
        loop {
            match ask(&mut self.session.out, input, can)? {
                Answer::Explain => self.explain(record)?,
                Answer::Ignore => {
                    let reason =
                        line(&mut self.session.out, input, "Why is it all right? ")?.unwrap_or_default();
                    if !reason.trim().is_empty() {
                        let decision = Some((reason.trim(), None));
                        let engine = self.show.workshop.engine();
                        examine::decide(self.show.home, engine, &record.id, decision)?;
                        return Ok(Answer::Ignore);
                    }
                }
                answer => return Ok(answer),
            }
        }
    }

    fn explain(&mut self, record: &Record) -> anyhow::Result<()> {
        let pages = self.show.workshop.engine().pages();
        if let Some((kind, page)) = pages.iter().find(|(_, page)| page.id == record.rule) {
            let switch = Switch { on: self.config.rules.allows(page), file: "your configuration".to_owned() };
            page::page(&mut self.session.out, (*kind, page), &switch, self.show.width)?;
            writeln!(self.session.out)?;
        }
        Ok(())
    }

    /// Applies plans and tells what came of each.
    fn apply(&mut self, plans: Vec<Planned>) -> anyhow::Result<()> {
        let titles: HashMap<String, String> =
            plans.iter().map(|(f, _)| (f.id.short(), f.page.title.clone())).collect();
        // Once more, at the last moment: a worm may have come while the question was open.
        let (plans, held) = hold(self.show.home, self.show.workshop, self.config, plans)?;
        self.held(held)?;
        let plans = plans.into_iter().map(|(_, plan)| plan).collect();
        for outcome in self.applier.apply(plans).context("nothing more was changed")? {
            if outcome.result.is_ok() {
                for path in outcome.plan.steps.iter().filter_map(Step::path) {
                    self.mended.entry(path.to_owned()).or_default().push(outcome.plan.finding);
                }
            }
            let title = titles.get(&outcome.plan.finding.short()).map(String::as_str).unwrap_or_default();
            let item = Item::applied(title, &outcome);
            if !self.json {
                self.tell(&item)?;
            }
            self.report.results.push(item);
        }
        self.session.out.flush()?;
        Ok(())
    }

    /// Ids that are not those of earlier runs tell nothing of what is gone.
    fn trusted(&self) -> anyhow::Result<()> {
        match self.show.workshop.trouble() {
            Some(why) => Err(anyhow::anyhow!("{why}; nothing more was changed")),
            None => Ok(()),
        }
    }

    /// Tells what has to wait, and why.
    fn held(&mut self, held: Vec<Item>) -> anyhow::Result<()> {
        for item in held {
            if !self.json {
                self.tell(&item)?;
            }
            self.report.results.push(item);
        }
        Ok(())
    }

    fn tell(&mut self, item: &Item) -> anyhow::Result<()> {
        let text = match &item.reason {
            None => format!("mended: {}", clean(&item.summary)),
            Some(why) if why.path.is_empty() => format!("not changed: {}", clean(&why.text)),
            Some(why) => format!("not changed: {}: {}", clean(&why.path), clean(&why.text)),
        };
        Ok(wrap(&mut self.session.out, &format!("{}  ", item.id), &text, self.show.width)?)
    }
}

fn gone_item(record: &Record) -> Item {
    Item {
        id: record.id.clone(),
        rule: record.rule.clone(),
        title: record.title.clone(),
        paths: record.sightings.iter().map(|s| s.path.clone()).collect(),
        status: Status::Gone,
        safety: record.fix.safety,
        summary: String::new(),
        left: Vec::new(),
        advice: String::new(),
        revoke: None,
        reason: None,
    }
}

/// Plans that a machine can do; the others are only told.
fn doable(plans: Vec<Planned>, report: &mut Report) -> Vec<Planned> {
    let (can, manual): (Vec<Planned>, Vec<Planned>) =
        plans.into_iter().partition(|(_, p)| !p.steps.is_empty());
    report.results.extend(manual.iter().map(|(f, p)| Item::new(f, p, Status::Manual)));
    can
}
