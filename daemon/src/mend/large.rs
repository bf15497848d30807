//! Files that are not read whole: only secrets are looked for, window by window, in parts at the same time.

use super::{WINDOW, say};
use crate::machine::files::{self, Buffer};
use crate::record::Reason;
use lapwing_rules::cx::Cx;
use lapwing_rules::engine::{Engine, READABLE};
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::edit::stretches;
use lapwing_rules::fix::plan::Edit;
use lapwing_rules::fix::planner::Planned;
use lapwing_rules::fix::redactions::Redactions;
use lapwing_rules::secrets::stream::Stream;
use rustix::fs::{SeekFrom, Stat};
use sha2::{Digest, Sha256};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;

/// A file that was looked at.
pub(super) struct File {
    pub(super) real: PathBuf,
    pub(super) stat: Stat,
}

/// Most parts: more readers of one disk gain nothing.
const PARTS: usize = 4;
/// Parts are not smaller than this.
const LEAST: usize = 4 << 20;
/// What tells how a file is written.
const HEAD: usize = 4096;

/// Whether a file is too large to be read whole.
pub(super) fn is(stat: &Stat) -> bool {
    stat.st_size > READABLE as i64
}

/// Plans for what is found, for the file as it is now.
pub(super) fn plans(engine: &Engine, path: &str, file: &File, cx: &Cx<'_>) -> Result<Vec<Planned>, String> {
    let size = usize::try_from(file.stat.st_size).unwrap_or(usize::MAX);
    let head = head(&file.open()?)?;
    let place = engine.places().classify(path);
    let new = || Redactions::new(engine, path, place);
    let most = if new().part(&head, 0).is_some() { PARTS } else { 1 };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = (size / LEAST).clamp(1, most.min(cores));
    let part = |n: usize| {
        let (from, to) = (size / count * n, if n + 1 == count { size } else { size / count * (n + 1) });
        let found = new();
        let mut found = if count == 1 { found } else { found.part(&head, from).unwrap_or_else(new) };
        let stop = to.saturating_add(Stream::BEHIND).min(size);
        let start = from - Stream::BEFORE.min(from);
        windows(&file.open()?, (start, stop), &mut |window, end| found.window(window, end == size, cx))?;
        Ok::<_, String>(found)
    };
    let (digest, found) = thread::scope(|threads| {
        let part = &part;
        let digest = threads.spawn(|| file.digest());
        let parts: Vec<_> = (1..count).map(|n| threads.spawn(move || part(n))).collect();
        // A rule that panics costs this file's plans, not the run.
        let mut found = catch_unwind(AssertUnwindSafe(|| part(0))).map_err(|_| BROKE)??;
        for part in parts {
            found.join(part.join().map_err(|_| BROKE)??);
        }
        Ok::<_, String>((digest.join().map_err(|_| BROKE)??, found))
    })?;
    let mut found = found;
    if found.again() {
        windows(&file.open()?, (0, size), &mut |window, _| found.window_again(window))?;
    }
    Ok(found.plans(digest))
}

const BROKE: &str = "a rule broke on this file; please report it";

/// What would be found where edits have changed a file, which has this length now.
pub(super) fn judge(
    engine: &Engine,
    path: &str,
    (file, length): (BorrowedFd<'_>, usize),
    edits: &[Edit],
    cx: &Cx<'_>,
) -> Result<Vec<FindingId>, String> {
    let (head, place) = (head(file)?, engine.places().classify(path));
    let new = || engine.stream(path, place);
    let parts = if new().part(&head, 0).is_some() { stretches(edits, length) } else { vec![(0, length)] };
    let mut ids = Vec::new();
    for (from, to) in parts {
        let mut stream = new().part(&head, from).unwrap_or_else(new);
        let within = (from - Stream::BEFORE.min(from), (to + Stream::BEHIND).min(length));
        let mut each = |window: &[u8], end| {
            ids.extend(stream.window(window, end == length, cx).into_iter().map(|f| f.id));
        };
        windows(file, within, &mut each)?;
    }
    Ok(ids)
}

impl File {
    /// The file, if it is still the one that was looked at.
    fn open(&self) -> Result<OwnedFd, String> {
        files::open_path(&self.real, &self.stat).map_err(say)
    }

    /// The digest of all that is in it.
    fn digest(&self) -> Result<[u8; 32], String> {
        let (fd, mut hash, mut buffer) = (self.open()?, Sha256::new(), Buffer::new());
        loop {
            let ended = buffer.fill(&fd, WINDOW).map_err(say)?;
            hash.update(buffer.get());
            buffer.keep(0);
            if ended {
                return Ok(hash.finalize().into());
            }
        }
    }
}

fn seek(fd: impl AsFd, at: usize) -> Result<(), String> {
    rustix::fs::seek(fd, SeekFrom::Start(at as u64)).map(|_| ()).map_err(|e| say(files::why(e)))
}

fn head(fd: impl AsFd) -> Result<Vec<u8>, String> {
    let mut buffer = Buffer::new();
    seek(&fd, 0)?;
    buffer.fill(fd, HEAD).map_err(say)?;
    Ok(buffer.get().to_vec())
}

/// Hands on a stretch of a file in windows that overlap, each with the offset where it ends.
fn windows(
    fd: impl AsFd,
    (start, stop): (usize, usize),
    each: &mut dyn FnMut(&[u8], usize),
) -> Result<(), String> {
    seek(&fd, start)?;
    let (mut buffer, mut end) = (Buffer::new(), start);
    loop {
        let kept = buffer.get().len();
        let fresh = (WINDOW - kept).min(stop - end);
        if buffer.fill(&fd, kept + fresh).map_err(say)? && buffer.get().len() < kept + fresh {
            return Err(say(Reason::Vanished));
        }
        end += fresh;
        each(buffer.get(), end);
        if end == stop {
            return Ok(());
        }
        let keep = Stream::keep(buffer.get().len());
        buffer.keep(keep);
    }
}
