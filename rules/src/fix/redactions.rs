//! Gathers what a [`Mender`] finds in the windows of one file into plans.

use super::copies::{Copies, Taken, telling};
use super::drafts::{binary, counted, planned, records, redaction};
use super::edit::tidy;
use super::mender::{self, Mender};
use super::plan::{Draft, Edit, Step};
use super::planner::Planned;
use super::redact::{self, Shape};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::{Finding, Problem};
use crate::fingerprint::FindingId;
use crate::place::Place;
use crate::secret::Secret;
use crate::secrets::stream::Stream;
use crate::settings::entry::Lines;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Most edits of one file: a file of more is a list of keys, and its redaction comes in several turns.
const MOST: usize = 100_000;

/// Plans the redaction of one file of any size: all its windows once, and all once more if [`Redactions::again`] says so.
pub struct Redactions<'a> {
    mender: Mender<'a>,
    path: String,
    place: Option<&'a Place>,
    /// The file only records what was.
    record: bool,
    /// Lengths or checksums in it may depend on every byte.
    binary: bool,
    found: Vec<Found>,
    known: HashMap<FindingId, usize>,
    taken: Taken,
    edits: usize,
    copies: Option<Copies>,
    /// What the parts that are joined have passed, see [`Stream::passed`].
    passed: Option<(u64, usize)>,
    /// The second time: offset and line of the window's first byte.
    base: usize,
    line: u64,
}

struct Found {
    finding: Finding,
    secret: Secret,
    edits: Vec<Edit>,
    lines: Vec<u64>,
}

