//! What a section loses with its last setting: its header, and the blank lines that set it apart.

use super::plan::Edit;
use super::setting::{cut, line_end, line_start};

/// Whether a line opens a section in this format.
fn opens(name: &str, line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    match name {
        "gitconfig" | "ini" | "toml" => line.starts_with(b"["),
        "ssh_config" => {
            let word = line.split(|b| b.is_ascii_whitespace() || *b == b'=').next().unwrap_or_default();
            word.eq_ignore_ascii_case(b"host") || word.eq_ignore_ascii_case(b"match")
        }
        _ => false,
    }
}

/// The bytes that go, with the section's header where nothing but blank lines would be left of the section. A comment keeps
/// it: somebody wrote that for a reason.
pub(super) fn with_header(name: &str, bytes: &[u8], gone: (usize, usize)) -> (usize, usize) {
    let Some(header) = header(name, bytes, gone.0) else { return gone };
    let opened = line_end(bytes, header);
    let inline = gone.0 < opened;
    let rest = header_rest(name, bytes, header, opened, gone);
    let mut end = gone.1.max(opened);
    while end < bytes.len() && !opens(name, &bytes[end..line_end(bytes, end)]) {
        let next = line_end(bytes, end);
        if !bytes[end..next].trim_ascii().is_empty() {
            return gone;
        }
        end = next;
    }
    let above = bytes.get(opened..gone.0).unwrap_or_default();
    if !rest || (!inline && !above.trim_ascii().is_empty()) {
        return gone;
    }
    let mut start = header;
    // The last section takes the blank lines before it along.
    while end == bytes.len() && start > 0 {
        let previous = line_start(bytes, start - 1);
        if !bytes[previous..start].trim_ascii().is_empty() {
            break;
        }
        start = previous;
    }
    (start, end)
}

/// Where the header's line begins below which (or on which) `at` stands.
fn header(name: &str, bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = line_start(bytes, at);
    loop {
        if opens(name, &bytes[start..line_end(bytes, start)]) {
            return Some(start);
        }
        start = line_start(bytes, start.checked_sub(1)?);
    }
}

/// Whether the header's line holds nothing but the header, once `gone` is gone.
fn header_rest(name: &str, bytes: &[u8], header: usize, opened: usize, gone: (usize, usize)) -> bool {
    if name == "ssh_config" {
        return gone.0 >= opened;
    }
    let line = &bytes[header..gone.0.clamp(header, opened)];
    let tail = bytes.get(gone.1..opened).unwrap_or_default();
    line.trim_ascii().ends_with(b"]") && tail.trim_ascii().is_empty()
}

/// Edits of several settings together, in order: where they take all that a section has, its header goes too. What is taken as
/// a secret stays as it is.
#[must_use]
pub fn emptied(name: &str, bytes: &[u8], edits: Vec<Edit>) -> Vec<Edit> {
    let mut out: Vec<Edit> = Vec::with_capacity(edits.len());
    let mut run: Vec<Edit> = Vec::new();
    for edit in edits {
        let goes_on = run.last().is_some_and(|last| {
            bytes.get(last.end..edit.start).is_some_and(|between| between.trim_ascii().is_empty())
        });
        if !goes_on || !gone(&edit) {
            together(name, bytes, std::mem::take(&mut run), &mut out);
        }
        if gone(&edit) { run.push(edit) } else { out.push(edit) }
    }
    together(name, bytes, run, &mut out);
    out
}

/// Whether an edit only takes out.
fn gone(edit: &Edit) -> bool {
    edit.with.is_empty() && !edit.secret && edit.start < edit.end
}

/// Adds neighbouring edits: as one with the header where that is all there is, else as they are.
fn together(name: &str, bytes: &[u8], run: Vec<Edit>, out: &mut Vec<Edit>) {
    let [first, .., last] = &run[..] else { return out.extend(run) };
    let whole = with_header(name, bytes, (first.start, last.end));
    if whole != (first.start, last.end) && out.last().is_none_or(|before| before.end <= whole.0) {
        out.push(cut(whole));
    } else {
        out.extend(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::edit::apply;

    /// What is left when these lines are taken out.
    fn without(name: &str, text: &str, lines: &[usize]) -> String {
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let edits = lines.iter().map(|line| cut((starts[*line], starts[line + 1]))).collect();
        String::from_utf8(apply(text.as_bytes(), &emptied(name, text.as_bytes(), edits)).unwrap()).unwrap()
    }

    #[test]
    fn a_section_that_is_left_with_nothing_goes_with_its_header() {
        let text = "[user]\n\tname = d\n\n[core]\n\ta = 1\n\n\tb = 2\n[x]\n\tc = 3\n";
        assert_eq!(without("gitconfig", text, &[4, 6]), "[user]\n\tname = d\n\n[x]\n\tc = 3\n");
        assert_eq!(without("gitconfig", text, &[4]), text.replace("\ta = 1\n", ""));
        let last = "Host a\n  User x\n\nHost b\n  A no\n  B no\n";
        assert_eq!(without("ssh_config", last, &[4, 5]), "Host a\n  User x\n");
    }

    #[test]
    fn what_a_person_wrote_keeps_it() {
        let text = "[core]\n\ta = 1\n\t# mine\n\tb = 2\n";
        assert_eq!(without("gitconfig", text, &[1, 3]), "[core]\n\t# mine\n");
        let text = "[core]\n\ta = 1\n\tb = 2\n\tc = 3\n";
        assert_eq!(without("gitconfig", text, &[1, 2]), "[core]\n\tc = 3\n");
        assert_eq!(without("json", text, &[1, 2]), "[core]\n\tc = 3\n");
    }
}
