//! How a run of `fix` ends: what is left, how to take it back, what to revoke.

use super::work::Work;
use crate::apply::receipt::{Change, Deed, State as Changed};
use crate::exit::Exit;
use crate::mend::report::{Item, Report, Status};
use crate::render::words::{clean, count, wrap};
use lapwing_agent::examine;
use lapwing_rules::fingerprint::FindingId;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

impl Work<'_> {
    /// Remembers what has changed, and tells the whole.
    pub(super) fn end(mut self) -> anyhow::Result<Exit> {
        let receipt = &self.applier.receipt;
        // What the user has answered a program may have changed a file even where that mended nothing.
        let mut touched = guided(&receipt.changes);
        if receipt.changes.iter().any(|c| c.state == Changed::Done) {
            let mended: Vec<String> = receipt.mended.iter().map(|m| m.id.clone()).collect();
            examine::mended(self.show.home, &mended, true)?;
            self.report.receipt = Some(receipt.id.clone());
            let mended = |path: &String| self.mended.get(path).cloned().unwrap_or_default();
            touched.extend(receipt.changes.iter().map(|c| (c.path.clone(), mended(&c.path))));
        }
        if !touched.is_empty() {
            self.show.workshop.remember(&touched)?;
        }
        let exit = self.report.verdict();
        if self.json {
            self.session.print_json(&self.report)?;
        } else {
            self.summary()?;
        }
        Ok(exit)
    }

    fn summary(&mut self) -> anyhow::Result<()> {
        let width = self.show.width;
        let untold = |i: &&Item| matches!(i.status, Status::Refused | Status::Gone | Status::Manual);
        let asked = |i: &Item| i.reason.as_ref().is_none_or(|r| matches!(r.word, "ask" | "review"));
        for item in self.report.results.iter().filter(untold).filter(|i| asked(i)) {
            let text = match (&item.reason, item.status) {
                (Some(why), _) => format!("not changed: {}", why.text),
                (None, Status::Gone) => "is not there any more".to_owned(),
                (None, _) => clean(&item.summary),
            };
            wrap(&mut self.session.out, &format!("{}  ", item.id), &text, width)?;
        }
        for trouble in &self.report.problems {
            let text = format!("{}: {}", clean(&trouble.path), clean(&trouble.why));
            wrap(&mut self.session.out, "not read: ", &text, width)?;
        }
        let text = totals(&self.report, &self.session.lapwing());
        wrap(&mut self.session.out, "", &text, width)?;
        self.rotate(width)
    }

    /// What was mended here is still known to whoever has seen it.
    fn rotate(&mut self, width: usize) -> anyhow::Result<()> {
        let mended = self.report.results.iter().filter(|i| i.status == Status::Mended);
        let mut pages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for item in mended {
            if let Some(page) = &item.revoke {
                pages.entry(page).or_default().insert(&item.id);
            }
        }
        if pages.is_empty() {
            return Ok(());
        }
        writeln!(self.session.out, "\nWhoever has seen these can still use them. Revoke or replace them:")?;
        for (page, ids) in pages {
            let ids: Vec<&str> = ids.into_iter().collect();
            wrap(&mut self.session.out, "  ", &format!("{} ({})", clean(page), ids.join(", ")), width)?;
        }
        Ok(())
    }
}

/// Files that programs were given which the user answers.
fn guided(changes: &[Change]) -> BTreeMap<String, Vec<FindingId>> {
    let argv = changes.iter().filter_map(|change| match &change.deed {
        Deed::Guide { argv } => Some(argv),
        _ => None,
    });
    argv.flatten().filter(|word| word.starts_with("~/")).map(|path| (path.clone(), Vec::new())).collect()
}

fn totals(report: &Report, lapwing: &str) -> String {
    if report.results.is_empty() {
        return format!("Nothing to mend is known here. `{lapwing} doctor` looks again.");
    }
    if report.dry_run {
        let planned = report.count(Status::Planned);
        return format!("{} would be mended. Nothing was changed.", count(planned, "finding", "findings"));
    }
    let mended = count(report.count(Status::Mended), "finding", "findings");
    let over = [Status::Mended, Status::Gone, Status::Ignored].map(|s| report.count(s)).iter().sum::<u64>();
    let open = report.results.len() as u64 - over;
    let open = if open == 0 { String::new() } else { format!(", {open} left open") };
    match &report.receipt {
        Some(id) => format!("{mended} mended{open}. To take it back: `{lapwing} undo {id}`"),
        None => format!("Nothing was changed{open}."),
    }
}
