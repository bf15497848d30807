//! Archives and compressed files: each member is searched like a file of its name.

use super::file::{File, Outcome, guarded, opaque};
use super::part::Parts;
use super::{Done, Scope};
use crate::machine::files::Buffer;
use crate::record::Reason;
use crate::unpack::{self, Budget, Take, WITHIN};
use std::io::Read;

/// Members that hold nothing to read, told by their names: so they need not even be unpacked. Compiled Java is the
/// bulk of every jar.
const SKIP: &[&str] = &[
    "class", "png", "jpg", "jpeg", "gif", "webp", "ico", "bmp", "tif", "tiff", "ttf", "otf", "woff", "woff2",
    "eot", "mp3", "mp4", "m4a", "mov", "avi", "mkv", "webm", "ogg", "wav", "flac", "pdf", "7z", "rar",
];

/// Examines the members of a file that can be unpacked.
pub(super) fn examine(scope: &Scope<'_>, file: &File<'_>, buffer: &mut Buffer, done: &mut Done) -> Outcome {
    let shown = file.shown;
    let opened = match file.fd.try_clone() {
        Ok(fd) => std::fs::File::from(fd),
        Err(e) => return done.gap(Reason::Unreadable, shown, Some(e.to_string())),
    };
    let mut parts = Parts::of(scope, file);
    let told = {
        let mut members = Members { scope, parts: &mut parts, buffer, done, tree: (String::new(), false) };
        let name = shown.rsplit('/').next().unwrap_or(shown);
        let size = u64::try_from(file.stat.st_size).unwrap_or_default();
        let stop = &scope.watch.stop;
        guarded(|| unpack::file(&opened, (name, size), &Budget::default(), stop, &mut members))
    };
    let stopped = scope.stopped();
    let outcome = parts.finish(done);
    let Some(told) = told else {
        return done.gap(Reason::Unparsable, shown, Some("unpacking it broke; please report it".to_owned()));
    };
    // What is damaged can never be read, and nobody can do anything about it: it is told, and the run is complete.
    let damaged = told.damaged.filter(|_| !stopped);
    let partly = told.partly.map(|why| format!("{shown}: {why}")).or(damaged);
    if let Some(why) = &partly {
        done.note(Reason::PartlyUnpacked, shown, Some(why.clone()));
    }
    match outcome {
        _ if stopped => Outcome::Incomplete,
        Outcome::Examined if partly.is_some() => Outcome::Partly,
        Outcome::Damaged if partly.is_some() => Outcome::Both,
        other => other,
    }
}

/// Takes members and has them searched.
struct Members<'m, 's, 'a, 'b> {
    scope: &'s Scope<'a>,
    parts: &'m mut Parts<'s, 'a>,
    buffer: &'m mut Buffer<'b>,
    done: &'m mut Done,
    /// The directory of the last member, and whether it is in a tree that is left out: members of one come together.
    tree: (String, bool),
}

impl Members<'_, '_, '_, '_> {
    /// Whether a directory is a tree that tools fill, or in one.
    fn vendored(&mut self, dir: &str) -> bool {
        if self.tree.0 != dir {
            let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
            let skip = &self.scope.skip;
            let found = ends.take(64).any(|end| skip.find(&format!("~/{}", &dir[..end])).is_some());
            self.tree = (dir.to_owned(), found);
        }
        self.tree.1
    }
}

impl Take for Members<'_, '_, '_, '_> {
    fn wants(&mut self, name: &str) -> bool {
        if self.scope.all {
            return true;
        }
        let name = name.rsplit(WITHIN).next().unwrap_or(name);
        let (dir, file) = name.rsplit_once('/').unwrap_or(("", name));
        let suffix = file.rsplit_once('.').map(|(_, suffix)| suffix).unwrap_or_default();
        let skipped = SKIP.iter().any(|s| s.eq_ignore_ascii_case(suffix));
        !skipped && (dir.is_empty() || !self.vendored(dir))
    }

    fn member(&mut self, name: &str, head: &[u8], from: &mut dyn Read) -> bool {
        if opaque(head) {
            return true;
        }
        if let Err(e) = self.parts.read(name, from, self.buffer, self.done) {
            self.parts.incomplete(Reason::Unreadable, format!("{name}: {e}"));
        }
        !self.parts.full()
    }
}
