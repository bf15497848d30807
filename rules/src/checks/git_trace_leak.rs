//! Variables that make Git print what it sends, credentials included.

use super::{Check, Fix, Found, Run};
use crate::facts::Facts;
use crate::rule::{Profile, Safety, Severity};

pub(crate) const CHECK: Check = Check {
    id: "git.trace-leak",
    title: "Git prints its traffic into terminals and logs",
    severity: Severity::Low,
    why: "Headers and addresses with credentials end up in scrollback, logs and bug reports. Git hides only those that it \
          knows, and with `GIT_TRACE_REDACT=0` none.",
    advice: "Unset the variable and take it out of the start-up file that sets it; set it for one command when you need it.",
    command: Some("unset {key}"),
    safety: Safety::Review,
    profile: Profile::Default,
    references: &["https://git-scm.com/docs/git#Documentation/git.txt-codeGITTRACECURLcode"],
    run: Run::Home(run),
    fix: Fix::None,
};

fn run(facts: &dyn Facts) -> Vec<Found> {
    let value = |name: &str| facts.env(name).unwrap_or_default().trim().to_ascii_lowercase();
    let off = |v: &str| matches!(v, "0" | "false" | "no" | "off");
    let on = |name: &str| Some(value(name)).filter(|v| !v.is_empty() && !off(v)).map(|_| name.to_owned());
    let mut names: Vec<String> = ["GIT_TRACE_CURL", "GIT_CURL_VERBOSE"].into_iter().filter_map(on).collect();
    if off(&value("GIT_TRACE_REDACT")) {
        names.push("GIT_TRACE_REDACT".to_owned());
    }
    let found = |key: String| Found { preview: format!("{key}={}", value(&key)), key, ..Found::default() };
    names.into_iter().map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::git::tests::scan_home;
    use crate::testing::Home;

    #[test]
    fn only_what_prints_is_found() {
        let found = |name: &str, value: &str| scan_home(&Home::default().var(name, value), CHECK.id).len();
        assert_eq!(found("GIT_TRACE_CURL", "1"), 1);
        assert_eq!(found("GIT_CURL_VERBOSE", "true"), 1);
        assert_eq!(found("GIT_TRACE_REDACT", "0"), 1);
        assert_eq!(found("GIT_TRACE_CURL", "0"), 0);
        assert_eq!(found("GIT_CURL_VERBOSE", ""), 0);
        assert_eq!(found("GIT_TRACE_REDACT", "1"), 0);
        assert_eq!(found("GIT_TRACE", "1"), 0);
    }
}
