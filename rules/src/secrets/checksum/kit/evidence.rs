//! The words of a check: what was proved, what the structure tells, when it ends.

use crate::rule::Severity;
use jiff::Timestamp;

/// What a proof says of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// It is what it looks like; the evidence in words.
    Holds(&'static str),
    /// It cannot be a working token; the reason in words.
    Fails(&'static str),
    /// Nothing can be said.
    Unknown,
    /// It is real but does no harm (an encrypted key, a public one), or it is none: no finding.
    Harmless,
}

impl Proof {
    /// A checksum that holds.
    pub(crate) const HOLDS: Proof = Proof::Holds("its checksum holds");
    /// One that does not.
    pub(crate) const FAILS: Proof =
        Proof::Fails("its checksum does not hold: mistyped, truncated or made up");
    /// A structure that every such token has and this one has not.
    pub(crate) const BROKEN: Proof = Proof::Fails("its parts do not read: truncated, changed or made up");
}

/// What a check says of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Evidence {
    /// Whether it is one.
    pub(crate) proof: Proof,
    /// What its structure tells, in words: never a part of the secret.
    tells: Vec<String>,
    /// How much that makes it worth.
    pub(crate) worth: Worth,
}

/// How bad a token is, as far as it tells itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Worth {
    /// Overrules the rule's severity.
    pub(crate) severity: Option<Severity>,
    /// When it ends, in seconds since 1970. Whether that is past needs a clock, which a check has not.
    pub(crate) expires: Option<i64>,
    /// It is written like one of its vendor's, and proved to be none that works.
    pub(crate) refuted: bool,
}

/// Longest text that a token may contribute to a note.
const PART: usize = 60;
/// Longest note.
const NOTE: usize = 200;

impl From<Proof> for Evidence {
    fn from(proof: Proof) -> Evidence {
        let refuted = matches!(proof, Proof::Fails(_));
        Evidence { proof, tells: Vec::new(), worth: Worth { refuted, ..Worth::default() } }
    }
}

impl Evidence {
    /// Nothing is proved; something may be told.
    pub(crate) fn unknown() -> Evidence {
        Proof::Unknown.into()
    }

    /// Adds words of our own, for example `live mode`.
    pub(crate) fn tell(mut self, words: impl Into<String>) -> Evidence {
        self.tells.push(words.into());
        self
    }

    /// Adds words with something of the token's in them: `{label} {value}`. Nothing when there is no value that can be
    /// shown.
    pub(crate) fn name(self, label: &str, value: Option<&str>) -> Evidence {
        match value.map(plain).filter(|v| !v.is_empty()) {
            Some(value) => self.tell(format!("{label} {value}")),
            None => self,
        }
    }

    /// When it was made, to the day.
    pub(crate) fn made(self, seconds: Option<i64>) -> Evidence {
        match seconds.and_then(day) {
            Some(day) => self.tell(format!("made {day}")),
            None => self,
        }
    }

    /// When it ends.
    pub(crate) fn expires(mut self, seconds: Option<i64>) -> Evidence {
        self.worth.expires = seconds.filter(|s| day(*s).is_some());
        self
    }

    /// It is as bad as this, whatever its rule says of others.
    pub(crate) fn weigh(mut self, severity: Severity) -> Evidence {
        self.worth.severity = Some(severity);
        self
    }

    /// The proof's words and what the structure tells, as one line.
    pub(crate) fn note(&self) -> Option<String> {
        let proof = match self.proof {
            Proof::Holds(words) | Proof::Fails(words) => Some(words),
            Proof::Unknown | Proof::Harmless => None,
        };
        let parts: Vec<&str> = proof.into_iter().chain(self.tells.iter().map(String::as_str)).collect();
        (!parts.is_empty()).then(|| parts.join("; ").chars().take(NOTE).collect())
    }
}

impl Worth {
    /// Severity and note at this time: what has ended alarms nobody, but is still told.
    pub(crate) fn at(self, now: i64, page: Severity, note: Option<String>) -> (Severity, Option<String>) {
        let severity = self.severity.unwrap_or(page);
        // What cannot work alarms nobody, but a mistyped key may stand beside the right one.
        let severity = if self.refuted { severity.min(Severity::Low) } else { severity };
        let Some((end, day)) = self.expires.and_then(|end| Some((end, day(end)?))) else {
            return (severity, note);
        };
        let past = end <= now;
        let words = format!("{} {day}", if past { "expired" } else { "expires" });
        let note = note.map_or_else(|| words.clone(), |note| format!("{note}; {words}"));
        (if past { Severity::Info } else { severity }, Some(note))
    }
}

