//! `lapwing rules list`: every rule, whether it is on or not.

use super::Session;
use crate::exit::Exit;
use crate::render::page;
use lapwing_agent::record::SCHEMA;
use lapwing_rules::rule::{Kind, Page};
use serde::Serialize;
use std::io::Write;

/// A rule as JSON: its page, what it looks at, whether it is on.
#[derive(Serialize)]
pub(super) struct Rule<'a> {
    pub(super) kind: Kind,
    pub(super) on: bool,
    #[serde(flatten)]
    pub(super) page: &'a Page,
}

#[derive(Serialize)]
struct All<'a> {
    schema: u32,
    rules: Vec<Rule<'a>>,
}

pub(super) fn run(session: &mut Session, kind: Option<Kind>) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let config = session.config()?.config;
    let pages = session.engine(&config).pages();
    let wanted = pages.iter().filter(|(k, _)| kind.is_none_or(|kind| kind == *k));
    let rules: Vec<Rule<'_>> =
        wanted.map(|(kind, page)| Rule { kind: *kind, on: config.rules.allows(page), page }).collect();
    if json {
        session.print_json(&All { schema: SCHEMA, rules })?;
        return Ok(Exit::Clean);
    }
    let rows: Vec<_> = rules.iter().map(|rule| (rule.kind, rule.page, rule.on)).collect();
    let width = session.out.width();
    page::table(&mut session.out, &rows, width)?;
    if !session.global.quiet {
        writeln!(session.out, "\nNext: lapwing explain RULE")?;
    }
    Ok(Exit::Clean)
}
