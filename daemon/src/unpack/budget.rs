//! How much unpacking may cost, and what a file's unpacking has cost so far.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much the unpacking of one file may cost.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Unpacked bytes that any file may have: small files are often mostly blanks.
    pub floor: u64,
    /// Unpacked bytes for each packed one, beyond the floor. Text becomes 3 to 30 times smaller; a bomb 1000 and more.
    pub ratio: u64,
    /// Most bytes beyond the floor: some seconds of work …
    pub ample: u64,
    /// … and as many times the packed size, so that a large backup, which is no bomb, is unpacked to its end.
    pub fair: u64,
    /// Members in all: each costs something, even an empty one. A backup of a large home has fewer.
    pub members: u64,
    /// Packings within each other: a tar.gz in a jar in a layer of an image in a tar.gz is seven.
    pub depth: usize,
    /// Longest name of a member, in bytes: what is beyond is cut off its beginning. Linux has 4096 for a whole path, but
    /// the name is kept with every finding.
    pub name: usize,
    /// Memory for what decoders must remember, all levels together. `xz -8` and `zstd -19` need no more; of what `xz -9`
    /// has packed, as much is unpacked.
    pub window: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            floor: 16 << 20,
            ratio: 200,
            ample: 1 << 30,
            fair: 8,
            members: 1_000_000,
            depth: 8,
            name: 1024,
            window: 34 << 20,
        }
    }
}

/// What was not unpacked of a file.
#[derive(Default, Debug)]
pub struct Told {
    /// What a limit, an unknown method or encryption kept back, in words.
    pub partly: Option<String>,
    /// What is wrong with the file, in words.
    pub damaged: Option<String>,
}

/// Memory that a worker may use without asking: what gzip, bzip2 and everyday zstd need.
const SMALL: u64 = 5 << 20;
/// Whoever needs more waits until nobody else does, so that memory does not grow with the number of workers. The holder
/// waits for nothing else.
static LARGE: Mutex<()> = Mutex::new(());

/// Bytes asked of a decoder at once: one that fails may keep back what it has unpacked for that call.
const STEP: usize = 4 << 10;

/// The unpacking of one file.
pub(super) struct Nest<'b> {
    pub(super) budget: &'b Budget,
    allowed: u64,
    spent: Cell<u64>,
    members: Cell<u64>,
    window: Cell<u64>,
    large: RefCell<Option<MutexGuard<'static, ()>>>,
    stop: &'b AtomicBool,
    halted: Cell<bool>,
    /// Whether what is being unpacked was cut short by us, so that it ends early is no damage.
    cut: Cell<bool>,
    partly: RefCell<Option<String>>,
    damaged: RefCell<Option<String>>,
    encrypted: Cell<u64>,
}

