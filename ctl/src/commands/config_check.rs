//! `lapwing config check [FILE]`: whether a configuration can be used, and whether every name in it means something.

use super::{Session, explain};
use crate::exit::{Exit, usage};
use crate::render::words::{self, clean};
use lapwing_agent::config::{self, Config};
use lapwing_agent::examine;
use lapwing_rules::place::wild;
use lapwing_rules::rule::{Kind, Page};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn run(session: &mut Session, file: Option<PathBuf>) -> anyhow::Result<Exit> {
    let loaded = match &file {
        Some(file) => config::load_from(std::slice::from_ref(file))?,
        None => session.config()?,
    };
    if let (Some(file), []) = (&file, loaded.files.as_slice()) {
        return Err(usage(format!(
            "{}: there is no such file; check the path",
            clean(&file.display().to_string())
        )));
    }
    let (engine, errors) = examine::engine(&loaded.config);
    let mut problems: Vec<String> = errors.iter().map(|e| words::line(&e.to_string())).collect();
    problems.extend(idle(&loaded.config, &engine.pages()));
    for problem in &problems {
        writeln!(session.out, "{problem}")?;
    }
    if !problems.is_empty() {
        return Ok(Exit::Usage);
    }
    if !session.global.quiet {
        let home = session.home().ok();
        let home = home.as_ref().map_or(Path::new(""), |home| home.root());
        for file in &loaded.files {
            writeln!(session.out, "{}: fine", words::tilde(file, home))?;
        }
        if loaded.files.is_empty() {
            writeln!(session.out, "There is no configuration file; the built-in defaults are in force.")?;
        }
    }
    Ok(Exit::Clean)
}

/// Names of rules that no rule has: a switch that switches nothing is a mistake.
fn idle(config: &Config, pages: &[(Kind, Arc<Page>)]) -> Vec<String> {
    let lists = [("on", &config.rules.on), ("off", &config.rules.off)];
    let named = lists.into_iter().flat_map(|(key, list)| list.iter().map(move |name| (key, name)));
    let unknown = named.filter(|(_, name)| !pages.iter().any(|(_, page)| wild(name, &page.id)));
    unknown
        .map(|(key, name)| {
            let near = explain::nearest(name, pages.iter().map(|(_, page)| page.id.as_str()));
            let hint = match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`lapwing rules list` shows all of them".to_owned(),
            };
            format!("rules.{key}: there is no rule `{}`; {hint}", clean(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn a_name_that_no_rule_has_is_told() {
        let pages = [(Kind::Secret, Arc::new(sample::page()))];
        let mut config = Config::default();
        config.rules.off = vec!["gitub-pat".to_owned(), "github-*".to_owned()];
        config.rules.on = vec!["zzz".to_owned()];
        let want = [
            "rules.on: there is no rule `zzz`; `lapwing rules list` shows all of them",
            "rules.off: there is no rule `gitub-pat`; did you mean `github-pat`?",
        ];
        assert_eq!(idle(&config, &pages), want);
    }
}
