//! `lapwing explain RULE`: a rule's page, or the names that come nearest.

use super::Session;
use crate::exit::{Exit, usage};
use crate::render::page::{self, Switch};
use crate::render::words;
use lapwing_agent::config;
use lapwing_rules::rule::{Kind, Page};
use std::path::Path;
use std::sync::Arc;

/// Less alike than this is no help.
const ALIKE: f64 = 0.75;

pub(super) fn run(session: &mut Session, rule: &str) -> anyhow::Result<Exit> {
    let config = session.config()?.config;
    let pages = session.engine(&config).pages();
    let Some((kind, page)) = pages.iter().find(|(_, page)| page.id == rule) else {
        return Err(usage(unknown(rule, &pages)));
    };
    if session.json()? {
        session.print_json(&super::rules_list::Rule { kind: *kind, on: config.rules.allows(page), page })?;
        return Ok(Exit::Clean);
    }
    let switch = Switch { on: config.rules.allows(page), file: user_file(session) };
    let width = session.out.width();
    page::page(&mut session.out, (*kind, page), &switch, width)?;
    Ok(Exit::Clean)
}

fn user_file(session: &Session) -> String {
    let home = session.home().ok();
    let home = home.as_ref().map_or(Path::new(""), |home| home.root());
    config::user_file().map_or_else(|| "your configuration".to_owned(), |file| words::tilde(&file, home))
}

fn unknown(rule: &str, pages: &[(Kind, Arc<Page>)]) -> String {
    let shown = words::clean(rule);
    if rule.starts_with("F-") {
        return format!("{shown} is a finding, not a rule; try `lapwing show {shown}`");
    }
    let near = nearest(rule, pages.iter().map(|(_, page)| page.id.as_str()));
    match near.as_slice() {
        [] => format!("there is no rule `{shown}`; `lapwing rules list` shows all of them"),
        names => {
            let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
            format!("there is no rule `{shown}`; did you mean {}?", names.join(" or "))
        }
    }
}

/// At most three names that contain the word or look like it, nearest first.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.to_ascii_lowercase();
    let score = |name: &str| {
        let inside = word.len() > 2 && name.contains(&word);
        strsim::jaro_winkler(&word, name).max(if inside { 0.95 } else { 0.0 })
    };
    let mut near: Vec<(f64, &str)> = names.map(|n| (score(n), n)).filter(|(s, _)| *s >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    const NAMES: [&str; 5] =
        ["github-pat", "github-oauth", "git.tls-verify-off", "ssh.key-mode", "stripe-live-key"];

    #[test]
    fn the_nearest_names_are_suggested() {
        assert_eq!(nearest("gitub-pat", NAMES.into_iter())[0], "github-pat");
        assert_eq!(nearest("tls-verify", NAMES.into_iter()), ["git.tls-verify-off"]);
        assert_eq!(nearest("STRIPE", NAMES.into_iter()), ["stripe-live-key"]);
        assert_eq!(nearest("zzzz", NAMES.into_iter()), [""; 0]);
    }

    #[test]
    fn an_unknown_rule_says_what_to_try() {
        let pages = [(Kind::Secret, Arc::new(sample::page()))];
        assert_eq!(
            unknown("github-pta", &pages),
            "there is no rule `github-pta`; did you mean `github-pat`?"
        );
        assert_eq!(unknown("q", &pages), "there is no rule `q`; `lapwing rules list` shows all of them");
        assert_eq!(unknown("F-12", &pages), "F-12 is a finding, not a rule; try `lapwing show F-12`");
    }
}
