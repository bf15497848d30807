//! What a plan would do, as people read it before they agree: the difference, masked; what stays; what to do besides.

use crate::apply::busy::Running;
use crate::apply::spot::Spot;
use crate::render::diff::diff;
use crate::render::text::{heading, style};
use crate::render::words::{clean, count, prose, wrap};
use lapwing_agent::home::Home;
use lapwing_agent::mend::Workshop;
use lapwing_agent::record::Record;
use lapwing_rules::fix::edit::apply;
use lapwing_rules::fix::plan::{Edit, Plan, Step, Store};
use lapwing_rules::rule::Safety;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::FileExt as _;
use zeroize::Zeroizing;

/// Larger files are shown only around the edits.
const WHOLE: u64 = 1 << 20;
/// Bytes shown around an edit of a large file.
const AROUND: u64 = 400;
/// Edits of a large file that are shown.
const MOST: usize = 6;

/// Prints plans.
pub(crate) struct Show<'a> {
    pub(crate) home: &'a Home,
    pub(crate) workshop: &'a Workshop,
    pub(crate) width: usize,
}

impl Show<'_> {
    /// The finding, and each of its plans.
    pub(crate) fn finding(&self, out: &mut dyn Write, record: &Record, plans: &[&Plan]) -> io::Result<()> {
        let colour = style(record.severity);
        wrap(out, &format!("{}  ", clean(&record.id)), &clean(&record.title), self.width)?;
        let seen = clean(&record.preview);
        writeln!(out, "  {colour}{}{colour:#}  {seen}", heading(record.severity))?;
        for plan in plans {
            self.plan(out, plan)?;
        }
        let Some(first) = plans.first() else { return Ok(()) };
        for left in plans.iter().flat_map(|p| &p.left).collect::<std::collections::BTreeSet<_>>() {
            wrap(out, "  Stays:   ", &clean(left), self.width)?;
        }
        // What a plan does itself need not be asked for.
        let left = |p: &&&Plan| p.credential || p.revoke.is_some() || p.steps.is_empty();
        if let Some(plan) = plans.iter().find(left).filter(|p| !p.advice.is_empty()) {
            let by_hand = plans.iter().all(|p| p.steps.is_empty());
            writeln!(out, "  {}", if by_hand { "By hand:" } else { "To do besides:" })?;
            prose(out, "    ", &plan.advice, self.width)?;
        }
        if let Some(revoke) = &first.revoke {
            wrap(out, "  Revoke:  ", &clean(revoke), self.width)?;
        }
        self.shells(out, plans)?;
        writeln!(out)
    }

    fn plan(&self, out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
        if plan.steps.is_empty() {
            // Why it is not done, where there is more to say than what to do.
            let reason = plan.summary.strip_prefix("left to you: ").unwrap_or(&plan.summary);
            return match plan.advice.starts_with(reason) {
                true => Ok(()),
                false => wrap(out, "  Left to you: ", &clean(reason), self.width),
            };
        }
        let look = if plan.safety == Safety::Review { " (look first)" } else { "" };
        wrap(out, "  Changes: ", &format!("{}{look}", clean(&plan.summary)), self.width)?;
        for step in &plan.steps {
            self.step(out, step)?;
        }
        Ok(())
    }

    fn step(&self, out: &mut dyn Write, step: &Step) -> io::Result<()> {
        let text = match step {
            Step::Edit { path, edits, .. } => return self.edits(out, path, edits),
            Step::Create { path, mode, .. } => format!("makes {} with mode {mode:04o}", clean(path)),
            Step::Mode { path, was, mode } => format!("{}: mode {was:04o} becomes {mode:04o}", clean(path)),
            Step::Remove { path, .. } => format!("removes {}", clean(path)),
            Step::Keep { store, .. } => format!("keeps the credential in {}", store_words(store)),
            Step::Cells { path, .. } => format!("masks it in the rows of {}", clean(path)),
            Step::Quarantine { path } => format!("moves {} into the quarantine", clean(path)),
            Step::StopUnit { unit } => format!("stops and disables {}", clean(unit)),
            Step::Gone { programs } => {
                format!("checks that none of these runs: {}", clean(&programs.join(", ")))
            }
            Step::Guide { argv, why } => format!("runs `{}`: {}", clean(&argv.join(" ")), clean(why)),
        };
        wrap(out, "    ", &text, self.width)
    }

    fn edits(&self, out: &mut dyn Write, path: &str, edits: &[Edit]) -> io::Result<()> {
        writeln!(out, "    {}", clean(path))?;
        let opened = Spot::find(self.home, path).and_then(|spot| spot.open());
        let Ok((mut file, stat)) = opened else {
            return wrap(out, "      ", "it cannot be read at this moment", self.width);
        };
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if size > WHOLE {
            return self.pieces(out, path, &file, size, edits);
        }
        let mut before = Zeroizing::new(Vec::new());
        file.read_to_end(&mut before)?;
        let Ok(after) = apply(&before, edits).map(Zeroizing::new) else {
            return wrap(out, "      ", "it has changed since it was examined", self.width);
        };
        let left = self.masked(out, path, &before, &after)?;
        more(out, left)
    }

    /// Stretches of a large file around its edits.
    fn pieces(
        &self,
        out: &mut dyn Write,
        path: &str,
        file: &std::fs::File,
        size: u64,
        edits: &[Edit],
    ) -> io::Result<()> {
        for edit in edits.iter().take(MOST) {
            let from = (edit.start as u64).saturating_sub(AROUND);
            let to = (edit.end as u64 + AROUND).min(size);
            let mut before = Zeroizing::new(vec![0; usize::try_from(to - from).unwrap_or_default()]);
            file.read_exact_at(&mut before, from)?;
            let base = usize::try_from(from).unwrap_or_default();
            let own = Edit { start: edit.start - base, end: edit.end - base, ..edit.clone() };
            if let Ok(after) = apply(&before, &[own]).map(Zeroizing::new) {
                self.masked(out, path, &before, &after)?;
            }
        }
        more(out, edits.len().saturating_sub(MOST))
    }

    /// The difference between two texts with everything secret in them masked: what stands near a secret may hold another.
    fn masked(&self, out: &mut dyn Write, path: &str, before: &[u8], after: &[u8]) -> io::Result<usize> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&self.workshop.hide(path, bytes)).into_owned();
        diff(out, "      ", &text(before), &text(after), self.width)
    }

    /// What running shells mean for a history.
    fn shells(&self, out: &mut dyn Write, plans: &[&Plan]) -> io::Result<()> {
        let paths = plans.iter().flat_map(|p| &p.steps).filter_map(Step::path);
        let places = paths.filter_map(|p| self.workshop.engine().places().classify(p));
        let kinds: std::collections::BTreeSet<&str> =
            places.filter(|p| p.history).filter_map(|p| p.id.strip_suffix("-history")).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let running = Running::now();
        for kind in kinds {
            let shells = running.shells(kind).len() as u64;
            if shells > 0 {
                let text = format!(
                    "{} of {kind} {} what was typed in memory until it ends; it is not written back",
                    count(shells, "running shell", "running shells"),
                    if shells == 1 { "keeps" } else { "keep" },
                );
                wrap(out, "  Note:    ", &text, self.width)?;
            }
        }
        Ok(())
    }
}

fn more(out: &mut dyn Write, left: usize) -> io::Result<()> {
    match left as u64 {
        0 => Ok(()),
        n => writeln!(out, "      and {} more", count(n, "place", "places")),
    }
}

fn store_words(store: &Store) -> String {
    match store {
        Store::Git { host, .. } => format!("git's own helper, for {}", clean(host)),
        Store::Keyring { name } => format!("your keyring, as {}", clean(name)),
        Store::Cargo { .. } => "your keyring, through cargo".to_owned(),
        Store::Docker { server, .. } => format!("your keyring, through docker, for {}", clean(server)),
        Store::Python { service, .. } => format!("your keyring, for {}", clean(service)),
    }
}
