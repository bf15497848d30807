//! What can be typed: the command line as clap sees it, nothing else.

use crate::dates;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use lapwing_rules::rule::{Kind, Severity};
use std::path::PathBuf;

const AFTER: &str = "\
Start with `lapwing doctor`. Nothing leaves this machine; only `fix` and `undo` change your files.

Exit codes: 0 clean · 1 findings at or above --fail-on · 2 usage or configuration · 3 incomplete · 4 failed";

/// Finds leaked secrets and risky settings in your home directory, and says what to do about them.
#[derive(Parser)]
#[command(name = "lapwing", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options that every command knows.
#[derive(Args)]
pub(crate) struct Global {
    /// Examine another home; nothing is written into it
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// How to print what is found
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Mildest open finding that makes the exit code 1, or `never`
    #[arg(long, global = true, value_name = "SEVERITY", default_value = "low", value_parser = threshold())]
    pub(crate) fail_on: Threshold,
    /// Examine vendored trees, caches and large files too
    #[arg(long, global = true)]
    pub(crate) all: bool,
    /// When to colour severities
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// More rules, for this run: a pack of yours, gitleaks or betterleaks TOML, kingfisher or noseyparker YAML
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) rules: Vec<PathBuf>,
    /// Worker threads [default: as many as there are processors, at most 8]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: Option<u16>,
    /// Print findings and what is incomplete, nothing else
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print every finding, every place and every path that was left out
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One document, see ctl/FORMATS.md
    Json,
    /// One JSON object a line
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for CI servers
    Junit,
    /// GitLab Code Quality
    Gitlab,
    /// One row for each place, for spreadsheets
    Csv,
}

