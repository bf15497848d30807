//! Findings for people: ranked, grouped by severity, masked, each with the command to run next.

use super::coverage;
use super::words::{self, and, clean, count, wrap};
use crate::exit::complete;
use anstyle::{AnsiColor, Style};
use lapwing_agent::record::{Document, Reason, Record, State, Summary};
use lapwing_rules::rule::{Grade, Severity};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Places of a finding that are listed unless more are asked for.
const PLACES: usize = 3;
/// Findings of one rule at one severity that are listed unless more are asked for.
const ALIKE: usize = 5;
const BODY: &str = "      ";

/// How to print.
pub(crate) struct View {
    /// Columns.
    pub(crate) width: usize,
    /// Everything.
    pub(crate) verbose: bool,
    /// Findings and what is incomplete, nothing else.
    pub(crate) quiet: bool,
    /// Which command has made the document.
    pub(crate) source: Source,
    /// `lapwing`, with the options that a next command needs.
    pub(crate) lapwing: String,
}

/// Which command has made a document: what can be asked next depends on it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Remembered, so that `show` and `list` know it.
    Doctor,
    /// Not remembered.
    Scan,
    /// From the ledger; how the same list is asked for, and whether it is of one rule only.
    List { filters: String, one_rule: bool },
}

/// Prints a document.
pub(crate) fn document(out: &mut dyn Write, doc: &Document, view: &View) -> io::Result<()> {
    let list = matches!(view.source, Source::List { .. });
    let mut shown: Vec<&Record> = doc.findings.iter().filter(|f| list || f.state == State::Open).collect();
    shown.sort_by_key(|f| Reverse((f.severity, f.grade.unwrap_or(Grade::Proved))));
    for group in shown.chunk_by(|a, b| a.severity == b.severity) {
        severity(out, group, view)?;
    }
    if !view.quiet {
        wrap(out, "", &totals(doc, view), view.width)?;
    }
    if list {
        return next(out, &shown, doc, view);
    }
    coverage::gaps(out, doc, view)?;
    if !view.quiet {
        coverage::left_out(out, doc, view)?;
        coverage::ignores(out, &doc.summary, view)?;
        coverage::notes(out, &doc.summary, view)?;
        next(out, &shown, doc, view)?;
    }
    Ok(())
}

fn severity(out: &mut dyn Write, group: &[&Record], view: &View) -> io::Result<()> {
    let Some(first) = group.first() else { return Ok(()) };
    let style = style(first.severity);
    writeln!(out, "{style}{} ({}){style:#}\n", heading(first.severity), words::number(group.len() as u64))?;
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for record in group {
        *alike.entry(&record.rule).or_default() += 1;
    }
    let whole = view.verbose || matches!(view.source, Source::List { one_rule: true, .. });
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for record in group {
        let nth = seen.entry(&record.rule).or_default();
        *nth += 1;
        let all = alike.get(record.rule.as_str()).copied().unwrap_or_default();
        if whole || *nth <= ALIKE {
            finding(out, record, view)?;
        }
        if !whole && *nth == ALIKE && all > ALIKE {
            let more = words::number((all - ALIKE) as u64);
            writeln!(out, "  and {more} more of this kind: {}\n", all_of(record, view))?;
        }
    }
    Ok(())
}

/// How to see every finding of a record's rule.
fn all_of(record: &Record, view: &View) -> String {
    let lapwing = &view.lapwing;
    match &view.source {
        Source::Scan => "-v lists them all".to_owned(),
        Source::Doctor => format!("{lapwing} list --rule {}", clean(&record.rule)),
        Source::List { filters, .. } => format!("{lapwing} list --rule {}{filters}", clean(&record.rule)),
    }
}

