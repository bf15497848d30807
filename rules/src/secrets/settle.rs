//! Of hits at the same bytes, one stays; and some count only where something stands near them.

use crate::rule::Grade;
use crate::secrets::matcher::Hit;
use crate::secrets::rules::SecretRule;
use crate::secrets::stream::LEAD;
use regex_automata::Input;

/// How far from a secret a word may stand that vouches for it, in bytes. Windows of a file overlap by as much.
const NEAR: usize = LEAD;

/// Whether what the rule asks for stands near, and how many bytes were looked at.
pub(crate) fn vouched(rule: &SecretRule, bytes: &[u8], at: (usize, usize)) -> (bool, usize) {
    let Some(near) = rule.compiled().and_then(|c| c.near.as_ref()) else { return (true, 0) };
    let before = at.0.saturating_sub(NEAR)..at.0;
    let behind = at.1..(at.1 + NEAR).min(bytes.len());
    let looked = before.len() + behind.len();
    ([before, behind].into_iter().any(|part| near.is_match(Input::new(bytes).range(part))), looked)
}

/// Of hits that overlap, the surest stays, then the vendor's, then the longest.
pub(crate) fn settle(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| a.at.0.cmp(&b.at.0).then(b.at.1.cmp(&a.at.1)));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match kept.last_mut() {
            Some(last) if hit.at.0 < last.at.1 && !apart(last, &hit) => {
                if better(&hit, last) {
                    *last = hit;
                }
            }
            _ => kept.push(hit),
        }
    }
    kept
}

/// Whether one hit tells more than the other.
fn better(hit: &Hit, other: &Hit) -> bool {
    // That a name or a header stands before it does not make a token work whose checksum is wrong.
    let stands = |refuted: &Hit, by_name: &Hit| {
        let beginning = refuted.shown > 0 && by_name.rank < 3 && by_name.grade <= Grade::Named;
        refuted.worth.refuted && !by_name.worth.refuted && (by_name.rank == 0 || beginning)
    };
    if stands(hit, other) || stands(other, hit) {
        return stands(hit, other);
    }
    // A shape for which nothing vouches is no vendor's yet, but no other secret either.
    if hit.alone.is_some() != other.alone.is_some() {
        return if hit.alone.is_some() { other.rank == 0 } else { hit.rank > 0 };
    }
    let weight = |h: &Hit| (h.grade, h.rank, h.at.1 - h.at.0);
    weight(hit) > weight(other)
}

/// Two different secrets decoded from one stretch (a base64 of a whole file) do not compete.
fn apart(a: &Hit, b: &Hit) -> bool {
    match (&a.decoded, &b.decoded) {
        (Some(x), Some(y)) => a.at == b.at && x.expose() != y.expose(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::pack::Packs;
    use crate::secrets::judge::{Around, Setting};
    use crate::testing::fill;

    const RULE: &str = "[[secret]]\nid = \"acme\"\ntitle = \"t\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\n\
                        anchors = [\"pk_\"]\npattern = 'pk_[0-9a-z]{30}'\nnear = [\"acme.io\", \"acme_\"]\n";

    fn found(text: &str) -> Vec<String> {
        let mut packs = Packs::builtin();
        packs.add("own.toml", RULE);
        let (engine, errors) = Engine::new(packs);
        assert_eq!(errors, []);
        let around = Around { setting: Setting::Config, samples: false };
        let hits = engine.secrets.hits(fill(text, "settle").as_bytes(), around, &|_| false).0;
        hits.iter().map(|hit| hit.page.id.clone()).collect()
    }

    #[test]
    fn a_word_vouches_before_and_behind_and_around_what_was_decoded() {
        let far = " ".repeat(super::NEAR - 8);
        let token = fill("x = pk_{{lownum:30}}", "settle");
        let coded = data_encoding::BASE64.encode(token.as_bytes());
        for text in [
            "ACME_KEY=pk_{{lownum:30}}".to_owned(),
            format!("curl https://acme.io{far}pk_{{{{lownum:30}}}}"),
            format!("pk_{{{{lownum:30}}}}{far}acme.io"),
            format!("acme_data: {coded}"),
        ] {
            assert_eq!(found(&text), ["acme"], "{text}");
        }
    }

    /// It is no other secret either: the generic rules know less of its shape.
    #[test]
    fn without_a_word_near_there_is_nothing() {
        let far = " ".repeat(super::NEAR);
        for text in [
            "pk_{{lownum:30}}".to_owned(),
            "API_TOKEN=pk_{{lownum:30}}".to_owned(),
            format!("acme.io{far}token = pk_{{{{lownum:30}}}}"),
        ] {
            assert_eq!(found(&text), [""; 0], "{text}");
        }
        assert_eq!(found("API_TOKEN=pq_{{lownum:30}}"), ["generic-token"]);
    }
}
