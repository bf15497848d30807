//! Secrets that programs were given: in their environment, which every other program of the user can read, or on their
//! command line, which every user of the machine can read.

use super::file::guarded;
use super::{Done, Scope};
use crate::ledger::Seen;
use crate::machine::process;
use crate::record::Reason;
use lapwing_rules::finding::{Finding, Location};
use lapwing_rules::rule::Severity;
use lapwing_rules::target::Target;
use std::collections::{BTreeSet, HashMap};

pub(crate) use lapwing_rules::indicators::PROCESSES;

/// Where something is that the user's service manager gives to what it starts.
pub(crate) const SERVICES: &str = "(systemd user environment)";
/// Programs that are named for one secret: where a variable is exported, every program has it.
const NAMED: usize = 3;

/// Made anew for each session or window, and worth nothing outside of it.
const OF_A_SESSION: &[&str] = &[
    "XDG_ACTIVATION_TOKEN",
    "DESKTOP_STARTUP_ID",
    "VSCODE_GIT_IPC_AUTH_TOKEN",
    "VSCODE_NONCE",
    "STARSHIP_SESSION_KEY",
    "KITTY_PUBLIC_KEY",
    "MEMORY_PRESSURE_WRITE",
    "ATUIN_SESSION",
    "CURSOR_TRACE_ID",
    "DIRENV_DIFF",
    "DIRENV_WATCHES",
    "__MISE_DIFF",
    "__MISE_SESSION",
    "LS_COLORS",
];

/// Examines what the programs of the home were given, and what its services would be. `running` is what was seen of the
/// programs themselves.
pub(super) fn sweep(scope: &Scope<'_>, running: Vec<Seen>, done: &mut Done) {
    if !scope.home.is_own() {
        return;
    }
    let given = process::given([scope.home.root(), scope.home.canonical()]);
    let mut seen = Vec::new();
    for (text, names) in given.variables() {
        let Some(variable) = variable(text) else { continue };
        for finding in found(scope, text, done) {
            let insides = names.iter().map(|name| format!("environment variable {variable} of {name}"));
            seen.extend(sightings(&finding, Severity::Medium, EVERY_PROGRAM, insides));
        }
    }
    for (text, names) in given.commands() {
        for finding in found(scope, text, done) {
            let insides = names.iter().map(|name| format!("command line of {name}"));
            seen.extend(sightings(&finding, Severity::High, EVERY_USER, insides));
        }
    }
    if given.full {
        done.note(Reason::TooLarge, PROCESSES, Some("more than is examined of environments".to_owned()));
    }
    let mut all = of(PROCESSES, seen);
    all.extend(running);
    done.file(scope, PROCESSES, all);
    services(scope, done);
}

/// What somebody else can do with it.
const EVERY_PROGRAM: &str = "every program of yours can read it there";
const EVERY_USER: &str = "every user of this machine can read it there while the program runs";

fn services(scope: &Scope<'_>, done: &mut Done) {
    let variables = match process::services() {
        Ok(variables) => variables,
        Err(why) => {
            done.note(Reason::Unreadable, SERVICES, Some(why));
            // What is known of it stays.
            done.kept.insert(SERVICES.to_owned());
            return;
        }
    };
    let home = |v: &[u8]| {
        v.strip_prefix(b"HOME=").is_some_and(|h| h == scope.home.root().as_os_str().as_encoded_bytes())
    };
    let mut seen = Vec::new();
    for text in variables.iter().filter(|_| variables.iter().any(|v| home(v))) {
        let Some(name) = variable(text) else { continue };
        for finding in found(scope, text, done) {
            seen.extend(sightings(&finding, Severity::Medium, EVERY_PROGRAM, [format!("variable {name}")]));
        }
    }
    done.file(scope, SERVICES, of(SERVICES, seen));
}

/// The name of a variable that is worth a look.
fn variable(text: &[u8]) -> Option<String> {
    let name = &text[..memchr::memchr(b'=', text)?];
    let name = std::str::from_utf8(name).ok()?;
    (!OF_A_SESSION.contains(&name)).then(|| name.to_owned())
}

fn found(scope: &Scope<'_>, text: &[u8], done: &mut Done) -> Vec<Finding> {
    done.bytes += text.len() as u64;
    // As a line of a file of variables would be read.
    let target = Target { path: "environment.env", place: None, bytes: text, meta: None };
    guarded(|| scope.engine.secrets_of(&target, &scope.cx())).map(|r| r.findings).unwrap_or_default()
}

fn sightings(
    finding: &Finding,
    worst: Severity,
    why: &str,
    insides: impl IntoIterator<Item = String>,
) -> Vec<Finding> {
    let note = finding.note.iter().map(String::as_str).chain([why]).collect::<Vec<_>>().join("; ");
    let here = |inside| Finding {
        severity: finding.severity.min(worst),
        note: Some(note.clone()),
        inside: Some(inside),
        at: Location::default(),
        ..finding.clone()
    };
    insides.into_iter().map(here).collect()
}

/// A few sightings of each, always the same ones while the programs are the same.
fn of(path: &str, findings: Vec<Finding>) -> Vec<Seen> {
    let mut by_id: HashMap<_, BTreeSet<String>> = HashMap::new();
    for finding in &findings {
        by_id.entry(finding.id).or_default().extend(finding.inside.clone());
    }
    let mut seen: Vec<Seen> = Vec::new();
    for finding in findings {
        let named = by_id.get(&finding.id).into_iter().flatten().take(NAMED);
        let one = Seen::of(finding, path);
        if named.into_iter().any(|n| Some(n) == one.inside.as_ref()) && !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen.sort_by(|a, b| (&a.inside, &a.rule).cmp(&(&b.inside, &b.rule)));
    seen
}
