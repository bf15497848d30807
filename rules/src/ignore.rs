//! Silence that people have asked for in their files: markers on a line, `.lapwingignore`, `.gitleaksignore`.

/// Markers that silence findings on their line: ours, and those that people already have for other scanners.
pub const MARKERS: &[&str] = &[
    "lapwing:ignore",
    "gitleaks:allow",
    "betterleaks:allow",
    "trufflehog:ignore",
    "kingfisher:ignore",
    "noseyparker:ignore",
    "ggignore",
    "pragma: allowlist secret",
    "pragma: whitelist secret",
    "secretlint-disable-line",
    "nosecret",
];
/// Markers that silence the line after theirs.
const NEXT_LINE: &[&str] =
    &["pragma: allowlist nextline secret", "secretlint-disable-next-line", "lapwing:ignore-next-line"];
/// How far a line is searched to either side of a finding.
const REACH: usize = 4096;

/// Whether the line (or the one before) of `at` carries a marker.
pub(crate) fn silenced(bytes: &[u8], at: (usize, usize)) -> bool {
    let floor = at.0.saturating_sub(REACH);
    let start = memchr::memrchr(b'\n', &bytes[floor..at.0]).map_or(floor, |i| floor + i + 1);
    let cap = (at.1 + REACH).min(bytes.len());
    let end = memchr::memchr(b'\n', &bytes[at.1..cap]).map_or(cap, |i| at.1 + i);
    let has = |line: &[u8], markers: &[&str]| {
        markers.iter().any(|m| memchr::memmem::find(line, m.as_bytes()).is_some())
    };
    if has(&bytes[start..end], MARKERS) && !has(&bytes[start..end], NEXT_LINE) {
        return true;
    }
    let before = &bytes[start.saturating_sub(REACH)..start.saturating_sub(1)];
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |i| i + 1)..];
    has(line, NEXT_LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(text: &str) -> bool {
        let at = text.find("SECRET").unwrap();
        silenced(text.as_bytes(), (at, at + 6))
    }

    #[test]
    fn every_marker_silences_its_own_line_only() {
        for marker in MARKERS {
            assert!(quiet(&format!("a\nx = SECRET # {marker}\nb")), "{marker}");
            assert!(!quiet(&format!("# {marker}\nx = SECRET\n")), "{marker}");
            assert!(!quiet(&format!("x = SECRET\n# {marker}\n")), "{marker}");
        }
    }

    #[test]
    fn next_line_markers_silence_the_next_line_only() {
        for marker in NEXT_LINE {
            assert!(quiet(&format!("# {marker}\nx = SECRET\n")), "{marker}");
            assert!(!quiet(&format!("# {marker}\n\nx = SECRET\n")), "{marker}");
            assert!(!quiet(&format!("x = SECRET # {marker}\n")), "{marker}");
        }
    }
}
