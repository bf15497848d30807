//! What mends an indicator of compromise, in the one order that is safe: stop and disable its units, move its files away,
//! see that nothing of it runs. Rotating comes after, and is for people.

use super::drafts::planned;
use super::plan::{Draft, Step};
use super::planner::Planned;
use crate::cx::Cx;
use crate::engine::Engine;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::indicators::{Indicator, Trace};
use crate::rule::Safety;
use std::collections::BTreeSet;

impl Engine {
    /// Plans for the indicators that have struck the home: one each, whatever they have left.
    pub(crate) fn plans_compromised(&self, cx: &Cx<'_>) -> Vec<Planned> {
        let mut met = BTreeSet::new();
        let found = self.scan_indicators(cx).findings.into_iter().filter(|f| met.insert(f.id));
        found.filter_map(|finding| self.plan_compromised(finding, None, cx)).collect()
    }

    /// Plans for the indicators that lie in a project, at a path (`~/…` or absolute). What has struck the home has one plan for
    /// all that it has left, see [`Engine::plans_compromised`].
    pub(crate) fn plans_at(&self, path: &str, cx: &Cx<'_>) -> Vec<Planned> {
        let found = self.scan_path(path, cx).findings.into_iter();
        found.filter_map(|finding| self.plan_compromised(finding, Some(path), cx)).collect()
    }

    fn plan_compromised(&self, finding: Finding, path: Option<&str>, cx: &Cx<'_>) -> Option<Planned> {
        let one = self.indicators.all.iter().find(|i| i.page.id == finding.page.id)?;
        let mut problems = Vec::new();
        let traces = match path {
            // What lies in a project is put away by itself.
            Some(path) => {
                let here = one.trace_at(path, cx.facts, &mut problems)?;
                if one.at_home(&here) {
                    return None;
                }
                vec![here]
            }
            None => one.traces(cx.facts, &cx.facts.programs(), &mut problems),
        };
        let mut draft = draft(one, &traces, cx.facts);
        draft.left.extend(problems.iter().map(|p| format!("{} could not be looked at: {}", p.what, p.why)));
        Some(planned(finding, Some(draft)))
    }
}

fn draft(one: &Indicator, traces: &[Trace], facts: &dyn Facts) -> Draft {
    let mut units = BTreeSet::new();
    let mut files: Vec<&str> = Vec::new();
    let mut left = Vec::new();
    for trace in traces {
        match trace {
            Trace::Unit { unit, path } => {
                units.insert(unit.clone());
                files.push(path);
            }
            Trace::File(path) => files.push(path),
            Trace::Content(path) => {
                left.push(format!(
                    "{path}: others have this file too, so take out by hand what the worm has written"
                ));
            }
            Trace::Program { name, id } => {
                left.push(format!(
                    "{name} runs as process {id}: `kill {id}` if stopping the unit does not end it"
                ));
            }
        }
    }
    let root =
        |path: &&str| path.starts_with('/') && facts.stat(path).known().is_some_and(|m| m.root && !m.own);
    let (system, files): (Vec<&str>, Vec<&str>) = files.into_iter().partition(root);
    left.extend(
        system.into_iter().map(|path| format!("{path}: it belongs to root, so root must move it away")),
    );
    let files = topmost(&files);
    let mut steps: Vec<Step> = units.iter().map(|unit| Step::StopUnit { unit: unit.clone() }).collect();
    steps.extend(files.iter().map(|path| Step::Quarantine { path: (*path).to_owned() }));
    if !steps.is_empty() && !one.spec.programs.is_empty() {
        steps.push(Step::Gone { programs: one.spec.programs.clone() });
    }
    left.push("credentials: rotate every one of this machine when the worm is gone, not before".to_owned());
    let safety = if steps.is_empty() { Safety::Manual } else { Safety::Review };
    let summary = summary(units.len(), files.len());
    Draft { left, safety: Some(safety), ..Draft::new(summary, steps) }
}

fn summary(units: usize, files: usize) -> String {
    let count = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    match (units, files) {
        (0, 0) => "nothing of it can be put away by a program".to_owned(),
        (0, files) => format!("moves {} into the quarantine", count(files, "path")),
        (units, files) => {
            format!(
                "stops and disables {}, then moves {} into the quarantine",
                count(units, "unit"),
                count(files, "path")
            )
        }
    }
}

