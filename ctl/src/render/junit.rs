//! JUnit XML, as GitLab, Jenkins and other CI servers read it: findings are failed tests. Names hold no id and no line,
//! because servers tell by the name whether a test has failed before.

use super::words::{self, clean};
use crate::cli::Threshold;
use crate::exit::{complete, reaches};
use lapwing_agent::record::{Document, Gap, Record, State};
use std::collections::HashMap;
use std::io::{self, Write};

/// Prints a document. What does not make the run fail is a skipped test; what was not examined is an error.
pub(crate) fn document(out: &mut dyn Write, doc: &Document, threshold: Threshold) -> io::Result<()> {
    let there: Vec<&Record> =
        doc.findings.iter().filter(|f| !matches!(f.state, State::Resolved { .. })).collect();
    let failures = there.iter().filter(|r| reaches(r, threshold)).count();
    let (tests, skipped) = (there.len() + 1, there.len() - failures);
    let errors = usize::from(!complete(doc));
    let time = format!("{}.{:03}", doc.summary.millis / 1000, doc.summary.millis % 1000);
    let counts = format!("name=\"Lapwing\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites {counts} time=\"{time}\">")?;
    writeln!(out, "  <testsuite {counts} skipped=\"{skipped}\" time=\"{time}\">")?;
    examined(out, doc)?;
    let mut names = HashMap::new();
    for record in there {
        finding(out, record, reaches(record, threshold), &mut names)?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// A test that every run has: a report without any counts as broken.
fn examined(out: &mut dyn Write, doc: &Document) -> io::Result<()> {
    let test = "    <testcase classname=\"lapwing\" name=\"Everything was examined\" time=\"0\"";
    if complete(doc) {
        return writeln!(out, "{test}/>");
    }
    let gaps: Vec<&Gap> = doc.coverage.iter().filter(|gap| !gap.policy).collect();
    let line = |gap: &&Gap| {
        let paths: Vec<String> = gap.paths.iter().map(|p| clean(p)).collect();
        format!("{} ({}): {}: {}\n", gap.reason.words(), gap.count, clean(&gap.why), paths.join(", "))
    };
    let text: String = gaps.iter().map(line).collect();
    writeln!(out, "{test}>")?;
    writeln!(
        out,
        "      <error type=\"incomplete\" message=\"This run is incomplete\">{}</error>",
        xml(&text)
    )?;
    writeln!(out, "    </testcase>")
}

fn finding(
    out: &mut dyn Write,
    record: &Record,
    fails: bool,
    names: &mut HashMap<String, u32>,
) -> io::Result<()> {
    let place = record.sightings.first().map_or("", |at| at.path.as_str());
    let mut name = clean(&format!("{}: {}: {}", place, record.title, record.preview));
    let nth = names.entry(format!("{} {name}", record.rule)).or_default();
    *nth += 1;
    if *nth > 1 {
        name.push_str(&format!(" ({nth})"));
    }
    writeln!(out, "    <testcase classname=\"{}\" name=\"{}\" time=\"0\">", xml(&record.rule), xml(&name))?;
    let (tag, text) = (if fails { "failure" } else { "skipped" }, text(record));
    let (kind, message) = (record.severity.word(), xml(&clean(&record.title)));
    writeln!(out, "      <{tag} type=\"{kind}\" message=\"{message}\">{}</{tag}>", xml(&text))?;
    writeln!(out, "    </testcase>")
}

/// What a person reads of a failed test.
fn text(record: &Record) -> String {
    let mut lines = vec![format!("{}: {}", record.severity.word(), clean(&record.title))];
    lines.push(match (clean(&record.preview), words::grade(record)) {
        (preview, Some(grade)) => format!("{preview} ({grade})"),
        (preview, None) => preview,
    });
    lines.extend(record.sightings.iter().map(|at| format!("at {}", words::place(at, true))));
    lines.extend(words::state(&record.state));
    lines.push(format!("What to do: {}", clean(record.fix.advice.trim())));
    lines.extend(record.fix.revoke.as_ref().map(|url| format!("To revoke or replace it: {}", clean(url))));
    lines.push(format!("Why it matters: lapwing explain {}", clean(&record.rule)));
    lines.join("\n")
}

/// Text of an element or an attribute. XML 1.0 has no way to write most control characters and the two characters that
/// are none: they are replaced.
fn xml(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\t' | '\n' => xml.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use lapwing_rules::rule::Severity;

    fn report(doc: &Document, threshold: Threshold) -> String {
        let mut out = Vec::new();
        document(&mut out, doc, threshold).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn low(doc: &Document) -> String {
        report(doc, Threshold::At(Severity::Low))
    }

    fn count(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    #[test]
    fn a_clean_run_is_one_test_that_passed() {
        let xml = low(&sample::clean());
        assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"Lapwing\" tests=\"1\" failures=\"0\" errors=\"0\" time=\"1.234\">"), "{xml}");
        assert_eq!((count(&xml, "<testcase "), count(&xml, "<failure"), count(&xml, "<error")), (1, 0, 0));
    }

    #[test]
    fn findings_that_count_fail_and_the_others_are_skipped() {
        let doc = sample::messy();
        let xml = low(&doc);
        let (all, ignored) = (doc.findings.len(), 1);
        assert_eq!(count(&xml, "<failure "), all - ignored);
        assert_eq!(count(&xml, "<skipped "), ignored);
        assert!(
            xml.contains(&format!(
                "tests=\"{}\" failures=\"{}\" errors=\"1\" skipped=\"1\"",
                all + 1,
                all - ignored
            )),
            "{xml}"
        );
        assert_eq!(count(&report(&doc, Threshold::At(Severity::Critical)), "<failure "), 1);
        assert_eq!(count(&report(&doc, Threshold::Never), "<failure "), 0);
    }

    #[test]
    fn what_was_not_examined_is_an_error() {
        let xml = low(&sample::incomplete());
        assert!(xml.contains("<error type=\"incomplete\""), "{xml}");
        assert!(xml.contains("~/work/root-owned") && xml.contains("errors=\"1\""), "{xml}");
    }

    #[test]
    fn names_are_unique_and_hold_no_line() {
        let mut doc = sample::messy();
        doc.findings = vec![sample::token(), sample::token()];
        doc.findings[1].sightings[0].line = Some(99);
        let xml = low(&doc);
        let name = "name=\"~/.bash_history: GitHub personal access token (classic): ghp_…3kQ";
        assert_eq!(
            (count(&xml, &format!("{name}\"")), count(&xml, &format!("{name} (2)\""))),
            (1, 1),
            "{xml}"
        );
    }

    #[test]
    fn hostile_names_break_nothing() {
        let mut doc = sample::only(Severity::High);
        doc.findings[0].sightings[0].path = "a\"'<b>&]]>\u{0}\u{1b}[2J\n\r\u{fffe}\u{85}=\\xff".to_owned();
        let xml = low(&doc);
        let illegal = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(!xml.contains(illegal), "{xml}");
        assert!(!xml.contains("]]>") && !xml.contains("<b>"), "{xml}");
        assert!(xml.contains("a&quot;&apos;&lt;b&gt;&amp;]]&gt;\\u{0}\\u{1b}[2J\\n\\u{d}"), "{xml}");
        assert_eq!(super::xml("\u{1}\u{ffff}"), "\u{fffd}\u{fffd}");
    }
}
