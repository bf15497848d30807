//! The edge to the journal, or to standard error where there is none. What is said is a closed list; each message has a
//! MESSAGE_ID by which it is found and explained (`systemd/lapwing.catalog`, `daemon/JOURNAL.md`). Nothing said here holds
//! a secret or the name of the user: paths are `~/…`, evidence is masked.
//!
//! Only what this crate says is let through: what libraries say, of the messages on the bus for instance, may hold anything.

use crate::client::Swept;
use crate::record::{Gap, Record};
use crate::sandbox::Sandbox;
use lapwing_rules::rule::Severity;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, registry};

/// What all of it is said under.
pub(crate) const TARGET: &str = "lapwing";
/// Who says it.
const IDENTIFIER: &str = "lapwingd";
/// Says how much is logged, over what the configuration says.
pub(crate) const VARIABLE: &str = "LAPWING_LOG";

/// Everything that the agent says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Message {
    /// A finding is there that was not there before.
    Opened,
    /// A finding is not there any more.
    Resolved,
    /// The whole home has been examined.
    Swept,
    /// Something could not be examined.
    Gap,
    /// A configuration cannot be used; the one before it stays in force.
    Refused,
    /// Another configuration is in force.
    Reloaded,
    /// The agent watches.
    Started,
    /// The agent has stopped.
    Stopped,
    /// What the agent has given up.
    Sandboxed,
    /// A limit was reached, and what is done about it.
    Limited,
    /// Something could not be told on the desktop.
    Untold,
    /// Something that the agent leans on is in trouble.
    Trouble,
}

impl Message {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Message; 12] = [
        Message::Opened,
        Message::Resolved,
        Message::Swept,
        Message::Gap,
        Message::Refused,
        Message::Reloaded,
        Message::Started,
        Message::Stopped,
        Message::Sandboxed,
        Message::Limited,
        Message::Untold,
        Message::Trouble,
    ];

    /// Its name, the value of `LAPWING_EVENT`, and its MESSAGE_ID. Both are promises: neither ever changes.
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Message::Opened => ("finding-opened", "95f592ede7984de5b071f6949fde8313"),
            Message::Resolved => ("finding-resolved", "aa56889e358d4b089d556fc5c4def901"),
            Message::Swept => ("sweep-done", "e4cc8aef3f7a42cab8090628903a0d37"),
            Message::Gap => ("coverage-gap", "4e7aa42c7ae84978bbbdd4de5ccd9616"),
            Message::Refused => ("config-refused", "67b569f8c7a44a08bc25bd71a0c8efd2"),
            Message::Reloaded => ("config-reloaded", "353d20acd8c14b228199c910142d1d64"),
            Message::Started => ("agent-started", "c05a75ef07d74b50a101cb4efecaf5f0"),
            Message::Stopped => ("agent-stopped", "31bd87f4eb5a4abda100e8fb90f22eee"),
            Message::Sandboxed => ("sandbox", "452e909880154163ada8baf70fe36b1d"),
            Message::Limited => ("limit-reached", "e25e862a045348ac80877beabb556d51"),
            Message::Untold => ("not-told", "1441da597fef4c28be7484a6397ade3f"),
            Message::Trouble => ("trouble", "fc610c67ae184245813ec29547e8bfda"),
        }
    }

    /// The value of `LAPWING_EVENT`.
    pub(crate) const fn event(self) -> &'static str {
        self.row().0
    }

    /// The MESSAGE_ID.
    pub(crate) const fn id(self) -> &'static str {
        self.row().1
    }
}

/// The log, once it is open.
pub(crate) struct Log {
    level: Handle<Targets, Registry>,
}

/// Opens the log, once for the process. The journal is used when standard error leads there, which is so in a unit.
pub(crate) fn open(level: LevelFilter) -> Log {
    let journal = leads_to_the_journal().then(tracing_journald::layer).and_then(Result::ok);
    let journal = journal.map(|l| l.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned()));
    let stderr = journal.is_none().then_some(Lines);
    let (filter, level) = reload::Layer::new(only(level));
    let layers = journal.map(Layer::boxed).or(stderr.map(Layer::boxed));
    let _ = registry().with(layers.map(|layer| layer.with_filter(filter))).try_init();
    Log { level }
}

impl Log {
    /// Says more or less from now on.
    pub(crate) fn set_level(&self, level: LevelFilter) {
        let _ = self.level.reload(only(level));
    }
}

/// The level that a word names: `off`, `error`, `warn`, `info`, `debug`, `trace`.
pub(crate) fn level(word: &str) -> Option<LevelFilter> {
    word.parse().ok()
}

fn only(level: LevelFilter) -> Targets {
    Targets::new().with_target(TARGET, level)
}