impl<'b> Nest<'b> {
    pub(super) fn new(budget: &'b Budget, packed: u64, stop: &'b AtomicBool) -> Nest<'b> {
        let fair = budget.ample.saturating_add(packed.saturating_mul(budget.fair));
        let beyond = packed.saturating_mul(budget.ratio).min(fair);
        Nest {
            budget,
            allowed: budget.floor.saturating_add(beyond),
            spent: Cell::default(),
            members: Cell::default(),
            window: Cell::default(),
            large: RefCell::default(),
            stop,
            halted: Cell::default(),
            cut: Cell::default(),
            partly: RefCell::default(),
            damaged: RefCell::default(),
            encrypted: Cell::default(),
        }
    }

    /// Whether nothing more is to be unpacked.
    pub(super) fn halted(&self) -> bool {
        self.halted.get() || self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn halt(&self) {
        self.halted.set(true);
    }

    /// Notes something that was left packed. The first is told.
    pub(super) fn partly(&self, why: impl FnOnce() -> String) {
        self.partly.borrow_mut().get_or_insert_with(why);
    }

    /// Notes damage. The first is told: what follows may come of it.
    pub(super) fn damaged(&self, why: impl FnOnce() -> String) {
        if !self.halted() && !self.cut.get() {
            self.damaged.borrow_mut().get_or_insert_with(why);
        }
    }

    /// Ends a stream that needs more memory than there may be.
    fn cut(&self, name: &str) {
        self.window(u64::MAX, name);
        self.cut.set(true);
    }

    /// Does something with a stream; that it was cut says nothing of what follows it.
    pub(super) fn within(&self, work: impl FnOnce()) {
        let before = self.cut.get();
        work();
        self.cut.set(before);
    }

    pub(super) fn encrypted(&self) {
        self.encrypted.set(self.encrypted.get() + 1);
    }

    /// Counts a member. `false` when there are too many.
    pub(super) fn member(&self) -> bool {
        self.members.set(self.members.get() + 1);
        if self.members.get() > self.budget.members && !self.halted() {
            self.partly(|| format!("has more than {} members", self.budget.members));
            self.halt();
        }
        !self.halted()
    }

    /// Counts unpacked bytes. `false` when there are too many.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        self.spent.set(self.spent.get().saturating_add(bytes));
        if self.spent.get() > self.allowed && !self.halted() {
            self.partly(|| format!("unpacks to more than {} MiB for its size", self.allowed >> 20));
            self.halt();
        }
        !self.halted()
    }

    /// Takes memory for a decoder; given back with [`Nest::give`]. `false` when it is more than there may be.
    pub(super) fn window(&self, need: u64, name: &str) -> bool {
        let total = self.window.get().saturating_add(need);
        if total > self.budget.window {
            let most = self.budget.window >> 20;
            self.partly(|| format!("{name}: needs more than {most} MiB of memory to unpack"));
            return false;
        }
        if total > SMALL && self.large.borrow().is_none() {
            *self.large.borrow_mut() = Some(LARGE.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.window.set(total);
        true
    }

    pub(super) fn give(&self, window: u64) {
        self.window.set(self.window.get().saturating_sub(window));
    }

    pub(super) fn told(self) -> Told {
        let encrypted = match self.encrypted.get() {
            0 => None,
            1 => Some("1 member is encrypted".to_owned()),
            n => Some(format!("{n} members are encrypted")),
        };
        let parts: Vec<String> = self.partly.into_inner().into_iter().chain(encrypted).collect();
        Told { partly: (!parts.is_empty()).then(|| parts.join("; ")), damaged: self.damaged.into_inner() }
    }
}

/// A reader whose errors are noted and end it: what was read until then is still good. It ends when the unpacking is
/// halted, too.
pub(super) struct Soft<'n, 'b, R> {
    from: R,
    nest: &'n Nest<'b>,
    name: String,
    dead: bool,
}

impl<'n, 'b, R: Read> Soft<'n, 'b, R> {
    pub(super) fn new(from: R, nest: &'n Nest<'b>, name: &str) -> Soft<'n, 'b, R> {
        Soft { from, nest, name: name.to_owned(), dead: false }
    }
}

impl<R: Read> Read for Soft<'_, '_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.dead || self.nest.halted() {
            return Ok(0);
        }
        let from = &mut self.from;
        // Decoders are other people's code, and what they read is anybody's.
        match catch_unwind(AssertUnwindSafe(|| from.read(into))) {
            Ok(Ok(n)) => Ok(n),
            Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            // A later block asks for more than the first did.
            Ok(Err(e)) if e.kind() == io::ErrorKind::OutOfMemory => {
                self.dead = true;
                self.nest.cut(&self.name);
                Ok(0)
            }
            failed => {
                self.dead = true;
                let name = if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) };
                let why = match failed {
                    Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => "ends early",
                    _ => "is damaged",
                };
                self.nest.damaged(|| format!("{name}{why}; what comes before was searched"));
                Ok(0)
            }
        }
    }
}

/// What a decoder yields: counted, and at an end when it is too much.
pub(super) struct Unpacked<'n, 'b, R> {
    from: Soft<'n, 'b, R>,
    window: u64,
    /// Bytes after which more memory would be needed than there may be.
    most: u64,
}

impl<'n, 'b, R: Read> Unpacked<'n, 'b, R> {
    /// Of a decoder that remembers `window` bytes, if there may be so many. `cost` is what beginning it costs, in bytes.
    /// A `grows` one takes memory only as it yields bytes, and may begin however much it asks for.
    pub(super) fn new(
        nest: &'n Nest<'b>,
        name: &str,
        (window, cost): (u64, u64),
        grows: bool,
        from: impl FnOnce() -> Option<R>,
    ) -> Option<Unpacked<'n, 'b, R>> {
        let room = nest.budget.window.saturating_sub(nest.window.get());
        // Memory that grows doubles each time.
        let grown = room.checked_ilog2().map_or(0, |n| 1 << n);
        let (window, most) = if grows && window > room { (grown, grown) } else { (window, u64::MAX) };
        if !nest.spend(cost) || !nest.window(window, name) {
            return None;
        }
        let Some(from) = from() else {
            nest.give(window);
            nest.partly(|| format!("{name}: is packed in a way that is not known"));
            return None;
        };
        Some(Unpacked { from: Soft::new(from, nest, name), window, most })
    }
}

impl<R: Read> Read for Unpacked<'_, '_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let nest = self.from.nest;
        if self.most == 0 {
            nest.cut(&self.from.name);
            return Ok(0);
        }
        let most = usize::try_from(self.most).unwrap_or(usize::MAX).min(into.len()).min(STEP);
        let n = self.from.read(&mut into[..most])?;
        self.most -= n as u64;
        Ok(if nest.spend(n as u64) { n } else { 0 })
    }
}

impl<R> Drop for Unpacked<'_, '_, R> {
    fn drop(&mut self) {
        self.from.nest.give(self.window);
    }
}
