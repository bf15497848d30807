//! A git that is older than the fixes everybody should have.

use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "git.version",
    title: "Git is older than its last grave security fixes",
    severity: Severity::Medium,
    why: "Before 2.45.1, cloning a repository made for the purpose could run a program of its author on Linux too.",
    advice: "Install the updates of your distribution. One that mends old versions without counting up is safe in spite of the number.",
    command: Some("git --version"),
    safety: Safety::Safe,
    profile: Profile::Strict,
    references: &["https://github.blog/open-source/git/securing-git-addressing-5-new-vulnerabilities/"],
    run: Run::Home(run),
    fix: Fix::None,
};

/// The first version with all fixes of May 2024.
const LEAST: [u64; 3] = [2, 45, 1];

fn run(facts: &dyn Facts) -> Vec<Found> {
    let Some(version) = facts.version("git").known() else { return Vec::new() };
    let mut parts = version.split('.').map(|p| p.parse::<u64>().unwrap_or_default());
    let found = [(); 3].map(|()| parts.next().unwrap_or_default());
    if found >= LEAST {
        return Vec::new();
    }
    vec![Found { preview: format!("git {version}"), ..Found::default() }]
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::testing::Home;

    #[test]
    fn old_ones_are_told() {
        for (version, told) in
            [("2.39.5", 1), ("2.45.0", 1), ("2.45.1", 0), ("2.47.3", 0), ("3.0.rc1", 0), ("1.9", 1)]
        {
            assert_eq!(run(&Home::default().program("git", version)).len(), told, "{version}");
        }
        assert!(run(&Home::default()).is_empty());
    }
}
