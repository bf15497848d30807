//! Credentials of several parts: a key's ID and its secret, an account and its token. What stands beside each other is one
//! finding: the parts are places where it was seen, and identifiers that are no secrets say whose it is.

use crate::place::wild;
use crate::rule::Page;
use crate::secret::mask;
use crate::secrets::matcher::Hit;
use crate::secrets::rules::SecretRule;
use regex_automata::Input;
use std::sync::Arc;

/// How far apart the parts of one credential may be, in bytes.
const NEAR: usize = 512;
/// Most characters of an identifier that are shown.
const SHOWN: usize = 48;

/// For each hit, the hit of which it is a part.
pub(crate) fn owners(hits: &[Hit], rules: &[SecretRule]) -> Vec<Option<usize>> {
    let mut owners = vec![None; hits.len()];
    let mut taken: Vec<(usize, Arc<Page>)> = Vec::new();
    for (part, hit) in hits.iter().enumerate() {
        let Some(rule) = of(rules, hit).filter(|r| !r.spec.part_of.is_empty()) else { continue };
        let wanted = |h: &Hit| rule.spec.part_of.iter().any(|p| wild(p, &h.page.id));
        let free = |index: usize| !taken.iter().any(|(i, page)| *i == index && Arc::ptr_eq(page, &hit.page));
        let near = (0..hits.len()).filter(|i| *i != part && wanted(&hits[*i]) && free(*i));
        let Some(main) = near.min_by_key(|i| gap(&hits[*i], hit)).filter(|i| gap(&hits[*i], hit) <= NEAR)
        else {
            continue;
        };
        owners[part] = Some(main);
        taken.push((main, Arc::clone(&hit.page)));
    }
    owners
}

/// What stands beside a hit: its parts, masked, and identifiers that its rule knows.
pub(crate) fn note(
    hits: &[Hit],
    owners: &[Option<usize>],
    main: usize,
    bytes: &[u8],
    rules: &[SecretRule],
) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for (hit, _) in hits.iter().zip(owners).filter(|(_, owner)| **owner == Some(main)) {
        parts.push(format!("{} {}", hit.page.title, mask(hit.secret(bytes), hit.shown)));
        parts.extend(hit.note.clone());
    }
    let hit = &hits[main];
    let identifiers =
        of(rules, hit).and_then(SecretRule::compiled).map(|c| &c.beside[..]).unwrap_or_default();
    let around = hit.at.0.saturating_sub(NEAR)..hit.at.1.saturating_add(NEAR).min(bytes.len());
    for (what, regex) in identifiers {
        let Some(found) = regex.find(Input::new(bytes).range(around.clone())) else { continue };
        let text = String::from_utf8_lossy(&bytes[found.range()]);
        parts.push(format!(
            "{what} {}",
            text.chars().filter(|c| !c.is_control()).take(SHOWN).collect::<String>()
        ));
    }
    (!parts.is_empty()).then(|| format!("with {}", parts.join(", ")))
}

fn of<'r>(rules: &'r [SecretRule], hit: &Hit) -> Option<&'r SecretRule> {
    rules.iter().find(|r| Arc::ptr_eq(&r.page, &hit.page))
}

fn gap(a: &Hit, b: &Hit) -> usize {
    if a.at.0 < b.at.0 { b.at.0.saturating_sub(a.at.1) } else { a.at.0.saturating_sub(b.at.1) }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::testing::{Home, fill};

    fn found(text: &str) -> Vec<(String, String, Option<String>)> {
        let report = Home::default()
            .file("~/notes.env", &fill(text, "companion"))
            .scan(&Engine::builtin(), "~/notes.env");
        report.findings.iter().map(|f| (f.page.id.clone(), f.id.short(), f.note.clone())).collect()
    }

    #[test]
    fn a_key_and_its_id_are_one_finding_seen_twice() {
        let all = found("AWS_ACCESS_KEY_ID=AKIA{{base32:16}}\nAWS_SECRET_ACCESS_KEY={{base64:40}}\n");
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|f| f.0 == "aws-secret-access-key" && f.1 == all[0].1));
        assert!(all[0].2.as_deref().unwrap().starts_with("with AWS access key ID AKIA…"), "{all:?}");
    }

    #[test]
    fn two_pairs_stay_two_and_a_lone_id_stays_one() {
        let pair = "AWS_ACCESS_KEY_ID=AKIA{{base32:16}}\nAWS_SECRET_ACCESS_KEY={{base64:40}}\n\n";
        let all = found(&format!("{pair}{pair}"));
        assert_eq!((all[0].1 == all[1].1, all[2].1 == all[3].1, all[1].1 == all[2].1), (true, true, false));
        assert_eq!(found("AWS_ACCESS_KEY_ID=AKIA{{base32:16}}\n")[0].0, "aws-access-key-id");
    }

    #[test]
    fn what_is_far_away_is_something_else() {
        let far = "\n".repeat(2000);
        let all = found(&format!(
            "AWS_ACCESS_KEY_ID=AKIA{{{{base32:16}}}}{far}AWS_SECRET_ACCESS_KEY={{{{base64:40}}}}\n"
        ));
        assert!(all[0].0 != all[1].0 && all[0].1 != all[1].1);
    }

    #[test]
    fn an_account_beside_its_token_is_named() {
        let all = found("TWILIO_ACCOUNT_SID=AC{{hex:32}}\nTWILIO_AUTH_TOKEN={{hex:32}}\n");
        assert_eq!(all.len(), 1);
        assert!(all[0].2.as_deref().unwrap().starts_with("with account AC"), "{all:?}");
    }
}
