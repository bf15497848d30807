//! Searches a file of any size window by window, in memory that does not depend on it.

use crate::cx::Cx;
use crate::finding::{Finding, Location, Problem};
use crate::fingerprint::Subject;
use crate::fix::redact;
use crate::rule::{Kind, Page};
use crate::secret::{identity, mask};
use crate::secrets::companion;
use crate::secrets::decode::utf16::{self, Offsets, Order};
use crate::secrets::judge::Around;
use crate::secrets::matcher::{Hit, SecretSet};
use crate::secrets::settle::settle;
use crate::settings::entry::Lines;
use std::sync::Arc;

/// Bytes at the end of a window that are judged with the next one, so that nothing is cut in two.
pub const CARRY: usize = 64 * 1024;
/// Bytes before a window's first fresh one that give context (a name before its value).
pub(crate) const LEAD: usize = 1024;

/// The state between windows of one file.
pub struct Stream<'a> {
    set: &'a SecretSet,
    around: Around,
    order: Option<Order>,
    /// Offset in the file of the window's first byte.
    base: u64,
    /// Line of the window's first byte.
    line: u64,
    /// Bytes of that line before the window.
    column: usize,
    /// Bytes at the window's start that an earlier window has judged.
    judged: usize,
    /// Findings silenced by a marker on their line.
    pub silenced: u64,
    /// Markers on a line silence nothing.
    all: bool,
    /// A rule that had more near misses than there was time for: not all of them were tried.
    dense: Option<&'a str>,
    /// The file's path, where a rule of another tool may ask for it.
    path: String,
}

/// A secret where it was seen.
pub(crate) struct Sighting<'a> {
    pub(crate) finding: Finding,
    pub(crate) hit: &'a Hit,
    /// What was searched: the window, or its text where that is UTF-16.
    pub(crate) bytes: &'a [u8],
    /// The hit's bytes in the file.
    pub(crate) at: (u64, u64),
    /// The file is UTF-16 of this kind.
    pub(crate) order: Option<Order>,
}

/// Most findings of one window: whoever needs more than a thousand of one file is told that there are more.
const MOST: usize = 1200;

impl<'a> Stream<'a> {
    pub(crate) fn new(set: &'a SecretSet, around: Around, path: &str) -> Stream<'a> {
        let path = if set.foreign.rules.is_empty() { String::new() } else { path.to_owned() };
        Stream {
            set,
            around,
            order: None,
            base: 0,
            line: 1,
            column: 0,
            judged: 0,
            silenced: 0,
            all: false,
            dense: None,
            path,
        }
    }

    /// Tells of what markers silence too: for hiding secrets, not for telling of them.
    pub(crate) fn all(self) -> Stream<'a> {
        Stream { all: true, ..self }
    }

