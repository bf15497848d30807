//! What each command does, one file each; here is what they share.

mod agent;
mod baseline;
mod completions;
mod config_check;
mod config_show;
mod doctor;
mod explain;
mod fix;
mod history;
mod ignore;
mod list;
mod pause;
mod receipts;
mod reload;
mod rescan;
mod resume;
mod rotated;
mod rules_check;
mod rules_list;
mod scan;
mod secret;
mod show;
mod status;
mod undo;
mod unignore;
mod watch;

use crate::cli::{Cli, Command, Config as ConfigCommand, Format, Global, Known, Rules};
use crate::dates;
use crate::exit::{self, Exit, usage};
use crate::progress::Progress;
use crate::render::out::Out;
use crate::render::stable::Checkout;
use crate::render::text::{Source, View};
use crate::render::{csv, gitlab, json, junit, sarif, text, words};
use clap::CommandFactory;
use lapwing_agent::baseline::read as read_baseline;
use lapwing_agent::config::{self, Config, Loaded};
use lapwing_agent::examine::{self, Request};
use lapwing_agent::home::Home;
use lapwing_agent::progress::Watch;
use lapwing_agent::record::Document;
use lapwing_rules::baseline::Baseline;
use lapwing_rules::engine::Engine;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// More threads than this wait for the disk and for each other.
const JOBS: usize = 8;

/// Runs what was typed. The only place that prints errors.
pub(crate) fn run(cli: Cli) -> Exit {
    let mut session = Session::new(cli.global);
    let result = dispatch(&mut session, cli.command);
    let result = result.and_then(|exit| {
        session.out.flush()?;
        Ok(exit)
    });
    result.unwrap_or_else(|error| {
        let (exit, line) = exit::explain(&error);
        session.out.remark("error", &line);
        exit
    })
}

fn dispatch(session: &mut Session, command: Option<Command>) -> anyhow::Result<Exit> {
    let Some(command) = command else {
        write!(session.out, "{}", Cli::command().render_help().ansi())?;
        return Ok(Exit::Clean);
    };
    match command {
        Command::Doctor { known } => doctor::run(session, &known),
        Command::Scan { paths, stdin_name, known, git } => {
            scan::run(session, &paths, stdin_name, &known, &git)
        }
        Command::Baseline(baseline) => baseline::run(session, &baseline),
        Command::List(filter) => list::run(session, &filter),
        Command::Show { id } => show::run(session, &id),
        Command::Fix(args) => fix::run(session, &args),
        Command::Undo { receipt } => undo::run(session, receipt.as_deref()),
        Command::Receipts { receipt } => receipts::run(session, receipt.as_deref()),
        Command::Explain { rule } => explain::run(session, &rule),
        Command::Ignore { id, reason, until } => ignore::run(session, &id, &reason, until),
        Command::Unignore { id } => unignore::run(session, &id),
        Command::Rotated { id, undo } => rotated::run(session, &id, undo),
        Command::Secret(command) => secret::run(session, &command),
        Command::Status => status::run(session),
        Command::Watch => watch::run(session),
        Command::History { limit, since } => history::run(session, limit, since),
        Command::Rescan { paths } => rescan::run(session, &paths),
        Command::Pause { time } => pause::run(session, time),
        Command::Resume => resume::run(session),
        Command::Reload => reload::run(session),
        Command::Rules(Rules::List { kind }) => rules_list::run(session, kind),
        Command::Rules(Rules::Check { files }) => rules_check::run(session, &files),
        Command::Config(ConfigCommand::Show) => config_show::run(session),
        Command::Config(ConfigCommand::Check { file }) => config_check::run(session, file),
        Command::Completions { shell } => completions::run(session, shell),
    }
}

/// What every command has at hand.
pub(crate) struct Session {
    global: Global,
    out: Out,
    /// What a run leaves out.
    baseline: Option<Baseline>,
    /// What standard input is called.
    stdin: Option<PathBuf>,
}

impl Session {
    fn new(global: Global) -> Session {
        Session { out: Out::new(global.color), global, baseline: None, stdin: None }
    }

    /// Leaves what a baseline has out of the run to come.
    fn leave_out(&mut self, known: &Known) -> anyhow::Result<()> {
        let Some(path) = &known.baseline else { return Ok(()) };
        let there = read_baseline(path)?;
        self.baseline = Some(there.ok_or_else(|| {
            let path = words::clean(&words::quoted(&path.display().to_string()));
            usage(format!("there is no baseline {path}; `lapwing baseline -o {path}` writes one"))
        })?);
        Ok(())
    }

    /// The home that the command is about.
    fn home(&self) -> anyhow::Result<Home> {
        match &self.global.home {
            Some(dir) => Ok(Home::other(dir)),
            None => {
                Home::own().ok_or_else(|| usage("there is no home directory; set HOME or give --home DIR"))
            }
        }
    }

    /// The configuration in force, with the rules of the command line.
    fn config(&self) -> anyhow::Result<Loaded> {
        let mut loaded = config::load()?;
        for file in &self.global.rules {
            if !file.exists() {
                let name = words::clean(&file.display().to_string());
                return Err(usage(format!("--rules {name}: there is no such file")));
            }
            loaded.config.scan.packs.push(file.clone());
        }
        Ok(loaded)
    }