/// When colour is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Which findings make a run fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threshold {
    /// Those at least this severe.
    At(Severity),
    /// None.
    Never,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Examine your home, and remember what was found
    Doctor {
        #[command(flatten)]
        known: Known,
    },
    /// Examine files and directories; remember nothing
    Scan {
        /// What to examine; `-` is standard input
        #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
        /// Judge standard input as if it were the file of this name
        #[arg(long, value_name = "NAME", value_hint = ValueHint::FilePath)]
        stdin_name: Option<PathBuf>,
        #[command(flatten)]
        known: Known,
        #[command(flatten)]
        git: Git,
    },
    /// Write down what there is, so that later runs report only what is new
    Baseline(Baseline),
    /// List the findings that the last examinations left
    List(List),
    /// Show one finding in full
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Mend findings: each change is shown first, and can be taken back
    Fix(Fix),
    /// Take back what one run of `fix` has changed; secrets stay taken out
    Undo {
        /// Its receipt, or the beginning of it; the latest when not given
        receipt: Option<String>,
    },
    /// List what was changed by `fix`, and when
    Receipts {
        /// One of them, in full
        receipt: Option<String>,
    },
    /// Explain a rule: why it matters and what to do
    Explain {
        /// Its name, as printed by `lapwing rules list`
        rule: String,
    },
    /// Decide to live with a finding
    Ignore {
        /// Its id, or the beginning of it
        id: String,
        /// Why it is all right
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// Until when: 2027-01-31, 30d or 2w; for ever when not given
        #[arg(long, value_name = "DATE", value_parser = dates::until)]
        until: Option<i64>,
    },
    /// Take an ignore back
    Unignore {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Say that a credential was replaced: its checklist in `show` is done
    Rotated {
        /// Its id, or the beginning of it
        id: String,
        /// It was not, after all
        #[arg(long)]
        undo: bool,
    },
    /// Look up what was moved into your keyring
    #[command(subcommand)]
    Secret(Secret),
    /// How the agent is, and what is open
    Status,
    /// Print findings as they open and resolve, until Ctrl-C
    Watch,
    /// What happened to findings, newest first
    History {
        /// At most so many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Only since then: 12h, 7d, 2w or 2026-11-22
        #[arg(long, value_name = "WHEN", value_parser = dates::since)]
        since: Option<i64>,
    },
    /// Ask the agent to take another look
    Rescan {
        /// At what; everything when not given
        #[arg(value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
    /// Ask the agent to look away for a while
    Pause {
        /// For how long: 30m, 2h or 1d
        #[arg(value_name = "DURATION", default_value = "1h", value_parser = dates::duration)]
        time: u32,
    },
    /// Ask the agent to go on
    Resume,
    /// Ask the agent to read configuration and rules anew
    Reload,
    /// Rules: which there are, and tests of your own
    #[command(subcommand)]
    Rules(Rules),
    /// Configuration: what is in force, and whether a file is right
    #[command(subcommand)]
    Config(Config),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What a run leaves out.
#[derive(Args)]
pub(crate) struct Known {
    /// Report only what is not in this file, which `lapwing baseline` writes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Baseline {
    /// What to examine, as for `scan`
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where to write it; the salt of a baseline that is there is kept
    #[arg(short, long, value_name = "FILE", default_value = ".lapwing-baseline", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Examine your home, as for `doctor`, instead of paths
    #[arg(long, conflicts_with = "paths")]
    pub(crate) doctor: bool,
}

/// Versions that git keeps instead of the files that are there.
#[derive(Args, Default)]
#[group(multiple = false)]
pub(crate) struct Git {
    /// Only what the next commit of the repository would add
    #[arg(long)]
    pub(crate) staged: bool,
    /// Only what commits have added since REF, for example `origin/main`
    #[arg(long, value_name = "REF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) since: Option<String>,
    /// Every version of every file in the history of the repository
    #[arg(long)]
    pub(crate) history: bool,
}

#[derive(Args)]
pub(crate) struct Fix {
    /// Findings, or the beginnings of their ids; all that are open, one by one, when none is given
    #[arg(conflicts_with_all = ["rule", "all"])]
    pub(crate) ids: Vec<String>,
    /// Only findings of rules of this name; `*` stands for anything
    #[arg(long, value_delimiter = ',')]
    pub(crate) rule: Vec<String>,
    /// Every open finding
    #[arg(long)]
    pub(crate) all: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Agree to what is safe: what can be taken back and destroys nothing
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct List {
    /// Only these severities, for example `critical,high`
    #[arg(long, value_delimiter = ',', value_parser = severity())]
    pub(crate) severity: Vec<Severity>,
    /// Only rules of this name; `*` stands for anything
    #[arg(long, value_delimiter = ',')]
    pub(crate) rule: Vec<String>,
    /// Only this kind
    #[arg(long, value_parser = kind())]
    pub(crate) kind: Option<Kind>,
    /// Where a finding is in its life
    #[arg(long, value_enum, default_value_t = Life::Open)]
    pub(crate) state: Life,
}

/// Where a finding is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Life {
    /// Not dealt with
    Open,
    /// Somebody decided to live with it
    Ignored,
    /// Not there any more
    Resolved,
    /// Whatever its state
    All,
}

#[derive(Subcommand)]
pub(crate) enum Secret {
    /// Print a secret, for `"$(lapwing secret get NAME)"`
    Get {
        /// Its name
        name: String,
        /// On a terminal too, where whoever looks over your shoulder sees it
        #[arg(long)]
        show: bool,
    },
    /// Put a secret into the keyring, from standard input
    Set {
        /// Its name; what it was before is replaced
        name: String,
    },
    /// List their names
    List,
    /// Remove a secret from the keyring
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Rules {
    /// List every rule
    List {
        /// Only this kind
        #[arg(long, value_parser = kind())]
        kind: Option<Kind>,
    },
    /// Run the examples of rule files, and say what of them is not used
    Check {
        /// Files (your own, or another tool's), or directories of them
        #[arg(required = true, value_hint = ValueHint::AnyPath)]
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum Config {
    /// Print the configuration in force and the files it comes from
    Show,
    /// Say whether a configuration can be used
    Check {
        /// A file; all that are in force when not given
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
}

impl Life {
    /// The word that is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Life::Open => "open",
            Life::Ignored => "ignored",
            Life::Resolved => "resolved",
            Life::All => "all",
        }
    }
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    let words = Severity::ALL.into_iter().rev().map(Severity::word);
    PossibleValuesParser::new(words).try_map(|w| Severity::from_word(&w).ok_or("not a severity"))
}

fn threshold() -> impl TypedValueParser<Value = Threshold> {
    let words = Severity::ALL.into_iter().rev().map(Severity::word).chain(["never"]);
    PossibleValuesParser::new(words)
        .map(|word| Severity::from_word(&word).map_or(Threshold::Never, Threshold::At))
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    let words = [Kind::Secret, Kind::Setting, Kind::Check].map(Kind::word);
    PossibleValuesParser::new(words).try_map(|w| Kind::from_word(&w).ok_or("not a kind"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in ["lapwing --format json doctor", "lapwing doctor --format json"] {
            assert_eq!(parse(line).unwrap().global.format, Format::Json);
        }
    }

    #[test]
    fn a_run_fails_on_low_unless_told_otherwise() {
        assert!(parse("lapwing doctor").unwrap().global.fail_on == Threshold::At(Severity::Low));
        assert!(parse("lapwing doctor --fail-on never").unwrap().global.fail_on == Threshold::Never);
        assert_eq!(parse("lapwing doctor --fail-on worst").err().unwrap().exit_code(), 2);
    }

    #[test]
    fn scan_looks_here_when_no_path_is_given() {
        let Some(Command::Scan { paths, .. }) = parse("lapwing scan").unwrap().command else { panic!() };
        assert_eq!(paths, [PathBuf::from(".")]);
    }

    #[test]
    fn one_kind_of_versions_at_a_time() {
        assert!(parse("lapwing scan --staged").is_ok());
        assert!(parse("lapwing scan --since origin/main here").is_ok());
        assert!(parse("lapwing scan --staged --history").is_err());
        assert!(Cli::try_parse_from(["lapwing", "scan", "--since", ""]).is_err());
    }

    #[test]
    fn lists_of_severities_may_be_written_with_commas() {
        let Some(Command::List(list)) = parse("lapwing list --severity critical,high").unwrap().command
        else {
            panic!()
        };
        assert!(list.severity == [Severity::Critical, Severity::High]);
        assert_eq!(list.state, Life::Open);
    }

    #[test]
    fn an_ignore_needs_a_reason() {
        assert!(parse("lapwing ignore F-1").is_err());
        assert!(Cli::try_parse_from(["lapwing", "ignore", "F-1", "--reason", ""]).is_err());
        assert!(parse("lapwing ignore F-1 --reason tested --until 30d").is_ok());
        assert_eq!(parse("lapwing ignore F-1 --reason r --until soon").err().unwrap().exit_code(), 2);
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let Some(Command::Pause { time }) = parse("lapwing pause").unwrap().command else { panic!() };
        assert_eq!(time, 3600);
        for bad in ["0m", "forever", "400d", "-1h"] {
            assert!(parse(&format!("lapwing pause {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_short_help_fits_on_a_screen() {
        let help = Cli::command().render_help().to_string();
        assert!(help.lines().count() <= 52, "{help}");
    }
}
