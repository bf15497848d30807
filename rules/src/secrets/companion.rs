//! Credentials of several parts: a key's ID and its secret, an account and its token. What stands beside each other is one
//! finding: the parts are places where it was seen, and identifiers that are no secrets say whose it is.

use crate::place::wild;
use crate::rule::Page;
use crate::secret::mask;
use crate::secrets::matcher::Hit;
use crate::secrets::rules::SecretRule;
use regex_automata::Input;
use regex_automata::meta::Regex;
use std::ops::Range;
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
        let Some(found) = nearest(regex, bytes, around.clone(), hit.at) else { continue };
        let text = String::from_utf8_lossy(&bytes[found]);
        parts.push(format!(
            "{what} {}",
            text.chars().filter(|c| !c.is_control()).take(SHOWN).collect::<String>()
        ));
    }
    (!parts.is_empty()).then(|| format!("with {}", parts.join(", ")))
}

/// Where the identifier stands that belongs to the secret: the group `id` of the match, or all of it. One in the same
/// paragraph before one beyond, one before the secret before one behind it, then the nearest.
fn nearest(
    regex: &Regex,
    bytes: &[u8],
    around: Range<usize>,
    secret: (usize, usize),
) -> Option<Range<usize>> {
    let all = regex.captures_iter(Input::new(bytes).range(around));
    let spans = all.filter_map(|c| c.get_group_by_name("id").or_else(|| c.get_group(0)));
    let apart = |s: &Range<usize>| {
        let behind = s.start >= secret.1;
        let between = if behind { secret.1..s.start } else { s.end..secret.0 };
        let beyond = memchr::memmem::find(&bytes[between.clone()], b"\n\n").is_some();
        (beyond, behind, between.len())
    };
    // Not what is a part of the secret itself.
    let others = spans.map(|s| s.range()).filter(|s| s.end <= secret.0 || s.start >= secret.1);
    others.min_by_key(apart)
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

    /// Each of the pairs that people have most: the secret is one finding, and says whose it is.
    #[test]
    fn clients_are_named_beside_their_secrets() {
        for (text, note) in [
            (
                "GOOGLE_CLIENT_ID={{digits:12}}-{{lownum:32}}.apps.googleusercontent.com\nGOOGLE_CLIENT_SECRET=GOCSPX-{{alnum:28}}\n",
                "with client ",
            ),
            ("GITHUB_CLIENT_ID=Ov23li{{alnum:14}}\nGITHUB_CLIENT_SECRET={{hex:40}}\n", "with client Ov23li"),
            ("GITHUB_CLIENT_ID={{hex:20}}\nGITHUB_CLIENT_SECRET={{hex:40}}\n", "with client "),
            (
                "AZURE_TENANT_ID={{uuid}}\nAZURE_CLIENT_ID={{uuid}}\nAZURE_CLIENT_SECRET={{alnum:3}}8Q~{{alnum:34}}\n",
                "with client ",
            ),
            ("gitlab:\n  app_id: {{hex:64}}\n  app_secret: gloas-{{hex:64}}\n", "with application "),
            ("SLACK_CLIENT_ID={{digits:12}}.{{digits:13}}\nSLACK_CLIENT_SECRET={{hex:32}}\n", "with client "),
            ("DISCORD_CLIENT_ID={{digits:18}}\nDISCORD_CLIENT_SECRET={{alnum:32}}\n", "with application "),
            ("FACEBOOK_APP_ID={{digits:16}}\nFACEBOOK_APP_SECRET={{hex:32}}\n", "with app "),
            ("SPOTIFY_CLIENT_ID={{hex:32}}\nSPOTIFY_CLIENT_SECRET={{hex:32}}\n", "with client "),
            ("OKTA_DOMAIN=dev-1.okta.com\nOKTA_CLIENT_SECRET={{base64url:64}}\n", "with site dev-1.okta.com"),
            (
                "AUTH0_DOMAIN=dev-1.eu.auth0.com\nAUTH0_CLIENT_SECRET={{alnum:64}}\n",
                "with site dev-1.eu.auth0.com",
            ),
            ("PAYPAL_CLIENT_ID=A{{alnum:79}}\nPAYPAL_CLIENT_SECRET=E{{alnum:79}}\n", "with client A"),
            (
                "SHOPIFY_SHOP=acme.myshopify.com\nSHOPIFY_API_SECRET=shpss_{{hex:32}}\n",
                "with shop acme.myshopify.com",
            ),
            ("ALGOLIA_APPLICATION_ID={{upnum:10}}\nALGOLIA_ADMIN_KEY={{hex:32}}\n", "with application "),
            ("CLOUDINARY_CLOUD_NAME=acme\nCLOUDINARY_API_SECRET={{alnum:27}}\n", "with cloud acme"),
            (
                "JIRA_URL=https://acme.atlassian.net\nJIRA_API_TOKEN=ATATT3xFfGF0{{base64url:170}}={{HEX:8}}\n",
                "with site acme.atlassian.net",
            ),
            (
                "SPACES_ACCESS_KEY_ID=DO00{{upnum:16}}\nSPACES_SECRET_ACCESS_KEY={{base64:43}}\n",
                "with key ID DO00",
            ),
            ("SCW_ACCESS_KEY=SCW{{upnum:17}}\nSCW_SECRET_KEY={{uuid}}\n", "with key ID SCW"),
            ("ZOOM_CLIENT_ID={{alnum:22}}\nZOOM_CLIENT_SECRET={{alnum:32}}\n", "with client "),
            (
                "SALESFORCE_CONSUMER_KEY=3MVG9{{alnum:80}}\nSALESFORCE_CONSUMER_SECRET={{HEX:64}}\n",
                "with consumer key 3MVG9",
            ),
        ] {
            let all = found(text);
            assert_eq!(all.len(), 1, "{text}: {all:?}");
            assert!(all[0].2.as_deref().is_some_and(|n| n.contains(note)), "{text}: {all:?}");
        }
    }

    #[test]
    fn of_several_identifiers_the_nearest_is_shown() {
        let pair =
            |shop: &str| format!("SHOP={shop}.myshopify.com\nSHOPIFY_API_SECRET=shpss_{{{{hex:32}}}}\n\n");
        let all = found(&format!("{}{}", pair("one"), pair("two")));
        let notes: Vec<_> = all.iter().filter_map(|f| f.2.as_deref()).collect();
        assert_eq!(notes, ["with shop one.myshopify.com", "with shop two.myshopify.com"]);
    }

    #[test]
    fn an_account_beside_its_token_is_named() {
        let all = found("TWILIO_ACCOUNT_SID=AC{{hex:32}}\nTWILIO_AUTH_TOKEN={{hex:32}}\n");
        assert_eq!(all.len(), 1);
        assert!(all[0].2.as_deref().unwrap().starts_with("with account AC"), "{all:?}");
    }
}
