//! SARIF 2.1.0, as GitHub code scanning and editors read it. The mapping is written down in `ctl/FORMATS.md`.

use lapwing_agent::record::{Document, Gap, Record, Sighting, State};
use lapwing_rules::rule::{Kind, Page, Severity};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Readers match findings of two runs by this.
const FINGERPRINT: &str = "lapwing/v1";
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The log of one run. `pages` are the rules that it had; `complete` is whether everything was examined.
pub(crate) fn log<'a>(
    doc: &'a Document,
    pages: impl Iterator<Item = (Kind, &'a Page)>,
    complete: bool,
) -> Value {
    let pages: BTreeMap<&str, (Kind, &Page)> =
        pages.map(|(kind, page)| (page.id.as_str(), (kind, page))).collect();
    let mut rules = Rules { pages, index: BTreeMap::new(), list: Vec::new() };
    let there = |record: &&Record| !matches!(record.state, State::Resolved { .. });
    let results: Vec<Value> =
        doc.findings.iter().filter(there).map(|r| result(r, rules.index_of(r))).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "Lapwing",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.list,
                }
            },
            "invocations": [{
                "executionSuccessful": complete,
                "toolExecutionNotifications": doc.coverage.iter().map(notification).collect::<Vec<_>>(),
            }],
            "originalUriBaseIds": { "HOME": { "description": { "text": "The home directory that was examined" } } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }]
    })
}

/// Rules that have a result, in the order in which they are first needed.
struct Rules<'a> {
    pages: BTreeMap<&'a str, (Kind, &'a Page)>,
    index: BTreeMap<&'a str, usize>,
    list: Vec<Value>,
}

impl<'a> Rules<'a> {
    fn index_of(&mut self, record: &'a Record) -> usize {
        if let Some(index) = self.index.get(record.rule.as_str()) {
            return *index;
        }
        let index = self.list.len();
        self.index.insert(&record.rule, index);
        self.list.push(match self.pages.get(record.rule.as_str()) {
            Some((kind, page)) => rule(page, *kind),
            None => bare(record),
        });
        index
    }
}

fn rule(page: &Page, kind: Kind) -> Value {
    let mut text = format!("{}\n\nWhat to do: {}", page.why.trim(), page.advice.trim());
    let mut markdown =
        format!("**Why it matters.** {}\n\n**What to do.** {}", page.why.trim(), page.advice.trim());
    if let Some(revoke) = &page.revoke {
        text.push_str(&format!("\n\nRevoke or replace it at {revoke}"));
        markdown.push_str(&format!("\n\nRevoke or replace it at <{revoke}>"));
    }
    if !page.references.is_empty() {
        markdown.push_str("\n\n**Where this comes from**\n");
        page.references.iter().for_each(|r| markdown.push_str(&format!("\n- <{r}>")));
    }
    let mut rule = described(&page.id, &page.title, page.severity, kind);
    rule.insert("fullDescription".to_owned(), json!({ "text": page.why.trim() }));
    rule.insert("help".to_owned(), json!({ "text": text, "markdown": markdown }));
    if let Some(reference) = page.references.first() {
        rule.insert("helpUri".to_owned(), json!(reference));
    }
    Value::Object(rule)
}

/// A rule that is not there any more: what its finding says of it.
fn bare(record: &Record) -> Value {
    let mut rule = described(&record.rule, &record.title, record.severity, record.kind);
    rule.insert("fullDescription".to_owned(), json!({ "text": record.title }));
    rule.insert("help".to_owned(), json!({ "text": record.fix.advice, "markdown": record.fix.advice }));
    Value::Object(rule)
}

fn described(id: &str, title: &str, severity: Severity, kind: Kind) -> Map<String, Value> {
    let mut rule = Map::new();
    rule.insert("id".to_owned(), json!(id));
    rule.insert("shortDescription".to_owned(), json!({ "text": title }));
    rule.insert("defaultConfiguration".to_owned(), json!({ "level": level(severity) }));
    let tags = json!(["security", kind.word()]);
    rule.insert("properties".to_owned(), json!({ "security-severity": score(severity), "tags": tags }));
    rule
}

fn result(record: &Record, index: usize) -> Value {
    let evidence = if record.preview.is_empty() { String::new() } else { format!(": {}", record.preview) };
    let mut result = json!({
        "ruleId": record.rule,
        "ruleIndex": index,
        "level": level(record.severity),
        "message": { "text": format!("{}{evidence}", record.title) },
        "locations": locations(record),
        "partialFingerprints": { FINGERPRINT: record.id },
        "properties": {
            "id": record.id,
            "kind": record.kind,
            "severity": record.severity,
            "grade": record.grade,
        },
    });
    if let State::Ignored { reason, .. } = &record.state {
        let ignored = json!([{ "kind": "external", "status": "accepted", "justification": reason }]);
        result["suppressions"] = ignored;
    }
    result
}

/// Every place. Code scanning refuses a result without one, so a finding about the machine is placed at the home.
fn locations(record: &Record) -> Vec<Value> {
    let places: Vec<Value> = record.sightings.iter().filter(|at| !at.path.is_empty()).map(location).collect();
    if places.is_empty() {
        return vec![json!({ "physicalLocation": { "artifactLocation": artifact("~/") } })];
    }
    places
}

