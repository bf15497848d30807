use super::*;
use crate::engine::Engine;
use crate::pack::Packs;
use crate::testing::Home;

const UNIT: &str = "~/.config/systemd/user/gh-token-monitor.service";

fn struck() -> Home {
    Home::default()
        .file(UNIT, "[Service]\nExecStart=%h/.local/bin/gh-token-monitor.sh\n")
        .file("~/.config/systemd/user/default.target.wants/gh-token-monitor.service", "")
        .file("~/.local/bin/gh-token-monitor.sh", "#!/bin/sh\n")
        .file("~/.config/gh-token-monitor/token", "x\n")
        .running("/bin/bash /home/dev/.local/bin/gh-token-monitor.sh")
}

#[test]
fn what_a_worm_has_left_in_a_home_is_one_finding_with_its_places() {
    let engine = Engine::builtin();
    let found = struck().scan_home(&engine).findings;
    let ours: Vec<_> = found.iter().filter(|f| f.page.id == "ioc.gh-token-monitor").collect();
    let paths: Vec<&str> = ours.iter().filter_map(|f| f.path.as_deref()).collect();
    let wants = "~/.config/systemd/user/default.target.wants/gh-token-monitor.service";
    let script = "~/.local/bin/gh-token-monitor.sh";
    assert_eq!(paths, [wants, UNIT, script, "~/.config/gh-token-monitor", PROCESSES]);
    assert!(ours.iter().all(|f| f.id == ours[0].id && f.severity == crate::rule::Severity::Critical));
    assert_eq!(ours[4].inside.as_deref(), Some("process 1000"));
    // A walk that meets the file says the same.
    let met = struck().scan_paths(&engine).findings;
    assert!(met.iter().any(|f| f.id == ours[0].id && f.path.is_none()));
}

#[test]
fn what_lies_in_a_project_is_a_finding_of_its_own() {
    let engine = Engine::builtin();
    let home = Home::default().file("~/a/.claude/setup.mjs", "").file("~/b/.claude/setup.mjs", "");
    let found = home.scan_paths(&engine).findings;
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].id, found[1].id);
}

#[test]
fn every_indicator_says_in_which_order_to_act() {
    for (page, spec) in &Packs::builtin().indicators {
        assert!(page.advice.starts_with("Do not revoke"), "{}", page.id);
        assert_eq!(page.severity, crate::rule::Severity::Critical, "{}", page.id);
        assert!(!spec.campaign.is_empty() && !page.references.is_empty(), "{}", page.id);
        assert!(!spec.examples.is_empty() && !spec.counter_examples.is_empty(), "{}", page.id);
    }
}

/// A machine that answers nothing.
struct Shut;

impl Facts for Shut {
    fn stat(&self, _: &str) -> Fact<crate::facts::Meta> {
        Fact::Unknown("permission denied".to_owned())
    }
    fn read(&self, _: &str) -> Fact<Vec<u8>> {
        Fact::Unknown("permission denied".to_owned())
    }
    fn list(&self, _: &str) -> Fact<Vec<String>> {
        Fact::Unknown("permission denied".to_owned())
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn told(&self, _: &str, _: &[&str]) -> Fact<String> {
        Fact::Absent
    }
    fn programs(&self) -> Fact<Vec<crate::facts::Program>> {
        Fact::Unknown("permission denied".to_owned())
    }
    fn age_days(&self, _: &str) -> Fact<u64> {
        Fact::Absent
    }
    fn now(&self) -> i64 {
        crate::testing::NOW
    }
    fn tilde(&self, path: &str) -> String {
        path.to_owned()
    }
}

#[test]
fn what_cannot_be_looked_at_is_told_once_and_never_passes() {
    let report = crate::testing::indicators(&Engine::builtin(), &Shut);
    assert!(report.findings.is_empty());
    for what in
        [PROCESSES, "~/.config/systemd/user", "~/.local/bin/gh-token-monitor.sh", "/tmp/inventory.txt"]
    {
        assert_eq!(report.problems.iter().filter(|p| p.what == what).count(), 1, "{what}");
    }
}

#[test]
fn a_mistake_in_a_pack_names_the_rule_and_the_field() {
    let errors = |body: &str| {
        let mut packs = Packs::default();
        packs.add(
            "own.toml",
            &format!("[[indicator]]\nid = \"ioc.a\"\ntitle = \"t\"\nwhy = \"w\"\ncampaign = \"c\"\n{body}"),
        );
        let errors = std::mem::take(&mut packs.errors);
        let errors: Vec<_> = errors.into_iter().chain(Engine::new(packs).1).collect();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(errors("paths = [\"~/a\"]\n"), Vec::<String>::new());
    assert!(errors("")[0].contains("rule `ioc.a`: give `paths`"), "{:?}", errors(""));
    assert!(errors("paths = [\"a\"]\n")[0].contains("path `a`"), "{:?}", errors("paths = [\"a\"]\n"));
    let broken = errors("contents = [{ paths = [\"~/a\"], matches = '(' }]\n");
    assert!(broken[0].contains("field `matches`"), "{broken:?}");
    assert!(errors("file = 1\n")[0].contains("unknown field `file`"), "{:?}", errors("file = 1\n"));
}
