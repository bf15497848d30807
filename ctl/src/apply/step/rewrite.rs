//! Replaces bytes of a file: a new file beside it, which takes its place in one moment.
//!
//! The old file stays at a name beside it until nothing more can go wrong, so that the change can be taken back to the
//! byte, and so that what a shell has still written to it is taken over.

use super::{Bench, Content, Pending};
use crate::apply::busy::{self, Running};
use crate::apply::dress::dress;
use crate::apply::fresh::{Fresh, swap};
use crate::apply::inverse::inverse;
use crate::apply::lock::{Lock, Manner, manner};
use crate::apply::receipt::{Change, Deed, Inverse, Print, State};
use crate::apply::refused::Refused;
use crate::apply::splice::copy;
use crate::apply::spot::Spot;
use lapwing_rules::engine::READABLE;
use lapwing_rules::fingerprint::FindingId;
use lapwing_rules::fix::plan::Edit;
use rustix::fs::{self as sys, OFlags, Stat};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long to wait for who is still writing to the old file.
const PATIENCE: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(10);
const CHUNK: usize = 1 << 20;

/// A file that is about to be replaced.
pub(crate) struct Rewrite {
    spot: Spot,
    path: String,
    receipt: String,
    manner: Manner,
    /// Programs add to its end at any time, and that must not be lost.
    grows: bool,
    old: File,
    stat: Stat,
    guard: [u8; 32],
    fresh: Fresh,
    after: Print,
    inverse: Vec<Inverse>,
    secrets: usize,
    /// Bytes of the old file that the new one has.
    taken: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Ready,
    /// The new file is in place; the old one stands aside, or has no name any more.
    Swapped(bool),
    Over,
}

/// Prepares the edits of a file. `guard` is the digest of what they are for, `mends` the findings that must not be in the
/// result.
pub(crate) fn prepare(
    bench: &Bench<'_>,
    shown: &str,
    guard: [u8; 32],
    edits: &[Edit],
    mends: &[FindingId],
) -> Result<Rewrite, Refused> {
    let spot = Spot::find(bench.home, shown)?;
    let (old, stat) = spot.open()?;
    bench.guard(shown, &stat)?;
    if stat.st_nlink > 1 {
        return Err(Refused::HardLinks(stat.st_nlink));
    }
    let place = bench.rules.place(shown);
    let id = place.map(|p| p.id.as_str());
    busy::check(bench.running, &spot, &stat, id, bench.ours)?;
    busy::history(bench.running, bench.home.root(), id)?;
    let mut fresh = Fresh::beside(&spot, bench.receipt)?;
    let after = write(&old, edits, &guard, &mut fresh.file)?;
    dress(&old, &fresh.file, &stat)?;
    if !mends.is_empty() {
        let found = judge(bench, shown, &mut fresh.file, after.length, &stat, edits)?;
        if found.iter().any(|id| mends.contains(id)) {
            return Err(Refused::StillThere);
        }
    }
    let inverse = inverse(&old, &fresh.file, edits, |bytes| bench.rules.secret(shown, bytes))?;
    fresh.sync()?;
    let taken = u64::try_from(stat.st_size).unwrap_or_default();
    Ok(Rewrite {
        path: bench.home.shown(&spot.real),
        receipt: bench.receipt.to_owned(),
        manner: manner(id),
        grows: place.is_some_and(|p| p.history || p.id.ends_with("-transcript")),
        secrets: edits.len() - inverse.len(),
        spot,
        old,
        stat,
        guard,
        fresh,
        after,
        inverse,
        taken,
        stage: Stage::Ready,
    })
}

/// Writes the new content, and refuses when what it is made from is not what the edits are for.
fn write(old: &File, edits: &[Edit], guard: &[u8; 32], to: &mut File) -> Result<Print, Refused> {
    let mut hashed = Hashed { to, digest: Sha256::new(), length: 0 };
    // What is read is digested beside, what is written here: of a large file that is most of the time.
    let (copied, before) = thread::scope(|threads| {
        let (hand, read) = sync_channel::<Zeroizing<Vec<u8>>>(2);
        let before = move || read.iter().fold(Sha256::new(), |all, bytes| all.chain_update(&*bytes));
        let before = thread::Builder::new().spawn_scoped(threads, before)?;
        // That nobody takes it any more is told by who has ended.
        let mut seen = |bytes: &[u8]| _ = hand.send(Zeroizing::new(bytes.to_vec()));
        let copied = copy(&mut &*old, edits, &mut seen, &mut hashed);
        drop(hand);
        let before = before.join().map_err(|_| std::io::Error::other("making the digest has failed"))?;
        Ok((copied, before))
    })
    .map_err(|e| Refused::from_io("read the old file", &e))?;
    match copied {
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(Refused::Changed("content")),
        Err(e) => return Err(Refused::from_io("write the new file", &e)),
        Ok(_) => {}
    }
    let Hashed { digest, length, .. } = hashed;
    if before.finalize()[..] != guard[..] {
        return Err(Refused::Changed("content"));
    }
    Ok(Print { length, digest: hex(&digest.finalize()) })
}

