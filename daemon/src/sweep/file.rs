//! One file: read in windows, judged, forgotten.

use super::{Done, Scope, archive};
use crate::ledger::Seen;
use crate::machine::files::Buffer;
use crate::machine::{slack, sqlite};
use crate::record::Reason;
use crate::unpack::Kind;
use lapwing_rules::cx::Cx;
use lapwing_rules::engine::READABLE;
use lapwing_rules::facts::Meta;
use lapwing_rules::finding::{Finding, Report};
use lapwing_rules::place::Place;
use lapwing_rules::secrets::stream::Stream;
use lapwing_rules::target::Target;
use rustix::fs::Stat;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Bytes read at once.
pub(super) const WINDOW: usize = 1 << 20;
/// Most findings listed of one file: more is a list of keys, not a leak, and must not fill memory.
pub(super) const MOST: usize = 1000;

/// What came of a file.
pub(super) enum Outcome {
    /// Read to the end; may be left alone until it changes.
    Examined,
    /// Read to the end, but what it says depends on other files too.
    Depends,
    /// Media, or packed in a way that is not unpacked: nothing to read.
    Opaque,
    /// An archive of which damage, a limit, an unknown method or encryption kept something back; noted.
    Partly,
    /// A file that was too much for a rule; noted. It will say the same until it changes.
    Damaged,
    /// An archive that is [`Outcome::Partly`] and [`Outcome::Damaged`]; both noted.
    Both,
    /// Not examined, or not to the end; the gap is noted.
    Incomplete,
}

/// A file to examine: open, with what was known when it was opened.
pub(super) struct File<'a> {
    pub(super) fd: &'a OwnedFd,
    pub(super) stat: &'a Stat,
    pub(super) path: &'a Path,
    /// What people call it.
    pub(super) shown: &'a str,
    /// Its name as a place: `~/…` in the home. None where it is no file of its own.
    pub(super) tilde: Option<&'a str>,
    pub(super) place: Option<&'a Place>,
    /// In the work tree of a repository, which keeps its content once more.
    pub(super) tree: bool,
}

/// Examines a file.
pub(super) fn examine(scope: &Scope<'_>, file: &File<'_>, buffer: &mut Buffer, done: &mut Done) -> Outcome {
    let size = usize::try_from(file.stat.st_size).unwrap_or(usize::MAX);
    let outcome = read(scope, file, size, Some(scope.machine.meta(file.stat)), buffer, done);
    match (compromised(scope, file, done), outcome) {
        // There is something to read after all.
        (true, Outcome::Opaque) => Outcome::Examined,
        (_, outcome) => outcome,
    }
}

/// What known worms leave is told by where it lies, whatever is in it.
fn compromised(scope: &Scope<'_>, file: &File<'_>, done: &mut Done) -> bool {
    let Some(tilde) = file.tilde else { return false };
    let report = scope.engine.scan_path(tilde, &scope.cx());
    for problem in report.problems {
        done.note(Reason::Unreadable, &problem.what, Some(problem.why));
    }
    if report.findings.is_empty() {
        return false;
    }
    scope.watch.tell(&report.findings, file.shown);
    done.also(scope, file.shown, report.findings.into_iter().map(|f| Seen::of(f, file.shown)).collect());
    true
}

/// Reads and judges what is in a file of about this size, from where it stands.
pub(super) fn read(
    scope: &Scope<'_>,
    file: &File<'_>,
    size: usize,
    meta: Option<Meta>,
    buffer: &mut Buffer,
    done: &mut Done,
) -> Outcome {
    let File { fd, shown, place, .. } = *file;
    let whole = place.is_some() || size < WINDOW;
    let first = if whole { READABLE.min(size) + 1 } else { WINDOW };
    buffer.keep(0);
    let ended = match buffer.fill(fd, first) {
        Ok(ended) => ended,
        Err(reason) => return done.gap(reason, shown, None),
    };
    // Databases are opened by name and archives read from several places, which standard input allows neither.
    let named = meta.is_some();
    if named && buffer.get().starts_with(sqlite::MAGIC) {
        return super::database::examine(scope, file, buffer, done);
    }
    if named
        && slack::LOG.iter().any(|magic| buffer.get().starts_with(magic))
        && let Some(outcome) = super::database::log(scope, file, buffer, done)
    {
        return outcome;
    }
    scope.watch.bytes.fetch_add(buffer.get().len() as u64, Ordering::Relaxed);
    done.bytes += buffer.get().len() as u64;
    if Kind::of(buffer.get()).is_some() {
        if !named {
            let why = "an archive is unpacked only from a file: save it, and scan that".to_owned();
            return done.gap(Reason::Unreadable, shown, Some(why));
        }
        return archive::examine(scope, file, buffer, done);
    }
    if place.is_none() && opaque(buffer.get()) {
        return Outcome::Opaque;
    }
    let cx = scope.cx();
    if ended {
        let target = Target { path: shown, place, bytes: buffer.get(), meta };
        let report = guarded(|| scope.engine.scan(&target, &cx));
        if file.tree
            && place.is_none()
            && report.as_ref().is_some_and(Report::is_nothing)
            && let Some(manner) = scope.engine.manner(shown)
        {
            done.clean.note(manner, buffer.get());
        }
        return finish(scope, shown, report, done);
    }
    if place.and_then(|p| p.reader.as_ref()).is_some() {
        let why = format!("larger than {} MiB: searched for secrets, not read for settings", READABLE >> 20);
        done.note(Reason::TooLarge, shown, Some(why));
    }
    stream(scope, file, buffer, done, &cx)
}

