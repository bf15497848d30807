//! Finds secrets with the edits that take them out, window by window, in memory that does not depend on the file.

use super::plan::Edit;
use super::redact::{self, MARKER, Shape};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::{Finding, Problem};
use crate::place::Place;
use crate::secrets::decode::utf16::Order;
use crate::secrets::matcher::Hit;
use crate::secrets::stream::{Sighting, Stream};

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
        Mender {
            stream: engine.stream(path, place),
            reader,
            path: path.to_owned(),
            shape: None,
            done: 0,
            base: 0,
        }
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

    /// See [`Stream::all`].
    pub(crate) fn all(self) -> Mender<'a> {
        Mender { stream: self.stream.all(), ..self }
    }

    /// See [`Stream::part`].
    pub(crate) fn part(self, head: &[u8], from: usize) -> Option<Mender<'a>> {
        let shape = Shape::of(self.reader, &self.path, head);
        let base = from - Stream::BEFORE.min(from);
        Some(Mender { stream: self.stream.part(head, from)?, shape: Some(shape), base, ..self })
    }

    /// See [`Stream::passed`].
    pub(crate) fn passed(&self) -> (u64, usize) {
        self.stream.passed()
    }

    /// How text is written in the file, once a window was seen.
    pub(crate) fn shape(&self) -> Option<Shape> {
        self.shape
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
            each(Seen {
                at,
                edits,
                shown,
                secret: sighting.hit.secret(sighting.bytes),
                finding: sighting.finding,
            });
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
pub(crate) fn behind(mut edits: Vec<Edit>, done: usize) -> Vec<Edit> {
    for edit in &mut edits {
        if edit.start < done {
            edit.start = done;
            edit.with.clear();
        }
    }
    edits.retain(|edit| edit.start < edit.end);
    edits
}
