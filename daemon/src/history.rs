//! What happened to findings: what `lapwing history` tells.

use crate::examine::Error;
use crate::home::Home;
use crate::ledger::{Event, Ledger};
use lapwing_rules::engine::Engine;
use lapwing_rules::rule::Severity;
use serde::Serialize;
use std::collections::HashMap;

/// Something that happened to a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Happened {
    /// When, seconds since 1970.
    pub at: i64,
    /// `opened`, `resolved`, `ignored` or `unignored`.
    pub what: String,
    /// The finding, for example `F-7K3Q2MAB`.
    pub id: String,
    /// Rule id.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// One line naming the problem.
    pub title: String,
    /// Masked evidence.
    pub preview: String,
    /// Where it was last seen.
    pub path: String,
}

/// The last things that happened since a moment (seconds since 1970), newest first.
///
/// # Errors
/// When the ledger cannot be read.
pub fn history(home: &Home, engine: &Engine, since: i64, limit: u32) -> Result<Vec<Happened>, Error> {
    let fail = |e: crate::ledger::LedgerError| Error::Ledger {
        path: home.shown(&home.ledger()),
        why: e.to_string(),
    };
    let Some(ledger) = Ledger::existing(&home.ledger()).map_err(fail)? else {
        return Ok(Vec::new());
    };
    let pages = engine.pages();
    let titles = pages.iter().map(|(_, page)| (page.id.as_str(), page.title.as_str())).collect();
    let events = ledger.events(since, limit).map_err(fail)?;
    Ok(events.into_iter().map(|event| happened(event, &titles)).collect())
}

/// A rule that is not there any more has no title; its name has to do.
fn happened(event: Event, titles: &HashMap<&str, &str>) -> Happened {
    let title = titles.get(event.rule.as_str()).map_or(event.rule.as_str(), |title| title);
    Happened {
        at: event.at,
        what: event.what,
        id: event.finding.short(),
        title: title.to_owned(),
        severity: Severity::from_word(&event.severity).unwrap_or(Severity::Info),
        preview: event.preview,
        path: event.path,
        rule: event.rule,
    }
}