/// Severity and note of what was found earlier, as they are now: the end that [`Worth::at`] has told may have come since.
pub(crate) fn lapsed(severity: Severity, note: Option<&str>, now: i64) -> (Severity, Option<String>) {
    let ended = |note: &str| {
        let (before, end) = note.rsplit_once("expires ")?;
        let told = (before.is_empty() || before.ends_with("; ")) && end.len() == "2027-01-05".len();
        // As days they are ordered like their letters.
        (told && end < day(now)?.as_str()).then(|| format!("{before}expired {end}"))
    };
    match note.and_then(ended) {
        Some(note) => (Severity::Info, Some(note)),
        None => (severity, note.map(str::to_owned)),
    }
}

/// A day in UTC as `2027-01-05`; `None` for times at which no token was ever made or will end.
pub(crate) fn day(seconds: i64) -> Option<String> {
    /// 2000-01-01 and 2200-01-01.
    const SENSE: std::ops::Range<i64> = 946_684_800..7_258_118_400;
    let time = SENSE.contains(&seconds).then(|| Timestamp::from_second(seconds).ok()).flatten()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// What of a token's own text may stand in a line for people: letters, digits and a few signs, not much of it.
fn plain(text: &str) -> String {
    let shown = |c: &char| c.is_ascii_alphanumeric() || " -_./:@+*".contains(*c);
    let kept: String = text.trim().chars().filter(shown).take(PART).collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_says_is_made_plain() {
        let said =
            Evidence::unknown().name("org", Some("ac\x1b[31mme\u{202e}\n")).name("region", Some("\x07"));
        assert_eq!(said.note().as_deref(), Some("org ac31mme"));
        let long =
            Evidence::from(Proof::HOLDS).name("a", Some(&"x".repeat(999))).name("b", Some(&"y".repeat(999)));
        let long = long.tell("z".repeat(999)).note().unwrap();
        assert!(long.starts_with("its checksum holds; a xxx") && long.len() == NOTE, "{long}");
        assert_eq!(Evidence::unknown().note(), None);
    }

    #[test]
    fn what_has_ended_is_told_and_alarms_nobody() {
        let said = Evidence::unknown().tell("org acme").expires(Some(1_680_307_200));
        let at = |now| said.worth.at(now, Severity::High, said.note());
        assert_eq!(at(1_680_307_199), (Severity::High, Some("org acme; expires 2023-04-01".to_owned())));
        assert_eq!(at(1_680_307_200), (Severity::Info, Some("org acme; expired 2023-04-01".to_owned())));
    }

    #[test]
    fn what_ends_later_is_told_later() {
        let end = 1_680_307_200;
        let said = Evidence::unknown().tell("org acme").expires(Some(end));
        let (severity, note) = said.worth.at(end - 1, Severity::High, said.note());
        let later = |days: i64| lapsed(severity, note.as_deref(), end + days * 86_400);
        assert_eq!(later(-9), (severity, note.clone()));
        assert_eq!(later(1), (Severity::Info, Some("org acme; expired 2023-04-01".to_owned())));
        assert_eq!(lapsed(Severity::Low, None, end), (Severity::Low, None));
        for note in ["it expires soon", "expires 2023-04-01 or so", "xexpires 2023-04-01"] {
            assert_eq!(lapsed(Severity::Low, Some(note), i64::MAX).0, Severity::Low, "{note}");
            assert_eq!(lapsed(Severity::Low, Some(note), end * 2), (Severity::Low, Some(note.to_owned())));
        }
    }

    #[test]
    fn what_cannot_work_is_at_most_low() {
        let said = Evidence::from(Proof::FAILS);
        let (severity, note) = said.worth.at(0, Severity::Critical, said.note());
        assert_eq!(severity, Severity::Low);
        assert!(note.unwrap().starts_with("its checksum does not hold"));
        assert_eq!(said.worth.at(0, Severity::Info, None).0, Severity::Info);
    }

    #[test]
    fn times_out_of_all_reason_are_none() {
        for seconds in [i64::MIN, -1, 0, 1, 99_999_999_999, i64::MAX] {
            let said = Evidence::unknown().expires(Some(seconds)).made(Some(seconds));
            assert_eq!((said.note(), said.worth), (None, Worth::default()), "{seconds}");
        }
        assert_eq!(day(1_735_689_600).as_deref(), Some("2025-01-01"));
    }
}