/// Searches the rest of a large file window by window.
fn stream(scope: &Scope<'_>, file: &File<'_>, buffer: &mut Buffer, done: &mut Done, cx: &Cx<'_>) -> Outcome {
    let File { fd, shown, place, .. } = *file;
    let mut stream = scope.engine.stream(shown, place);
    let mut report = Report::default();
    let mut last = false;
    loop {
        match guarded(|| stream.window(buffer.get(), last, cx)) {
            Some(found) => report.findings.extend(found),
            None => return finish(scope, shown, None, done),
        }
        if last || report.findings.len() > MOST {
            break;
        }
        if scope.watch.stop.load(Ordering::Relaxed) {
            return Outcome::Incomplete;
        }
        let keep = Stream::keep(buffer.get().len());
        buffer.keep(keep);
        match buffer.fill(fd, WINDOW) {
            Ok(ended) => last = ended,
            Err(reason) => {
                finish(scope, shown, Some(report), done);
                return done.gap(reason, shown, None);
            }
        }
        let fresh = (buffer.get().len() - keep) as u64;
        scope.watch.bytes.fetch_add(fresh, Ordering::Relaxed);
        done.bytes += fresh;
    }
    report.silenced = stream.silenced;
    report.problems.extend(stream.problem(shown));
    finish(scope, shown, Some(report), done)
}

/// A rule that panics costs one problem, not the run.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

pub(super) fn finish(scope: &Scope<'_>, shown: &str, report: Option<Report>, done: &mut Done) -> Outcome {
    let Some(mut report) = report else {
        return done.gap(
            Reason::Unparsable,
            shown,
            Some("a rule broke on this file; please report it".to_owned()),
        );
    };
    done.silenced += report.silenced;
    let also = report.included.drain(..);
    done.land.also.extend(also.map(|included| (scope.home.path(&included), scope.home.path(shown))));
    let outcome = match report {
        _ if report.depends => Outcome::Depends,
        _ if report.problems.is_empty() => Outcome::Examined,
        _ => Outcome::Damaged,
    };
    for problem in report.problems {
        done.note(Reason::Unparsable, &problem.what, Some(problem.why));
    }
    if report.findings.len() > MOST {
        report.findings.truncate(MOST);
        done.note(
            Reason::TooMany,
            shown,
            Some(format!("more than {MOST} findings; the first {MOST} are listed")),
        );
    }
    scope.watch.tell(&report.findings, shown);
    done.file(scope, shown, report.findings.into_iter().map(|f: Finding| Seen::of(f, shown)).collect());
    outcome
}

/// First bytes of formats that hold nothing readable, and of those that could be unpacked but are not here: what looks
/// like one and is none is no text either.
const MAGIC: &[(usize, &[u8])] = &[
    (0, b"\x89PNG"),
    (0, b"\xff\xd8\xff"),
    (0, b"GIF8"),
    (8, b"WEBP"),
    (0, b"PK\x03\x04"),
    (0, b"\x1f\x8b"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (0, b"Rar!"),
    (4, b"ftyp"),
    (0, b"ID3"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"\x1aE\xdf\xa3"),
    (0, b"%PDF"),
    (0, b"wOFF"),
    (0, b"wOF2"),
    (0, b"PACK"),
    (0, b"\xfftOc"),
];

pub(super) fn opaque(bytes: &[u8]) -> bool {
    MAGIC.iter().any(|(at, magic)| bytes.get(*at..).is_some_and(|b| b.starts_with(magic)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::scene::Scene;

    #[test]
    fn a_rule_that_breaks_costs_one_gap() {
        let dir = tempfile::tempdir().unwrap();
        let scene = Scene::new(dir.path());
        let scope = scene.scope();
        let mut done = Done::default();
        let broken = guarded(|| -> Report { panic!("a rule's mistake") });
        assert!(matches!(finish(&scope, "~/a", broken, &mut done), Outcome::Incomplete));
        assert!(matches!(finish(&scope, "~/b", guarded(Report::default), &mut done), Outcome::Examined));
        let gap = &done.missed[&Reason::Unparsable];
        assert_eq!((gap.count, gap.paths.as_slice()), (1, ["~/a".to_owned()].as_slice()));
    }

    #[test]
    fn compressed_files_are_known_by_their_first_bytes() {
        assert!(opaque(b"PK\x03\x04..."));
        assert!(opaque(b"\0\0\0\x18ftypmp42"));
        assert!(!opaque(b"PK is a text"));
        assert!(!opaque(b""));
    }
}
