//! What a section loses with its last setting: its header, and the blank lines that set it apart.

use super::setting::{line_end, line_start};

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
