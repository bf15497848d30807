//! The methods, properties and signals. What is written here in comments stands in the description that the bus gives
//! (`daemon/org.lapwing.Agent1.xml`).

use super::Call;
use crate::client::wire::{self, Dict};
use crate::client::{Filter, PAGE, Refusal, Status};
use crate::record::Record;
use lapwing_rules::rule::Severity;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use zbus::interface;
use zbus::object_server::SignalEmitter;

/// For the core to answer: as long as who asks waits by default.
const ANSWER: Duration = Duration::from_secs(25);
/// Paths of one call, and bytes of one text, at most.
const PATHS: usize = 256;
const TEXT: usize = 4096;
/// Bytes of one answer, about: well below what a bus takes.
const BYTES: usize = 4 << 20;

pub(super) struct Agent {
    calls: mpsc::Sender<Call>,
    status: watch::Receiver<Status>,
}

impl Agent {
    pub(super) fn new(calls: mpsc::Sender<Call>, status: watch::Receiver<Status>) -> Agent {
        Agent { calls, status }
    }

    /// Puts a call to the core and waits for the answer. A core that is behind is not given more.
    async fn ask<T>(
        &self,
        call: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Call,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.calls.try_send(call(reply)).map_err(|e| match e {
            TrySendError::Full(_) => Refusal::Busy,
            TrySendError::Closed(_) => stopping(),
        })?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(Refusal::Failed("the agent is busy with something that takes long".to_owned())),
        }
    }

    fn now<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.status.borrow())
    }
}

fn stopping() -> Refusal {
    Refusal::Failed("the agent is about to end".to_owned())
}

fn told(thing: &impl serde::Serialize) -> Result<Dict, Refusal> {
    wire::encode(thing).map_err(|e| Refusal::Failed(e.to_string()))
}

/// One page of what passes, and the offset of the next; 0 after the last.
fn page(all: &[Record], filter: &Filter) -> Result<(Vec<Dict>, u32), Refusal> {
    let limit = if filter.limit == 0 { PAGE } else { PAGE.min(filter.limit as usize) };
    let mut rest = all.iter().filter(|record| filter.passes(record)).skip(filter.offset as usize).peekable();
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(record) =
        rest.next_if(|r| page.is_empty() || (page.len() < limit && bytes + weight(r) <= BYTES))
    {
        bytes += weight(record);
        page.push(told(record)?);
    }
    let next = rest.peek().map_or(0, |_| filter.offset.saturating_add(page.len() as u32));
    Ok((page, next))
}

/// About how many bytes a record takes.
fn weight(record: &Record) -> usize {
    let texts = [&record.title, &record.preview, &record.fix.advice, &record.rule];
    let places =
        record.sightings.iter().map(|s| 160 + s.path.len() + s.inside.as_ref().map_or(0, String::len));
    1024 + texts.iter().map(|text| text.len()).sum::<usize>()
        + record.note.as_ref().map_or(0, String::len)
        + places.sum::<usize>()
}

/// Paths that a look can be taken at: absolute, or in the home.
fn paths(asked: Vec<String>) -> Result<Vec<PathBuf>, Refusal> {
    let refuse = |why: String| Err(Refusal::Refused(why));
    if asked.len() > PATHS {
        return refuse(format!(
            "at most {PATHS} paths can be named at a time; name the directory above them"
        ));
    }
    for path in &asked {
        let rooted = path.starts_with('/') || path == "~" || path.starts_with("~/");
        if !rooted || path.len() > TEXT || path.split('/').any(|part| part == "..") {
            return refuse("paths begin with / or ~/, have no `..`, and at most 4096 bytes".to_owned());
        }
    }
    Ok(asked.into_iter().map(PathBuf::from).collect())
}

fn short(text: &str, what: &str) -> Result<(), Refusal> {
    match text.len() {
        1..=TEXT if !text.trim().is_empty() => Ok(()),
        1..=TEXT | 0 => Err(Refusal::Refused(format!("the {what} is empty"))),
        _ => Err(Refusal::Refused(format!("the {what} is longer than {TEXT} bytes"))),
    }
}

/// Everything about findings is told as in the JSON of `lapwing list`: an object is a{sv} with the same field names, text
/// is s (ay when it holds what the bus has no text for), a whole number x, an array of objects aa{sv}, an array of text as; a field that is
/// null is left out. Moments are seconds since 1970. No method changes a user's file; nothing that is told holds a secret.
/// Errors are org.lapwing.Agent1.Error.NoFinding, Ambiguous, Busy, Refused, Denied and Failed.
#[interface(name = "org.lapwing.Agent1")]
impl Agent {
    /// Findings, worst and surest first. The filter may have `state` (s: open, ignored, resolved), `severity` (as),
    /// `rule` (as, `*` stands for anything), `kind` (s), `offset` and `limit` (u). An answer has at most 1000 findings; `next` is the
    /// offset to ask for then, 0 when there are no more.
    #[zbus(out_args("findings", "next"))]
    async fn list(&self, filter: Dict) -> Result<(Vec<Dict>, u32), Refusal> {
        let filter: Filter =
            wire::decode(&filter).map_err(|e| Refusal::Refused(format!("the filter cannot be used: {e}")))?;
        let all: Arc<Vec<Record>> = self.ask(|reply| Call::List { reply }).await?;
        page(&all, &filter)
    }

