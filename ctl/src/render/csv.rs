//! CSV as RFC 4180 has it: a header, then one row for each place where a finding was seen.

use super::words::clean;
use lapwing_agent::record::{Document, Record, Sighting, State};
use std::io::{self, Write};

const HEADER: [&str; 16] = [
    "id", "rule", "kind", "severity", "grade", "title", "preview", "note", "path", "inside", "line",
    "column", "state", "advice", "command", "revoke",
];

/// Prints a document.
pub(crate) fn document(out: &mut dyn Write, doc: &Document) -> io::Result<()> {
    row(out, &HEADER.map(str::to_owned))?;
    for record in &doc.findings {
        let places: Vec<Option<&Sighting>> = record.sightings.iter().map(Some).collect();
        // What is about the machine is told too.
        for at in if places.is_empty() { vec![None] } else { places } {
            row(out, &cells(record, at))?;
        }
    }
    Ok(())
}

fn cells(record: &Record, at: Option<&Sighting>) -> [String; 16] {
    let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    let state = match &record.state {
        State::Open => "open",
        State::Ignored { .. } => "ignored",
        State::Resolved { .. } => "resolved",
    };
    [
        record.id.clone(),
        record.rule.clone(),
        record.kind.word().to_owned(),
        record.severity.word().to_owned(),
        record.grade.map_or_else(String::new, |g| g.word().to_owned()),
        record.title.clone(),
        record.preview.clone(),
        some(&record.note),
        at.map_or_else(String::new, |at| at.path.clone()),
        at.and_then(|at| at.inside.clone()).unwrap_or_default(),
        number(at.and_then(|at| at.line)),
        number(at.and_then(|at| at.column)),
        state.to_owned(),
        record.fix.advice.clone(),
        some(&record.fix.command),
        some(&record.fix.revoke),
    ]
}

fn row(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// One cell, on one line. A spreadsheet takes what begins like a formula for one and runs it: an apostrophe before it
/// makes it text. File names are written by anybody.
fn quoted(cell: &str) -> String {
    let mut cell = clean(cell);
    let formula = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    if cell.trim_start().starts_with(formula) || cell.starts_with("\\t") || cell.starts_with("\\u{d}") {
        cell.insert(0, '\'');
    }
    if cell.contains([',', '"', ';', '\'']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use lapwing_rules::rule::Severity;

    fn rows(doc: &Document) -> Vec<String> {
        let mut out = Vec::new();
        document(&mut out, doc).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows = text.split_terminator("\r\n").map(str::to_owned).collect();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
        rows
    }

    #[test]
    fn a_header_and_one_row_a_place() {
        let rows = rows(&sample::messy());
        let places: usize = sample::messy().findings.iter().map(|f| f.sightings.len()).sum();
        assert_eq!(rows.len(), 1 + places);
        assert_eq!(rows[0], HEADER.join(","));
        let start =
            "F-7K3Q2MAB,github-pat,secret,critical,proved,GitHub personal access token (classic),ghp_…3kQ,,";
        assert!(
            rows[1].starts_with(&format!("{start}~/.bash_history,,14,21,open,\"Revoke it, then")),
            "{}",
            rows[1]
        );
        assert!(rows[2].starts_with(&format!("{start}~/.config/gh/hosts.yml,,3,21,open,")), "{}", rows[2]);
    }

    #[test]
    fn a_finding_about_the_machine_has_a_row() {
        let mut doc = sample::only(Severity::Low);
        doc.findings[0].sightings.clear();
        assert_eq!(rows(&doc).len(), 2);
        assert_eq!(rows(&sample::clean()).len(), 1);
    }

    #[test]
    fn cells_run_no_formula_and_break_no_row() {
        assert_eq!(quoted("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        for start in ["=", "+", "-", "@", "\t=", "\r", " =", "\u{ff1d}"] {
            let cell = quoted(&format!("{start}1"));
            assert!(cell.starts_with("\"'"), "{cell}");
        }
        assert_eq!(quoted("a\nb"), "a\\nb");
        assert_eq!(quoted("say \"hi\", twice"), "\"say \"\"hi\"\", twice\"");
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a\u{1b}[2Jb\0"), "a\\u{1b}[2Jb\\u{0}");
    }
}
