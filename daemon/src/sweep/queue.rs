//! Work for several threads: last in, first out, so that memory stays small in deep trees; ends when nobody has any
//! left.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A stack of jobs.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
}

struct Inner<T> {
    jobs: Vec<T>,
    /// Workers that may still add jobs.
    busy: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(first: T) -> Queue<T> {
        Queue { inner: Mutex::new(Inner { jobs: vec![first], busy: 0 }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; waits while others may add some. `None` when all is done. Call [`Queue::done`] after each.
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
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends a job, adding those that it has brought up.
    pub(super) fn done(&self, more: Vec<T>) {
        let mut inner = self.lock();
        inner.busy -= 1;
        inner.jobs.extend(more);
        drop(inner);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_job_is_done_once_by_several_threads() {
        let queue = Queue::new(0usize);
        let count = AtomicUsize::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    while let Some(depth) = queue.next() {
                        count.fetch_add(1, Ordering::Relaxed);
                        queue.done(if depth < 6 { vec![depth + 1; 3] } else { Vec::new() });
                    }
                });
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), (0..=6).map(|d| 3usize.pow(d)).sum());
    }
}
