//! Between the thread that the kernel's events arrive on and the loop that handles them: bounded, and nobody waits.

use crate::event::FileEvent;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Events that wait to be handled. Clones are the same box.
#[derive(Clone)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    waiting: Mutex<Waiting>,
    overflows: AtomicU64,
    notify: Notify,
}

#[derive(Default)]
struct Waiting {
    events: Vec<FileEvent>,
    lost: bool,
}

impl Inbox {
    /// Most events that wait by default: more than the kernel keeps for us itself.
    pub(crate) const MOST: usize = 1 << 15;

    pub(crate) fn new(most: usize) -> Inbox {
        let shared =
            Shared { most, waiting: Mutex::default(), overflows: AtomicU64::new(0), notify: Notify::new() };
        Inbox { shared: Arc::new(shared) }
    }

    /// Puts an event in. When there is no room left, it is dropped, and the reader is told that something was.
    pub(crate) fn push(&self, event: FileEvent) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is written is told of several times in a row.
        if waiting.lost || waiting.events.last() == Some(&event) {
            return;
        }
        let first = waiting.events.is_empty();
        if event == FileEvent::Lost(None) || waiting.events.len() >= self.shared.most {
            waiting.lost = true;
            self.shared.overflows.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.events.push(event);
        }
        drop(waiting);
        // Whoever drains takes all: one call wakes for many events.
        if first {
            self.shared.notify.notify_one();
        }
    }

    /// Takes all that waits, in order; at the end `Lost(None)` if events were dropped.
    pub(crate) fn drain(&self) -> Vec<FileEvent> {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Waiting { mut events, lost } = std::mem::take(&mut *waiting);
        drop(waiting);
        events.extend(lost.then_some(FileEvent::Lost(None)));
        events
    }

    /// Resolves when there is something to drain (now and then for nothing).
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.shared.notify.notified()
    }

    /// Does something while nobody can put anything in.
    #[cfg(test)]
    pub(super) fn held(&self, during: impl FnOnce()) {
        let _waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        during();
    }

    /// How often events were dropped, by the kernel or for want of room here.
    pub(crate) fn overflows(&self) -> u64 {
        self.shared.overflows.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn changed(n: usize) -> FileEvent {
        FileEvent::Changed(PathBuf::from(n.to_string()))
    }

    #[test]
    fn what_has_no_room_is_told_to_be_lost() {
        let inbox = Inbox::new(3);
        (0..10).for_each(|n| inbox.push(changed(n)));
        assert_eq!(inbox.drain(), [changed(0), changed(1), changed(2), FileEvent::Lost(None)]);
        assert!(inbox.drain().is_empty());
        inbox.push(changed(11));
        assert_eq!(inbox.drain(), [changed(11)]);
        assert_eq!(inbox.overflows(), 1);
    }

    #[test]
    fn the_same_again_takes_no_room() {
        let inbox = Inbox::new(3);
        (0..1000).for_each(|n| inbox.push(changed(n / 500)));
        assert_eq!(inbox.drain(), [changed(0), changed(1)]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_reader_is_woken_for_the_first_event_after_a_drain() {
        let inbox = Inbox::new(3);
        let writer = inbox.clone();
        let thread = std::thread::spawn(move || {
            (0..100_000).for_each(|n| writer.push(changed(n)));
        });
        let mut last = None;
        // Ends only if no wake-up is missed.
        while !matches!(last, Some(FileEvent::Lost(None))) && last != Some(changed(99_999))
            || !thread.is_finished()
        {
            tokio::select! {
                () = inbox.notified() => {}
                () = tokio::task::yield_now(), if thread.is_finished() => {}
            }
            last = inbox.drain().pop().or(last);
        }
        thread.join().unwrap();
    }
}
