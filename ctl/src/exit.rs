//! How a run ends: the exit code, and the one line that says what went wrong.

use crate::cli::Threshold;
use crate::render::words;
use lapwing_agent::config::ConfigError;
use lapwing_agent::examine;
use lapwing_agent::record::{Document, Record, State};
use std::process::ExitCode;

/// The exit codes of `lapwing`; part of its contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Everything was examined and nothing reaches the threshold.
    Clean = 0,
    /// Findings at or above the threshold, whether or not everything was examined.
    Findings = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Not everything was examined, and nothing that was reaches the threshold.
    Incomplete = 3,
    /// Nothing could be examined or answered.
    Failed = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Whether everything that policy asks for was examined.
pub(crate) fn complete(doc: &Document) -> bool {
    doc.summary.complete && doc.coverage.iter().all(|gap| gap.policy)
}

/// Whether a finding makes a run fail.
pub(crate) fn reaches(finding: &Record, threshold: Threshold) -> bool {
    let counts = matches!(threshold, Threshold::At(least) if finding.severity >= least);
    counts && finding.state == State::Open
}

/// What a document means for the exit code. Findings win over incomplete: they are certain.
pub(crate) fn verdict(doc: &Document, threshold: Threshold) -> Exit {
    if doc.findings.iter().any(|f| reaches(f, threshold)) {
        Exit::Findings
    } else if complete(doc) {
        Exit::Clean
    } else {
        Exit::Incomplete
    }
}

/// A mistake in what was asked for, with what to do instead.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A mistake in what was asked for.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

/// The exit code of an error and its one line: what is wrong, where, what to do.
pub(crate) fn explain(error: &anyhow::Error) -> (Exit, String) {
    let (exit, advice) = if error.is::<Usage>() {
        (Exit::Usage, "")
    } else if error.is::<ConfigError>() {
        (Exit::Usage, "; mend this file: nothing is examined under half a configuration")
    } else if let Some(e) = error.downcast_ref::<examine::Error>() {
        match e {
            examine::Error::Path { .. } => (Exit::Usage, "; check the path and its permissions"),
            examine::Error::NoFinding { .. } => {
                (Exit::Usage, "; `lapwing list --state all` shows those that are")
            }
            examine::Error::Baseline { .. } => {
                (Exit::Usage, "; name another file, or remove it and let `lapwing baseline` make it anew")
            }
            examine::Error::Git { .. } | examine::Error::Ambiguous { .. } => (Exit::Usage, ""),
            examine::Error::Ledger { .. } => (Exit::Failed, ""),
        }
    } else if error.is::<std::io::Error>() {
        return (Exit::Failed, format!("the output could not be written: {}", words::line(&chain(error))));
    } else {
        (Exit::Failed, "")
    };
    (exit, format!("{}{advice}", words::line(&chain(error))))
}

fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use lapwing_rules::rule::Severity;

    #[test]
    fn the_table_of_exit_codes() {
        use Exit::{Clean, Findings, Incomplete};
        let at = Threshold::At;
        let table = [
            (sample::clean(), at(Severity::Low), Clean),
            (sample::incomplete(), at(Severity::Low), Incomplete),
            (sample::incomplete(), Threshold::Never, Incomplete),
            (sample::messy(), at(Severity::Low), Findings),
            (sample::messy(), at(Severity::Critical), Findings),
            (sample::messy(), Threshold::Never, Incomplete),
            (sample::only(Severity::Info), at(Severity::Low), Clean),
            (sample::only(Severity::Info), at(Severity::Info), Findings),
            (sample::only(Severity::Low), at(Severity::Low), Findings),
            (sample::only(Severity::High), at(Severity::Critical), Clean),
            (sample::only(Severity::Critical), Threshold::Never, Clean),
            (sample::ignored(), at(Severity::Info), Clean),
        ];
        for (i, (doc, threshold, want)) in table.into_iter().enumerate() {
            assert_eq!(verdict(&doc, threshold), want, "row {i}");
        }
    }

    #[test]
    fn the_numbers_are_a_promise() {
        let all = [Exit::Clean, Exit::Findings, Exit::Usage, Exit::Incomplete, Exit::Failed];
        assert_eq!(all.map(|e| e as u8), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_document_with_a_real_gap_is_never_complete() {
        let mut doc = sample::incomplete();
        doc.summary.complete = true;
        assert!(!complete(&doc));
        assert!(complete(&sample::clean()));
    }

    #[test]
    fn every_error_is_one_line_with_its_code() {
        let path = || "~/nope".to_owned();
        let errors: [(anyhow::Error, Exit, &str); 6] = [
            (
                examine::Error::Path { path: path(), why: "no such directory".to_owned() }.into(),
                Exit::Usage,
                "~/nope: no such directory; check the path and its permissions",
            ),
            (
                examine::Error::NoFinding { id: "F-A".to_owned() }.into(),
                Exit::Usage,
                "no finding F-A is known here; `lapwing list --state all` shows those that are",
            ),
            (
                examine::Error::Ledger { path: path(), why: "is locked; try again".to_owned() }.into(),
                Exit::Failed,
                "the ledger ~/nope: is locked; try again",
            ),
            (
                ConfigError { file: path(), why: sample::TOML_ERROR.to_owned() }.into(),
                Exit::Usage,
                "~/nope: TOML parse error at line 2, column 1: unknown field `max-size`; mend this file: nothing is examined under half a configuration",
            ),
            (usage("say so"), Exit::Usage, "say so"),
            (
                std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left").into(),
                Exit::Failed,
                "the output could not be written: no space left",
            ),
        ];
        for (error, exit, text) in errors {
            assert_eq!(explain(&error), (exit, text.to_owned()));
        }
    }

    #[test]
    fn control_characters_of_a_path_never_reach_the_terminal() {
        let error = examine::Error::Path { path: "a\u{1b}[2Jb".to_owned(), why: "gone".to_owned() };
        assert!(!explain(&error.into()).1.contains('\u{1b}'));
    }
}
