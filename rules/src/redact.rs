//! The last guard before text reaches a person: whatever a rule would call a secret is masked, and so is a
//! password in a URL.

use crate::secret::mask;
use crate::secrets::judge::Around;
use crate::secrets::matcher::SecretSet;
use crate::secrets::settle::settle;
use crate::settings::predicate::url_password;

/// Longest line shown.
const LINE: usize = 160;

/// A line with everything secret masked, control characters replaced, cut to a width that people read.
pub(crate) fn line(set: &SecretSet, text: &str) -> String {
    let bytes = urls(text).into_bytes();
    let mut shown = Vec::with_capacity(bytes.len());
    let mut from = 0;
    let mut hits = set.suspects(&bytes, Around::CONFIG, &|_| false).0;
    hits.extend(set.foreign.hits(&bytes, "").0);
    for hit in settle(hits) {
        shown.extend_from_slice(&bytes[from..hit.at.0.max(from)]);
        shown.extend_from_slice(mask(&bytes[hit.at.0..hit.at.1], hit.shown).as_bytes());
        from = hit.at.1;
    }
    shown.extend_from_slice(&bytes[from.min(bytes.len())..]);
    let clean: String =
        String::from_utf8_lossy(&shown).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(LINE) {
        Some((cut, _)) => format!("{}…", &clean[..cut]),
        None => clean,
    }
}

/// The text with the password of every URL masked.
fn urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mark) = rest.find("://") {
        let (before, url) = rest.split_at(scheme(rest, mark));
        masked.push_str(before);
        let body = mark + 3 - before.len();
        let end = url[body..].find("://").map_or(url.len(), |n| scheme(url, body + n).max(body));
        let (url, after) = url.split_at(end);
        match url_password(url) {
            Some((at, password)) => {
                masked.push_str(&url[..at]);
                masked.push('…');
                masked.push_str(&url[at + password.len()..]);
            }
            None => masked.push_str(url),
        }
        rest = after;
    }
    masked + rest
}

/// Where the scheme begins that ends at `mark`.
fn scheme(text: &str, mark: usize) -> usize {
    let letters = text.as_bytes()[..mark].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    mark - letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_password_is_masked() {
        let text = "url.https://a.example/.insteadof = https://me:pw1@b.example/ or http://x:pw2@c.example";
        let shown = "url.https://a.example/.insteadof = https://me:…@b.example/ or http://x:…@c.example";
        assert_eq!(urls(text), shown);
        let token = "x = https://0123456789abcdef0123@a.example/r";
        assert_eq!(urls(token), "x = https://…@a.example/r");
        assert_eq!(urls("no url, a://, ://"), "no url, a://, ://");
    }
}
