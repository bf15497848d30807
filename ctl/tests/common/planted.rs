//! A table of everything that was planted in a home, and the check that `lapwing` tells all of it and nothing else.

use super::{Document, Home, Run, files, paths, text};
use serde_json::Value;

/// One thing that must be found.
pub(crate) struct Plant {
    /// For messages.
    pub(crate) label: String,
    /// The rule that must tell it.
    pub(crate) rule: &'static str,
    pub(crate) what: What,
}

/// How it is told.
pub(crate) enum What {
    /// A secret, and the bytes that it has in files: one finding, with the offsets of all places where these bytes are.
    Clear(String, Vec<u8>),
    /// A secret that this file holds encoded: one finding, without offsets.
    Encoded(String, &'static str),
    /// Two parts of one credential, in clear wherever they stand: one finding.
    Pair(String, String),
    /// A fact about these files, whose preview holds these words.
    Fact(&'static str, Vec<&'static str>),
}

/// A home and what was planted in it.
pub(crate) struct Planted {
    pub(crate) home: Home,
    pub(crate) table: Vec<Plant>,
}

impl Planted {
    pub(crate) fn new() -> Planted {
        Planted { home: Home::new(), table: Vec::new() }
    }

    fn add(&mut self, label: &str, rule: &'static str, what: What) {
        self.table.push(Plant { label: label.to_owned(), rule, what });
    }

    /// Expects a secret wherever it stands in clear; returns it.
    pub(crate) fn clear(&mut self, label: &str, rule: &'static str, secret: String) -> String {
        self.add(label, rule, What::Clear(secret.clone(), secret.clone().into_bytes()));
        secret
    }

    /// As [`Planted::clear`], for a file in UTF-16, low bytes first.
    pub(crate) fn wide(&mut self, label: &str, rule: &'static str, secret: String) -> String {
        self.add(label, rule, What::Clear(secret.clone(), super::utf16(&secret)));
        secret
    }

    /// Expects a secret of which only an encoded form is in a file; returns it.
    pub(crate) fn encoded(
        &mut self,
        label: &str,
        rule: &'static str,
        path: &'static str,
        secret: String,
    ) -> String {
        self.add(label, rule, What::Encoded(secret.clone(), path));
        secret
    }

    /// Expects the two parts of a credential as one finding; returns them.
    pub(crate) fn pair(
        &mut self,
        label: &str,
        rule: &'static str,
        (first, second): (String, String),
    ) -> (String, String) {
        self.add(label, rule, What::Pair(first.clone(), second.clone()));
        (first, second)
    }

    /// Expects a setting or a check.
    pub(crate) fn fact(&mut self, rule: &'static str, path: &'static str, preview: &'static str) {
        self.add(preview, rule, What::Fact(preview, vec![path]));
    }

    /// As [`Planted::fact`], for one finding about two files.
    pub(crate) fn fact_in_both(
        &mut self,
        rule: &'static str,
        both: [&'static str; 2],
        preview: &'static str,
    ) {
        self.add(preview, rule, What::Fact(preview, both.to_vec()));
    }

    /// Every secret.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.table.iter().flat_map(|p| {
            let (one, two) = match &p.what {
                What::Clear(secret, _) | What::Encoded(secret, _) => (Some(secret), None),
                What::Pair(first, second) => (Some(first), Some(second)),
                What::Fact(..) => (None, None),
            };
            one.into_iter().chain(two).map(|secret| (p.label.as_str(), secret.as_str()))
        })
    }

    /// Everything that was planted is told, once, at its places; nothing else is.
    pub(crate) fn check(&self, run: &Run) {
        let doc: Document = run.document(1);
        let mut wrong = Vec::new();
        let mut left = doc.findings();
        for plant in &self.table {
            match left.iter().position(|f| f["rule"] == plant.rule && self.tells(plant, f)) {
                Some(at) => drop(left.remove(at)),
                None => wrong.push(format!("missing: {} ({})", plant.label, plant.rule)),
            }
        }
        wrong.extend(left.iter().map(|f| format!("not planted, or not so: {f:#}")));
        let gaps = doc.0["coverage"].as_array().unwrap().iter().filter(|gap| gap["policy"] == false);
        wrong.extend(gaps.map(|gap| format!("a gap: {gap:#}")));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(doc.complete());
    }

    fn tells(&self, plant: &Plant, finding: &Value) -> bool {
        match &plant.what {
            What::Clear(_, bytes) => {
                let mut told = spans(finding);
                told.sort();
                let there = self.occurrences(bytes);
                assert!(!there.is_empty(), "{} is nowhere in the home", plant.label);
                told == there
            }
            What::Pair(first, second) => {
                let mut told = spans(finding);
                told.sort();
                let mut there = [first, second].map(|part| self.occurrences(part.as_bytes())).concat();
                there.sort();
                told == there
            }
            What::Encoded(_, at) => paths(finding) == [*at] && spans(finding).iter().all(|s| s.1.is_none()),
            What::Fact(preview, at) => paths(finding) == *at && text(&finding["preview"]).contains(preview),
        }
    }

    /// Where the bytes of a secret are.
    fn occurrences(&self, secret: &[u8]) -> Vec<(String, Option<(u64, u64)>)> {
        let mut found = Vec::new();
        for file in files(self.home.root()) {
            let name = format!("~/{}", file.strip_prefix(self.home.root()).unwrap().display());
            if name.starts_with("~/.local/state/lapwing/") {
                continue;
            }
            let bytes = std::fs::read(&file).unwrap();
            let at = bytes.windows(secret.len()).enumerate().filter(|(_, w)| *w == secret);
            let span = |at: usize| Some((at as u64, (at + secret.len()) as u64));
            found.extend(at.map(|(at, _)| (name.clone(), span(at))));
        }
        found.sort();
        found
    }
}

fn spans(finding: &Value) -> Vec<(String, Option<(u64, u64)>)> {
    let sightings = finding["sightings"].as_array().unwrap().iter();
    sightings.map(|s| (text(&s["path"]), s["start"].as_u64().zip(s["end"].as_u64()))).collect()
}
