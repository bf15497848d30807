//! How the agent is, for people and for programs.

use super::text::severities;
use super::words::{self, and, clean, count, hang, wrap};
use crate::dates;
use lapwing_agent::client::{Doing, START, Status, Swept};
use lapwing_agent::record::{Gap, SCHEMA, Summary};
use lapwing_rules::rule::Severity;
use serde::Serialize;
use std::io::{self, Write};

/// What `lapwing status` says.
#[derive(Serialize)]
pub(crate) struct Answer {
    schema: u32,
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<About>,
    findings: Counts,
    coverage: Vec<Gap>,
}

/// How the agent is.
#[derive(Serialize)]
struct About {
    version: String,
    state: Doing,
    since: i64,
    paused_until: Option<i64>,
    last_sweep: Option<Swept>,
    watched: u32,
    unwatched: u32,
    problems: Vec<String>,
    sandbox: String,
    rss: u64,
}

/// Open findings, and those that somebody decided to live with.
#[derive(Serialize)]
struct Counts {
    critical: u64,
    high: u64,
    medium: u64,
    low: u64,
    info: u64,
    ignored: u64,
}

impl Answer {
    /// An agent runs.
    pub(crate) fn running(status: Status, coverage: Vec<Gap>) -> Answer {
        let open = |severity| status.findings.get(&severity).copied().unwrap_or_default().into();
        let findings = Counts {
            critical: open(Severity::Critical),
            high: open(Severity::High),
            medium: open(Severity::Medium),
            low: open(Severity::Low),
            info: open(Severity::Info),
            ignored: status.ignored.into(),
        };
        let agent = About {
            version: status.version,
            state: status.state,
            since: status.since,
            paused_until: status.paused_until,
            last_sweep: status.last_sweep,
            watched: status.watched,
            unwatched: status.unwatched,
            problems: status.problems,
            sandbox: status.sandbox,
            rss: status.rss,
        };
        Answer { schema: SCHEMA, running: true, agent: Some(agent), findings, coverage }
    }

    /// None runs: what the ledger knows.
    pub(crate) fn alone(known: Summary) -> Answer {
        let Summary { critical, high, medium, low, info, ignored, .. } = known;
        let findings = Counts { critical, high, medium, low, info, ignored };
        Answer { schema: SCHEMA, running: false, agent: None, findings, coverage: Vec::new() }
    }
}

/// Prints it for people; `own` is whether it is about the home that an agent would watch.
pub(crate) fn text(
    out: &mut dyn Write,
    answer: &Answer,
    own: bool,
    lapwing: &str,
    width: usize,
) -> io::Result<()> {
    match &answer.agent {
        Some(agent) => running(out, agent, width)?,
        None if own => {
            let text = format!(
                "The agent does not run: nothing is noticed until you look. `{START}` starts it, now and whenever you log in."
            );
            hang(out, "", "", &text, width)?;
        }
        None => {}
    }
    let Counts { critical, high, medium, low, info, ignored } = answer.findings;
    let open = severities(&Summary { critical, high, medium, low, info, ..Summary::default() });
    let open = if open.is_empty() { "nothing".to_owned() } else { and(&open) };
    let ignored = if ignored > 0 { format!("; {} ignored", words::number(ignored)) } else { String::new() };
    wrap(out, "Open:     ", &format!("{open}{ignored}"), width)?;
    if let Some(agent) = &answer.agent {
        troubles(out, agent, &answer.coverage, width)?;
    }
    writeln!(out, "\nNext: {lapwing} {}", next(answer))
}

fn running(out: &mut dyn Write, agent: &About, width: usize) -> io::Result<()> {
    let doing = match (agent.state, agent.paused_until) {
        (Doing::Starting, _) => "is starting; not everything is noticed yet".to_owned(),
        (Doing::Watching, _) => "is watching".to_owned(),
        (Doing::Sweeping, _) => "is watching, and examines the whole home now".to_owned(),
        (Doing::Paused, Some(until)) => format!("looks away until {}", dates::moment(until)),
        (Doing::Paused, None) => "looks away until it is told to go on".to_owned(),
        (Doing::Stopping, _) => "is about to end".to_owned(),
    };
    wrap(out, "", &format!("The agent {doing}."), width)?;
    let since = dates::moment(agent.since);
    writeln!(out, "Since:    {since} (lapwingd {})", clean(&agent.version))?;
    let directories = count(agent.watched.into(), "directory", "directories");
    let others = match agent.unwatched {
        0 => String::new(),
        n => format!("; in {} more, changes are noticed by the next sweep", words::number(n.into())),
    };
    wrap(out, "Watched:  ", &format!("{directories}{others}"), width)?;
    let swept = match &agent.last_sweep {
        None => "none yet".to_owned(),
        Some(sweep) => format!(
            "{}, {} in {}{}",
            dates::moment(sweep.at),
            count(sweep.files, "file", "files"),
            words::duration(sweep.millis),
            if sweep.complete { "" } else { ", not all of them examined" }
        ),
    };
    wrap(out, "Swept:    ", &swept, width)?;
    if !agent.sandbox.is_empty() {
        wrap(out, "Sandbox:  ", &clean(&agent.sandbox), width)?;
    }
    writeln!(out, "Memory:   {}", words::bytes(agent.rss))
}

