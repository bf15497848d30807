//! Finds secrets with the edits that take them out, window by window, in memory that does not depend on the file.

use super::plan::{Edit, Step};
use super::planner::{Planned, binary, planned, records, redaction};
use super::redact::{self, MARKER, Shape};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::{Finding, Problem};
use crate::fingerprint::FindingId;
use crate::place::Place;
use crate::secrets::decode::utf16::Order;
use crate::secrets::matcher::Hit;
use crate::secrets::stream::{Sighting, Stream};
use std::collections::HashMap;

/// The state between windows of one file.
pub struct Mender<'a> {
    stream: Stream<'a>,
    reader: Option<&'a str>,
    path: String,
    shape: Option<Shape>,
    /// Where the last edit of the windows before ends.
    done: usize,
    /// Offset in the file of the window's first byte.
    base: usize,
}

/// A secret, and the edits that take it out.
pub(crate) struct Seen<'s> {
    pub(crate) finding: Finding,
    pub(crate) secret: &'s [u8],
    /// The bytes that hold it.
    pub(crate) at: (usize, usize),
    pub(crate) edits: Vec<Edit>,
    /// Bytes at the secret's start that are public knowledge.
    pub(crate) shown: usize,
}

impl Engine {
    /// Plans redactions of a file of any size window by window.
    #[must_use]
    pub fn mender<'a>(&'a self, path: &str, place: Option<&'a Place>) -> Mender<'a> {
        Mender::new(self, path, place)
    }
}

impl<'a> Mender<'a> {
    pub(crate) fn new(engine: &'a Engine, path: &str, place: Option<&'a Place>) -> Mender<'a> {
        let reader = place.and_then(|p| p.reader.as_deref());
        Mender { stream: engine.stream(path, place), reader, path: path.to_owned(), shape: None, done: 0, base: 0 }
    }

    /// The secrets of a window with the edits that take them out, in the file's offsets, which rise from window to window.
    /// Secrets of one encoded stretch have the same edit, see [`super::edit::merge`]. Windows overlap as those of
    /// [`Stream::window`].
    pub fn window(&mut self, window: &[u8], last: bool, cx: &Cx<'_>) -> Vec<(Finding, Vec<Edit>)> {
        let mut found = Vec::new();
        self.each(window, last, cx, |_| Vec::new(), &mut |seen| found.push((seen.finding, seen.edits)));
        found
    }

    /// What could not be examined so far.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.stream.problem(&self.path)
    }

    pub(crate) fn each(
        &mut self,
        window: &[u8],
        last: bool,
        cx: &Cx<'_>,
        more: impl FnOnce(&[u8]) -> Vec<Hit>,
        each: &mut dyn FnMut(Seen<'_>),
    ) {
        let shape = *self.shape.get_or_insert_with(|| Shape::of(self.reader, &self.path, window));
        let (base, before) = (self.base, self.done);
        let done = &mut self.done;
        self.stream.visit(window, last, cx, more, &mut |sighting| {
            let edits = edits(shape, base, &sighting);
            let edits = behind(edits, before);
            *done = edits.last().map_or(*done, |edit| edit.end.max(*done));
            let at = span(&sighting);
            let shown = sighting.hit.shown;
            each(Seen { at, edits, shown, secret: sighting.hit.secret(sighting.bytes), finding: sighting.finding });
            true
        });
        self.base += window.len() - Stream::keep(window.len());
    }
}

fn span(sighting: &Sighting<'_>) -> (usize, usize) {
    let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    (place(sighting.at.0), place(sighting.at.1))
}

fn edits(shape: Shape, base: usize, sighting: &Sighting<'_>) -> Vec<Edit> {
    let hit = sighting.hit;
    if let Some(order) = sighting.order {
        let (start, end) = span(sighting);
        return vec![Edit { start, end, with: wide(order), secret: true }];
    }
    let decoded = hit.decoded.as_ref().map(|_| hit.secret(sighting.bytes));
    let mut edits = redact::edits(shape, sighting.bytes, hit.at, decoded);
    for edit in &mut edits {
        (edit.start, edit.end) = (edit.start + base, edit.end + base);
    }
    edits
}

/// The marker in UTF-16.
fn wide(order: Order) -> Vec<u8> {
    let units = MARKER.encode_utf16();
    match order {
        Order::Little => units.flat_map(u16::to_le_bytes).collect(),
        Order::Big => units.flat_map(u16::to_be_bytes).collect(),
    }
}

