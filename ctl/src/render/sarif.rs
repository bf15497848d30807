//! SARIF 2.1.0, as GitHub code scanning, GitLab and editors read it. The mapping is written down in `ctl/FORMATS.md`.

use super::stable::{Checkout, Fingerprints};
use lapwing_agent::record::{Document, Gap, Record, Sighting, State};
use lapwing_rules::rule::{Kind, Page, Severity};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Readers of one machine match findings of two runs by this.
const FINGERPRINT: &str = "lapwing/v1";
/// Code hosts match them by this one only.
const CODE_HOST: &str = "primaryLocationLineHash";
/// More results than this and the whole file is refused.
const RESULTS: usize = 25_000;
/// Locations of a result, and what all others of it may have; longer texts of a rule are cut by code hosts.
const LOCATIONS: usize = 10;
const TEXT: usize = 1024;
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The log of one run. `pages` are the rules that it had; `complete` is whether everything was examined.
pub(crate) fn log<'a>(
    doc: &'a Document,
    pages: impl Iterator<Item = (Kind, &'a Page)>,
    complete: bool,
    checkout: &Checkout,
) -> Value {
    let pages: BTreeMap<&str, (Kind, &Page)> =
        pages.map(|(kind, page)| (page.id.as_str(), (kind, page))).collect();
    let mut rules = Rules { pages, index: BTreeMap::new(), list: Vec::new() };
    let there = |record: &&Record| !matches!(record.state, State::Resolved { .. });
    let mut prints = Fingerprints::default();
    let there: Vec<&Record> = doc.findings.iter().filter(there).collect();
    let mut one = |r| result(r, rules.index_of(r), checkout, &mut prints);
    let results: Vec<Value> = there.iter().take(RESULTS).map(|r| one(r)).collect();
    let mut notifications: Vec<Value> = doc.coverage.iter().map(|gap| notification(gap, checkout)).collect();
    if there.len() > RESULTS {
        let text = format!("{} findings; the worst {RESULTS} are listed", there.len());
        notifications.push(json!({ "level": "warning", "message": { "text": text } }));
    }
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
                "toolExecutionNotifications": notifications,
            }],
            "originalUriBaseIds": {
                "HOME": { "description": { "text": "The home directory that was examined" } },
                "%SRCROOT%": { "description": { "text": "The root of the checkout that was examined" } },
            },
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
        text.push_str(&format!("\n\nTo revoke or replace it: {revoke}"));
        markdown.push_str(&format!("\n\nTo revoke or replace it: <{revoke}>"));
    }
    if !page.references.is_empty() {
        markdown.push_str("\n\n**Where this comes from**\n");
        page.references.iter().for_each(|r| markdown.push_str(&format!("\n- <{r}>")));
    }
    let mut rule = described(&page.id, &page.title, page.severity, kind);
    rule.insert("fullDescription".to_owned(), json!({ "text": cut(page.why.trim()) }));
    rule.insert("help".to_owned(), json!({ "text": text, "markdown": markdown }));
    if let Some(reference) = page.references.first() {
        rule.insert("helpUri".to_owned(), json!(reference));
    }
    Value::Object(rule)
}

/// A rule that is not there any more: what its finding says of it.
fn bare(record: &Record) -> Value {
    let mut rule = described(&record.rule, &record.title, record.severity, record.kind);
    rule.insert("fullDescription".to_owned(), json!({ "text": cut(&record.title) }));
    rule.insert("help".to_owned(), json!({ "text": record.fix.advice, "markdown": record.fix.advice }));
    Value::Object(rule)
}

fn described(id: &str, title: &str, severity: Severity, kind: Kind) -> Map<String, Value> {
    let mut rule = Map::new();
    rule.insert("id".to_owned(), json!(id));
    rule.insert("shortDescription".to_owned(), json!({ "text": cut(title) }));
    rule.insert("defaultConfiguration".to_owned(), json!({ "level": level(severity) }));
    let tags = json!(["security", kind.word()]);
    rule.insert("properties".to_owned(), json!({ "security-severity": score(severity), "tags": tags }));
    rule
}

/// No longer than code hosts take.
fn cut(text: &str) -> String {
    if text.chars().count() <= TEXT {
        return text.to_owned();
    }
    text.chars().take(TEXT - 1).chain(['…']).collect()
}