fn troubles(out: &mut dyn Write, agent: &About, coverage: &[Gap], width: usize) -> io::Result<()> {
    let real = coverage.iter().filter(|gap| !gap.policy);
    let gaps = real.map(|gap| format!("{} ({}): {}", gap.reason.words(), words::number(gap.count), gap.why));
    let all: Vec<String> = agent.problems.iter().cloned().chain(gaps).collect();
    if !all.is_empty() {
        writeln!(out, "\nProblems")?;
    }
    for problem in all {
        wrap(out, "  - ", &clean(&problem), width)?;
    }
    Ok(())
}

/// The one thing to do next.
fn next(answer: &Answer) -> &'static str {
    let Counts { critical, high, medium, low, info, .. } = answer.findings;
    match &answer.agent {
        Some(About { state: Doing::Paused, .. }) => "resume",
        _ if critical + high + medium + low + info > 0 => "list",
        Some(_) => "watch",
        None => "doctor",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use lapwing_agent::home::Home;
    use lapwing_agent::record::Reason;

    fn status() -> Status {
        let mut status = Status::starting(&Home::other(std::path::Path::new("/nowhere")), 1_795_348_800);
        status.version = "9.9.9".to_owned();
        status.state = Doing::Watching;
        status.watched = 1234;
        status.unwatched = 3;
        status.findings = [(Severity::Critical, 1), (Severity::High, 2)].into();
        status.ignored = 4;
        status.rss = 31_000_000;
        status.sandbox = "Landlock and seccomp".to_owned();
        status.last_sweep = Some(Swept {
            at: 1_795_348_900,
            millis: 1200,
            files: 12_345,
            unchanged: 12_000,
            bytes: 7,
            opened: 3,
            resolved: 0,
            complete: true,
        });
        status
    }

    fn told(answer: &Answer) -> String {
        let mut out = Vec::new();
        text(&mut out, answer, true, "lapwing", 80).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_agent_that_is_well() {
        let told = told(&Answer::running(status(), Vec::new()));
        let day = dates::day(1_795_348_800);
        for line in [
            "The agent is watching.",
            &format!("Since:    {day} "),
            "Watched:  1,234 directories; in 3 more, changes are noticed by the next sweep",
            ", 12,345 files in 1.2 s\n",
            "Sandbox:  Landlock and seccomp\n",
            "Memory:   31 MB\n",
            "Open:     1 critical and 2 high; 4 ignored\n",
            "\nNext: lapwing list\n",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
        assert!(!told.contains("Problems"), "{told}");
    }

    #[test]
    fn what_is_wrong_is_told_and_cannot_steer_the_terminal() {
        let problems = vec!["the watch limit is 64\u{1b}[2J; raise it".to_owned()];
        let gaps = vec![
            sample::gap(Reason::Unreadable, 2, &["~/a"], "permission denied"),
            sample::gap(Reason::Vendored, 9, &["~/b"], "left out"),
        ];
        let told = told(&Answer::running(Status { problems, state: Doing::Paused, ..status() }, gaps));
        assert!(told.contains("  - the watch limit is 64\\u{1b}[2J; raise it\n"), "{told}");
        assert!(told.contains("  - could not be read (2): permission denied\n"), "{told}");
        assert!(!told.contains("left out") && told.ends_with("Next: lapwing resume\n"), "{told}");
    }

    #[test]
    fn without_an_agent_it_says_how_to_start_it() {
        let told = told(&Answer::alone(Summary { high: 2, ..Summary::default() }));
        assert!(told.starts_with("The agent does not run"), "{told}");
        assert!(told.replace('\n', " ").contains(START) && told.contains("Open:     2 high\n"), "{told}");
        let told = self::told(&Answer::alone(Summary::default()));
        assert!(told.contains("Open:     nothing\n") && told.ends_with("Next: lapwing doctor\n"), "{told}");
    }

    #[test]
    fn every_field_is_documented() {
        let text = include_str!("../../FORMATS.md");
        let gaps = vec![sample::gap(Reason::Unreadable, 2, &["~/a"], "why")];
        let json = serde_json::to_value(Answer::running(status(), gaps)).unwrap();
        for part in [&json, &json["agent"], &json["agent"]["last_sweep"], &json["findings"]] {
            for key in part.as_object().unwrap().keys() {
                assert!(text.contains(&format!("`{key}`")), "FORMATS.md does not name `{key}`");
            }
        }
        assert_eq!(json["agent"]["state"], "watching");
        let alone = serde_json::to_value(Answer::alone(Summary::default())).unwrap();
        assert_eq!((&alone["running"], alone.get("agent")), (&false.into(), None));
    }
}
