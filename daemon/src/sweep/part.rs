//! Parts of a file that are not its own bytes: members of archives, cells of databases, objects of repositories. Each
//! is searched for secrets like a file, window by window; what is found says which part it is in.

use super::file::{File, MOST, Outcome, WINDOW, finish, guarded};
use super::{Done, Scope};
use crate::machine::files::Buffer;
use crate::record::Reason;
use crate::unpack::WITHIN;
use lapwing_rules::finding::{Finding, Location, Report};
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::place::Place;
use lapwing_rules::secrets::stream::Stream;
use lapwing_rules::target::Target;
use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::atomic::Ordering;

/// What is being found in the parts of one file.
pub(super) struct Parts<'s, 'a> {
    scope: &'s Scope<'a>,
    /// The file that the parts are of, as people call it.
    shown: &'s str,
    report: Report,
    /// A part that a rule broke on or that could not be read to its end.
    broken: Option<(Reason, String)>,
}

/// What a part is, for rules that depend on it.
#[derive(Clone, Copy)]
pub(super) enum Is<'p> {
    /// A file of this name: it may be of a known format.
    File,
    /// Part of a known place: a command of a history.
    Of(&'p Place),
    /// Neither: what its label looks like means nothing.
    Text,
}

impl<'s, 'a> Parts<'s, 'a> {
    pub(super) fn new(scope: &'s Scope<'a>, shown: &'s str) -> Parts<'s, 'a> {
        Parts { scope, shown, report: Report::default(), broken: None }
    }

    /// As [`Parts::new`], of a file that is none of its own text: where its place is known, its mode and owner are judged.
    pub(super) fn of(scope: &'s Scope<'a>, file: &File<'s>) -> Parts<'s, 'a> {
        let mut parts = Parts::new(scope, file.shown);
        if file.place.is_some() {
            let meta = Some(scope.machine.meta(file.stat));
            let target = Target { path: file.shown, place: file.place, bytes: &[], meta };
            parts.add(guarded(|| scope.engine.scan(&target, &scope.cx())));
        }
        parts
    }

    /// Whether nothing more is worth reading: too much was found, or the run is to end.
    pub(super) fn full(&self) -> bool {
        self.report.findings.len() > MOST || self.scope.watch.stop.load(Ordering::Relaxed)
    }

    /// Searches a part that is read from its beginning to its end. Returns how many bytes it had.
    ///
    /// # Errors
    /// When reading fails; what was found before stays.
    pub(super) fn read(
        &mut self,
        inside: &str,
        from: &mut dyn Read,
        buffer: &mut Buffer,
        done: &mut Done,
    ) -> io::Result<u64> {
        self.read_as(inside, Is::File, from, buffer, done)
    }

    fn read_as(
        &mut self,
        inside: &str,
        is: Is<'_>,
        from: &mut dyn Read,
        buffer: &mut Buffer,
        done: &mut Done,
    ) -> io::Result<u64> {
        buffer.keep(0);
        let mut ended = buffer.fill_from(from, WINDOW)?;
        let mut total = buffer.get().len() as u64;
        self.count(total, done);
        if ended {
            self.whole(inside, buffer.get(), is);
            return Ok(total);
        }
        let scope = self.scope;
        let cx = scope.cx();
        let mut stream = scope.engine.stream(inside, self.place_of(inside, is));
        loop {
            match guarded(|| stream.window(buffer.get(), ended, &cx)) {
                Some(found) => self.take(inside, found),
                None => self.breaks(inside),
            }
            if ended || self.full() {
                break;
            }
            let keep = Stream::keep(buffer.get().len());
            buffer.keep(keep);
            ended = buffer.fill_from(from, WINDOW)?;
            let fresh = (buffer.get().len() - keep) as u64;
            total += fresh;
            self.count(fresh, done);
        }
        self.report.silenced += stream.silenced;
        self.report.problems.extend(stream.problem(self.shown));
        Ok(total)
    }

    /// Searches a part that is in memory.
    pub(super) fn bytes(&mut self, inside: &str, bytes: &[u8], is: Is<'_>, done: &mut Done) {
        self.count(bytes.len() as u64, done);
        self.whole(inside, bytes, is);
    }

    /// Takes what was found of the file as a whole.
    pub(super) fn add(&mut self, report: Option<Report>) {
        match report {
            Some(report) => {
                self.report.findings.extend(report.findings);
                self.report.problems.extend(report.problems);
            }
            None => self.breaks("it"),
        }
    }

