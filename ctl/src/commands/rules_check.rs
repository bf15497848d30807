//! `lapwing rules check FILE…`: runs the examples that rule files carry, and names what of another tool's rules is not
//! used.

use super::Session;
use crate::exit::{Exit, usage};
use crate::render::words::{self, clean, count};
use lapwing_agent::examine::PACKS;
use lapwing_rules::pack::{PackError, Packs};
use lapwing_rules::testing;
use serde::Serialize;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Largest pack.
const LARGEST: u64 = 8 << 20;

/// What the examples of some files said.
#[derive(Default, Serialize)]
struct Outcome {
    examples: u64,
    rules: u64,
    failures: Vec<Failure>,
    /// Parts of another tool's rules that are not used, and without which nothing is missed.
    notes: Vec<Failure>,
}

/// One thing that is wrong with a rule.
#[derive(Serialize)]
struct Failure {
    file: String,
    rule: Option<String>,
    why: String,
}

pub(super) fn run(session: &mut Session, paths: &[PathBuf]) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let mut outcome = Outcome::default();
    for file in packs(paths) {
        let name = file.display().to_string();
        let text = read(&file).map_err(|why| usage(format!("{name}: {why}; check the file")))?;
        check(&name, &text, &mut outcome);
    }
    let exit = if outcome.failures.is_empty() { Exit::Clean } else { Exit::Usage };
    if json {
        session.print_json(&outcome)?;
        return Ok(exit);
    }
    for failure in &outcome.failures {
        writeln!(session.out, "{}", told(failure))?;
    }
    if !session.global.quiet {
        for note in &outcome.notes {
            writeln!(session.out, "note: {}", told(note))?;
        }
    }
    if exit == Exit::Clean && !session.global.quiet {
        writeln!(session.out, "{}", holds(&outcome))?;
    }
    Ok(exit)
}

fn told(failure: &Failure) -> String {
    let rule = failure.rule.as_deref().map(|rule| format!("rule `{}`: ", clean(rule)));
    format!("{}: {}{}", clean(&failure.file), rule.unwrap_or_default(), words::line(&failure.why))
}

/// Files, and the rule files of directories in order of name.
#[expect(clippy::disallowed_methods, reason = "directories named by whoever runs this, not the home's")]
fn packs(paths: &[PathBuf]) -> Vec<PathBuf> {
    let pack = |file: &Path| file.extension().is_some_and(|e| PACKS.iter().any(|pack| e == *pack));
    let mut all = Vec::new();
    for path in paths {
        match std::fs::read_dir(path) {
            Ok(entries) => {
                let mut inside: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
                inside.retain(|file| pack(file));
                inside.sort();
                all.extend(inside);
            }
            Err(_) => all.push(path.clone()),
        }
    }
    all
}

/// A pack that somebody has named on the command line.
#[expect(
    clippy::disallowed_methods,
    reason = "a file named by whoever runs this, not one of the home's; capped"
)]
fn read(file: &Path) -> Result<String, String> {
    let plain = std::fs::metadata(file).map_err(|e| e.to_string())?.is_file();
    if !plain {
        return Err("is not a regular file".to_owned());
    }
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|e| e.to_string())?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > LARGEST { Err("is larger than 8 MiB".to_owned()) } else { Ok(text) }
}

fn check(name: &str, text: &str, outcome: &mut Outcome) {
    let (ran, failures, errors) = testing::check_pack(name, text);
    let mut packs = Packs::default();
    packs.add(name, text);
    let at_places: usize = packs.places.iter().map(|(_, rules)| rules.len()).sum();
    outcome.rules += (packs.secrets.len() + packs.settings.len() + packs.imported() + at_places) as u64;
    outcome.examples += ran as u64;
    let failure = |e: PackError| Failure { file: e.file, rule: e.rule, why: e.why };
    outcome.failures.extend(errors.into_iter().map(failure));
    outcome.notes.extend(packs.notes.into_iter().map(failure));
    let failed = failures.into_iter();
    outcome.failures.extend(failed.map(|f| Failure {
        file: name.to_owned(),
        rule: Some(f.rule),
        why: f.why,
    }));
}

fn holds(outcome: &Outcome) -> String {
    if outcome.examples == 0 {
        return format!("{} read; no examples to try", count(outcome.rules, "rule", "rules"));
    }
    let hold = if outcome.examples == 1 { "holds" } else { "hold" };
    let examples = count(outcome.examples, "example", "examples");
    format!("{examples} of {} {hold}", count(outcome.rules, "rule", "rules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[secret]]
id = "acme-token"
title = "Acme token"
severity = "high"
why = "w"
advice = "a"
anchors = ["acme_"]
pattern = 'acme_[0-9]{20}'
examples = ["acme_{{digits:20}}"]
counter_examples = ["acme_{{digits:19}}x"]
"#;

    fn outcome(text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        check("own.toml", text, &mut outcome);
        outcome
    }

    #[test]
    fn a_good_pack_holds() {
        let good = outcome(GOOD);
        assert!(good.failures.is_empty());
        assert_eq!(holds(&good), "2 examples of 1 rule hold");
    }

    #[test]
    fn a_failure_names_file_rule_and_example_or_field() {
        let bad = outcome(&GOOD.replace("digits:20", "lower:20"));
        let first = &bad.failures[0];
        assert_eq!((first.file.as_str(), first.rule.as_deref()), ("own.toml", Some("acme-token")));
        assert!(first.why.starts_with("example 1: not found"), "{}", first.why);
        let unread = outcome(&GOOD.replace("title = \"Acme token\"\n", ""));
        assert_eq!(unread.failures[0].why, "missing field `title`");
    }

    #[test]
    fn directories_are_opened_and_sorted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", "notes.md"] {
            #[expect(clippy::disallowed_methods, reason = "a test's own file")]
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = packs(&[dir.path().to_owned(), PathBuf::from("x.toml")]);
        assert_eq!(found, [dir.path().join("a.toml"), dir.path().join("b.toml"), PathBuf::from("x.toml")]);
    }
}
