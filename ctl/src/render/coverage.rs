//! What was not examined, for people: never a log line, always part of the answer.

use super::text::{Source, View};
use super::words::{self, clean, count, hang, wrap};
use lapwing_agent::record::{Document, Gap, Reason, Summary};
use std::io::{self, Write};

/// Paths of one real gap that are listed unless more are asked for.
const PATHS: usize = 5;
/// Notes that are listed unless more are asked for: a file of another tool's rules may have hundreds.
const NOTES: usize = 8;
const INDENT: &str = "  ";
const DEEPER: &str = "      ";

/// Real gaps: each path and why it could not be examined.
pub(crate) fn gaps(out: &mut dyn Write, doc: &Document, view: &View) -> io::Result<()> {
    let real: Vec<&Gap> = doc.coverage.iter().filter(|gap| !gap.policy).collect();
    if real.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}Not examined", if view.quiet { "" } else { "\n" })?;
    for gap in real {
        let words = gap.reason.words();
        let why = reason(gap);
        let told = if why.is_empty() || why == words { words.to_owned() } else { format!("{words}: {why}") };
        if gap.paths.is_empty() {
            hang(out, INDENT, DEEPER, &several(gap.count, &told), view.width)?;
            continue;
        }
        let shown = if view.verbose { gap.paths.len() } else { PATHS.min(gap.paths.len()) };
        for (i, path) in gap.paths.iter().take(shown).enumerate() {
            let reason = if i == 0 { &told } else { words };
            hang(out, INDENT, DEEPER, &format!("{} ({reason})", clean(path)), view.width)?;
        }
        match gap.count.saturating_sub(shown as u64) {
            0 => {}
            more => {
                hang(out, INDENT, DEEPER, &format!("and {} more ({words})", words::number(more)), view.width)?
            }
        }
    }
    Ok(())
}

/// Why, in words; without the path where it begins with the one that is printed before it.
fn reason(gap: &Gap) -> String {
    let why = words::line(&gap.why);
    let path = gap.paths.first().map(|path| format!("{}: ", clean(path)));
    path.and_then(|path| why.strip_prefix(&path).map(str::to_owned)).unwrap_or(why)
}

fn several(n: u64, told: &str) -> String {
    if n > 1 { format!("{told} ({})", words::number(n)) } else { told.to_owned() }
}

/// What was left out on purpose: one line in total.
pub(crate) fn left_out(out: &mut dyn Write, doc: &Document, view: &View) -> io::Result<()> {
    let policy = || doc.coverage.iter().filter(|gap| gap.policy);
    let on_request = |gap: &&Gap| matches!(gap.reason, Reason::Vendored | Reason::TooLarge | Reason::History);
    let asked: Vec<String> = policy().filter(on_request).map(named).collect();
    let never: Vec<String> = policy().filter(|gap| !on_request(gap)).map(named).collect();
    let mut parts = Vec::new();
    if !asked.is_empty() {
        let command = if view.source == Source::Scan { "scan" } else { "doctor" };
        let them = if policy().filter(on_request).map(|g| g.count).sum::<u64>() == 1 { "it" } else { "them" };
        parts.push(format!("{} ({} {command} --all takes {them} in)", asked.join(", "), view.lapwing));
    }
    if !never.is_empty() {
        parts.push(never.join(", "));
    }
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    wrap(out, "", &format!("Left out: {}.", parts.join("; ")), view.width)?;
    if view.verbose {
        for gap in policy() {
            for (i, path) in gap.paths.iter().enumerate() {
                // Of these each has its own reason; the first one's is known.
                let own = i == 0 && matches!(gap.reason, Reason::History | Reason::Elsewhere);
                let why = if own { reason(gap) } else { gap.reason.words().to_owned() };
                hang(out, INDENT, DEEPER, &format!("{} ({why})", clean(path)), view.width)?;
            }
        }
    }
    Ok(())
}

fn named(gap: &Gap) -> String {
    let (one, many) = match gap.reason {
        Reason::Vendored => ("vendored tree or cache", "vendored trees and caches"),
        Reason::TooLarge => ("large file", "large files"),
        Reason::LinkOut => ("link that leaves the home", "links that leave the home"),
        Reason::Special => ("FIFO, socket or device", "FIFOs, sockets and devices"),
        Reason::Mount => ("network mount", "network mounts"),
        Reason::Opaque => ("media file", "media files"),
        Reason::PartlyUnpacked => ("archive not unpacked to its end", "archives not unpacked to their end"),
        Reason::Elsewhere => ("part of a history that is not here", "parts of histories that are not here"),
        Reason::History => ("long history of a repository", "long histories of repositories"),
        other => (other.words(), other.words()),
    };
    count(gap.count, one, many)
}

/// What else a run has to tell, one line each.
pub(crate) fn notes(out: &mut dyn Write, summary: &Summary, view: &View) -> io::Result<()> {
    if !summary.notes.is_empty() {
        writeln!(out)?;
    }
    let shown = if view.verbose { summary.notes.len() } else { NOTES.min(summary.notes.len()) };
    for note in summary.notes.iter().take(shown) {
        hang(out, "", INDENT, &format!("Note: {}", words::line(note)), view.width)?;
    }
    if summary.notes.len() > shown {
        writeln!(out, "Note: and {} more (-v lists them all)", summary.notes.len() - shown)?;
    }
    Ok(())
}

/// What people have decided to live with, and what of it has become idle.
pub(crate) fn ignores(out: &mut dyn Write, summary: &Summary, view: &View) -> io::Result<()> {
    let mut parts = Vec::new();
    if summary.ignored > 0 {
        let n = words::number(summary.ignored);
        parts.push(match view.source {
            Source::Scan => format!("{n} ignored"),
            _ => format!("{n} ignored ({} list --state ignored)", view.lapwing),
        });
    }
    if summary.silenced > 0 {
        parts.push(format!("{} silenced by a marker in the file", words::number(summary.silenced)));
    }
    if summary.baselined > 0 {
        parts.push(format!("{} left out because of the baseline", words::number(summary.baselined)));
    }
    if !parts.is_empty() {
        writeln!(out)?;
        wrap(out, "", &format!("{}.", parts.join(", ")), view.width)?;
    }
    let unused = &summary.unused_ignores;
    if !unused.is_empty() {
        writeln!(out, "\nIgnores that match nothing")?;
        let shown = if view.verbose { unused.len() } else { PATHS.min(unused.len()) };
        for ignore in unused.iter().take(shown) {
            hang(out, INDENT, DEEPER, &clean(ignore), view.width)?;
        }
        if unused.len() > shown {
            writeln!(out, "{INDENT}and {} more (-v lists them all)", unused.len() - shown)?;
        }
    }
    Ok(())
}