/// The rules judge the new content before it is in place.
fn judge(
    bench: &Bench<'_>,
    shown: &str,
    file: &mut File,
    length: u64,
    stat: &Stat,
    edits: &[Edit],
) -> Result<Vec<FindingId>, Refused> {
    let fail = |e: std::io::Error| Refused::from_io("read the new file", &e);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let found = if length > READABLE {
        bench.rules.judge(shown, Content::Edited(file, length, edits), stat)
    } else {
        let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        file.read_to_end(&mut bytes).map_err(fail)?;
        bench.rules.judge(shown, Content::Bytes(&bytes), stat)
    };
    file.seek(SeekFrom::End(0)).map_err(fail)?;
    found.map_err(|why| Refused::System("examine the new file", why))
}

struct Hashed<'a> {
    to: &'a mut File,
    digest: Sha256,
    length: u64,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A digest as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl Rewrite {
    /// Looks once more, under the lock: is what stands there what was read?
    fn recheck(&mut self) -> Result<(), Refused> {
        let now = self.spot.again()?.stat()?.ok_or(Refused::Gone)?;
        super::super::spot::plain(&now)?;
        if (now.st_dev, now.st_ino) != (self.stat.st_dev, self.stat.st_ino) {
            return Err(Refused::Changed("content"));
        }
        if (now.st_mode, now.st_uid, now.st_gid) != (self.stat.st_mode, self.stat.st_uid, self.stat.st_gid) {
            return Err(Refused::Changed("mode"));
        }
        if now.st_nlink > 1 {
            return Err(Refused::HardLinks(now.st_nlink));
        }
        match self.same(&now) {
            true => Ok(()),
            false if self.grows && now.st_size > self.stat.st_size => {
                self.prefix().and_then(|()| self.tail())
            }
            false => Err(Refused::Changed("content")),
        }
    }

    /// Whether nobody has written to it since it was read.
    fn same(&self, now: &Stat) -> bool {
        (now.st_size, now.st_mtime, now.st_mtime_nsec)
            == (self.stat.st_size, self.stat.st_mtime, self.stat.st_mtime_nsec)
    }

    /// What was read must still be the beginning of what is there.
    fn prefix(&self) -> Result<(), Refused> {
        let mut digest = Sha256::new();
        let length = u64::try_from(self.stat.st_size).unwrap_or_default();
        each(&self.old, 0, length, |bytes| {
            digest.update(bytes);
            Ok(())
        })?;
        if digest.finalize()[..] == self.guard[..] { Ok(()) } else { Err(Refused::Changed("content")) }
    }

    /// Takes over what has been added to the old file since.
    fn tail(&mut self) -> Result<(), Refused> {
        let length = size(&self.old)?;
        if length > self.taken {
            let to = &mut self.fresh.file;
            each(&self.old, self.taken, length, |bytes| to.write_all(bytes))?;
            self.taken = length;
        }
        Ok(())
    }

    /// After the exchange: what stands aside must be what was read, and nothing more than added to.
    fn verify(&mut self) -> Result<(), Refused> {
        let aside = self.fresh.aside().stat()?.ok_or(Refused::Gone)?;
        if (aside.st_dev, aside.st_ino) != (self.stat.st_dev, self.stat.st_ino) {
            return Err(Refused::Changed("content"));
        }
        if self.grows && size(&self.old)? >= self.taken {
            return self.tail();
        }
        if self.same(&aside) { Ok(()) } else { Err(Refused::Changed("content")) }
    }

    /// Puts the new file in its place.
    fn place(&mut self) -> Result<(), Refused> {
        // Others may add to the new file as soon as it is in place: from then on we only add, too.
        sys::fcntl_setfl(&self.fresh.file, OFlags::APPEND)
            .map_err(|e| Refused::from_errno("write the new file", e))?;
        let aside = self.fresh.exchange(&self.spot)?;
        self.stage = Stage::Swapped(aside);
        if aside {
            self.verify()?;
        } else if self.grows {
            self.tail()?;
        }
        self.spot.settle()
    }

    /// Puts the old file back in its place.
    fn back(&mut self) -> Result<(), Refused> {
        swap(self.fresh.aside(), &self.spot).map_err(|e| Refused::from_errno("put the old file back", e))?;
        let lasting = self.spot.settle();
        // What stands aside now is the new file, which nobody needs.
        self.fresh.aside().unlink()?;
        self.fresh.leave();
        lasting.and_then(|()| self.spot.settle())
    }

    /// Where there was no exchange the old file has no name, but its bytes are still at hand.
    fn copy_back(&mut self) -> Result<(), Refused> {
        let mut fresh = Fresh::beside(&self.spot, &self.receipt)?;
        each(&self.old, 0, size(&self.old)?, |bytes| fresh.file.write_all(bytes))?;
        dress(&self.old, &fresh.file, &self.stat)?;
        fresh.sync()?;
        fresh.replace(&self.spot)?;
        self.spot.settle()
    }

    fn aside(&self) -> bool {
        self.stage == Stage::Swapped(true)
    }
}

