//! What the agent tells as it happens: a calm line each, or a JSON object a line.

use super::json;
use super::text::style;
use super::words::{self, clean, count};
use crate::dates;
use lapwing_agent::client::{Happening, Status, Swept};
use lapwing_agent::record::{Record, SCHEMA};
use serde::Serialize;
use std::io::{self, Write};

/// One line of `jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    at: i64,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Event<'a> {
    Opened { finding: &'a Record },
    Resolved { finding: &'a Record },
    SweepDone { sweep: &'a Swept },
    AgentGone,
    AgentBack,
}

/// Prints one event for programs.
pub(crate) fn line(out: &mut dyn Write, at: i64, happening: &Happening) -> io::Result<()> {
    let event = match happening {
        Happening::Opened(finding) => Event::Opened { finding },
        Happening::Resolved(finding) => Event::Resolved { finding },
        Happening::Swept(sweep) => Event::SweepDone { sweep },
        Happening::Gone => Event::AgentGone,
        Happening::Back => Event::AgentBack,
    };
    json::value(out, &Line { schema: SCHEMA, at, event }, false)
}

/// Says that it listens.
pub(crate) fn begin(out: &mut dyn Write, status: &Status) -> io::Result<()> {
    let directories = count(status.watched.into(), "directory", "directories");
    writeln!(out, "Following the agent, which watches {directories}. Ctrl-C ends this.")
}

/// Prints one event for people; `quiet` is findings alone.
pub(crate) fn text(out: &mut dyn Write, at: i64, happening: &Happening, quiet: bool) -> io::Result<()> {
    let clock = dates::clock(at);
    match happening {
        Happening::Opened(record) => finding(out, &clock, "opened", record),
        Happening::Resolved(record) => finding(out, &clock, "resolved", record),
        Happening::Gone => writeln!(out, "{clock}  the agent has ended; waiting for it to come back"),
        Happening::Back => writeln!(out, "{clock}  the agent runs again"),
        Happening::Swept(_) if quiet => Ok(()),
        Happening::Swept(sweep) => {
            let files = count(sweep.files, "file", "files");
            let time = words::duration(sweep.millis);
            let rest = if sweep.complete { "" } else { ", not all of them examined" };
            writeln!(out, "{clock}  sweep: {files} in {time}{rest}")
        }
    }
}

fn finding(out: &mut dyn Write, clock: &str, what: &str, record: &Record) -> io::Result<()> {
    let style = style(record.severity);
    let (severity, id, title) = (record.severity.word(), clean(&record.id), clean(&record.title));
    let place = record.sightings.first().filter(|s| !s.path.is_empty());
    let place = place.map(|s| format!("  {}", words::place(s, false))).unwrap_or_default();
    writeln!(out, "{clock}  {what:<8}  {style}{severity:<8}{style:#}  {id}  {title}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn swept() -> Swept {
        Swept { at: 1, millis: 40, files: 2, unchanged: 1, bytes: 9, opened: 1, resolved: 0, complete: false }
    }

    fn all() -> Vec<Happening> {
        let mut record = sample::token();
        record.sightings[0].path = "~/a\u{1b}[2J".to_owned();
        vec![
            Happening::Opened(record.clone()),
            Happening::Resolved(record),
            Happening::Swept(swept()),
            Happening::Gone,
            Happening::Back,
        ]
    }

    #[test]
    fn a_calm_line_each() {
        let mut out = Vec::new();
        for happening in all() {
            text(&mut out, 1_795_348_800, &happening, false).unwrap();
        }
        let told = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        let clock = dates::clock(1_795_348_800);
        let token = "critical  F-7K3Q2MAB  GitHub personal access token (classic)  ~/a\\u{1b}[2J:14";
        let want = [
            format!("{clock}  opened    {token}"),
            format!("{clock}  resolved  {token}"),
            format!("{clock}  sweep: 2 files in 40 ms, not all of them examined"),
            format!("{clock}  the agent has ended; waiting for it to come back"),
            format!("{clock}  the agent runs again"),
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), want);
    }

    #[test]
    fn an_object_each() {
        let mut out = Vec::new();
        for happening in all() {
            line(&mut out, 7, &happening).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let types = ["opened", "resolved", "sweep-done", "agent-gone", "agent-back"];
        assert_eq!(lines.iter().map(|l| l["type"].as_str().unwrap()).collect::<Vec<_>>(), types);
        assert!(lines.iter().all(|l| l["schema"] == 1 && l["at"] == 7));
        assert_eq!(lines[0]["finding"]["id"], "F-7K3Q2MAB");
        assert_eq!(lines[2]["sweep"]["files"], 2);
        let docs = include_str!("../../FORMATS.md");
        assert!(types.iter().all(|t| docs.contains(&format!("`{t}`"))));
    }
}
