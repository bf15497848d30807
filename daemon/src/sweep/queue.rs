//! Work for several threads: last in, first out, so that memory stays small in deep trees; ends when nobody has any
//! left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A stack of jobs that workers share when somebody has none.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    /// Workers without work.
    hungry: AtomicUsize,
}

struct Inner<T> {
    jobs: Vec<T>,
    /// Workers that may still share jobs.
    busy: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(first: T) -> Queue<T> {
        let inner = Mutex::new(Inner { jobs: vec![first], busy: 0 });
        Queue { inner, changed: Condvar::new(), hungry: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job; waits while others may share some. `None` when all is done. Call [`Queue::rest`] when it, and all that
    /// it has brought up, is done.
    pub(super) fn next(&self) -> Option<T> {
        let mut inner = self.lock();
        loop {
            if let Some(job) = inner.jobs.pop() {
                inner.busy += 1;
                return Some(job);
            }
            if inner.busy == 0 {
                return None;
            }
            self.hungry.fetch_add(1, Ordering::Relaxed);
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
            self.hungry.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Gives half of a worker's own jobs, the oldest, to those who have none. Costs one look when nobody is hungry.
    pub(super) fn share(&self, own: &mut Vec<T>) {
        if own.len() > 1 && self.hungry.load(Ordering::Relaxed) > 0 {
            self.lock().jobs.extend(own.drain(..own.len() / 2));
            self.changed.notify_all();
        }
    }

    /// Says that a worker has nothing left to share.
    pub(super) fn rest(&self) {
        self.lock().busy -= 1;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_by_several_threads() {
        let queue = Queue::new(0usize);
        let count = AtomicUsize::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    while let Some(depth) = queue.next() {
                        let mut own = vec![depth];
                        while let Some(depth) = own.pop() {
                            count.fetch_add(1, Ordering::Relaxed);
                            own.extend(vec![depth + 1; if depth < 6 { 3 } else { 0 }]);
                            queue.share(&mut own);
                        }
                        queue.rest();
                    }
                });
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), (0..=6).map(|d| 3usize.pow(d)).sum::<usize>());
    }
}
