//! While a run goes on: a spinner for people, and Ctrl-C. The first stops the run, which then tells what it knows; the
//! second ends the program at once.

use crate::render::words;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lapwing_agent::progress::Watch;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often counters are read: soon enough after Ctrl-C to feel immediate.
const TICK: Duration = Duration::from_millis(80);
/// Shorter runs need no spinner.
const PATIENCE: Duration = Duration::from_millis(500);

/// Follows a run until it is dropped.
pub(crate) struct Progress {
    done: Option<Sender<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to follow a run; `show` is whether there is somebody to show a spinner to.
    pub(crate) fn follow(watch: &Arc<Watch>, show: bool) -> io::Result<Progress> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset and sets it, the second finds it set and ends.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let (done, end) = channel();
        let (watch, flag) = (Arc::clone(watch), Arc::clone(&stop));
        let name = "progress".to_owned();
        let thread =
            std::thread::Builder::new().name(name).spawn(move || follow(&watch, &flag, &end, show))?;
        Ok(Progress { done: Some(done), stop, thread: Some(thread) })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.take();
        if let Some(thread) = self.thread.take() {
            // A spinner that went wrong takes nothing with it.
            let _ = thread.join();
        }
        // Nothing is left that could be stopped gently: from here on one Ctrl-C ends the program.
        self.stop.store(true, Relaxed);
    }
}

fn follow(watch: &Watch, stop: &AtomicBool, end: &Receiver<()>, show: bool) {
    let start = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    while end.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        if stop.load(Relaxed) {
            watch.stop.store(true, Relaxed);
        }
        if show && start.elapsed() >= PATIENCE {
            let bar = bar.get_or_insert_with(spinner);
            bar.set_message(message(watch));
            bar.tick();
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{spinner} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn message(watch: &Watch) -> String {
    let doing = if watch.stop.load(Relaxed) { "Stopping" } else { "Examining" };
    let files = words::count(watch.files.load(Relaxed), "file", "files");
    let bytes = words::bytes(watch.bytes.load(Relaxed));
    let findings = words::count(watch.findings.load(Relaxed), "finding", "findings");
    let worst = watch.worst.lock().ok().and_then(|worst| worst.clone());
    // The places that matter most are examined first: the worst news is mostly here within a second.
    let worst = worst.map(|(_, title, path)| format!("; worst so far: {} ({})", title, words::clean(&path)));
    format!("{doing}: {files}, {bytes}, {findings}{}", worst.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_rules::rule::Severity;

    #[test]
    fn the_message_counts() {
        let watch = Watch::default();
        watch.files.store(12_345, Relaxed);
        watch.bytes.store(7_000_000, Relaxed);
        watch.findings.store(1, Relaxed);
        assert_eq!(message(&watch), "Examining: 12,345 files, 7 MB, 1 finding");
        *watch.worst.lock().unwrap() =
            Some((Severity::Critical, "A token".to_owned(), "~/.netrc".to_owned()));
        assert!(message(&watch).ends_with("1 finding; worst so far: A token (~/.netrc)"));
        watch.stop.store(true, Relaxed);
        assert!(message(&watch).starts_with("Stopping: "));
    }

    #[test]
    fn a_signal_stops_the_run_and_the_end_of_the_run_stops_the_thread() {
        let (watch, stop) = (Arc::new(Watch::default()), Arc::new(AtomicBool::new(true)));
        let (done, end) = channel::<()>();
        let inner = Arc::clone(&watch);
        let thread = std::thread::spawn(move || follow(&inner, &stop, &end, false));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !watch.stop.load(Relaxed) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        drop(done);
        thread.join().unwrap();
        assert!(watch.stop.load(Relaxed));
    }
}