    /// For a part of a file that begins at `from`: the first window begins [`Stream::BEFORE`] bytes before it (or with the
    /// file), which are not judged; the last ends [`Stream::BEHIND`] bytes behind the part (or with the file). Lines and columns
    /// count from there. `head` is how the file begins. `None` where a part cannot be looked at by itself.
    #[must_use]
    pub fn part(self, head: &[u8], from: usize) -> Option<Stream<'a>> {
        // Whether it is UTF-16 only the beginning tells.
        utf16::detect(head).is_none().then(|| {
            let lead = LEAD.min(from);
            Stream { base: (from - lead) as u64, judged: lead, ..self }
        })
    }

    /// See [`Stream::part`].
    pub const BEFORE: usize = LEAD;
    /// See [`Stream::part`].
    pub const BEHIND: usize = CARRY;

    /// Line ends before the byte that the next window begins with, and bytes of its line.
    pub(crate) fn passed(&self) -> (u64, usize) {
        (self.line - 1, self.column)
    }

    /// Judges a window. The first begins at the file's start; each next one must begin with the last
    /// `keep(window.len())` bytes of the one before. `last` when the file ends with it.
    pub fn window(&mut self, window: &[u8], last: bool, cx: &Cx<'_>) -> Vec<Finding> {
        self.with_hits(window, last, cx, |_| Vec::new())
    }

    /// What could not be examined so far.
    #[must_use]
    pub fn problem(&self, path: &str) -> Option<Problem> {
        let rule = self.dense?;
        Some(Problem {
            what: path.to_owned(),
            why: format!("too many near misses of `{rule}` to try them all"),
        })
    }

    /// How many bytes of a window of this length to hand in again at the next one's start.
    #[must_use]
    pub fn keep(len: usize) -> usize {
        // Even, so that UTF-16 stays in step.
        (CARRY + LEAD).min(len) & !1
    }

    /// As [`Stream::window`], with further hits in the same bytes (or transcoded ones) from elsewhere.
    pub(crate) fn with_hits(
        &mut self,
        window: &[u8],
        last: bool,
        cx: &Cx<'_>,
        more: impl FnOnce(&[u8]) -> Vec<Hit>,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        self.visit(window, last, cx, more, &mut |seen| {
            found.push(seen.finding);
            found.len() <= MOST
        });
        found
    }

    /// As [`Stream::with_hits`], but hands over each hit with its finding, in order, until it is told `false`.
    pub(crate) fn visit(
        &mut self,
        window: &[u8],
        last: bool,
        cx: &Cx<'_>,
        more: impl FnOnce(&[u8]) -> Vec<Hit>,
        each: &mut dyn FnMut(Sighting<'_>) -> bool,
    ) {
        if self.base == 0 {
            self.order = utf16::detect(window);
        }
        let judged_to = if last { window.len() } else { window.len().saturating_sub(CARRY) };
        let range = (self.judged, judged_to);
        match self.order {
            None => self.search(window, &mut |offset| offset, range, cx, more, each),
            Some(order) => {
                let text = utf16::transcode(window, order);
                let mark = if self.base == 0 && matches!(window, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
                    2
                } else {
                    0
                };
                let mut offsets = Offsets::new(&text, mark);
                self.search(&text, &mut |offset| offsets.file(offset), range, cx, more, each);
            }
        }
        let passed = window.len() - Self::keep(window.len());
        self.pass(&window[..passed]);
        self.judged = judged_to.saturating_sub(passed);
    }

    /// Leaves bytes behind that no later window has.
    fn pass(&mut self, bytes: &[u8]) {
        let wide = self.order.map(|order| utf16::transcode(bytes, order));
        let text = wide.as_ref().map_or(bytes, |text| text.as_slice());
        self.line += memchr::memchr_iter(b'\n', text).count() as u64;
        let last = memchr::memrchr(b'\n', text);
        self.column = last.map_or(self.column + text.len(), |at| text.len() - at - 1);
        self.base += bytes.len() as u64;
    }

    /// `range` is in file bytes of the window; `file` turns rising offsets of `bytes` into those.
    fn search(
        &mut self,
        bytes: &[u8],
        file: &mut dyn FnMut(usize) -> usize,
        range: (usize, usize),
        cx: &Cx<'_>,
        more: impl FnOnce(&[u8]) -> Vec<Hit>,
        each: &mut dyn FnMut(Sighting<'_>) -> bool,
    ) {
        let off = |page: &Page| cx.switched_off(page);
        let (mut hits, dense) = self.set.hits(bytes, self.around, &off);
        let (foreign, dense_foreign) = self.set.foreign.hits(bytes, &self.path);
        self.dense = self.dense.or(dense).or(dense_foreign);
        let mut extra = more(bytes);
        extra.extend(foreign);
        extra.retain(|hit| !off(&hit.page) && !redact::is_marker(hit.secret(bytes)));
        if !extra.is_empty() {
            hits.extend(extra);
            hits = settle(hits);
        }
        let mut lines = Lines::new(bytes);
        // Many secrets may come out of one encoded stretch: its line is looked at once.
        let mut quiet = ((0, 0), false);
        let owners = companion::owners(&hits, &self.set.rules);
        for (index, hit) in hits.iter().enumerate() {
            let start = file(hit.at.0);
            if start < range.0 || start >= range.1.max(1) {
                continue;
            }
            if cx.switched_off(&hit.page) {
                continue;
            }
            if quiet.0 != hit.at {
                quiet = (hit.at, crate::ignore::silenced(bytes, hit.at));
            }
            if quiet.1 && !self.all {
                self.silenced += 1;
                continue;
            }
            let line = lines.line(hit.at.0);
            let begins = memchr::memrchr(b'\n', &bytes[..hit.at.0]);
            let column = begins.map_or(self.column + hit.at.0 + 1, |at| hit.at.0 - at);
            let end = file(hit.at.1);
            let span = (self.base + start as u64, self.base + end as u64);
            let shown = hit.decoded.is_none().then_some(span);
            let at = Location { line: self.line + line - 1, column: column as u64, span: shown };
            let main = owners[index].unwrap_or(index);
            let beside = companion::note(&hits, &owners, main, bytes, &self.set.rules);
            let finding = finding(&hits[main], bytes, at, beside, cx);
            if !each(Sighting { finding, hit, bytes, at: span, order: self.order }) {
                break;
            }
        }
    }
}

fn finding(hit: &Hit, bytes: &[u8], at: Location, beside: Option<String>, cx: &Cx<'_>) -> Finding {
    let secret = hit.secret(bytes);
    let notes: Vec<String> = hit.note.iter().cloned().chain(beside).collect();
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    let (severity, note) = hit.worth.at(cx.facts.now(), hit.page.severity, notes);
    Finding {
        id: identity(secret, |same| cx.ids.id(&Subject::Secret(same))),
        kind: Kind::Secret,
        severity,
        grade: Some(hit.grade),
        preview: mask(secret, hit.shown),
        note,
        key: String::new(),
        path: None,
        inside: None,
        at,
        page: Arc::clone(&hit.page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::fingerprint::Fingerprinter;
    use crate::policy::Policy;
    use crate::testing::{Home, fill};
    use zeroize::Zeroizing;

    /// Line and column of what is found in windows of this many fresh bytes.
    fn places(text: &[u8], fresh: usize) -> Vec<(u64, u64)> {
        let rules = "[[secret]]\nid = \"acme\"\ntitle = \"t\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\n\
                     anchors = [\"acme_\"]\npattern = 'acme_[0-9a-z]{20}'\n";
        let mut packs = crate::pack::Packs::default();
        packs.add("own.toml", rules);
        let (engine, _) = Engine::new(packs);
        let (ids, policy) = (Fingerprinter::new(|| Zeroizing::new([7; 32])), Policy::default());
        let cx = Cx { ids: &ids, facts: &Home::default(), policy: &policy };
        let mut stream = engine.stream("a.txt", None);
        let (mut found, mut start, mut end) = (Vec::new(), 0, 0);
        while end < text.len() {
            end = (end + fresh).min(text.len());
            found.extend(stream.window(&text[start..end], end == text.len(), &cx));
            start = end - Stream::keep(end - start);
        }
        found.iter().map(|f| (f.at.line, f.at.column)).collect()
    }

    #[test]
    fn columns_count_from_the_beginning_of_a_line_that_windows_cut() {
        let text = fill(&format!("first\n{}acme_{{{{lownum:20}}}} x", "word ".repeat(60_000)), "stream");
        for fresh in [text.len(), 80_000, 100_002] {
            assert_eq!(places(text.as_bytes(), fresh), [(2, 300_001)], "{fresh}");
        }
    }

    #[test]
    fn letters_of_utf16_with_the_byte_of_a_line_end_are_none() {
        let text = fill(
            &format!("\u{feff}{}\nacme_{{{{lownum:20}}}} x", "\u{10a}\u{a0a} ".repeat(40_000)),
            "stream",
        );
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for fresh in [wide.len(), 80_000] {
            assert_eq!(places(&wide, fresh), [(2, 1)], "{fresh}");
        }
    }
}
