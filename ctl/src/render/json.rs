//! The document for programs: as it is (`json`), or one object a line (`jsonl`). The contract is `ctl/FORMATS.md`.

use super::words::harmful;
use lapwing_agent::record::{Document, Gap, Record, SCHEMA, Summary};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};

/// One line of `jsonl`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding(&'a Record),
    Coverage(&'a Gap),
    Summary(Last<'a>),
}

/// The last line: a reader that has seen it has seen everything.
#[derive(Serialize)]
struct Last<'a> {
    schema: u32,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// Prints a value as one document, laid out for people when a person reads it.
pub(crate) fn value(out: &mut dyn Write, value: &impl Serialize, pretty: bool) -> io::Result<()> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    writeln!(out, "{}", escaped(&text?))
}

/// Prints a document line by line.
pub(crate) fn lines(out: &mut dyn Write, doc: &Document) -> io::Result<()> {
    for record in &doc.findings {
        value(out, &Line::Finding(record), false)?;
    }
    for gap in &doc.coverage {
        value(out, &Line::Coverage(gap), false)?;
    }
    value(out, &Line::Summary(Last { schema: SCHEMA, summary: &doc.summary }), false)
}

/// JSON may hold characters that steer a terminal; inside its strings, the only place where they can stand, they may
/// be written as escapes too. Line ends of the layout stay.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && harmful(c) {
            write!(text, "\\u{:04x}", u32::from(c)).unwrap_or_default();
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use serde_json::Value;

    fn text(doc: &Document) -> String {
        let mut out = Vec::new();
        value(&mut out, doc, false).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn keys(value: &Value) -> Vec<&str> {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn the_shape_is_a_promise() {
        let json: Value = serde_json::from_str(&text(&sample::messy())).unwrap();
        assert_eq!(keys(&json), ["coverage", "findings", "schema", "summary"]);
        assert_eq!(json["schema"], 1);
        let finding = &json["findings"][0];
        let want = [
            "first_seen",
            "fix",
            "grade",
            "id",
            "kind",
            "note",
            "preview",
            "rule",
            "severity",
            "sightings",
            "state",
            "title",
        ];
        assert_eq!(keys(finding), want);
        assert_eq!(keys(&finding["sightings"][0]), ["column", "end", "inside", "line", "path", "start"]);
        assert_eq!(keys(&finding["fix"]), ["advice", "command", "revoke", "safety"]);
        assert_eq!(
            (&finding["kind"], &finding["severity"], &finding["grade"]),
            (&"secret".into(), &"critical".into(), &"proved".into())
        );
        assert_eq!(finding["state"]["is"], "open");
        assert_eq!(keys(&json["coverage"][0]), ["count", "paths", "policy", "reason", "why"]);
        let summary = [
            "baselined",
            "bytes",
            "complete",
            "critical",
            "files",
            "high",
            "ignored",
            "info",
            "low",
            "medium",
            "millis",
            "notes",
            "silenced",
            "unchanged",
            "unused_ignores",
        ];
        assert_eq!(keys(&json["summary"]), summary);
    }

    #[test]
    fn every_field_is_documented() {
        let text = include_str!("../../FORMATS.md");
        let json = serde_json::to_value(sample::messy()).unwrap();
        let parts = [
            &json,
            &json["findings"][0],
            &json["findings"][0]["fix"],
            &json["findings"][0]["sightings"][0],
            &json["coverage"][0],
            &json["summary"],
        ];
        for key in parts.into_iter().flat_map(keys) {
            assert!(text.contains(&format!("`{key}`")), "FORMATS.md does not name `{key}`");
        }
    }

    #[test]
    fn lines_end_with_the_summary() {
        let mut out = Vec::new();
        let doc = sample::messy();
        lines(&mut out, &doc).unwrap();
        let lines: Vec<Value> =
            String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), doc.findings.len() + doc.coverage.len() + 1);
        assert_eq!(lines[0]["type"], "finding");
        assert_eq!(lines[doc.findings.len()]["type"], "coverage");
        let last = lines.last().unwrap();
        assert_eq!((&last["type"], &last["schema"]), (&"summary".into(), &1.into()));
        assert_eq!(last["files"], doc.summary.files);
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_and_read_back_the_same() {
        let mut doc = sample::messy();
        let path = "~/a\u{9b}2J\u{202e}b\nc\u{1b}\u{7f}";
        doc.findings[0].sightings[0].path = path.to_owned();
        let text = text(&doc);
        assert!(!text.trim_end().chars().any(harmful), "{text}");
        let back: Document = serde_json::from_str(&text).unwrap();
        assert_eq!(back.findings[0].sightings[0].path, path);
    }
}
