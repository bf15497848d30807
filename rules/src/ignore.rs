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

/// What one line of an ignore file silences.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A finding, by its id.
    Id(String),
    /// A rule in files that match a pattern.
    Rule(String, String),
    /// Files that match a pattern.
    Path(String),
    /// A line of a file, as gitleaks writes fingerprints.
    Line(String, u64),
}

/// One line of an ignore file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignore {
    /// What it silences.
    pub what: What,
    /// Last day that it holds, `YYYY-MM-DD`.
    pub until: Option<String>,
    /// Line in the file, from 1.
    pub line: u64,
}

/// An ignore file: paths in it count from its own directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IgnoreFile {
    /// The file, `~/…` or as given.
    pub path: String,
    /// What it silences.
    pub ignores: Vec<Ignore>,
    /// Lines that could not be used, each with its number.
    pub problems: Vec<String>,
}

/// A place where something was found, as ignore files see it.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Shown id.
    pub id: &'a str,
    /// Rule id.
    pub rule: &'a str,
    /// Path, `~/…` or as given.
    pub path: &'a str,
    /// Line, from 1.
    pub line: u64,
}

impl IgnoreFile {
    /// Reads `.lapwingignore`: `WHAT [until=YYYY-MM-DD] REASON`, where WHAT is an id (`F-…`), `rule:ID` with an optional
    /// pattern after another colon, or a path pattern. A line without a reason is a problem and silences nothing.
    #[must_use]
    pub fn parse(path: &str, text: &str) -> IgnoreFile {
        let mut file = IgnoreFile { path: path.to_owned(), ..IgnoreFile::default() };
        for (number, line) in
            (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty() && !l.trim_start().starts_with('#'))
        {
            let (what, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
            let rest = rest.trim();
            let (until, reason) = match rest.strip_prefix("until=") {
                Some(dated) => dated
                    .split_once(char::is_whitespace)
                    .map_or((Some(dated), ""), |(d, r)| (Some(d), r.trim())),
                None => (None, rest),
            };
            if reason.is_empty() {
                file.problems.push(format!(
                    "line {number}: say why after `{what}`; without a reason it silences nothing"
                ));
            } else if until.is_some_and(|d| !date(d)) {
                file.problems.push(format!("line {number}: write the date as until=YYYY-MM-DD"));
            } else {
                file.ignores.push(Ignore {
                    what: what_of(what),
                    until: until.map(str::to_owned),
                    line: number,
                });
            }
        }
        file
    }

    /// Reads `.gitleaksignore`: `[commit:]file:rule:line`. Rule names differ between scanners, so file and line count.
    #[must_use]
    pub fn parse_gitleaks(path: &str, text: &str) -> IgnoreFile {
        let mut file = IgnoreFile { path: path.to_owned(), ..IgnoreFile::default() };
        for (number, line) in
            (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty() && !l.trim_start().starts_with('#'))
        {
            let mut parts = line.trim().rsplitn(3, ':');
            let at = parts.next().and_then(|n| n.parse().ok());
            let (_, name) = (parts.next(), parts.next());
            let name = name.map(|n| n.split_once(':').filter(|(c, _)| commit(c)).map_or(n, |(_, f)| f));
            match (name, at) {
                (Some(name), Some(at)) => file.ignores.push(Ignore {
                    what: What::Line(name.to_owned(), at),
                    until: None,
                    line: number,
                }),
                _ => {
                    file.problems.push(format!("line {number}: not a fingerprint of the form file:rule:line"))
                }
            }
        }
        file
    }

    /// Which of its lines silence something seen there, on a day `YYYY-MM-DD`.
    pub fn silences(&self, seen: &Seen<'_>, today: &str) -> Option<usize> {
        let dir = self.path.rsplit_once('/').map_or("", |(dir, _)| dir);
        let inside = if dir.is_empty() {
            Some(seen.path)
        } else {
            seen.path.strip_prefix(dir).and_then(|p| p.strip_prefix('/'))
        };
        let name = inside?;
        self.ignores
            .iter()
            .position(|i| i.until.as_deref().is_none_or(|until| today <= until) && i.what.covers(seen, name))
    }
}

impl What {
    fn covers(&self, seen: &Seen<'_>, name: &str) -> bool {
        match self {
            What::Id(id) => seen.id.eq_ignore_ascii_case(id),
            What::Rule(rule, pattern) => crate::place::wild(rule, seen.rule) && path_matches(pattern, name),
            What::Path(pattern) => path_matches(pattern, name),
            What::Line(file, line) => file == name && *line == seen.line,
        }
    }
}

/// A pattern names a file, or a directory with all that is in it; without a `/` it counts at any depth.
fn path_matches(pattern: &str, name: &str) -> bool {
    let bare = pattern.trim_start_matches('/').trim_end_matches('/');
    let deep = if pattern.trim_end_matches('/').contains('/') { String::new() } else { "**/".to_owned() };
    let mut paths = crate::place::Paths::default();
    for form in [format!("{deep}{bare}"), format!("{deep}{bare}/**")] {
        paths.add(&form, ());
    }
    paths.find(name).is_some()
}

fn what_of(text: &str) -> What {
    match text.strip_prefix("rule:") {
        Some(rule) => {
            let (rule, pattern) = rule.split_once(':').unwrap_or((rule, "**"));
            What::Rule(rule.to_owned(), pattern.to_owned())
        }
        None if text.len() == 10 && text[..2].eq_ignore_ascii_case("F-") => What::Id(text.to_owned()),
        None => What::Path(text.to_owned()),
    }
}

fn date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

fn commit(text: &str) -> bool {
    text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit())
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

