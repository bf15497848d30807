//! What happens when the program itself is wrong: one line that says where, and never what was in memory.

use crate::exit::Exit;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

/// Where the last panic was. A panic's own message may hold what was being examined, so it is never printed.
static WHERE: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program. Panics of workers that are caught elsewhere stay silent: they are coverage.
pub(crate) fn guard(run: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(|info| {
        if let (Some(at), Ok(mut last)) = (info.location(), WHERE.lock()) {
            *last = Some(format!("{}:{}", at.file(), at.line()));
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let at = WHERE.lock().ok().and_then(|mut last| last.take());
        let at = at.unwrap_or_else(|| "an unknown place".to_owned());
        let _ = writeln!(
            anstream::stderr(),
            "error: lapwing itself went wrong at {at}; no file is half changed (`lapwing receipts` says what was), please report this line"
        );
        Exit::Failed
    })
}