fn result(record: &Record, index: usize, checkout: &Checkout, prints: &mut Fingerprints) -> Value {
    let evidence = if record.preview.is_empty() { String::new() } else { format!(": {}", record.preview) };
    let mut places = locations(record, checkout);
    let related = places.split_off(places.len().min(LOCATIONS));
    let first = record.sightings.first().map_or_else(String::new, |at| checkout.path(&at.path));
    let mut result = json!({
        "ruleId": record.rule,
        "ruleIndex": index,
        "level": level(record.severity),
        "message": { "text": format!("{}{evidence}", record.title) },
        "locations": places,
        "partialFingerprints": {
            FINGERPRINT: record.id,
            CODE_HOST: format!("{}:1", prints.next(record, &first)),
        },
        "properties": {
            "id": record.id,
            "kind": record.kind,
            "severity": record.severity,
            "grade": record.grade,
        },
    });
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    if let State::Ignored { reason, .. } = &record.state {
        let ignored = json!([{ "kind": "external", "status": "accepted", "justification": reason }]);
        result["suppressions"] = ignored;
    }
    result
}

/// Every place. Code scanning refuses a result without one, so a finding about the machine is placed at the home.
fn locations(record: &Record, checkout: &Checkout) -> Vec<Value> {
    let named = record.sightings.iter().filter(|at| !at.path.is_empty());
    let mut places: Vec<Value> = named.map(|at| location(at, one_line(record), checkout)).collect();
    places.dedup();
    if places.is_empty() {
        let start = json!({ "startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1 });
        places.push(
            json!({ "physicalLocation": { "artifactLocation": artifact("~/", checkout), "region": start } }),
        );
    }
    places
}

/// Whether the evidence is known to stand on one line: of keys that are blocks of lines, the label is shown, without
/// the `…` of a masked value.
fn one_line(record: &Record) -> bool {
    record.kind == Kind::Secret && record.preview.contains('…')
}

/// Code scanning requires all four ends of a region, also for what is about a whole file.
fn location(at: &Sighting, one_line: bool, checkout: &Checkout) -> Value {
    // Lines of a part are not lines of the file.
    let own = at.inside.is_none();
    let line = at.line.filter(|_| own).unwrap_or(1).max(1);
    let column = at.column.filter(|_| own).unwrap_or(1).max(1);
    let length = at.start.zip(at.end).map(|(start, end)| end.saturating_sub(start));
    let width = length.filter(|_| one_line && at.column.is_some()).unwrap_or(0);
    let mut region = Map::new();
    region.insert("startLine".to_owned(), json!(line));
    region.insert("startColumn".to_owned(), json!(column));
    region.insert("endLine".to_owned(), json!(line));
    region.insert("endColumn".to_owned(), json!(column + width));
    if let (Some(start), Some(length)) = (at.start, length) {
        region.insert("byteOffset".to_owned(), json!(start));
        region.insert("byteLength".to_owned(), json!(length));
    }
    let mut location =
        json!({ "physicalLocation": { "artifactLocation": artifact(&at.path, checkout), "region": region } });
    if let Some(part) = &at.inside {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": part, "kind": "member" }]);
    }
    location
}

fn artifact(path: &str, checkout: &Checkout) -> Value {
    if let Some(rest) = path.strip_prefix("~/") {
        let uri = if rest.is_empty() { ".".to_owned() } else { encoded(rest) };
        return json!({ "uri": uri, "uriBaseId": "HOME" });
    }
    let path = checkout.path(path);
    if path.starts_with('/') {
        return json!({ "uri": format!("file://{}", encoded(&path)) });
    }
    json!({ "uri": encoded(&path), "uriBaseId": "%SRCROOT%" })
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

fn notification(gap: &Gap, checkout: &Checkout) -> Value {
    let level = if gap.policy { "note" } else { "warning" };
    let why = if gap.why.is_empty() { gap.reason.words() } else { &gap.why };
    let places: Vec<Value> = gap
        .paths
        .iter()
        .map(|p| json!({ "physicalLocation": { "artifactLocation": artifact(p, checkout) } }))
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

    fn checkout() -> Checkout {
        Checkout::of("/srv/app", "/srv/app/web")
    }

    fn run(doc: &Document) -> Value {
        let page = sample::page();
        log(doc, [(Kind::Secret, &page)].into_iter(), crate::exit::complete(doc), &checkout())["runs"][0]
            .take()
    }

    /// What code scanning requires of every result and rule, besides the schema.
    fn accepted(run: &Value) {
        for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
            for field in ["shortDescription", "fullDescription"] {
                let text = rule[field]["text"].as_str().unwrap();
                assert!((1..=1024).contains(&text.chars().count()), "{field}: {rule}");
            }
            assert!(
                !rule["id"].as_str().unwrap().is_empty()
                    && !rule["help"]["text"].as_str().unwrap().is_empty()
            );
            assert!(
                ["note", "warning", "error"]
                    .contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
            );
            let score: f32 = rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
            assert!((0.0..=10.0).contains(&score));
            assert!(rule["properties"]["tags"].as_array().unwrap().len() <= 20);
        }
        let results = run["results"].as_array().unwrap();
        assert!(results.len() <= 25_000);
        let mut prints = std::collections::HashSet::new();
        for result in results {
            assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let print = result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap();
            assert!(prints.insert(print), "a fingerprint twice");
            let locations = result["locations"].as_array().unwrap();
            assert!((1..=10).contains(&locations.len()), "{} locations", locations.len());
            for location in locations {
                let place = &location["physicalLocation"];
                let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                assert!(!uri.is_empty() && !uri.starts_with(['/', '~']) && !uri.starts_with("./"), "{uri}");
                assert!(uri.starts_with("file:///") || place["artifactLocation"]["uriBaseId"].is_string());
                let region = |end: &str| place["region"][end].as_u64().unwrap();
                let (start, end) =
                    ((region("startLine"), region("startColumn")), (region("endLine"), region("endColumn")));
                assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "{place}");
            }
        }
    }

    #[test]
    fn code_hosts_accept_it() {
        accepted(&run(&sample::messy()));
        accepted(&run(&sample::clean()));
        accepted(&run(&sample::ignored()));
        let mut page = sample::page();
        page.why = "é".repeat(2000);
        accepted(&log(&sample::messy(), [(Kind::Secret, &page)].into_iter(), true, &checkout())["runs"][0]);
    }

    #[test]
    fn a_secret_in_many_places_has_ten_locations_and_the_rest_beside_them() {
        let mut doc = sample::only(Severity::High);
        doc.findings[0].sightings = (1..=30).map(|n| sample::at(&format!("a{n}"), Some(n))).collect();
        let run = run(&doc);
        accepted(&run);
        assert_eq!(run["results"][0]["relatedLocations"].as_array().unwrap().len(), 20);
    }

    #[test]
    fn more_results_than_are_taken_are_told() {
        let mut doc = sample::clean();
        doc.findings = vec![sample::record("F-1", Severity::Low); RESULTS + 1];
        let run = run(&doc);
        accepted(&run);
        let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
        assert_eq!(notes.last().unwrap()["message"]["text"], "25001 findings; the worst 25000 are listed");
    }

    #[test]
    fn fingerprints_for_code_hosts_hold_no_id_and_no_line() {
        let print =
            |doc: &Document| run(doc)["results"][0]["partialFingerprints"]["primaryLocationLineHash"].clone();
        let (doc, mut moved) = (sample::messy(), sample::messy());
        moved.findings[0].id = "F-ZZZZZZZZ".to_owned();
        moved.findings[0].sightings[0].line = Some(99);
        assert_eq!(print(&doc), print(&moved));
        moved.findings[0].sightings[0].path = "~/.zsh_history".to_owned();
        assert_ne!(print(&doc), print(&moved));
    }

    #[test]
    fn blocks_of_lines_have_no_width() {
        let mut record = sample::token();
        record.preview = "OPENSSH PRIVATE KEY".to_owned();
        let region = &locations(&record, &checkout())[0]["physicalLocation"]["region"];
        assert_eq!((&region["startColumn"], &region["endColumn"]), (&json!(21), &json!(21)));
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
            json!({
                "startLine": 14, "startColumn": 21, "endLine": 14, "endColumn": 61,
                "byteOffset": 402, "byteLength": 40,
            })
        );
        assert!(run["originalUriBaseIds"]["HOME"].get("uri").is_none());
    }

    #[test]
    fn uris_are_encoded() {
        let artifact = |path| artifact(path, &checkout());
        assert_eq!(artifact("~/My notes/a:b#1%é.md")["uri"], "My%20notes/a%3Ab%231%25%C3%A9.md");
        assert_eq!(artifact("./src/main.rs"), json!({ "uri": "web/src/main.rs", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(artifact("/srv/app/a:b"), json!({ "uri": "a%3Ab", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(artifact("/etc/gitconfig"), json!({ "uri": "file:///etc/gitconfig" }));
    }

    #[test]
    fn a_finding_about_the_machine_still_has_a_place() {
        let mut record = sample::record("F-1", Severity::Low);
        record.sightings.clear();
        assert_eq!(
            locations(&record, &checkout())[0]["physicalLocation"]["artifactLocation"]["uriBaseId"],
            "HOME"
        );
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
