//! Slack's tokens and addresses hold, in the open, the numbers of the workspace and the app that they belong to.

use super::{Checksum, Evidence, Mend, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

fn check(seen: &Seen<'_>) -> Evidence {
    let text = std::str::from_utf8(seen.secret()).unwrap_or_default();
    let digits = |part: &str| part.len() >= 9 && part.bytes().all(|b| b.is_ascii_digit());
    let part = |n: usize| text.split('-').nth(n);
    let said = Evidence::unknown();
    if text.starts_with("xapp-") {
        return said.name("of app", part(2).filter(|p| p.starts_with('A')));
    }
    if let Some(rest) = text.strip_prefix("services/") {
        return said.name("of workspace", rest.split('/').next());
    }
    // Some have a digit before the workspace that tells their kind.
    let workspace = [part(1), part(2)].into_iter().flatten().find(|p| digits(p));
    said.name("of workspace", workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_it_is() {
        for (text, note) in [
            ("xoxb-123456789012-2345678901234-x", Some("of workspace 123456789012")),
            ("xoxp-1-123456789012-x", Some("of workspace 123456789012")),
            ("xapp-1-A0123456789-1234567890-x", Some("of app A0123456789")),
            ("services/T01234567/B01234567/x", Some("of workspace T01234567")),
            ("xoxe-1-abc", None),
            ("", None),
        ] {
            assert_eq!(check(&Seen::alone(text.as_bytes())).note().as_deref(), note, "{text}");
        }
    }
}
