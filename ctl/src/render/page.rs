//! A rule's page, and the list of all rules.

use super::text::{heading, style};
use super::words::{self, clean, hang, prose};
use lapwing_rules::rule::{Kind, Page, Profile, Safety};
use std::io::{self, Write};

/// Where a rule is switched on and off.
pub(crate) struct Switch {
    /// Whether the configuration in force has it on.
    pub(crate) on: bool,
    /// The user's configuration file, as people write it.
    pub(crate) file: String,
}

/// Prints a page: what it is, why it matters, what to do, how to live with it.
pub(crate) fn page(
    out: &mut dyn Write,
    (kind, page): (Kind, &Page),
    switch: &Switch,
    width: usize,
) -> io::Result<()> {
    let style = style(page.severity);
    hang(out, "", "  ", &clean(&page.title), width)?;
    writeln!(out, "{} ({})\n", clean(&page.id), kind.word())?;
    writeln!(out, "{style}{}{style:#}: {}", heading(page.severity), words::severity(page.severity))?;
    writeln!(out, "\nWhy it matters\n")?;
    prose(out, "  ", &page.why, width)?;
    writeln!(out, "\nWhat to do\n")?;
    prose(out, "  ", &page.advice, width)?;
    if let Some(command) = &page.command {
        writeln!(out, "\n  → {}", clean(&placeholders(command)))?;
        if let Some(care) = care(page.safety) {
            hang(out, "    ", "    ", care, width)?;
        }
    }
    if let Some(fix) = &page.fix {
        writeln!(out)?;
        hang(out, "  ", "    ", &format!("`lapwing fix` {}.", clean(fix)), width)?;
    }
    if let Some(revoke) = &page.revoke {
        writeln!(out, "\n  To revoke or replace it: {}", clean(revoke))?;
    }
    living(out, page, switch, width)?;
    if !page.references.is_empty() {
        writeln!(out, "\nWhere this comes from\n")?;
        for reference in &page.references {
            writeln!(out, "  {}", clean(reference))?;
        }
    }
    Ok(())
}

fn living(out: &mut dyn Write, page: &Page, switch: &Switch, width: usize) -> io::Result<()> {
    let (id, file) = (clean(&page.id), &switch.file);
    writeln!(out, "\nIf you have decided to live with it\n")?;
    prose(
        out,
        "  ",
        "One finding: `lapwing ignore ID --reason \"…\"`, with `--until` for a while only.",
        width,
    )?;
    let rule = if switch.on {
        format!("Every finding of this rule: `off = [\"{id}\"]` under `[rules]` in {file}.")
    } else if page.profile == Profile::Strict {
        format!(
            "This rule asks for hardening that most people have not set, and is off. `on = [\"{id}\"]` under `[rules]` in {file} switches it on; `profile = \"strict\"` does so for all of its kind."
        )
    } else {
        "This rule is switched off in your configuration; `lapwing config show` says where.".to_owned()
    };
    prose(out, "  ", &rule, width)
}

fn placeholders(command: &str) -> String {
    command.replace("{path}", "PATH").replace("{key}", "KEY").replace("{value}", "VALUE")
}

fn care(safety: Safety) -> Option<&'static str> {
    match safety {
        Safety::Safe => Some("It can be undone and destroys nothing."),
        Safety::Review => Some("Look at what it changes before you run it."),
        Safety::Manual => None,
    }
}

/// Prints rules as a table: id, severity, kind, title.
pub(crate) fn table(out: &mut dyn Write, rules: &[(Kind, &Page, bool)], width: usize) -> io::Result<()> {
    let widest = rules.iter().map(|(_, page, _)| page.id.chars().count()).max().unwrap_or_default();
    for (kind, page, on) in rules {
        let style = style(page.severity);
        let (id, severity) = (clean(&page.id), page.severity.word());
        let lead = format!("{id:<widest$}  {style}{severity:<8}{style:#}  {:<7}  ", kind.word());
        let off = if *on { "" } else { " (off)" };
        let rest = if lead.len() > width / 2 { " ".repeat(4) } else { " ".repeat(widest + 21) };
        hang(out, &lead, &rest, &format!("{}{off}", clean(&page.title)), width)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn text(page: &Page, on: bool) -> String {
        let switch = Switch { on, file: "~/.config/lapwing/config.toml".to_owned() };
        let mut out = Vec::new();
        super::page(&mut out, (Kind::Secret, page), &switch, 72).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn a_page_reads_like_advice() {
        insta::assert_snapshot!(text(&sample::page(), true), @r#"
GitHub personal access token (classic)
github-pat (secret)

Critical: gives away something valuable to whoever reads it

Why it matters

  Reads and changes whatever its scopes allow, often every repository
  you can reach, until it is revoked.

What to do

  Revoke it, then sign in with `gh auth login`, which keeps the new
  token in your keyring.

  → gh auth login

  To revoke or replace it: https://github.com/settings/tokens

If you have decided to live with it

  One finding: `lapwing ignore ID --reason "…"`, with `--until` for a
  while only.
  Every finding of this rule: `off = ["github-pat"]` under `[rules]` in
  ~/.config/lapwing/config.toml.

Where this comes from

  https://example.org/token-formats
"#);
    }

    #[test]
    fn a_rule_that_is_off_says_how_to_switch_it_on() {
        let strict = Page { profile: Profile::Strict, ..sample::page() };
        assert!(text(&strict, false).contains("`on = [\"github-pat\"]`"));
        assert!(text(&sample::page(), false).contains("switched off in your configuration"));
    }

    #[test]
    fn a_rule_that_can_be_mended_says_how() {
        assert!(!text(&sample::page(), true).contains("lapwing fix"));
        let page = Page { fix: Some("removes the setting".to_owned()), ..sample::page() };
        assert!(text(&page, true).contains("  `lapwing fix` removes the setting.\n"));
    }

    #[test]
    fn placeholders_are_shown_as_words() {
        let page =
            Page { command: Some("git config --file {path} --unset {key}".to_owned()), ..sample::page() };
        assert!(text(&page, true).contains("→ git config --file PATH --unset KEY\n"));
    }

    #[test]
    fn the_table_of_rules_is_aligned() {
        let page = sample::page();
        let setting = Page {
            id: "git.tls-verify-off".to_owned(),
            title: "Git does not check certificates".to_owned(),
            ..sample::page()
        };
        let mut out = Vec::new();
        table(&mut out, &[(Kind::Secret, &page, true), (Kind::Setting, &setting, false)], 100).unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string(), @r#"
github-pat          critical  secret   GitHub personal access token (classic)
git.tls-verify-off  critical  setting  Git does not check certificates (off)
"#);
    }
}
