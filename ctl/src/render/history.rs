//! What happened to findings: one line each.

use super::text::style;
use super::words::{clean, hang};
use crate::dates;
use lapwing_agent::history::Happened;
use std::io::{self, Write};

/// Prints events, newest first.
pub(crate) fn list(
    out: &mut dyn Write,
    events: &[Happened],
    limit: u32,
    lapwing: &str,
    width: usize,
) -> io::Result<()> {
    if events.is_empty() {
        let text = format!("Nothing has happened that is remembered. `{lapwing} doctor` takes a look.");
        return hang(out, "", "", &text, width);
    }
    for event in events {
        let style = style(event.severity);
        let (at, what) = (dates::moment(event.at), clean(&event.what));
        let (severity, id, title) = (event.severity.word(), clean(&event.id), clean(&event.title));
        let place = if event.path.is_empty() { String::new() } else { format!("  {}", clean(&event.path)) };
        // One line each, as `watch` prints them: there to be searched.
        writeln!(out, "{at}  {what:<9}  {style}{severity:<8}{style:#}  {id}  {title}{place}")?;
    }
    if events.len() as u64 >= u64::from(limit) {
        writeln!(out, "\nThere may be more: {lapwing} history --limit {}", u64::from(limit) * 10)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_rules::rule::Severity;

    fn event(what: &str, path: &str) -> Happened {
        Happened {
            at: 1_795_348_800,
            what: what.to_owned(),
            id: "F-7K3Q2MAB".to_owned(),
            rule: "github-pat".to_owned(),
            severity: Severity::Critical,
            title: "GitHub personal access token (classic)".to_owned(),
            preview: "ghp_…3kQ".to_owned(),
            path: path.to_owned(),
        }
    }

    fn told(events: &[Happened], limit: u32) -> String {
        let mut out = Vec::new();
        list(&mut out, events, limit, "lapwing", 100).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn a_line_each() {
        let told = told(&[event("resolved", "~/.bash_history"), event("opened", "~/a\u{1b}[2J")], 50);
        let at = dates::moment(1_795_348_800);
        let first = format!("{at}  resolved   critical  F-7K3Q2MAB  GitHub personal access token (classic)");
        assert!(told.starts_with(&first), "{told}");
        assert!(told.contains("~/.bash_history\n") && told.ends_with("  ~/a\\u{1b}[2J\n"), "{told}");
        assert!(!told.contains("There may be more"), "{told}");
    }

    #[test]
    fn what_is_cut_off_says_so() {
        assert!(
            told(&[event("opened", "~/a")], 1).ends_with("There may be more: lapwing history --limit 10\n")
        );
        assert!(told(&[], 1).starts_with("Nothing has happened"));
    }

    #[test]
    fn every_field_is_documented() {
        let text = include_str!("../../FORMATS.md");
        for key in serde_json::to_value(event("opened", "~/a")).unwrap().as_object().unwrap().keys() {
            assert!(text.contains(&format!("`{key}`")), "FORMATS.md does not name `{key}`");
        }
    }
}
