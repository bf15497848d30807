use super::*;
use crate::render::sample;
use lapwing_agent::record::Gap;

fn view(width: usize) -> View {
    View { width, verbose: false, quiet: false, source: Source::Doctor, lapwing: "lapwing".to_owned() }
}

fn raw(doc: &Document, view: &View) -> String {
    let mut out = Vec::new();
    document(&mut out, doc, view).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(doc: &Document, view: &View) -> String {
    anstream::adapter::strip_str(&raw(doc, view)).to_string()
}

fn list(one_rule: bool) -> View {
    View { source: Source::List { filters: " --state all".to_owned(), one_rule }, ..view(80) }
}

#[test]
fn a_messy_home_at_100_columns() {
    insta::assert_snapshot!(text(&sample::messy(), &view(100)), @"");
}

#[test]
fn a_messy_home_at_60_columns() {
    insta::assert_snapshot!(text(&sample::messy(), &view(60)), @"");
}

#[test]
fn a_clean_home() {
    assert_eq!(text(&sample::clean(), &view(80)), "Nothing found in 12,345 files, 1.2 s.\n");
}

#[test]
fn an_incomplete_run_is_never_called_clean() {
    insta::assert_snapshot!(text(&sample::incomplete(), &view(80)), @"");
    let quiet = text(&sample::incomplete(), &View { quiet: true, ..view(80) });
    assert!(quiet.starts_with("Not examined\n  ~/work/root-owned"), "{quiet}");
    assert_eq!(text(&sample::clean(), &View { quiet: true, ..view(80) }), "");
}

#[test]
fn verbose_shows_every_finding_and_place() {
    let text = text(&sample::messy(), &View { verbose: true, ..view(100) });
    assert!(text.contains("~/backup/old/bash_history:14:21\n"), "{text}");
    assert!(!text.contains("more of this kind"), "{text}");
    assert!(text.contains("  ~/src/app-1/node_modules (vendored tree or cache)\n"), "{text}");
}

#[test]
fn a_scan_is_not_remembered_and_sends_nobody_to_the_ledger() {
    let text = text(&sample::messy(), &View { source: Source::Scan, ..view(100) });
    assert!(text.ends_with("\nNext: lapwing explain github-pat\n"), "{text}");
    assert!(text.contains("and 2 more of this kind: -v lists them all\n"), "{text}");
    assert!(text.contains("lapwing scan --all takes them in"), "{text}");
    assert!(!text.contains("lapwing list"), "{text}");
}

#[test]
fn nobody_is_sent_to_a_ledger_that_could_not_be_written() {
    let mut doc = sample::messy();
    doc.coverage.push(sample::gap(Reason::Ledger, 1, &[], "the disk is full"));
    let text = text(&doc, &view(100));
    assert!(text.ends_with("\nNext: lapwing explain github-pat\n"), "{text}");
    assert!(text.contains("  what was found could not be remembered: the disk is full\n"), "{text}");
}

#[test]
fn commands_for_another_home_name_it() {
    let other = View { lapwing: "lapwing --home /srv/ann".to_owned(), ..view(100) };
    let text = text(&sample::messy(), &other);
    assert!(text.ends_with("\nNext: lapwing --home /srv/ann show F-7K3Q2MAB\n"), "{text}");
}

#[test]
fn a_list_shows_ignored_findings_with_their_reason() {
    let text = text(&sample::ignored(), &list(false));
    assert!(text.contains("      ignored: a key of the test server\n"), "{text}");
    assert!(text.contains("\n1 finding.\n"), "{text}");
}

#[test]
fn a_list_of_one_rule_is_whole() {
    let all = text(&sample::messy(), &list(true));
    assert!(all.contains("F-4M0V5C06") && !all.contains("more of this kind"), "{all}");
    let some = text(&sample::messy(), &list(false));
    let more = "and 2 more of this kind: lapwing list --rule generic-secret --state all\n";
    assert!(some.contains(more) && !some.contains("F-4M0V5C06"), "{some}");
}

#[test]
fn worst_and_surest_come_first_whatever_the_order() {
    let mut doc = sample::messy();
    let first = text(&doc, &view(100)).lines().nth(2).unwrap().to_owned();
    doc.findings.rotate_left(1);
    assert_eq!(text(&doc, &view(100)).lines().nth(2).unwrap(), first);
}

#[test]
fn colour_marks_severity_only() {
    let coloured = raw(&sample::messy(), &view(100));
    let lines: Vec<&str> = coloured.lines().filter(|l| l.contains('\u{1b}')).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, word) in lines.iter().zip(["Critical", "High", "Medium"]) {
        assert!(line.contains(word), "{line}");
    }
}

#[test]
fn names_of_files_cannot_steer_the_terminal() {
    let mut doc = sample::messy();
    let evil = "~/a\u{1b}]0;owned\u{7}\nCritical (0)\u{202e}".to_owned();
    doc.findings[0].sightings[0].path.clone_from(&evil);
    doc.findings[0].preview.clone_from(&evil);
    doc.findings[0].fix.command = Some(evil.clone());
    doc.summary.unused_ignores = vec![evil.clone()];
    doc.coverage.push(Gap { paths: vec![evil.clone()], why: evil, ..doc.coverage[0].clone() });
    for verbose in [false, true] {
        let text = text(&doc, &View { verbose, ..view(100) });
        assert!(!text.chars().any(|c| c != '\n' && words::harmful(c)), "{text}");
        assert!(!text.contains("\nCritical (0)"), "{text}");
    }
}

#[test]
fn lines_keep_to_the_width_unless_a_word_is_longer() {
    for width in [40, 60, 100] {
        for line in text(&sample::messy(), &view(width)).lines() {
            let long = textwrap::core::display_width(line) > width;
            let copied = line.contains('→') || line.contains("~/") || line.starts_with("Next: ");
            assert!(!long || copied, "{width}: {line}");
        }
    }
}