fn location(at: &Sighting) -> Value {
    let mut region = Map::new();
    // Lines of a part are not lines of the file.
    if let Some(line) = at.line.filter(|_| at.inside.is_none()) {
        region.insert("startLine".to_owned(), json!(line));
        if let Some(column) = at.column.filter(|c| *c > 0) {
            region.insert("startColumn".to_owned(), json!(column));
        }
    }
    if let (Some(start), Some(end)) = (at.start, at.end) {
        region.insert("byteOffset".to_owned(), json!(start));
        region.insert("byteLength".to_owned(), json!(end.saturating_sub(start)));
    }
    let mut place = json!({ "artifactLocation": artifact(&at.path) });
    if !region.is_empty() {
        place["region"] = Value::Object(region);
    }
    let mut location = json!({ "physicalLocation": place });
    if let Some(part) = &at.inside {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": part, "kind": "member" }]);
    }
    location
}

fn artifact(path: &str) -> Value {
    if let Some(rest) = path.strip_prefix("~/") {
        let uri = if rest.is_empty() { ".".to_owned() } else { encoded(rest) };
        return json!({ "uri": uri, "uriBaseId": "HOME" });
    }
    if path.starts_with('/') {
        return json!({ "uri": format!("file://{}", encoded(path)) });
    }
    json!({ "uri": encoded(path.strip_prefix("./").unwrap_or(path)) })
}

/// A path as a URI: everything but unreserved characters and `/` is percent-encoded.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

fn notification(gap: &Gap) -> Value {
    let level = if gap.policy { "note" } else { "warning" };
    let why = if gap.why.is_empty() { gap.reason.words() } else { &gap.why };
    let places: Vec<Value> = gap
        .paths
        .iter()
        .map(|p| json!({ "physicalLocation": { "artifactLocation": artifact(p) } }))
        .collect();
    json!({
        "descriptor": { "id": gap.reason },
        "level": level,
        "message": { "text": format!("{}: {why} ({})", gap.reason.words(), gap.count) },
        "locations": places,
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// Numbers in the bands that code scanning names critical, high, medium and low; 0.0 is in none of them.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn run(doc: &Document) -> Value {
        let page = sample::page();
        log(doc, [(Kind::Secret, &page)].into_iter(), crate::exit::complete(doc))["runs"][0].take()
    }

    #[test]
    fn every_result_points_at_its_rule() {
        let run = run(&sample::messy());
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert!(!results.is_empty());
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            assert!(!result["locations"].as_array().unwrap().is_empty());
            assert!(result["partialFingerprints"]["lapwing/v1"].as_str().unwrap().starts_with("F-"));
        }
        let mut ids: Vec<&str> = rules.iter().map(|r| r["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rules.len(), "a rule is listed twice");
    }

    #[test]
    fn rules_carry_help_and_a_score() {
        let run = run(&sample::messy());
        for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
            assert!(!rule["help"]["text"].as_str().unwrap().is_empty());
            assert!(!rule["help"]["markdown"].as_str().unwrap().is_empty());
            assert!(rule["properties"]["security-severity"].as_str().unwrap().parse::<f32>().is_ok());
        }
        let first = &run["tool"]["driver"]["rules"][0];
        assert_eq!(first["properties"]["security-severity"], "9.5");
        assert_eq!(first["defaultConfiguration"]["level"], "error");
    }

    #[test]
    fn places_in_the_home_name_no_user() {
        let run = run(&sample::messy());
        let at = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"], json!({ "uri": ".bash_history", "uriBaseId": "HOME" }));
        assert_eq!(
            at["region"],
            json!({ "startLine": 14, "startColumn": 21, "byteOffset": 402, "byteLength": 40 })
        );
        assert!(run["originalUriBaseIds"]["HOME"].get("uri").is_none());
    }

    #[test]
    fn uris_are_encoded() {
        assert_eq!(artifact("~/My notes/a:b#1%é.md")["uri"], "My%20notes/a%3Ab%231%25%C3%A9.md");
        assert_eq!(artifact("./src/main.rs"), json!({ "uri": "src/main.rs" }));
        assert_eq!(artifact("a:b"), json!({ "uri": "a%3Ab" }));
        assert_eq!(artifact("/etc/gitconfig"), json!({ "uri": "file:///etc/gitconfig" }));
    }

    #[test]
    fn a_finding_about_the_machine_still_has_a_place() {
        let mut record = sample::record("F-1", Severity::Low);
        record.sightings.clear();
        assert_eq!(locations(&record)[0]["physicalLocation"]["artifactLocation"]["uriBaseId"], "HOME");
    }

    #[test]
    fn ignored_findings_are_suppressed_and_resolved_ones_left_out() {
        let mut doc = sample::ignored();
        let ignored = run(&doc);
        let suppression = &ignored["results"][0]["suppressions"][0];
        assert_eq!((&suppression["kind"], &suppression["status"]), (&"external".into(), &"accepted".into()));
        assert_eq!(suppression["justification"], "a key of the test server");
        doc.findings[0].state = State::Resolved { at: 0 };
        assert_eq!(run(&doc)["results"], json!([]));
        assert!(run(&sample::messy())["results"][0].get("suppressions").is_none());
    }

    #[test]
    fn an_incomplete_run_says_so() {
        let incomplete = run(&sample::incomplete());
        assert_eq!(incomplete["invocations"][0]["executionSuccessful"], false);
        assert_eq!(incomplete["invocations"][0]["toolExecutionNotifications"][0]["level"], "warning");
        assert_eq!(run(&sample::clean())["invocations"][0]["executionSuccessful"], true);
    }
}