    /// Searches many small parts that stand in one buffer. `each` says of a finding which part it is in, and where
    /// there; one that is in none is dropped.
    pub(super) fn joined(
        &mut self,
        bytes: &[u8],
        is: Is<'_>,
        done: &mut Done,
        each: &dyn Fn(Location) -> Option<(String, Location)>,
    ) {
        self.count(bytes.len() as u64, done);
        let before = self.report.findings.len();
        self.whole("", bytes, is);
        let found = self.report.findings.split_off(before);
        let named = found.into_iter().filter_map(|f| {
            let (inside, at) = each(f.at)?;
            Some(Finding { inside: Some(inside), at, ..f })
        });
        self.report.findings.extend(named);
    }

    /// Searches bytes that may repeat what other parts say: only what was not found in those counts. With a name of
    /// its own, such a part is one in which a line means nothing.
    ///
    /// # Errors
    /// When reading fails; what was found before stays.
    pub(super) fn rest(
        &mut self,
        inside: &str,
        is: Is<'_>,
        from: &mut dyn Read,
        buffer: &mut Buffer,
        done: &mut Done,
    ) -> io::Result<u64> {
        let known: HashSet<FindingId> = self.report.findings.iter().map(|f| f.id).collect();
        let before = self.report.findings.len();
        let read = self.read_as(inside, is, from, buffer, done);
        let found = self.report.findings.split_off(before);
        let at = |f: &Finding| if inside.is_empty() { f.at } else { Location::default() };
        let fresh = found.into_iter().filter(|f| !known.contains(&f.id)).map(|f| Finding { at: at(&f), ..f });
        self.report.findings.extend(fresh);
        read
    }

    fn whole(&mut self, inside: &str, bytes: &[u8], is: Is<'_>) {
        let scope = self.scope;
        let place = self.place_of(inside, is);
        let target = Target { path: inside, place, bytes, meta: None };
        match guarded(|| scope.engine.secrets_of(&target, &scope.cx())) {
            Some(report) => {
                self.report.silenced += report.silenced;
                let named = report.problems.into_iter().map(|mut p| {
                    p.what = self.shown.to_owned();
                    p
                });
                self.report.problems.extend(named);
                self.take(inside, report.findings);
            }
            None => self.breaks(inside),
        }
    }

    /// Notes why the file was not examined to its end. The first reason is kept.
    pub(super) fn incomplete(&mut self, reason: Reason, why: String) {
        self.broken.get_or_insert((reason, why));
    }

    /// Hands over what was found.
    pub(super) fn finish(self, done: &mut Done) -> Outcome {
        let outcome = finish(self.scope, self.shown, Some(self.report), done);
        match self.broken {
            Some((reason, why)) => {
                done.note(reason, self.shown, Some(why));
                if reason.policy() { outcome } else { Outcome::Incomplete }
            }
            None => outcome,
        }
    }

    fn breaks(&mut self, inside: &str) {
        self.incomplete(Reason::Unparsable, format!("a rule broke on {inside}; please report it"));
    }

    fn count(&self, bytes: u64, done: &mut Done) {
        self.scope.watch.bytes.fetch_add(bytes, Ordering::Relaxed);
        done.bytes += bytes;
    }

    /// Offsets of a part are not offsets of the file.
    fn take(&mut self, inside: &str, found: Vec<Finding>) {
        let here = |f: Finding| Finding {
            at: Location { span: None, ..f.at },
            inside: (!inside.is_empty()).then(|| inside.to_owned()),
            ..f
        };
        self.report.findings.extend(found.into_iter().map(here));
    }

    fn place_of<'p>(&self, inside: &str, is: Is<'p>) -> Option<&'p Place>
    where
        's: 'p,
        'a: 'p,
    {
        match is {
            Is::File => self.place(inside),
            Is::Of(place) => Some(place),
            Is::Text => None,
        }
    }

    /// What a member of this name would be in a home: an archive of one may begin at any directory above it.
    fn place(&self, inside: &str) -> Option<&'a Place> {
        let places = self.scope.engine.places();
        let inside = inside.rsplit(WITHIN).next().unwrap_or(inside);
        let starts = std::iter::once(0).chain(inside.match_indices('/').map(|(at, _)| at + 1));
        starts.take(16).find_map(|at| places.classify(&format!("~/{}", &inside[at..])))
    }
}
