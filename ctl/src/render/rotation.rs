//! What is left to do about a credential that has been seen in a file: the checklist that `lapwing show` keeps until the user
//! says that it is done.

use super::words::{clean, hang, wrap};
use crate::dates;
use lapwing_agent::record::{Record, State};
use lapwing_rules::rule::{Grade, Kind, Severity};
use std::io::{self, Write};

/// Whether there is anything to rotate.
pub(crate) fn applies(record: &Record) -> bool {
    record.kind == Kind::Secret && record.grade.is_some_and(|g| g >= Grade::Named)
}

/// Prints the checklist, or when it was done.
pub(crate) fn checklist(
    out: &mut dyn Write,
    record: &Record,
    rotated: Option<i64>,
    lapwing: &str,
    width: usize,
) -> io::Result<()> {
    let id = clean(&record.id);
    if let Some(at) = rotated {
        let text = format!(
            "Rotated on {}, as you have said: what is still in files opens nothing any more. To take that back: {lapwing} rotated {id} --undo",
            dates::day(at)
        );
        return wrap(out, "", &text, width);
    }
    writeln!(out, "To rotate it\n")?;
    for item in items(record) {
        hang(out, "  [ ] ", "      ", &item, width)?;
    }
    writeln!(out)?;
    wrap(out, "", &format!("When that is done: {lapwing} rotated {id}"), width)
}

fn items(record: &Record) -> Vec<String> {
    let mut items = vec![alive(record)];
    items.extend(reach(record));
    items.push(match &record.fix.revoke {
        Some(page) => format!("Revoke it, or replace it, at {}", clean(page)),
        None => "Revoke it, or replace it, where it was made".to_owned(),
    });
    let mut users: Vec<String> =
        record.sightings.iter().map(|s| clean(&s.path)).filter(|p| !p.starts_with('(')).collect();
    users.dedup();
    if let Some(first) = users.first() {
        let more = match users.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        items.push(format!(
            "Give the new one to what uses it, from the keyring; the old one was in {first}{more}"
        ));
    }
    items
        .push("Look through the account's log for use that was not yours since it was first seen".to_owned());
    items
}

/// What can be told without asking anybody, which would tell whoever listens that it was found.
fn alive(record: &Record) -> String {
    let note = record.note.as_deref().unwrap_or_default();
    let says = |words: &str| note.contains(words);
    let text = if record.severity == Severity::Info && says("expired") {
        "It says itself that it has expired: rotating it is a precaution"
    } else if says("does not hold") || says("do not read") {
        "It cannot be a working one as it stands there; the real one may differ in a letter"
    } else if record.grade == Some(Grade::Proved) {
        "It is a real one, and nothing in it says that it has ended: take it for alive"
    } else {
        "Whether it works cannot be told without asking its vendor: take it for alive"
    };
    let since = match record.state {
        State::Resolved { .. } => ". It is in no file any more, which does not change that",
        State::Open | State::Ignored { .. } => "",
    };
    format!("{text}{since}")
}

/// What its own structure says it opens.
fn reach(record: &Record) -> Option<String> {
    let note = record.note.as_deref()?;
    let ours = [
        "checksum",
        "parts do not read",
        "still in use here",
        "in the history of a repository",
        "something puts",
    ];
    let told: Vec<&str> = note.split("; ").filter(|part| !ours.iter().any(|o| part.contains(o))).collect();
    (!told.is_empty()).then(|| format!("What it says of its reach: {}", clean(&told.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    fn told(record: &Record, rotated: Option<i64>) -> String {
        let mut out = Vec::new();
        checklist(&mut out, record, rotated, "lapwing", 100).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_left_to_do_is_a_list() {
        let mut record = sample::token();
        record.note = Some("its checksum holds; account 4711".to_owned());
        insta::assert_snapshot!(told(&record, None), @r"
To rotate it

  [ ] It is a real one, and nothing in it says that it has ended: take it for alive
  [ ] What it says of its reach: account 4711
  [ ] Revoke it, or replace it, at https://github.com/settings/tokens
  [ ] Give the new one to what uses it, from the keyring; the old one was in ~/.bash_history and 4
      more
  [ ] Look through the account's log for use that was not yours since it was first seen

When that is done: lapwing rotated F-7K3Q2MAB
");
    }

    #[test]
    fn what_the_token_says_of_itself_counts() {
        let with = |severity, note: &str| {
            let record = Record { severity, note: Some(note.to_owned()), ..sample::token() };
            told(&record, None)
        };
        assert!(with(Severity::Info, "its checksum holds; expired 2026-01-02").contains("it has expired"));
        assert!(
            with(Severity::Low, "its checksum does not hold: mistyped, truncated or made up")
                .contains("cannot be a working one")
        );
    }

    #[test]
    fn what_was_said_to_be_done_is_not_asked_for_again() {
        let text = told(&sample::token(), Some(1_795_348_800));
        assert!(text.starts_with("Rotated on 2026-11-22") && !text.contains("[ ]"), "{text}");
        assert!(!applies(&sample::record("F-1", Severity::Low)));
        assert!(applies(&sample::token()));
    }
}
