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
    insta::assert_snapshot!(text(&sample::messy(), &view(100)), @r#"
Critical (1)

  F-7K3Q2MAB  GitHub personal access token (classic)
      ghp_…3kQ (proved: its checksum holds)
      ~/.bash_history:14
      ~/.config/gh/hosts.yml:3
      ~/notes/setting up the new laptop.md:88
      and 2 more
      → gh auth login

High (8)

  F-9ZZ1T0PE  Private key in a file that others on this machine can read, which makes it theirs too
      mode 0644
      ~/.ssh/id_ed25519
      → chmod 600 ~/.ssh/id_ed25519

  F-4M0V5C00  Secret written in a configuration file
      db0_password = … (named by its assignment)
      ~/src/app-0/.env:2

  F-4M0V5C01  Secret written in a configuration file
      db1_password = … (named by its assignment)
      ~/src/app-1/.env:2

  F-4M0V5C02  Secret written in a configuration file
      db2_password = … (named by its assignment)
      ~/src/app-2/.env:2

  F-4M0V5C03  Secret written in a configuration file
      db3_password = … (named by its assignment)
      ~/src/app-3/.env:2

  F-4M0V5C04  Secret written in a configuration file
      db4_password = … (named by its assignment)
      ~/src/app-4/.env:2

  and 2 more of this kind: lapwing list --rule generic-secret

Medium (1)

  F-2B8NN4XQ  Git does not check the certificates of servers
      http.sslverify = false
      ~/.gitconfig:7
      → git config --global --unset http.sslVerify

1 critical, 8 high and 1 medium in 12,345 files, 1.2 s. This run is incomplete.

Not examined
  ~/work/root-owned (could not be read: permission denied)
  ~/work/other (could not be read)
  and 5 more (could not be read)
  ~/.config/lapwing/own.toml (rule could not be used: rule `acme-token`: missing field `title`)

Left out: 412 vendored trees and caches, 3 large files (lapwing doctor --all takes them in); 2 links
that leave the home.

1 ignored (lapwing list --state ignored), 1 silenced by a marker in the file.

Ignores that match nothing
  ~/src/.lapwingignore:3: old/**

Next: lapwing show F-7K3Q2MAB
"#);
}

#[test]
fn a_messy_home_at_60_columns() {
    insta::assert_snapshot!(text(&sample::messy(), &view(60)), @r#"
Critical (1)

  F-7K3Q2MAB  GitHub personal access token (classic)
      ghp_…3kQ (proved: its checksum holds)
      ~/.bash_history:14
      ~/.config/gh/hosts.yml:3
      ~/notes/setting up the new laptop.md:88
      and 2 more
      → gh auth login

High (8)

  F-9ZZ1T0PE  Private key in a file that others on this
              machine can read, which makes it theirs too
      mode 0644
      ~/.ssh/id_ed25519
      → chmod 600 ~/.ssh/id_ed25519

  F-4M0V5C00  Secret written in a configuration file
      db0_password = … (named by its assignment)
      ~/src/app-0/.env:2

  F-4M0V5C01  Secret written in a configuration file
      db1_password = … (named by its assignment)
      ~/src/app-1/.env:2

  F-4M0V5C02  Secret written in a configuration file
      db2_password = … (named by its assignment)
      ~/src/app-2/.env:2

  F-4M0V5C03  Secret written in a configuration file
      db3_password = … (named by its assignment)
      ~/src/app-3/.env:2

  F-4M0V5C04  Secret written in a configuration file
      db4_password = … (named by its assignment)
      ~/src/app-4/.env:2

  and 2 more of this kind: lapwing list --rule generic-secret

Medium (1)

  F-2B8NN4XQ  Git does not check the certificates of servers
      http.sslverify = false
      ~/.gitconfig:7
      → git config --global --unset http.sslVerify

1 critical, 8 high and 1 medium in 12,345 files, 1.2 s. This
run is incomplete.

Not examined
  ~/work/root-owned (could not be read: permission denied)
  ~/work/other (could not be read)
  and 5 more (could not be read)
  ~/.config/lapwing/own.toml (rule could not be used: rule
      `acme-token`: missing field `title`)

Left out: 412 vendored trees and caches, 3 large files
(lapwing doctor --all takes them in); 2 links that leave the
home.

1 ignored (lapwing list --state ignored), 1 silenced by a
marker in the file.

Ignores that match nothing
  ~/src/.lapwingignore:3: old/**

Next: lapwing show F-7K3Q2MAB
"#);
}

#[test]
fn a_clean_home() {
    assert_eq!(text(&sample::clean(), &view(80)), "Nothing found in 12,345 files, 1.2 s.\n");
}

#[test]
fn an_incomplete_run_is_never_called_clean() {
    insta::assert_snapshot!(text(&sample::incomplete(), &view(80)), @r#"
Nothing found so far, but this run is incomplete: 12,345 files examined, 1.2 s.

Not examined
  ~/work/root-owned (could not be read: permission denied)
  ~/work/other (could not be read)
  the run was stopped before the end
"#);
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
fn notes_are_told() {
    let mut doc = sample::clean();
    doc.summary.notes = vec!["the ledger was damaged and made anew".to_owned()];
    let text = text(&doc, &view(80));
    assert!(text.ends_with("1.2 s.\n\nNote: the ledger was damaged and made anew\n"), "{text}");
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
            let copied = line.contains('→')
                || line.contains("of this kind: ")
                || line.contains("~/")
                || line.starts_with("Next: ");
            assert!(!long || copied, "{width}: {line}");
        }
    }
}
