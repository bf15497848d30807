//! GitLab Code Quality: one object for each place where an open finding was seen. Written down in `ctl/FORMATS.md`.

use super::stable::{Checkout, Fingerprints};
use super::words::clean;
use lapwing_agent::record::{Document, Record, State};
use lapwing_rules::rule::Severity;
use serde::Serialize;

/// One object of the report.
#[derive(Serialize)]
pub(crate) struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u64,
}

/// The report.
pub(crate) fn issues(doc: &Document, checkout: &Checkout) -> Vec<Issue> {
    let mut prints = Fingerprints::default();
    let mut issues = Vec::new();
    for record in doc.findings.iter().filter(|f| f.state == State::Open) {
        let mut add = |path: &str, line: Option<u64>| {
            issues.push(issue(record, path, line, prints.next(record, path)));
        };
        for at in &record.sightings {
            add(&relative(&checkout.path(&at.path)), at.line);
        }
        if record.sightings.is_empty() {
            add("(machine)", None);
        }
    }
    issues
}

fn issue(record: &Record, path: &str, line: Option<u64>, fingerprint: String) -> Issue {
    let evidence = if record.preview.is_empty() { String::new() } else { format!(": {}", record.preview) };
    Issue {
        description: clean(&format!("{}{evidence}", record.title)),
        check_name: record.rule.clone(),
        fingerprint,
        severity: severity(record.severity),
        // What is about a whole file stands at its beginning.
        location: Location { path: path.to_owned(), lines: Lines { begin: line.unwrap_or(1).max(1) } },
    }
}

/// GitLab takes relative paths only.
fn relative(path: &str) -> String {
    path.strip_prefix("~/").unwrap_or(path).trim_start_matches('/').to_owned()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use serde_json::{Value, json};
    use std::collections::HashSet;

    fn report(doc: &Document) -> Vec<Value> {
        let issues = issues(doc, &Checkout::of("/srv/app", "/srv/app/web"));
        serde_json::to_value(issues).unwrap().as_array().unwrap().clone()
    }

    #[test]
    fn every_object_has_what_gitlab_requires() {
        let report = report(&sample::messy());
        let open = sample::messy().findings.into_iter().filter(|f| f.state == State::Open);
        assert_eq!(report.len(), open.map(|f| f.sightings.len()).sum::<usize>());
        let mut prints = HashSet::new();
        for issue in &report {
            for field in ["description", "check_name", "fingerprint"] {
                assert!(!issue[field].as_str().unwrap().is_empty(), "{issue}");
            }
            assert!(
                ["info", "minor", "major", "critical", "blocker"]
                    .contains(&issue["severity"].as_str().unwrap())
            );
            let path = issue["location"]["path"].as_str().unwrap();
            assert!(!path.is_empty() && !path.starts_with(['/', '~']) && !path.starts_with("./"), "{path}");
            assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
            assert!(prints.insert(issue["fingerprint"].as_str().unwrap()), "a fingerprint twice");
        }
        assert_eq!(report[0]["severity"], "blocker");
        assert_eq!(report[0]["description"], "GitHub personal access token (classic): ghp_…3kQ");
    }

    #[test]
    fn paths_are_relative_to_the_checkout() {
        let mut doc = sample::only(Severity::Medium);
        let at = |path| vec![sample::at(path, None)];
        let mut path = |shown| {
            doc.findings[0].sightings = at(shown);
            report(&doc)[0]["location"].clone()
        };
        assert_eq!(path("./a.txt"), json!({ "path": "web/a.txt", "lines": { "begin": 1 } }));
        assert_eq!(path("/srv/app/b")["path"], "b");
        assert_eq!(path("~/.npmrc")["path"], ".npmrc");
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert!(report(&sample::clean()).is_empty() && report(&sample::ignored()).is_empty());
    }
}
