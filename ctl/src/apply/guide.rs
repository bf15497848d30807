//! Programs that the user answers in the terminal, such as `ssh-keygen -p`: started with the terminal as it is, so that what
//! is typed goes to them alone.

use anyhow::{Context, bail};
use lapwing_agent::home::Home;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::Command;

/// Runs it to its end. `~/` at the beginning of an argument is the home.
pub(crate) fn run(home: &Home, argv: &[String]) -> anyhow::Result<()> {
    let [program, args @ ..] = argv else { bail!("there is no program to run") };
    let shown = argv.join(" ");
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!("`{shown}` asks questions, so it needs a terminal: run this again in one");
    }
    let arg = |arg: &String| if arg.starts_with("~/") { home.path(arg).into() } else { OsString::from(arg) };
    let mut command = Command::new(program);
    command.args(args.iter().map(arg));
    let status = command.status().with_context(|| format!("`{program}` cannot be started"))?;
    if !status.success() {
        bail!("`{shown}` ended without success ({status}), so nothing else was changed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_questions_is_not_started_where_nobody_can_answer() {
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            return;
        }
        let home = Home::own().unwrap();
        let why = run(&home, &["true".to_owned()]).unwrap_err().to_string();
        assert!(why.contains("needs a terminal"), "{why}");
        assert!(run(&home, &[]).is_err());
    }
}
