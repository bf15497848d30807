//! Documents made by hand, to look at what is printed. The ids and previews are invented.

use lapwing_agent::record::{Document, Fix, Gap, Reason, Record, SCHEMA, Sighting, State, Summary};
use lapwing_rules::rule::{Grade, Kind, Page, Profile, Safety, Severity};

pub(crate) const TOML_ERROR: &str =
    "TOML parse error at line 2, column 1\n  |\n2 | max-size = 5\n  | ^^^^^^^^\nunknown field `max-size`\n";

pub(crate) fn page() -> Page {
    Page {
        id: "github-pat".to_owned(),
        title: "GitHub personal access token (classic)".to_owned(),
        severity: Severity::Critical,
        why: "Reads and changes whatever its scopes allow, often every repository you can reach, until it is revoked.".to_owned(),
        advice: "Revoke it, then sign in with `gh auth login`, which keeps the new token in your keyring.".to_owned(),
        command: Some("gh auth login".to_owned()),
        safety: Safety::Manual,
        revoke: Some("https://github.com/settings/tokens".to_owned()),
        references: vec!["https://example.org/token-formats".to_owned()],
        profile: Profile::Default,
        fix: None,
    }
}

pub(crate) fn at(path: &str, line: Option<u64>) -> Sighting {
    Sighting {
        path: path.to_owned(),
        inside: None,
        line,
        column: line.map(|_| 21),
        start: line.map(|_| 402),
        end: line.map(|_| 442),
    }
}

pub(crate) fn record(id: &str, severity: Severity) -> Record {
    Record {
        id: id.to_owned(),
        rule: "git.tls-verify-off".to_owned(),
        kind: Kind::Setting,
        severity,
        grade: None,
        title: "Git does not check the certificates of servers".to_owned(),
        preview: "http.sslverify = false".to_owned(),
        note: None,
        sightings: vec![at("~/.gitconfig", Some(7))],
        fix: Fix {
            safety: Safety::Review,
            advice: "Remove the setting; give git the certificate of your own server instead.".to_owned(),
            command: Some("git config --global --unset http.sslVerify".to_owned()),
            revoke: None,
        },
        state: State::Open,
        first_seen: Some(1_795_348_800),
    }
}

pub(crate) fn token() -> Record {
    let page = page();
    Record {
        id: "F-7K3Q2MAB".to_owned(),
        rule: page.id,
        kind: Kind::Secret,
        severity: page.severity,
        grade: Some(Grade::Proved),
        title: page.title,
        preview: "ghp_…3kQ".to_owned(),
        note: None,
        sightings: vec![
            at("~/.bash_history", Some(14)),
            at("~/.config/gh/hosts.yml", Some(3)),
            at("~/notes/setting up the new laptop.md", Some(88)),
            at("~/backup/bash_history", Some(14)),
            at("~/backup/old/bash_history", Some(14)),
        ],
        fix: Fix { safety: page.safety, advice: page.advice, command: page.command, revoke: page.revoke },
        ..record("F-7K3Q2MAB", Severity::Critical)
    }
}

pub(crate) fn gap(reason: Reason, count: u64, paths: &[&str], why: &str) -> Gap {
    let paths = paths.iter().map(|p| (*p).to_owned()).collect();
    Gap { reason, policy: reason.policy(), count, paths, why: why.to_owned() }
}

fn document(findings: Vec<Record>, coverage: Vec<Gap>) -> Document {
    let open = |s| findings.iter().filter(|f| f.state == State::Open && f.severity == s).count() as u64;
    let summary = Summary {
        critical: open(Severity::Critical),
        high: open(Severity::High),
        medium: open(Severity::Medium),
        low: open(Severity::Low),
        info: open(Severity::Info),
        ignored: findings.iter().filter(|f| matches!(f.state, State::Ignored { .. })).count() as u64,
        files: 12_345,
        unchanged: 12_000,
        bytes: 1_200_000_000,
        complete: coverage.iter().all(|g| g.policy),
        millis: 1_234,
        ..Summary::default()
    };
    Document { schema: SCHEMA, findings, coverage, summary }
}

pub(crate) fn clean() -> Document {
    document(Vec::new(), Vec::new())
}

pub(crate) fn incomplete() -> Document {
    let coverage = vec![
        gap(Reason::Unreadable, 2, &["~/work/root-owned", "~/work/other"], "permission denied"),
        gap(Reason::Interrupted, 1, &[], ""),
    ];
    document(Vec::new(), coverage)
}

pub(crate) fn only(severity: Severity) -> Document {
    document(vec![record("F-0000000A", severity)], Vec::new())
}

pub(crate) fn ignored() -> Document {
    let state = State::Ignored { reason: "a key of the test server".to_owned(), until: None };
    document(vec![Record { state, ..record("F-0000000A", Severity::Medium) }], Vec::new())
}

/// A little of everything.
pub(crate) fn messy() -> Document {
    let mut findings = vec![token()];
    for n in 0..7 {
        findings.push(Record {
            id: format!("F-4M0V5C{n:02}"),
            rule: "generic-secret".to_owned(),
            kind: Kind::Secret,
            grade: Some(Grade::Named),
            title: "Secret written in a configuration file".to_owned(),
            preview: format!("db{n}_password = …"),
            sightings: vec![at(&format!("~/src/app-{n}/.env"), Some(2))],
            fix: Fix { command: None, ..token().fix },
            ..token()
        });
        findings.last_mut().iter_mut().for_each(|f| f.severity = Severity::High);
    }
    findings.push(Record {
        title: "Private key in a file that others on this machine can read, which makes it theirs too"
            .to_owned(),
        preview: "mode 0644".to_owned(),
        rule: "ssh.key-mode".to_owned(),
        kind: Kind::Check,
        sightings: vec![at("~/.ssh/id_ed25519", None)],
        fix: Fix {
            command: Some("chmod 600 ~/.ssh/id_ed25519".to_owned()),
            ..record("", Severity::High).fix
        },
        ..record("F-9ZZ1T0PE", Severity::High)
    });
    findings.push(record("F-2B8NN4XQ", Severity::Medium));
    findings.push(ignored().findings.remove(0));
    let coverage = vec![
        gap(Reason::Unreadable, 7, &["~/work/root-owned", "~/work/other"], "permission denied"),
        gap(
            Reason::BadRule,
            1,
            &["~/.config/lapwing/own.toml"],
            "~/.config/lapwing/own.toml: rule `acme-token`: missing field `title`",
        ),
        gap(Reason::Vendored, 412, &["~/src/app-1/node_modules"], "left out unless --all"),
        gap(Reason::TooLarge, 3, &["~/disk.img"], "larger than 512 MB"),
        gap(Reason::LinkOut, 2, &["~/nas"], "leads to /mnt/nas"),
    ];
    let mut doc = document(findings, coverage);
    doc.summary.silenced = 1;
    doc.summary.unused_ignores = vec!["~/src/.lapwingignore:3: old/**".to_owned()];
    doc
}