    /// The finding that an id, or the beginning of one, stands for.
    #[zbus(out_args("finding"))]
    async fn get(&self, id: String) -> Result<Dict, Refusal> {
        short(&id, "id")?;
        told(&self.ask(|reply| Call::Get { id, reply }).await?)
    }

    /// What was not examined, and why: `reason` (s), `policy` (b: left out on purpose), `count` (x), `paths` (as, at most
    /// twenty), `why` (s).
    #[zbus(out_args("gaps"))]
    async fn coverage(&self) -> Result<Vec<Dict>, Refusal> {
        self.ask(|reply| Call::Coverage { reply }).await?.iter().map(told).collect()
    }

    /// Takes another look at files and directories, at everything when none is named. Answers before it has looked.
    async fn rescan(&self, paths: Vec<String>) -> Result<(), Refusal> {
        let paths = self::paths(paths)?;
        self.ask(|reply| Call::Rescan { paths, reply }).await
    }

    /// Decides to live with a finding; `until` is a moment, 0 for ever. Answers with the finding as it is now.
    #[zbus(out_args("finding"))]
    async fn ignore(&self, id: String, reason: String, until: i64) -> Result<Dict, Refusal> {
        short(&id, "id")?;
        short(&reason, "reason")?;
        let until = (until != 0).then_some(until);
        told(&self.ask(|reply| Call::Ignore { id, reason, until, reply }).await?)
    }

    /// Takes an ignore back. Answers with the finding as it is now.
    #[zbus(out_args("finding"))]
    async fn unignore(&self, id: String) -> Result<Dict, Refusal> {
        short(&id, "id")?;
        told(&self.ask(|reply| Call::Unignore { id, reply }).await?)
    }

    /// Looks away for so many seconds; 0 is until `Resume`.
    async fn pause(&self, seconds: u32) -> Result<(), Refusal> {
        let time = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        self.ask(|reply| Call::Pause { time, reply }).await
    }

    /// Goes on.
    async fn resume(&self) -> Result<(), Refusal> {
        self.ask(|reply| Call::Resume { reply }).await
    }

    /// Reads configuration and rules anew. Refused when they cannot be used: the old ones stay in force.
    async fn reload(&self) -> Result<(), Refusal> {
        self.ask(|reply| Call::Reload { reply }).await
    }

    /// A finding is there that was not.
    #[zbus(signal)]
    async fn opened(emitter: &SignalEmitter<'_>, finding: Dict) -> zbus::Result<()>;

    /// A finding is not there any more.
    #[zbus(signal)]
    async fn resolved(emitter: &SignalEmitter<'_>, finding: Dict) -> zbus::Result<()>;

    /// A sweep of the whole home has ended: as `LastSweep`.
    #[zbus(signal)]
    async fn sweep_done(emitter: &SignalEmitter<'_>, sweep: Dict) -> zbus::Result<()>;

    /// The agent's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        self.now(|s| s.version.clone())
    }

    /// Names the home and the state that the agent is about, without saying where they are.
    #[zbus(property(emits_changed_signal = "const"))]
    fn home(&self) -> String {
        self.now(|s| s.home.clone())
    }

    /// What the agent is doing: starting, watching, sweeping, paused or stopping.
    #[zbus(property)]
    fn state(&self) -> String {
        self.now(|s| s.state.word().to_owned())
    }

    /// When it was started.
    #[zbus(property(emits_changed_signal = "const"))]
    fn since(&self) -> i64 {
        self.now(|s| s.since)
    }

    /// The last whole sweep: `at`, `millis`, `files`, `unchanged`, `bytes`, `opened`, `resolved` (x) and `complete` (b). Empty
    /// before the first.
    #[zbus(property)]
    fn last_sweep(&self) -> Dict {
        self.now(|s| s.last_sweep.as_ref().and_then(|swept| wire::encode(swept).ok()).unwrap_or_default())
    }

    /// Open findings by severity; every severity is there.
    #[zbus(property)]
    fn findings(&self) -> HashMap<String, u32> {
        let count = |s: &Status, severity| s.findings.get(&severity).copied().unwrap_or_default();
        self.now(|s| Severity::ALL.into_iter().map(|sev| (sev.word().to_owned(), count(s, sev))).collect())
    }

    /// Findings that somebody has decided to live with.
    #[zbus(property)]
    fn ignored(&self) -> u32 {
        self.now(|s| s.ignored)
    }

    /// Directories in which changes are noticed at once.
    #[zbus(property)]
    fn watched(&self) -> u32 {
        self.now(|s| s.watched)
    }

    /// Directories in which changes are noticed by the next sweep.
    #[zbus(property)]
    fn unwatched(&self) -> u32 {
        self.now(|s| s.unwatched)
    }

    /// What is wrong, one line each, with what to do.
    #[zbus(property)]
    fn problems(&self) -> Vec<String> {
        self.now(|s| s.problems.iter().map(|problem| wire::plain(problem)).collect())
    }

    /// What keeps the agent itself from doing harm.
    #[zbus(property)]
    fn sandbox(&self) -> String {
        self.now(|s| wire::plain(&s.sandbox))
    }

    /// Bytes of memory in use.
    #[zbus(property(emits_changed_signal = "false"))]
    fn rss(&self) -> u64 {
        self.now(|s| s.rss)
    }

    /// When it will look again; 0 when it is not paused, or until `Resume`.
    #[zbus(property)]
    fn paused_until(&self) -> i64 {
        self.now(|s| s.paused_until.unwrap_or_default())
    }
}