/// Paths that lie below no other of them, each once.
fn topmost<'a>(paths: &[&'a str]) -> Vec<&'a str> {
    let below = |path: &str, dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
    let mut top: Vec<&str> = Vec::new();
    for path in paths {
        if !top.contains(path) && !paths.iter().any(|dir| below(path, dir)) {
            top.push(path);
        }
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::plan::Plan;
    use crate::testing::Home;

    fn steps(plan: &Plan) -> Vec<String> {
        let step = |step: &Step| match step {
            Step::StopUnit { unit } => format!("stop {unit}"),
            Step::Quarantine { path } => format!("move {path}"),
            Step::Gone { programs } => format!("gone {}", programs.join(" ")),
            _ => "something else".to_owned(),
        };
        plan.steps.iter().map(step).collect()
    }

    #[test]
    fn stop_first_then_put_away_then_look() {
        let home = Home::default()
            .file("~/.config/systemd/user/gh-token-monitor.service", "[Service]\n")
            .file("~/.config/systemd/user/default.target.wants/gh-token-monitor.service", "")
            .file("~/.local/bin/gh-token-monitor.sh", "")
            .file("~/.config/gh-token-monitor/token", "x")
            .file_mode("/var/tmp/.gh_update_state", b"", 0o644)
            .running("bash /home/dev/.local/bin/gh-token-monitor.sh");
        let plans = home.plans_home(&Engine::builtin());
        let plans: Vec<_> = plans.iter().filter(|(f, _)| f.page.id.starts_with("ioc.")).collect();
        assert_eq!(plans.len(), 1);
        let plan = &plans[0].1;
        assert_eq!(
            steps(plan),
            [
                "stop gh-token-monitor.service",
                "move ~/.config/systemd/user/default.target.wants/gh-token-monitor.service",
                "move ~/.config/systemd/user/gh-token-monitor.service",
                "move ~/.local/bin/gh-token-monitor.sh",
                "move ~/.config/gh-token-monitor",
                "gone gh-token-monitor.sh gh-token-monitor",
            ]
        );
        assert!(!plan.credential && plan.safety == Safety::Review);
        assert!(plan.left.iter().any(|l| l.contains("kill 1000")), "{:?}", plan.left);
        assert!(plan.left.iter().any(|l| l.starts_with("/var/tmp/")), "{:?}", plan.left);
        assert!(plan.left.last().unwrap().starts_with("credentials"), "{:?}", plan.left);
    }

    #[test]
    fn what_lies_in_a_project_is_put_away_by_itself() {
        let home =
            Home::default().file("~/a/.claude/setup.mjs", "").file("~/.local/bin/gh-token-monitor.sh", "");
        let engine = Engine::builtin();
        let plans = crate::testing::plans(&engine, &home, "~/a/.claude/setup.mjs");
        let plans: Vec<_> = plans.iter().filter(|(f, _)| f.page.id == "ioc.agent-hook").collect();
        assert_eq!(plans.len(), 1);
        assert_eq!(steps(&plans[0].1)[0], "move ~/a/.claude/setup.mjs");
        // What has struck the home has its plan once, not once a file.
        assert!(crate::testing::plans(&engine, &home, "~/.local/bin/gh-token-monitor.sh").is_empty());
    }

    #[test]
    fn a_file_that_others_have_too_is_left_to_people() {
        let home = Home::default().file("~/.bashrc", "sudo shutdown -h 0\n");
        let plans = home.plans_home(&Engine::builtin());
        let (_, plan) = plans.iter().find(|(f, _)| f.page.id == "ioc.s1ngularity").unwrap();
        assert!(plan.safety == Safety::Manual && plan.steps.is_empty());
        assert!(plan.left[0].starts_with("~/.bashrc"), "{:?}", plan.left);
    }

    #[test]
    fn what_is_below_another_goes_with_it() {
        assert_eq!(topmost(&["~/a/b", "~/a", "~/a", "~/ab"]), ["~/a", "~/ab"]);
    }
}