/// Edits without what those of earlier windows have taken already: of a secret that begins there only the rest is left.
fn behind(mut edits: Vec<Edit>, done: usize) -> Vec<Edit> {
    for edit in &mut edits {
        if edit.start < done {
            edit.start = done;
            edit.with.clear();
        }
    }
    edits.retain(|edit| edit.start < edit.end);
    edits
}

/// Most edits of one file: a file of more is a list of keys, and its redaction comes in several turns.
const MOST: usize = 100_000;

/// Gathers what a [`Mender`] finds in the windows of one file into plans.
pub struct Redactions {
    path: String,
    /// The file only records what was.
    record: bool,
    /// Lengths or checksums in it may depend on every byte.
    binary: bool,
    found: Vec<(Finding, Vec<Edit>, Vec<u64>)>,
    known: HashMap<FindingId, usize>,
    edits: usize,
}

impl Redactions {
    /// For a file at this path.
    #[must_use]
    pub fn new(path: &str, place: Option<&Place>) -> Redactions {
        Redactions {
            path: path.to_owned(),
            record: records(place, path),
            binary: false,
            found: Vec::new(),
            known: HashMap::new(),
            edits: 0,
        }
    }

    /// Adds what was found in a window.
    pub fn add(&mut self, found: Vec<(Finding, Vec<Edit>)>, window: &[u8]) {
        self.binary |= binary(window);
        for (finding, edits) in found {
            if self.edits + edits.len() > MOST {
                return;
            }
            self.edits += edits.len();
            let index = *self.known.entry(finding.id).or_insert(self.found.len());
            let line = finding.at.line;
            if index == self.found.len() {
                self.found.push((finding, Vec::new(), Vec::new()));
            }
            self.found[index].1.extend(edits);
            self.found[index].2.push(line);
        }
    }

    /// The plans, for the file whose bytes have this digest.
    #[must_use]
    pub fn plans(self, guard: [u8; 32]) -> Vec<Planned> {
        let mended = self.record && !self.binary;
        let plan = |(finding, edits, lines): (Finding, Vec<Edit>, Vec<u64>)| {
            let step = Step::Edit { path: self.path.clone(), guard, edits };
            let draft = mended.then(|| redaction(&finding, step, &lines));
            planned(finding, draft)
        };
        self.found.into_iter().map(plan).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::edit::{apply, check, digest, merge};
    use crate::testing::{Home, fill, ids, strict};

    /// All edits of a text that is read in windows of this many fresh bytes.
    fn edits(engine: &Engine, path: &str, text: &[u8], fresh: usize) -> Vec<Edit> {
        let (ids, policy) = (ids(), strict());
        let home = Home::default();
        let cx = Cx { ids: &ids, facts: &home, policy: &policy };
        let place = engine.places().classify(path);
        let mut mender = engine.mender(path, place);
        let mut found = Redactions::new(path, place);
        let (mut start, mut end) = (0, 0);
        while end < text.len() {
            end = (end + fresh).min(text.len());
            let window = &text[start..end];
            found.add(mender.window(window, end == text.len(), &cx), window);
            start = end - Stream::keep(end - start);
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
            let said = fill(&format!("say {} glpat-{{{{alnum:20}}}} \\u0041", "word ".repeat(i * 7 % 300)), &i.to_string());
            text += &format!("{{\"n\":{i},\"text\":\"{said}\"}}\n");
        }
        let path = "~/.claude/projects/a/b.jsonl";
        let whole = edits(&engine, path, text.as_bytes(), text.len());
        assert_eq!(whole.len(), 400);
        let after = apply(text.as_bytes(), &whole).unwrap();
        for fresh in [80_000, 100_001] {
            let windows = edits(&engine, path, text.as_bytes(), fresh);
            assert!(apply(text.as_bytes(), &windows).unwrap() == after, "{fresh}");
        }
        let after = String::from_utf8(after).unwrap();
        assert!(after.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert!(!after.contains("glpat-"));
    }

    #[test]
    fn utf16_stays_utf16() {
        let engine = Engine::builtin();
        let text = fill("\u{feff}first line of a log\nexport T=glpat-{{alnum:20}} x\n", "utf16");
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let edits = edits(&engine, "~/a.log", &bytes, bytes.len());
        let after = apply(&bytes, &edits).unwrap();
        let units: Vec<u16> = after.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(String::from_utf16(&units).unwrap(), format!("\u{feff}first line of a log\nexport T={MARKER} x\n"));
    }
}