    /// The rules in force. Those that cannot be used are told of on standard error.
    fn engine(&mut self, config: &Config) -> Engine {
        let (engine, errors) = examine::engine(config);
        for error in errors {
            self.out.remark("warning", &words::line(&error.to_string()));
        }
        engine
    }

    fn request(&self) -> anyhow::Result<Request> {
        let usual = || std::thread::available_parallelism().map_or(1, usize::from).min(JOBS);
        let jobs = self.global.jobs.map_or_else(usual, usize::from);
        Ok(Request {
            home: self.home()?,
            all: self.global.all,
            jobs,
            today: dates::today(),
            baseline: self.baseline.clone(),
            stdin: self.stdin.clone(),
            agent: false,
        })
    }

    /// Examines something, with a spinner and Ctrl-C.
    fn examine(
        &self,
        look: impl FnOnce(&Request, &Watch) -> Result<Document, examine::Error>,
    ) -> anyhow::Result<Document> {
        let request = self.request()?;
        let watch = Arc::new(Watch::default());
        let show = !self.global.quiet && std::io::stderr().is_terminal();
        let progress =
            Progress::follow(&watch, show).map_err(|e| anyhow::anyhow!("cannot listen for Ctrl-C: {e}"))?;
        let doc = look(&request, &watch);
        drop(progress);
        Ok(doc?)
    }

    /// Prints a document in the format that was asked for, and says what it means for the exit code.
    fn report(&mut self, doc: &Document, source: Source) -> anyhow::Result<Exit> {
        match self.global.format {
            Format::Text => {
                let view = self.view(source);
                text::document(&mut self.out, doc, &view)?;
            }
            Format::Json => {
                let pretty = self.out.is_terminal();
                json::value(&mut self.out, doc, pretty)?;
            }
            Format::Jsonl => json::lines(&mut self.out, doc)?,
            Format::Sarif => {
                // What is wrong with a pack is in the document's coverage already.
                let pages = examine::engine(&self.config()?.config).0.pages();
                let pages = pages.iter().map(|(kind, page)| (*kind, page.as_ref()));
                let log = sarif::log(doc, pages, exit::complete(doc), &Checkout::here());
                let pretty = self.out.is_terminal();
                json::value(&mut self.out, &log, pretty)?;
            }
            Format::Junit => junit::document(&mut self.out, doc, self.global.fail_on)?,
            Format::Gitlab => {
                let issues = gitlab::issues(doc, &Checkout::here());
                let pretty = self.out.is_terminal();
                json::value(&mut self.out, &issues, pretty)?;
            }
            Format::Csv => csv::document(&mut self.out, doc)?,
        }
        if matches!(self.global.format, Format::Gitlab | Format::Csv) && !exit::complete(doc) {
            // These formats have no room for it.
            self.out.remark("warning", "not everything was examined; `--format text` says what was not");
        }
        Ok(exit::verdict(doc, self.global.fail_on))
    }

    fn view(&self, source: Source) -> View {
        View {
            width: self.out.width(),
            verbose: self.global.verbose,
            quiet: self.global.quiet,
            source,
            lapwing: self.lapwing(),
        }
    }

    /// How a next command is typed: about the same home, with the same rules.
    fn lapwing(&self) -> String {
        let home = self.global.home.iter().map(|dir| ("--home", dir));
        let rules = self.global.rules.iter().map(|file| ("--rules", file));
        home.chain(rules).fold("lapwing".to_owned(), |line, (option, path)| {
            format!("{line} {option} {}", words::clean(&words::quoted(&path.display().to_string())))
        })
    }

    /// Whether to print JSON; other formats are refused by commands whose answer is not a list of findings.
    fn json(&self) -> anyhow::Result<bool> {
        match self.global.format {
            Format::Text => Ok(false),
            Format::Json => Ok(true),
            _ => Err(usage(
                "this command prints text or JSON; the other formats are for doctor, scan, list and show",
            )),
        }
    }

    /// Prints a value as JSON.
    fn print_json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let pretty = self.out.is_terminal();
        Ok(json::value(&mut self.out, value, pretty)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn session(line: &[&str]) -> Session {
        let cli = Cli::try_parse_from(line).unwrap();
        Session::new(cli.global)
    }

    #[test]
    fn next_commands_are_about_the_same_home_and_rules() {
        assert_eq!(session(&["lapwing"]).lapwing(), "lapwing");
        assert_eq!(
            session(&["lapwing", "--home", "/srv/my home"]).lapwing(),
            "lapwing --home '/srv/my home'"
        );
        assert_eq!(
            session(&["lapwing", "--rules", "a.toml", "--rules", "b.yml"]).lapwing(),
            "lapwing --rules a.toml --rules b.yml"
        );
    }

    #[test]
    fn formats_that_do_not_fit_are_refused_with_a_reason() {
        assert!(!session(&["lapwing"]).json().unwrap());
        assert!(session(&["lapwing", "--format", "json"]).json().unwrap());
        let error = session(&["lapwing", "--format", "sarif"]).json().unwrap_err();
        assert_eq!(exit::explain(&error).0, Exit::Usage);
    }

    #[test]
    fn jobs_are_at_most_eight_unless_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        assert!((1..=JOBS).contains(&session(&["lapwing", "--home", home]).request().unwrap().jobs));
        assert_eq!(session(&["lapwing", "--home", home, "--jobs", "20"]).request().unwrap().jobs, 20);
    }
}
