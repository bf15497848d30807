//! `lapwing config show`: the configuration in force and the files it comes from.

use super::Session;
use crate::exit::Exit;
use crate::render::words;
use lapwing_agent::config::{self, Config};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

#[derive(Serialize)]
struct Shown<'a> {
    files: Vec<String>,
    config: &'a Config,
}

pub(super) fn run(session: &mut Session) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let loaded = session.config()?;
    let home = session.home().ok();
    let home = home.as_ref().map_or(Path::new(""), |home| home.root());
    let files: Vec<String> = loaded.files.iter().map(|file| words::tilde(file, home)).collect();
    if json {
        session.print_json(&Shown { files, config: &loaded.config })?;
        return Ok(Exit::Clean);
    }
    if files.is_empty() {
        let own = config::user_file().map_or_else(String::new, |file| words::tilde(&file, home));
        writeln!(
            session.out,
            "# Built-in defaults. Nothing is set in {}/*.toml or {own}.\n",
            config::MACHINE
        )?;
    }
    for file in &files {
        writeln!(session.out, "# From {file}")?;
    }
    if !files.is_empty() {
        writeln!(session.out, "# and built-in defaults.\n")?;
    }
    write!(session.out, "{}", as_toml(&loaded.config)?)?;
    Ok(Exit::Clean)
}

fn as_toml(config: &Config) -> anyhow::Result<String> {
    toml::to_string_pretty(config)
        .map_err(|e| anyhow::anyhow!("the configuration cannot be written as TOML: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_used_as_a_configuration() {
        let shown = as_toml(&Config::default()).unwrap();
        let back: Config = toml::from_str(&shown).unwrap();
        assert_eq!(back.scan.skip, Config::default().scan.skip);
        assert_eq!(back.scan.max_file_size, Config::default().scan.max_file_size);
        assert!(shown.contains("[rules]") && shown.contains("max-file-size = "), "{shown}");
    }
}
