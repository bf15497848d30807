//! Rules of other tools, through the program itself: what is found, what is told, where.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, paths, secret, text};
use serde_json::Value;

const TOML: &str = r#"
title = "ours"
[[rules]]
id = "acme-token"
description = "Acme token"
regex = '''(?i)\b(acme_[0-9a-z]{20})(?:\s|$)'''
keywords = ["acme_"]
[[rules.allowlists]]
paths = ['''fixtures/''']
"#;
const PARTLY: &str = r#"
[extend]
useDefault = true
[[rules]]
id = "looks-ahead"
regex = '''a(?=b)'''
[[rules]]
id = "zeta-key"
regex = '''zeta-[0-9]{12}'''
validate = "http.get(x)"
"#;
const YAML: &str = "rules:\n- name: Omega key\n  id: kf.omega.1\n  pattern: |\n    (?x)\n    omega-\n    ([0-9a-f]{24})\n  min_entropy: 2.5\n  examples: ['omega-0a1b2c3d4e5f60718293a4b5']\n  validation: {type: Http}\n";

fn home() -> Home {
    let home = Home::new();
    home.write("rules/ours.toml", TOML);
    home.write("rules/partly.toml", PARTLY);
    home.write("rules/omega.yml", YAML);
    home.write("src/a.txt", secret("key acme_{{lownum:20}}\n", "acme"));
    home.write("src/fixtures/a.txt", secret("key acme_{{lownum:20}}\n", "acme fixture"));
    home.write("src/b.txt", secret("omega-{{hex:24}}\n", "omega"));
    home
}

fn lines(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn scan_and_doctor_take_rules_of_other_tools() {
    let home = home();
    let (ours, omega) = (home.path("rules/ours.toml"), home.path("rules/omega.yml"));
    let (ours, omega) = (ours.to_str().unwrap(), omega.to_str().unwrap());
    let doc = home.run(&["scan", "src", "--format", "json", "--rules", ours, "--rules", omega]).document(1);
    assert_eq!(doc.findings().len(), 2, "{:#}", doc.0);
    assert_eq!(paths(doc.of("acme-token")[0]), ["src/a.txt"]);
    let omega_key = doc.of("kf.omega.1")[0];
    assert_eq!(
        (text(&omega_key["title"]).as_str(), text(&omega_key["severity"]).as_str()),
        ("Omega key", "high")
    );
    assert!(doc.complete());
    assert_eq!(doc.of("acme-token")[0]["grade"], "shaped");
    // Without them there is nothing.
    assert_eq!(home.run(&["scan", "src", "--format", "json"]).document(0).findings().len(), 0);
    let doctor = home.run(&["doctor", "--format", "json", "--rules", ours]).document(1);
    assert_eq!(paths(doctor.only()), ["~/src/a.txt"]);
    let explained = home.run(&["explain", "kf.omega.1", "--rules", omega]);
    assert!(explained.code == 0 && explained.stdout().contains("Imported rule"), "{}", explained.both());
}

#[test]
fn a_pack_of_the_configuration_may_be_another_tools() {
    let home = home();
    let rules = home.path("rules");
    home.write(".config/lapwing/config.toml", format!("[scan]\npacks = [\"{}\"]\n", rules.display()));
    let doc = home.run(&["scan", "src", "--format", "json"]).document(1);
    assert_eq!((doc.of("acme-token").len(), doc.of("kf.omega.1").len()), (1, 1), "{:#}", doc.0);
}

#[test]
fn what_is_not_used_is_named_one_by_one() {
    let home = home();
    home.write("src/c.txt", secret("zeta-{{digits:12}}\n", "zeta"));
    let partly = ["--rules", "rules/partly.toml"];
    let doc = home.run(&[&["scan", "src", "--format", "json"], &partly[..]].concat()).document(1);
    assert_eq!(paths(doc.only()), ["src/c.txt"]);
    // What may be missed is a gap; what only its own tool would add is a note.
    assert!(!doc.complete());
    let gap = doc.gap("bad-rule").unwrap();
    assert_eq!(gap["count"], 2);
    assert!(text(&gap["why"]).contains("`extend.useDefault`"), "{gap:#}");
    let notes = lines(&doc.0["summary"]["notes"]);
    assert_eq!(notes.len(), 2, "{notes:#?}");
    assert!(notes[0].contains("partly.toml: rule `looks-ahead`: field `regex`: look-around"), "{notes:#?}");
    assert!(notes[1].contains("partly.toml: rule `zeta-key`: field `validate`: not used"), "{notes:#?}");
    let shown = home.run(&[&["scan", "src"], &partly[..]].concat()).stdout();
    assert!(shown.contains("rules/partly.toml (rule could not be used: field"), "{shown}");
    assert!(shown.contains("Note: rules/partly.toml: rule `zeta-key`"), "{shown}");
    // With nothing found the run is incomplete, not clean.
    home.run(&[&["scan", "src/a.txt", "--format", "json"], &partly[..]].concat()).document(3);
}

#[test]
fn rules_check_reads_them_and_runs_their_examples() {
    let home = home();
    let good = home.run(&["rules", "check", "rules/ours.toml", "rules/omega.yml"]);
    assert_eq!(good.code, 0, "{}", good.both());
    let said = good.stdout();
    assert!(said.contains("1 example of 2 rules holds"), "{said}");
    assert!(
        said.contains("note: rules/omega.yml: rule `kf.omega.1`: field `validation`: not used"),
        "{said}"
    );
    let partly = home.run(&["rules", "check", "rules/partly.toml"]);
    assert_eq!(partly.code, 2, "{}", partly.both());
    assert!(
        partly.stdout().contains("rules/partly.toml: rule `looks-ahead`: field `regex`"),
        "{}",
        partly.both()
    );
    home.write("rules/wrong.yml", YAML.replace("omega-0a1b", "omega_0a1b"));
    let wrong = home.run(&["rules", "check", "rules/wrong.yml"]);
    assert!(wrong.code == 2 && wrong.stdout().contains("an example is not found"), "{}", wrong.both());
}

#[test]
fn a_file_that_is_not_there_is_a_mistake() {
    let home = home();
    let run = home.run(&["scan", "src", "--rules", "nowhere.toml"]);
    assert_eq!((run.code, run.stdout().as_str()), (2, ""));
    assert!(run.stderr().contains("--rules nowhere.toml: there is no such file"), "{}", run.both());
    home.write("broken.yml", "rules: [");
    home.run(&["scan", "src", "--format", "json", "--rules", "broken.yml"]).document(3);
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let home = home();
    let run = home.run(&["scan", "src", "--format", "json", "--rules", "rules/omega.yml"]);
    let key = String::from_utf8(home.read("src/b.txt")).unwrap();
    assert!(!run.both().contains(key.trim().trim_start_matches("omega-")), "{}", run.both());
}
