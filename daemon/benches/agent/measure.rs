//! What a process uses, as the kernel counts it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What a process has used so far, and holds now.
#[derive(Clone, Default)]
pub(crate) struct Use {
    /// Processor time of all its threads, those that have ended too.
    pub(crate) cpu: Duration,
    /// The same of the threads that live, to the nanosecond.
    pub(crate) fine: Duration,
    /// How often a thread was woken after it had waited.
    pub(crate) woken: u64,
    /// Bytes that are resident, and the most that ever were.
    pub(crate) rss: u64,
    pub(crate) peak: u64,
    pub(crate) threads: usize,
    /// Switches and processor time of each thread by name, to say which one wakes and works.
    pub(crate) by_thread: Vec<(String, u64, Duration)>,
}

impl Use {
    /// Processor time since an earlier look, by thread; those that have ended since are one.
    pub(crate) fn since(&self, before: &Use) -> Vec<(String, Duration)> {
        let own = |used: &Use, name: &str| -> Duration {
            used.by_thread.iter().filter(|(n, ..)| n == name).map(|(.., time)| *time).sum()
        };
        let mut names: Vec<&str> = self.by_thread.iter().map(|(name, ..)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let each = names.into_iter().map(|n| (n.to_owned(), own(self, n).saturating_sub(own(before, n))));
        let mut all: Vec<_> = each.filter(|(_, time)| *time > Duration::from_millis(1)).collect();
        let living: Duration = all.iter().map(|(_, time)| *time).sum();
        all.push(("sweep-*".to_owned(), self.cpu.saturating_sub(before.cpu).saturating_sub(living)));
        all
    }
}

/// A clock tick: `USER_HZ` is 100 on every Linux that matters.
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn of(pid: u32) -> Use {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(proc.join("status")).unwrap();
    let mut used = Use {
        cpu: ticks(&fs::read_to_string(proc.join("stat")).unwrap(), 13),
        rss: number(&status, "VmRSS:") << 10,
        peak: number(&status, "VmHWM:") << 10,
        ..Use::default()
    };
    for task in fs::read_dir(proc.join("task")).unwrap().flatten() {
        // A thread may end meanwhile.
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let switches = number(&read("status"), "voluntary_ctxt_switches:");
        let time = read("schedstat").split(' ').next().and_then(|t| t.parse().ok()).unwrap_or_default();
        used.fine += Duration::from_nanos(time);
        used.woken += switches;
        used.threads += 1;
        used.by_thread.push((read("comm").trim().to_owned(), switches, Duration::from_nanos(time)));
    }
    used
}

/// How many descriptors a process has open, and inotify watches: only root may count them when it is not dumpable.
pub(crate) fn held(pid: u32) -> Option<(usize, usize)> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let open = fs::read_dir(proc.join("fd")).ok()?.count();
    let watches = |info: fs::DirEntry| {
        let text = fs::read_to_string(info.path()).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("inotify")).count()
    };
    Some((open, fs::read_dir(proc.join("fdinfo")).ok()?.flatten().map(watches).sum()))
}

/// Processor time of the children that have ended, theirs included.
pub(crate) fn of_children() -> Duration {
    ticks(&fs::read_to_string("/proc/self/stat").unwrap(), 15)
}

/// Two neighbouring times of `stat`; the first field in a name's parentheses may hold anything.
fn ticks(stat: &str, from: usize) -> Duration {
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_whitespace().collect();
    // The parenthesis ends the second field.
    let count: u32 = fields[from - 1..=from].iter().map(|field| field.parse::<u32>().unwrap()).sum();
    TICK * count
}

fn number(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The value below which such a share of them is; they get sorted.
pub(crate) fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get(((last as f64) * share).round() as usize).copied().unwrap_or_default()
}

pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// How busy the machine is with other things: what else runs decides how much a number is worth.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("load {} on {processors} processors", text.split(' ').next().unwrap_or("?"))
}