    fn seen<'a>(id: &'a str, path: &'a str) -> Seen<'a> {
        Seen { id, rule: "generic-token", path, line: 7 }
    }

    #[test]
    fn ignore_files_silence_by_id_rule_path_and_line() {
        let text = "# why not\nF-7K3Q2MAB a test key\nrule:generic-*:docs/ samples\ntests/fixtures/** made up\n*.pem until=2026-12-31 old\n";
        let file = IgnoreFile::parse("~/src/app/.lapwingignore", text);
        assert_eq!(file.problems, Vec::<String>::new());
        let day = "2026-11-22";
        assert_eq!(file.silences(&seen("F-7K3Q2MAB", "~/src/app/x"), day), Some(0));
        assert_eq!(file.silences(&seen("F-0", "~/src/app/docs/a/b.md"), day), Some(1));
        assert_eq!(file.silences(&seen("F-0", "~/src/app/tests/fixtures/k"), day), Some(2));
        assert_eq!(file.silences(&seen("F-0", "~/src/app/deep/in/a.pem"), day), Some(3));
        assert_eq!(file.silences(&seen("F-0", "~/src/app/deep/in/a.pem"), "2027-01-01"), None);
        assert_eq!(file.silences(&seen("F-7K3Q2MAB", "~/src/other/x"), day), None);
        assert_eq!(file.silences(&seen("F-0", "~/src/app/src/x"), day), None);
    }

    #[test]
    fn a_line_without_a_reason_silences_nothing_and_says_so() {
        let file = IgnoreFile::parse(".lapwingignore", "F-7K3Q2MAB\nx until=soon because\n");
        assert!(file.ignores.is_empty());
        assert_eq!(file.problems.len(), 2);
        assert!(file.problems[0].starts_with("line 1:"), "{:?}", file.problems);
    }

    #[test]
    fn gitleaks_fingerprints_count_by_file_and_line() {
        let text =
            "src/a.py:aws-access-token:7\n0123456789abcdef0123456789abcdef01234567:src/b.py:x:7\nnonsense\n";
        let file = IgnoreFile::parse_gitleaks("~/r/.gitleaksignore", text);
        assert_eq!(file.silences(&seen("F-0", "~/r/src/a.py"), "2026-01-01"), Some(0));
        assert_eq!(file.silences(&seen("F-0", "~/r/src/b.py"), "2026-01-01"), Some(1));
        assert_eq!(file.silences(&Seen { line: 8, ..seen("F-0", "~/r/src/a.py") }, "2026-01-01"), None);
        assert_eq!(file.problems.len(), 1);
    }
}
