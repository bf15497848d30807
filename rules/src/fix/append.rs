//! Adds lines to a file, which may not be there yet.

use super::edit::digest;
use super::plan::{Edit, Step};
use crate::facts::{Fact, Facts};
use crate::settings::entry::text;

/// What stands before and behind the lines that Lapwing keeps in a file of others.
const BEGIN: &str = "# lapwing: begin";
const END: &str = "# lapwing: end";

/// Adds text at a file's end. `None` when the file cannot be read.
pub(crate) fn at_end(path: &str, added: &str, facts: &dyn Facts) -> Option<Step> {
    let bytes = match facts.read(path) {
        Fact::Known(bytes) => bytes,
        Fact::Absent => {
            return Some(Step::Create { path: path.to_owned(), bytes: added.into(), mode: 0o644 });
        }
        Fact::Unknown(_) => return None,
    };
    let open = bytes.last().is_some_and(|b| *b != b'\n');
    let with = format!("{}{added}", if open { "\n" } else { "" });
    Some(insert(path, &bytes, bytes.len(), &with))
}

/// Adds lines to the block that Lapwing keeps in a file, which begins and ends with a comment. Lines that stand in it stay.
pub(crate) fn to_block(path: &str, lines: &[&str], facts: &dyn Facts) -> Option<Step> {
    let added: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let bytes = facts.read(path).known().unwrap_or_default();
    let known = text(&bytes);
    let begins = known.lines().any(|line| line.trim_end() == BEGIN);
    match known.find(&format!("\n{END}")).filter(|_| begins) {
        Some(end) if std::str::from_utf8(&bytes).is_ok() => Some(insert(path, &bytes, end + 1, &added)),
        _ => at_end(path, &format!("{BEGIN}\n{added}{END}\n"), facts),
    }
}

fn insert(path: &str, bytes: &[u8], at: usize, with: &str) -> Step {
    let with = if memchr::memmem::find(bytes, b"\r\n").is_some() {
        with.replace('\n', "\r\n")
    } else {
        with.to_owned()
    };
    let edit = Edit { start: at, end: at, with: with.into_bytes(), secret: false };
    Step::Edit { path: path.to_owned(), guard: digest(bytes), edits: vec![edit] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    fn after(home: &Home, lines: &[&str]) -> String {
        match to_block("~/i", lines, home).unwrap() {
            Step::Create { bytes, .. } => text(&bytes),
            Step::Edit { edits, .. } => {
                text(&crate::fix::edit::apply(&home.read("~/i").known().unwrap(), &edits).unwrap())
            }
            _ => panic!("another step"),
        }
    }

    #[test]
    fn a_block_is_made_and_grows() {
        let block = "# lapwing: begin\n.env\n# lapwing: end\n";
        assert_eq!(after(&Home::default(), &[".env"]), block);
        assert_eq!(after(&Home::default().file("~/i", "a"), &[".env"]), format!("a\n{block}"));
        let grown = after(&Home::default().file("~/i", &format!("a\n{block}b\n")), &["*.pem"]);
        assert_eq!(grown, "a\n# lapwing: begin\n.env\n*.pem\n# lapwing: end\nb\n");
        assert_eq!(
            after(&Home::default().file("~/i", "a\r\n"), &["b"]),
            "a\r\n# lapwing: begin\r\nb\r\n# lapwing: end\r\n"
        );
    }
}
