//! The last guard before text reaches a person: whatever a rule would call a secret is masked, and so is a
//! password in a URL.

use crate::secret::mask;
use crate::secrets::judge::Setting;
use crate::secrets::matcher::SecretSet;
use crate::settings::predicate::url_password;

/// Longest line shown.
const LINE: usize = 160;

/// A line with everything secret masked, control characters replaced, cut to a width that people read.
pub(crate) fn line(set: &SecretSet, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if let Some((at, password)) = url_password(text) {
        bytes.splice(at..at + password.len(), "…".bytes());
    }
    let mut shown = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for hit in set.hits(&bytes, Setting::Config) {
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