fn finding(out: &mut dyn Write, record: &Record, view: &View) -> io::Result<()> {
    let lead = format!("  {}  ", clean(&record.id));
    wrap(out, &lead, &clean(&record.title), view.width)?;
    let evidence = match (clean(&record.preview), words::grade(record)) {
        (preview, Some(grade)) if preview.is_empty() => grade,
        (preview, Some(grade)) => format!("{preview} ({grade})"),
        (preview, None) => preview,
    };
    if !evidence.is_empty() {
        wrap(out, BODY, &evidence, view.width)?;
    }
    places(out, record, view)?;
    if let Some(state) = words::state(&record.state) {
        wrap(out, BODY, &state, view.width)?;
    }
    if let Some(command) = &record.fix.command {
        // Never wrapped: it is there to be copied.
        writeln!(out, "{BODY}→ {}", clean(command))?;
    }
    writeln!(out)
}

fn places(out: &mut dyn Write, record: &Record, view: &View) -> io::Result<()> {
    let named: Vec<_> = record.sightings.iter().filter(|s| !s.path.is_empty()).collect();
    let shown = if view.verbose { named.len() } else { PLACES };
    for at in named.iter().take(shown) {
        writeln!(out, "{BODY}{}", words::place(at, view.verbose))?;
    }
    match named.len().saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(out, "{BODY}and {} more", words::number(more as u64)),
    }
}

/// The line that sums a run up. It calls nothing clean that was not wholly examined.
fn totals(doc: &Document, view: &View) -> String {
    let counts = and(&severities(&doc.summary));
    if let Source::List { .. } = view.source {
        return match doc.findings.len() as u64 {
            0 => format!("No finding matches. `{} list --state all` shows every one.", view.lapwing),
            n if counts.is_empty() => format!("{}.", count(n, "finding", "findings")),
            n => format!("{}; open: {counts}.", count(n, "finding", "findings")),
        };
    }
    let files = count(doc.summary.files, "file", "files");
    let time = words::duration(doc.summary.millis);
    // What a baseline has was found too.
    let nothing = if doc.summary.baselined > 0 { "Nothing new" } else { "Nothing" };
    match (counts.is_empty(), complete(doc)) {
        (true, true) => format!("{nothing} found in {files}, {time}."),
        (true, false) => {
            format!("{nothing} found so far, but this run is incomplete: {files} examined, {time}.")
        }
        (false, true) => format!("{counts} in {files}, {time}."),
        (false, false) => format!("{counts} in {files}, {time}. This run is incomplete."),
    }
}

/// `1 critical`, `2 high`: what is open.
pub(crate) fn severities(summary: &Summary) -> Vec<String> {
    let each = [
        (summary.critical, Severity::Critical),
        (summary.high, Severity::High),
        (summary.medium, Severity::Medium),
        (summary.low, Severity::Low),
        (summary.info, Severity::Info),
    ];
    let some = each.into_iter().filter(|(n, _)| *n > 0);
    some.map(|(n, severity)| format!("{} {}", words::number(n), severity.word())).collect()
}

/// The one thing to do next, about the worst finding.
fn next(out: &mut dyn Write, shown: &[&Record], doc: &Document, view: &View) -> io::Result<()> {
    let Some(worst) = shown.first().filter(|_| !view.quiet) else { return Ok(()) };
    let forgotten = doc.coverage.iter().any(|gap| gap.reason == Reason::Ledger);
    let command = match view.source {
        Source::Scan => format!("explain {}", clean(&worst.rule)),
        _ if forgotten => format!("explain {}", clean(&worst.rule)),
        _ => format!("show {}", clean(&worst.id)),
    };
    writeln!(out, "\nNext: {} {command}", view.lapwing)
}

/// The heading of a group.
pub(crate) fn heading(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
    }
}

/// Colour marks severity, nothing else does, and nothing depends on it.
pub(crate) fn style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Critical => return AnsiColor::Red.on_default().bold(),
        Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low => AnsiColor::Cyan,
        Severity::Info => AnsiColor::Blue,
    };
    color.on_default()
}

#[cfg(test)]
mod tests;
