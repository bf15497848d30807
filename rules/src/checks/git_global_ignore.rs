//! Policy: files that hold secrets are ignored in every repository.

use super::git;
use super::{Case, Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::fix::append;
use crate::fix::plan::Draft;
use crate::place::wild;
use crate::rule::{Profile, Safety, Severity};
use crate::settings::entry::text;

pub(crate) const CHECK: Check = Check {
    id: "git.global-ignore",
    title: "Git would add files that hold secrets",
    severity: Severity::Low,
    why: "`git add .` in a repository without its own rule takes such a file along, and a push publishes it.",
    advice: "Add the patterns to your global ignore file.",
    command: Some("printf '%s\\n' '.env' '.env.local' '*.pem' '.claude/settings.local.json' >> {path}"),
    safety: Safety::Safe,
    profile: Profile::Strict,
    references: &["https://git-scm.com/docs/gitignore"],
    run: Run::Home(run),
    fix: Fix::Steps("adds the patterns to your global ignore file", fix),
};

fn fix(case: &Case<'_>) -> Option<Draft> {
    let path = case.found.path.as_deref()?;
    let ignored = text(&case.facts.read(path).known().unwrap_or_default());
    let missing = missing(&ignored);
    let step = append::to_block(path, &missing, case.facts)?;
    Some(Draft::new(format!("adds {} to {path}", missing.join(", ")), vec![step]))
}

/// A pattern and a file that it is for.
const WANTED: &[(&str, &str)] = &[
    (".env", ".env"),
    (".env.local", ".env.local"),
    ("*.pem", "server.pem"),
    (".claude/settings.local.json", ".claude/settings.local.json"),
];

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Some((_, entries)) = git::user_config(facts) else { return Vec::new() };
    let set = git::last(&entries, "core.excludesfile").and_then(|v| git::path(facts, None, v));
    let xdg = facts.env("XDG_CONFIG_HOME").filter(|v| !v.is_empty()).map(|v| facts.tilde(&v));
    let path = set.unwrap_or_else(|| format!("{}/git/ignore", xdg.as_deref().unwrap_or("~/.config")));
    let ignored = text(&facts.read(&path).known().unwrap_or_default());
    let missing = missing(&ignored);
    if missing.is_empty() {
        return Vec::new();
    }
    let preview = format!("not ignored: {}", missing.join(", "));
    vec![Found { preview, path: Some(path), ..Found::default() }]
}

fn missing(ignored: &str) -> Vec<&'static str> {
    WANTED.iter().filter(|(_, file)| !covers(ignored, file)).map(|(pattern, _)| *pattern).collect()
}

/// Whether a line of an ignore file is about this file, its name or its folder.
fn covers(ignored: &str, file: &str) -> bool {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let lines = ignored.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', '!']));
    lines.map(|l| l.trim_start_matches("**/").trim_start_matches('/')).any(|line| {
        wild(line, file)
            || wild(line, name)
            || (!folder.is_empty() && line.trim_end_matches(['/', '*']) == folder)
    })
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::scan_home;
    use crate::testing::Home;

    fn told(config: &str, path: &str, ignored: &str) -> Vec<String> {
        let home = Home::default().file("~/.gitconfig", config).file(path, ignored);
        scan_home(&home, CHECK.id)
            .into_iter()
            .map(|f| format!("{}: {}", f.path.unwrap(), f.preview))
            .collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = told("[core]\nexcludesFile = ~/.ignore\n", "~/.ignore", ".env*\n# *.pem\n!x\n");
        assert_eq!(told, ["~/.ignore: not ignored: *.pem, .claude/settings.local.json"]);
    }

    #[test]
    fn any_spelling_that_covers_is_fine() {
        let ignored = "**/.env*\n*.pem\n.claude/\n";
        assert!(told("[user]\n", "~/.config/git/ignore", ignored).is_empty());
        assert!(scan_home(&Home::default(), CHECK.id).is_empty());
    }
}
