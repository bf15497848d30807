//! `lapwing list`: what the ledger knows, without looking again.

use super::Session;
use crate::cli::{Format, Life, List};
use crate::exit::Exit;
use crate::render::text::Source;
use lapwing_agent::client::Filter;
use lapwing_agent::record::{Document, Record, SCHEMA, State, Summary};
use lapwing_rules::rule::Severity;
use std::io::Write;

pub(super) fn run(session: &mut Session, filter: &List) -> anyhow::Result<Exit> {
    let mut findings = session.known()?;
    if findings.is_empty() && session.global.format == Format::Text {
        let lapwing = session.lapwing();
        writeln!(session.out, "No finding is known here. `{lapwing} doctor` looks again.")?;
        return Ok(Exit::Clean);
    }
    let only = only(filter);
    findings.retain(|record| only.passes(record));
    session.report(&document(findings), source(filter))
}

/// What was asked for, as the agent would be asked.
fn only(list: &List) -> Filter {
    let state = (list.state != Life::All).then(|| list.state.word().to_owned());
    Filter {
        state,
        severity: list.severity.clone(),
        rule: list.rule.clone(),
        kind: list.kind,
        ..Filter::default()
    }
}

/// Findings as a document. Nothing was examined to make it, so there is nothing that it lacks.
pub(super) fn document(findings: Vec<Record>) -> Document {
    let open = |s| findings.iter().filter(|f| f.state == State::Open && f.severity == s).count() as u64;
    let summary = Summary {
        critical: open(Severity::Critical),
        high: open(Severity::High),
        medium: open(Severity::Medium),
        low: open(Severity::Low),
        info: open(Severity::Info),
        ignored: findings.iter().filter(|f| matches!(f.state, State::Ignored { .. })).count() as u64,
        complete: true,
        ..Summary::default()
    };
    Document { schema: SCHEMA, findings, coverage: Vec::new(), summary }
}

/// The filters besides the rule, for the command that lists one rule's findings.
fn source(filter: &List) -> Source {
    let state =
        if filter.state == Life::Open { String::new() } else { format!(" --state {}", filter.state.word()) };
    let one_rule = filter.rule.len() == 1 && !filter.rule.iter().any(|rule| rule.contains('*'));
    Source::List { filters: state, one_rule }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::render::sample;
    use clap::Parser;

    fn ids(args: &str) -> Vec<String> {
        let line = format!("lapwing list {args}");
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::List(filter)) = cli.command else { panic!() };
        let mut findings = sample::messy().findings;
        findings[0].state = State::Resolved { at: 0 };
        findings.retain(|f| only(&filter).passes(f));
        findings.into_iter().map(|f| f.id).collect()
    }

    #[test]
    fn filters() {
        assert_eq!(ids("--severity medium"), ["F-2B8NN4XQ"]);
        assert_eq!(ids("--severity medium --state all"), ["F-2B8NN4XQ", "F-0000000A"]);
        assert_eq!(ids("--state resolved"), ["F-7K3Q2MAB"]);
        assert_eq!(ids("--state ignored"), ["F-0000000A"]);
        assert_eq!(ids("--kind check"), ["F-9ZZ1T0PE"]);
        assert_eq!(ids("--rule ssh.*"), ["F-9ZZ1T0PE"]);
        assert_eq!(ids("--rule generic-secret").len(), 7);
        assert_eq!(ids("--rule generic"), [""; 0]);
        assert_eq!(ids("").len(), 9);
    }

    #[test]
    fn a_list_counts_what_it_lists() {
        let doc = document(sample::messy().findings);
        let s = &doc.summary;
        assert_eq!((s.critical, s.high, s.medium, s.low, s.ignored), (1, 8, 1, 0, 1));
    }
}