impl<'a> Redactions<'a> {
    /// For the file at this path.
    #[must_use]
    pub fn new(engine: &'a Engine, path: &str, place: Option<&'a Place>) -> Redactions<'a> {
        Redactions {
            mender: engine.mender(path, place),
            path: path.to_owned(),
            place,
            record: records(place, path),
            binary: false,
            found: Vec::new(),
            known: HashMap::new(),
            taken: Taken::default(),
            edits: 0,
            copies: None,
            passed: None,
            base: 0,
            line: 1,
        }
    }

    /// For a part of the file, to be joined to the part before it: see [`Stream::part`].
    #[must_use]
    pub fn part(self, head: &[u8], from: usize) -> Option<Redactions<'a>> {
        Some(Redactions { mender: self.mender.part(head, from)?, ..self })
    }

    /// Takes over what was found in the part behind this one.
    pub fn join(&mut self, behind: Redactions<'_>) {
        let (lines, column) = self.passed.unwrap_or_else(|| self.mender.passed());
        let (more, rest) = behind.mender.passed();
        let done = self.found.iter().flat_map(|f| &f.edits).map(|e| e.end).max().unwrap_or_default();
        self.binary |= behind.binary;
        for mut found in behind.found {
            found.edits = mender::behind(found.edits, done);
            if found.edits.is_empty() || self.edits + found.edits.len() > MOST {
                continue;
            }
            self.edits += found.edits.len();
            found.edits.iter().for_each(|edit| _ = self.taken.take((edit.start, edit.end)));
            if found.finding.at.line == 1 {
                found.finding.at.column += column as u64;
            }
            found.finding.at.line += lines;
            found.lines.iter_mut().for_each(|line| *line += lines);
            match self.known.entry(found.finding.id) {
                Entry::Occupied(known) => {
                    let one = &mut self.found[*known.get()];
                    one.edits.extend(found.edits);
                    one.lines.extend(found.lines);
                }
                Entry::Vacant(new) => {
                    new.insert(self.found.len());
                    self.found.push(found);
                }
            }
        }
        self.passed = Some((lines + more, if more == 0 { column + rest } else { rest }));
    }

    /// Looks for secrets in a window. Windows overlap as those of [`Stream::window`].
    pub fn window(&mut self, window: &[u8], last: bool, cx: &Cx<'_>) {
        self.binary |= binary(window);
        let (found, known, taken) = (&mut self.found, &mut self.known, &mut self.taken);
        let count = &mut self.edits;
        self.mender.each(window, last, cx, |_| Vec::new(), &mut |seen| {
            if *count + seen.edits.len() > MOST {
                return;
            }
            *count += seen.edits.len();
            let index = *known.entry(seen.finding.id).or_insert(found.len());
            let line = seen.finding.at.line;
            if index == found.len() {
                let secret = Secret::new(seen.secret.to_vec());
                found.push(Found { finding: seen.finding, secret, edits: Vec::new(), lines: Vec::new() });
            }
            seen.edits.iter().for_each(|edit| _ = taken.take((edit.start, edit.end)));
            found[index].edits.extend(seen.edits);
            found[index].lines.push(line);
        });
    }

    /// What could not be examined so far.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.mender.problem()
    }

    /// Whether the windows are wanted once more, to look for copies of what was found.
    pub fn again(&mut self) -> bool {
        if !self.record || self.binary || self.mender.shape().is_none_or(|shape| shape == Shape::Fixed) {
            return false;
        }
        let telling = self.found.iter().enumerate().filter(|(_, f)| telling(&f.finding, f.secret.expose()));
        self.copies = Copies::new(telling.map(|(index, f)| (index, f.secret.expose())));
        self.copies.is_some()
    }

    /// Looks for copies in a window.
    pub fn window_again(&mut self, window: &[u8]) {
        let (Some(copies), Some(shape)) = (&self.copies, self.mender.shape()) else { return };
        let mut lines = Lines::new(window);
        for (owner, span) in copies.each(window) {
            let (start, end) = (span.0 + self.base, span.1 + self.base);
            // What stands in both of two windows is taken once.
            if self.edits >= MOST || !self.taken.take((start, end)) {
                continue;
            }
            self.edits += 1;
            let found = &mut self.found[owner];
            for mut edit in redact::edits(shape, window, span, None) {
                (edit.start, edit.end) = (edit.start + self.base, edit.end + self.base);
                found.edits.push(edit);
            }
            found.lines.push(self.line + lines.line(span.0) - 1);
        }
        let kept = Stream::keep(window.len());
        self.line += memchr::memchr_iter(b'\n', &window[..window.len() - kept]).count() as u64;
        self.base += window.len() - kept;
    }

    /// The plans, for the file whose bytes have this digest.
    #[must_use]
    pub fn plans(self, guard: [u8; 32]) -> Vec<Planned> {
        let mended = self.record && !self.binary;
        let counted = (self.record && self.binary).then(|| counted(self.place));
        let plan = |found: Found| {
            let step = Step::Edit { path: self.path.clone(), guard, edits: tidy(found.edits) };
            let draft = match (mended, &counted) {
                (true, _) => Some(redaction(&found.finding, step, &found.lines)),
                (false, why) => why.clone().map(Draft::left),
            };
            planned(found.finding, draft)
        };
        self.found.into_iter().map(plan).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::edit::{apply, check, digest, merge};
    use crate::fix::redact::MARKER;
    use crate::testing::{Home, fill, ids, strict};

    /// All edits of a text that is read in windows of this many fresh bytes.
    fn edits(engine: &Engine, path: &str, text: &[u8], fresh: usize) -> Vec<Edit> {
        let (ids, policy) = (ids(), strict());
        let home = Home::default();
        let cx = Cx { ids: &ids, facts: &home, policy: &policy };
        let place = engine.places().classify(path);
        let mut found = Redactions::new(engine, path, place);
        let windows = |each: &mut dyn FnMut(&[u8], bool)| {
            let (mut start, mut end) = (0, 0);
            while end < text.len() {
                end = (end + fresh).min(text.len());
                each(&text[start..end], end == text.len());
                start = end - Stream::keep(end - start);
            }
        };
        windows(&mut |window, last| found.window(window, last, &cx));
        if found.again() {
            windows(&mut |window, _| found.window_again(window));
        }
        let mut lists = Vec::new();
        for (_, plan) in found.plans(digest(text)) {
            for step in plan.steps {
                let Step::Edit { edits, .. } = step else { continue };
                check(&edits, text.len()).unwrap();
                lists.push(edits);
            }
        }
        let (merged, left_out) = merge(lists);
        assert!(left_out.is_empty());
        merged
    }

    #[test]
    fn windows_take_out_the_same_as_the_whole() {
        let engine = Engine::builtin();
        let mut text = String::new();
        for i in 0..400 {
            let said = fill(
                &format!("say {} glpat-{{{{alnum:20}}}} \\u0041", "word ".repeat(i * 7 % 300)),
                &i.to_string(),
            );
            text += &format!("{{\"n\":{i},\"text\":\"{said}\"}}\n");
        }
        // Copies of which nothing but their bytes tells, before the name and far behind it.
        let secret = fill("glpat-{{alnum:20}}", "copy");
        text = format!(
            "{{\"text\":\"x{secret}y\"}}\n{text}{{\"text\":\"T={secret}\"}}\n{{\"text\":\"z{secret}\"}}\n"
        );
        let path = "~/.claude/projects/a/b.jsonl";
        let whole = edits(&engine, path, text.as_bytes(), text.len());
        assert_eq!(whole.len(), 403);
        let after = apply(text.as_bytes(), &whole).unwrap();
        for fresh in [80_000, 100_001] {
            let windows = edits(&engine, path, text.as_bytes(), fresh);
            assert!(apply(text.as_bytes(), &windows).unwrap() == after, "{fresh}");
        }
        let after = String::from_utf8(after).unwrap();
        assert!(after.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert!(!after.contains("glpat-") && !after.contains(&secret));
    }

    /// Line, column and edits.
    type Place = (u64, u64, Vec<(usize, usize)>);

    /// What was found in a text, looked at in so many parts of their own.
    fn parts(engine: &Engine, path: &str, text: &[u8], count: usize) -> Vec<Place> {
        let (ids, policy) = (ids(), strict());
        let home = Home::default();
        let cx = Cx { ids: &ids, facts: &home, policy: &policy };
        let new = || Redactions::new(engine, path, engine.places().classify(path));
        let length = text.len() / count;
        let part = |n: usize| {
            let (from, to) = (n * length, if n + 1 == count { text.len() } else { (n + 1) * length });
            let stop = (to + Stream::BEHIND).min(text.len());
            let mut found = new().part(&text[..512], from).unwrap();
            let (mut start, mut end) = (from - Stream::BEFORE.min(from), from);
            while end < stop {
                end = (end + 90_000).min(stop);
                found.window(&text[start..end], end == text.len(), &cx);
                start = end - Stream::keep(end - start);
            }
            found
        };
        let mut all = part(0);
        (1..count).for_each(|n| all.join(part(n)));
        let spans = |f: &Found| f.edits.iter().map(|e| (e.start, e.end)).collect();
        all.found.iter().map(|f| (f.finding.at.line, f.finding.at.column, spans(f))).collect()
    }

    #[test]
    fn parts_find_what_the_whole_does() {
        let engine = Engine::builtin();
        let mut text = String::new();
        for i in 0..600 {
            let said = fill(
                &format!("{} glpat-{{{{alnum:20}}}}", "word ".repeat(i * 7 % 300)),
                &(i % 500).to_string(),
            );
            text += &said;
            text += ["\n", " ", "\n\n"][i % 3];
        }
        let path = "~/a.log";
        let whole = parts(&engine, path, text.as_bytes(), 1);
        assert_eq!(whole.len(), 500);
        for count in [2, 3] {
            assert!(parts(&engine, path, text.as_bytes(), count) == whole, "{count}");
        }
    }

    #[test]
    fn utf16_stays_utf16() {
        let engine = Engine::builtin();
        let text = fill("\u{feff}first line of a log\nexport T=glpat-{{alnum:20}} x\n", "utf16");
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let edits = edits(&engine, "~/a.log", &bytes, bytes.len());
        let after = apply(&bytes, &edits).unwrap();
        let units: Vec<u16> = after.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(
            String::from_utf16(&units).unwrap(),
            format!("\u{feff}first line of a log\nexport T={MARKER} x\n")
        );
    }
}