/// systemd names the device and inode of the stream that it has made standard error of.
fn leads_to_the_journal() -> bool {
    let stream = std::env::var_os("JOURNAL_STREAM");
    let stat = rustix::fs::fstat(std::io::stderr());
    let (Some(stream), Ok(stat)) = (stream, stat) else { return false };
    stream.to_str() == Some(&format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Says a message of the list at a level, with fields.
macro_rules! say {
    ($level:ident, $message:ident, $($rest:tt)+) => {
        tracing::$level!(
            target: "lapwing",
            MESSAGE_ID = Message::$message.id(),
            LAPWING_EVENT = Message::$message.event(),
            $($rest)+
        )
    };
}

/// A finding is there that was not there before.
pub(crate) fn opened(record: &Record) {
    let severity = record.severity.word();
    let (path, line) = place(record);
    let grade = record.grade.map(|grade| grade.word());
    let title = &record.title;
    let shown = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
    say!(
        warn,
        Opened,
        LAPWING_FINDING = record.id.as_str(),
        LAPWING_RULE = record.rule.as_str(),
        LAPWING_SEVERITY = severity,
        LAPWING_GRADE = grade,
        LAPWING_PREVIEW = record.preview.as_str(),
        LAPWING_PATH = path,
        LAPWING_LINE = line,
        LAPWING_SIGHTINGS = record.sightings.len(),
        "{} ({severity}): {title} in {shown}",
        record.id
    );
}

/// A finding is not there any more.
pub(crate) fn resolved(record: &Record) {
    say!(
        info,
        Resolved,
        LAPWING_FINDING = record.id.as_str(),
        LAPWING_RULE = record.rule.as_str(),
        LAPWING_SEVERITY = record.severity.word(),
        LAPWING_PATH = place(record).0,
        "{} is resolved: {}",
        record.id,
        record.title
    );
}

/// The whole home has been examined; these many findings are open.
pub(crate) fn swept(swept: &Swept, totals: &BTreeMap<Severity, u32>) {
    let all: u32 = totals.values().sum();
    let of = |severity| totals.get(&severity).copied().unwrap_or_default();
    let end = if swept.complete { "" } else { "; not everything could be examined" };
    let open = if all == 1 { "finding is open" } else { "findings are open" };
    say!(
        info,
        Swept,
        LAPWING_FILES = swept.files,
        LAPWING_UNCHANGED = swept.unchanged,
        LAPWING_BYTES = swept.bytes,
        LAPWING_MILLIS = swept.millis,
        LAPWING_OPEN = all,
        LAPWING_CRITICAL = of(Severity::Critical),
        LAPWING_HIGH = of(Severity::High),
        LAPWING_COMPLETE = swept.complete,
        "examined {} files, {all} {open}{end}",
        swept.files
    );
}

/// Something could not be examined.
pub(crate) fn gap(gap: &Gap) {
    say!(
        warn,
        Gap,
        LAPWING_REASON = gap.reason.words(),
        LAPWING_PATH = gap.paths.first().map(String::as_str),
        LAPWING_COUNT = gap.count,
        "not examined: {}",
        gap.why
    );
}

/// A configuration cannot be used; the one before it stays in force.
pub(crate) fn refused(why: &str) {
    say!(error, Refused, "configuration refused: {}", crate::text::line(why));
}

/// Something that the agent leans on is in trouble.
pub(crate) fn trouble(about: &str, why: &str) {
    say!(warn, Trouble, LAPWING_SOURCE = about, "{about}: {}", crate::text::line(why));
}

/// Another configuration is in force.
pub(crate) fn reloaded() {
    say!(info, Reloaded, "configuration and rules are loaded anew");
}

/// The agent watches.
pub(crate) fn started(watched: usize) {
    let version = env!("CARGO_PKG_VERSION");
    say!(
        info,
        Started,
        LAPWING_VERSION = version,
        LAPWING_WATCHED = watched,
        "lapwingd {version} watches {watched} directories"
    );
}

/// The agent has stopped.
pub(crate) fn stopped(why: &str) {
    say!(info, Stopped, "stopped: {why}");
}

/// What the agent has given up.
pub(crate) fn sandboxed(sandbox: &Sandbox) {
    let (words, complete) = (sandbox.words(), sandbox.complete());
    if complete {
        say!(info, Sandboxed, LAPWING_COMPLETE = complete, "sandbox: {words}");
    } else {
        say!(warn, Sandboxed, LAPWING_COMPLETE = complete, "sandbox: {words}");
    }
}

/// A limit was reached: what it is, and what is done about it.
pub(crate) fn limited(limit: &str, remedy: &str) {
    say!(warn, Limited, LAPWING_LIMIT = limit, "{limit}: {remedy}");
}

/// Something could not be told on the desktop.
pub(crate) fn untold(problem: &crate::desktop::Problem) {
    say!(info, Untold, "{problem}");
}

/// The first place of a finding.
fn place(record: &Record) -> (&str, Option<u64>) {
    record.sightings.first().map_or(("", None), |sighting| (sighting.path.as_str(), sighting.line))
}

/// One short line for each message, on standard error.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said(format!("{IDENTIFIER}: {}", word(event.metadata().level())));
        event.record(&mut said);
        said.0.push('\n');
        // In one piece: lines of several threads do not mix. Whether anybody reads it cannot be helped.
        let _ = std::io::stderr().write_all(said.0.as_bytes());
    }
}

fn word(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error: ",
        Level::WARN => "warning: ",
        Level::INFO => "",
        Level::DEBUG | Level::TRACE => "debug: ",
    }
}

/// The message of an event, without its fields, harmless to a terminal.
struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            return;
        }
        // A message's Debug is its text.
        let text = format!("{value:?}");
        for c in text.chars() {
            let _ = match c {
                c if crate::text::harmful(c) => write!(self.0, "{}", c.escape_unicode()),
                c => self.0.write_char(c),
            };
        }
    }
}

#[cfg(test)]
mod tests;
