//! Standard input: read in windows like a file of any size, and never twice.

use super::file::{self, File, Outcome};
use super::{Done, Scope};
use crate::machine::files::Buffer;
use crate::record::Reason;
use crate::text;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::Ordering;

/// What standard input is called when nobody says.
const UNNAMED: &str = "(stdin)";

/// Examines standard input as if it were the file of this name, which is never opened.
pub(super) fn examine(scope: &Scope<'_>, name: Option<&Path>) -> Done {
    let mut done = Done::default();
    let shown = name.map_or_else(|| UNNAMED.to_owned(), text::path);
    let input = std::io::stdin();
    let opened = input.as_fd().try_clone_to_owned().ok().zip(rustix::fs::fstat(&input).ok());
    let Some((fd, stat)) = opened else {
        done.note(Reason::Unreadable, &shown, None);
        return done;
    };
    scope.watch.files.fetch_add(1, Ordering::Relaxed);
    done.files += 1;
    // A relative name is one in the directory where the user is, as it would be for a file.
    let tilde = name.map(|name| {
        let here = std::env::current_dir().unwrap_or_default();
        if name.starts_with("~") { shown.clone() } else { scope.home.shown(&here.join(name)) }
    });
    let place = tilde.and_then(|t| scope.engine.places().classify(&t));
    let file = File {
        fd: &fd,
        stat: &stat,
        path: Path::new(&shown),
        shown: &shown,
        tilde: None,
        place,
        tree: false,
    };
    let mut buffer = Buffer::waiting(&scope.watch.stop);
    let outcome = file::read(scope, &file, usize::MAX, None, &mut buffer, &mut done);
    if matches!(outcome, Outcome::Opaque) {
        done.note(Reason::Opaque, &shown, None);
    }
    done
}
