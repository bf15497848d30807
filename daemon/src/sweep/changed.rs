//! One path of a home, because something has happened to it: judged as a whole pass would judge it.

use super::file::{self, File, Outcome};
use super::{Done, Scope, left_out, places};
use crate::machine::files::{self, Buffer};
use crate::record::Reason;
use crate::whole::is_below;
use rustix::fs::{FileType, Stat};
use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(super) fn examine(scope: &Scope<'_>, path: &Path, buffer: &mut Buffer, done: &mut Done) {
    let shown = scope.home.shown(path);
    let place = scope.engine.places().classify(&shown);
    if place.is_none() && left_out(scope, path) {
        return;
    }
    let before = done.batch.files.len();
    if let Some(place) = place {
        let mut dealt = HashSet::new();
        places::one(scope, place, path, &shown, buffer, &mut dealt, done);
        if !dealt.is_empty() {
            return;
        }
    }
    match open(scope, path) {
        Ok(Opened::File(fd, stat)) => ordinary(scope, path, &shown, (&fd, &stat), buffer, done),
        // It holds nothing of what a file of its name held; what is in it has events of its own.
        Ok(Opened::Directory) if scope.remembered.contains_key(&shown) => {
            done.file(scope, &shown, Vec::new())
        }
        // A link is looked at where it points to, unless it is a place.
        Ok(Opened::Other) if place.is_none() => gone(scope, &shown, done),
        Ok(_) => {}
        Err(Reason::Vanished) if done.batch.files.len() == before => gone(scope, &shown, done),
        Err(Reason::Vanished) => {}
        // Not to be seen is not to be gone: what is remembered stays.
        Err(reason) => done.note(reason, &shown, None),
    }
}

/// What stands at a path.
enum Opened {
    File(OwnedFd, Stat),
    Directory,
    /// A link, what is never opened, or something on a network mount.
    Other,
}

/// Opens a regular file without following a link on the way.
fn open(scope: &Scope<'_>, path: &Path) -> Result<Opened, Reason> {
    let Ok(below) = path.strip_prefix(scope.home.root()) else { return Ok(Opened::Other) };
    let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else {
        return Ok(Opened::Directory);
    };
    let root = files::open_root(scope.home.root()).map_err(files::why)?;
    let dir = files::open_dir(root.as_fd(), parent)?;
    let name = CString::new(name.as_bytes()).map_err(|_| Reason::Unreadable)?;
    let stat = files::stat_in(dir.as_fd(), &name).map_err(files::why)?;
    match files::kind(&stat) {
        FileType::Directory => Ok(Opened::Directory),
        FileType::RegularFile if !files::is_remote(&dir) => {
            files::open_in(dir.as_fd(), &name, &stat).map(|fd| Opened::File(fd, stat))
        }
        _ => Ok(Opened::Other),
    }
}

fn ordinary(
    scope: &Scope<'_>,
    path: &Path,
    shown: &str,
    (fd, stat): (&OwnedFd, &Stat),
    buffer: &mut Buffer,
    done: &mut Done,
) {
    let place = scope.engine.places().classify(shown);
    if place.is_none() && u64::try_from(stat.st_size).unwrap_or_default() > scope.largest {
        return done.note(Reason::TooLarge, shown, None);
    }
    done.files += 1;
    let outcome = file::examine(
        scope,
        &File { fd, stat, path, shown, tilde: Some(shown), place, tree: false },
        buffer,
        done,
    );
    if matches!(outcome, Outcome::Opaque) {
        done.file(scope, shown, Vec::new());
        done.note(Reason::Opaque, shown, None);
    }
}

/// What is remembered of a path that is not there any more, or of what was below it, is nowhere now.
fn gone(scope: &Scope<'_>, shown: &str, done: &mut Done) {
    for path in scope.remembered.keys().filter(|path| is_below(path, shown)) {
        done.file(scope, path, Vec::new());
    }
}
