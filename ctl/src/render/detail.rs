//! One finding in full.

use super::text::{heading, style};
use super::words::{self, clean, hang, prose, wrap};
use lapwing_agent::record::Record;
use lapwing_rules::rule::Page;
use std::io::{self, Write};

/// Prints everything that is known of a finding. `page` is its rule's, when the rule is still there.
pub(crate) fn finding(
    out: &mut dyn Write,
    record: &Record,
    page: Option<&Page>,
    lapwing: &str,
    width: usize,
) -> io::Result<()> {
    let id = clean(&record.id);
    hang(out, &format!("{id}  "), "  ", &clean(&record.title), width)?;
    writeln!(out)?;
    let style = style(record.severity);
    let severity = words::severity(record.severity);
    writeln!(out, "  {style}{}{style:#}: {severity}", heading(record.severity))?;
    if let Some(grade) = words::grade(record) {
        row(out, "How sure", &grade, width)?;
    }
    row(out, "Evidence", &clean(&record.preview), width)?;
    row(out, "Rule", &format!("{} ({})", clean(&record.rule), record.kind.word()), width)?;
    let state = words::state(&record.state).unwrap_or_else(|| "open".to_owned());
    let since = record.first_seen.map(|at| format!(", first seen on {}", crate::dates::day(at)));
    row(out, "State", &format!("{state}{}", since.unwrap_or_default()), width)?;
    let places: Vec<_> = record.sightings.iter().filter(|at| !at.path.is_empty()).collect();
    for (i, at) in places.into_iter().enumerate() {
        writeln!(out, "  {:<10}{}", if i == 0 { "Seen in" } else { "" }, words::place(at, true))?;
    }
    if let Some(page) = page {
        writeln!(out, "\nWhy it matters\n")?;
        prose(out, "  ", &page.why, width)?;
    }
    writeln!(out, "\nWhat to do\n")?;
    prose(out, "  ", &record.fix.advice, width)?;
    if let Some(command) = &record.fix.command {
        writeln!(out, "\n  → {}", clean(command))?;
    }
    if let Some(revoke) = &record.fix.revoke {
        writeln!(out, "\n  To revoke or replace it: {}", clean(revoke))?;
    }
    writeln!(out)?;
    let ignored = matches!(record.state, lapwing_agent::record::State::Ignored { .. });
    let live = if ignored {
        format!("To take the ignore back: {lapwing} unignore {id}")
    } else {
        format!("To live with it: {lapwing} ignore {id} --reason \"…\"")
    };
    wrap(out, "", &live, width)
}

fn row(out: &mut dyn Write, name: &str, text: &str, width: usize) -> io::Result<()> {
    if text.is_empty() { Ok(()) } else { wrap(out, &format!("  {name:<10}"), text, width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use lapwing_agent::record::State;
    use lapwing_rules::rule::Severity;

    fn text(record: &Record, page: Option<&Page>) -> String {
        let mut out = Vec::new();
        finding(&mut out, record, page, "lapwing", 72).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn one_finding_in_full() {
        let doc = sample::messy();
        insta::assert_snapshot!(text(&doc.findings[0], Some(&sample::page())), @r#"
F-7K3Q2MAB  GitHub personal access token (classic)

  Critical: gives away something valuable to whoever reads it
  How sure  proved: its checksum holds
  Evidence  ghp_…3kQ
  Rule      github-pat (secret)
  State     open, first seen on 2026-11-22
  Seen in   ~/.bash_history:14:21
            ~/.config/gh/hosts.yml:3:21
            ~/notes/setting up the new laptop.md:88:21
            ~/backup/bash_history:14:21
            ~/backup/old/bash_history:14:21

Why it matters

  Reads and changes whatever its scopes allow, often every repository
  you can reach, until it is revoked.

What to do

  Revoke it, then sign in with `gh auth login`, which keeps the new
  token in your keyring.

  → gh auth login

  To revoke or replace it: https://github.com/settings/tokens

To live with it: lapwing ignore F-7K3Q2MAB --reason "…"
"#);
    }

    #[test]
    fn an_ignored_finding_can_be_taken_back() {
        let mut record = sample::record("F-1", Severity::Low);
        record.state = State::Ignored { reason: "a test\u{1b}[2J key".to_owned(), until: None };
        let text = text(&record, None);
        assert!(text.contains("State     ignored: a test\\u{1b}[2J key"), "{text}");
        assert!(text.ends_with("To take the ignore back: lapwing unignore F-1\n"), "{text}");
        assert!(!text.contains("Why it matters"), "{text}");
    }
}