fn size(file: &File) -> Result<u64, Refused> {
    file.metadata().map(|m| m.len()).map_err(|e| Refused::from_io("look at it", &e))
}

/// Reads a stretch of a file through a fixed buffer.
fn each(
    file: &File,
    from: u64,
    to: u64,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Refused> {
    let fail = |e: std::io::Error| Refused::from_io("copy it", &e);
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let mut at = from;
    while at < to {
        let most = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        match file.read_at(&mut buffer[..most], at).map_err(fail)? {
            0 => break,
            length => {
                take(&buffer[..length]).map_err(fail)?;
                at += length as u64;
            }
        }
    }
    Ok(())
}

impl Pending for Rewrite {
    fn change(&self) -> Change {
        let lock = Lock::name(self.manner, &self.spot).map(|n| n.to_string_lossy().into_owned());
        let deed = Deed::Rewrite {
            after: self.after.clone(),
            mode: self.stat.st_mode & 0o7777,
            temporary: self.fresh.aside().name.to_string_lossy().into_owned(),
            lock,
            inverse: self.inverse.clone(),
            secrets: self.secrets,
        };
        Change { path: self.path.clone(), state: State::Intended, deed }
    }

    fn commit(&mut self) -> Result<(), Refused> {
        let _lock = Lock::take(self.manner, &self.spot, &self.receipt)?;
        self.recheck()?;
        let placed = self.place();
        if placed.is_err() {
            self.revert()?;
        }
        placed
    }

    fn revert(&mut self) -> Result<(), Refused> {
        let done = match self.stage {
            Stage::Swapped(true) => self.back(),
            Stage::Swapped(false) => self.copy_back(),
            Stage::Ready | Stage::Over => Ok(()),
        };
        self.stage = Stage::Over;
        done
    }

    fn settle(&mut self, running: &Running) -> Result<(), Refused> {
        let begun = Instant::now();
        // A shell that had it open before the exchange may still be writing.
        let mut writing = running.writer(&self.stat).is_some();
        while self.grows && matches!(self.stage, Stage::Swapped(_)) {
            self.tail()?;
            if !writing || begun.elapsed() > PATIENCE {
                break;
            }
            thread::sleep(AGAIN);
            writing = Running::now().writer(&self.stat).is_some();
        }
        if self.grows {
            self.fresh.sync()?;
        }
        if self.aside() {
            if !self.grows && !self.fresh.aside().stat()?.is_some_and(|now| self.same(&now)) {
                // Somebody has written to it in place after all: theirs stays.
                self.revert()?;
                return Err(Refused::Changed("content"));
            }
            self.fresh.aside().unlink()?;
            self.fresh.leave();
            // The new file is in place for good; that the old one's name is gone may reach the disk a little later.
            let _ = self.spot.settle();
        }
        self.stage = Stage::Over;
        Ok(())
    }
}

impl Drop for Rewrite {
    fn drop(&mut self) {
        // Only a panic gets here with the stage open; the receipt says what to do then.
        if self.aside() {
            self.fresh.leave();
        }
    }
}
