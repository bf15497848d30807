//! Tokens whose first letters tell what they are, where one rule finds several kinds.

use super::{Checksum, Evidence, Mend, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

/// First letters, what they mean. Sources: the vendors' pages on their tokens.
const KINDS: &[(&[u8], &str)] = &[
    (b"hvs.", "a service token"),
    (b"hvb.", "a batch token, which cannot be renewed"),
    (b"hvr.", "a recovery token"),
    (b"bkua_", "a user's API token"),
    (b"bkaa_", "an agent's session token"),
    (b"bkaj_", "a job's token, which ends with the job"),
    (b"packagist_ort_", "of an organisation, may read"),
    (b"packagist_out_", "of an organisation, may update"),
    (b"packagist_uut_", "of a user, may update"),
];

fn check(seen: &Seen<'_>) -> Evidence {
    let said = Evidence::unknown();
    let kind = KINDS.iter().find(|(start, _)| seen.secret().starts_with(start));
    kind.map_or(said.clone(), |(_, words)| said.tell(*words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_its_first_letters() {
        let note = |text: &str| check(&Seen::alone(text.as_bytes())).note();
        assert_eq!(note("hvb.x").as_deref(), Some("a batch token, which cannot be renewed"));
        assert_eq!(note("hvx.x"), None);
    }
}
