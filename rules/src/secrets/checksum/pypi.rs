//! PyPI's tokens are macaroons (version 2): what each may do stands in them to be read, only the signature needs PyPI's
//! key. Source: the format of libmacaroons, and PyPI's caveats.

use super::kit::base64;
use super::{Checksum, Evidence, Mend, Proof, Seen};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Shape(mend) };

const PREFIX: &[u8] = b"pypi-";
const END: u8 = 0;
const LOCATION: u8 = 1;
const IDENTIFIER: u8 = 2;
const SIGNATURE: u8 = 6;
/// Conditions read at most.
const MOST: usize = 16;

/// Reads fields from the front: type, length, bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<usize> {
        let mut value = 0;
        // Three digits of base 128 are more than any token needs.
        for shift in [0, 7, 14] {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The next field; the end of a section has no bytes.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let kind = u8::try_from(self.number()?).ok()?;
        if kind == END {
            return Some((END, &[]));
        }
        let len = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some((kind, bytes))
    }

    /// The fields up to the end of a section.
    fn section(&mut self) -> Option<Vec<(u8, &'a [u8])>> {
        let mut fields = Vec::new();
        loop {
            match self.next()? {
                (END, _) => return Some(fields),
                field if fields.len() < 4 => fields.push(field),
                _ => return None,
            }
        }
    }
}

/// The conditions of a whole macaroon.
fn conditions(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Fields(bytes.strip_prefix(&[2])?);
    let head = fields.section()?;
    head.iter().find(|(kind, _)| *kind == IDENTIFIER)?;
    let mut found = Vec::new();
    loop {
        let section = fields.section()?;
        let Some((_, condition)) = section.iter().find(|(kind, _)| *kind == IDENTIFIER) else { break };
        found.push(*condition);
        if found.len() > MOST {
            return None;
        }
    }
    let (kind, signature) = fields.next()?;
    (kind == SIGNATURE && signature.len() == 32 && fields.0.is_empty()).then_some(found)
}

fn check(seen: &Seen<'_>) -> Evidence {
    let bytes = seen.secret().strip_prefix(PREFIX).and_then(base64::decode);
    let Some(conditions) = bytes.as_ref().and_then(|b| conditions(b)) else { return Proof::BROKEN.into() };
    let mut said = Evidence::unknown();
    let mut limited = false;
    for condition in conditions.iter().filter_map(|c| serde_json::from_slice::<Value>(c).ok()) {
        if let Some(projects) = projects(&condition) {
            limited = true;
            said = said.name("limited to", Some(&projects));
        }
        if let Some(end) = end(&condition) {
            let sooner = said.worth.expires.map_or(end, |other| other.min(end));
            said = said.expires(Some(sooner));
        }
    }
    if limited { said } else { said.tell("for all projects of its owner") }
}

/// Names or ids of projects: `{"permissions": {"projects": […]}}`, `[1, […]]` (names), `[2, […]]` (ids).
fn projects(condition: &Value) -> Option<String> {
    let list = match condition.get(0).and_then(Value::as_u64) {
        Some(1 | 2) => condition.get(1)?,
        Some(_) => return None,
        None => condition.get("permissions")?.get("projects")?,
    };
    let names: Vec<&str> = list.as_array()?.iter().filter_map(Value::as_str).collect();
    let first = names.first()?;
    Some(match names.len() {
        1 => format!("project {first}"),
        more => format!("project {first} + {} more", more - 1),
    })
}

/// `[0, end, start]`, and the older `{"exp": end}`.
fn end(condition: &Value) -> Option<i64> {
    match condition.get(0).and_then(Value::as_i64) {
        Some(0) => condition.get(1)?.as_i64(),
        Some(_) => None,
        None => condition.get("exp")?.as_i64(),
    }
}

/// A macaroon with this text's place and noise.
fn mend(token: &[u8]) -> Vec<u8> {
    let test = token.starts_with(b"pypi-AgENdGVzd");
    let place: &[u8] = if test { b"test.pypi.org" } else { b"pypi.org" };
    let noise = Sha256::digest(token);
    let id = data_encoding::HEXLOWER.encode(&noise[..18]);
    let condition = br#"{"version": 1, "permissions": "user"}"#;
    let field = |kind: u8, bytes: &[u8]| [&[kind, bytes.len() as u8], bytes].concat();
    let parts = [
        vec![2],
        field(LOCATION, place),
        field(IDENTIFIER, id.as_bytes()),
        vec![END],
        field(IDENTIFIER, condition),
        vec![END, END],
        field(SIGNATURE, &noise),
    ];
    [PREFIX, BASE64URL_NOPAD.encode(&parts.concat()).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(conditions: &[&str]) -> Vec<u8> {
        let field = |kind: u8, bytes: &[u8]| [&[kind, bytes.len() as u8], bytes].concat();
        let mut bytes =
            [vec![2], field(LOCATION, b"pypi.org"), field(IDENTIFIER, &[b'a'; 36]), vec![END]].concat();
        for condition in conditions {
            bytes.extend([field(IDENTIFIER, condition.as_bytes()), vec![END]].concat());
        }
        bytes.extend([vec![END], field(SIGNATURE, &[7; 32])].concat());
        [PREFIX, BASE64URL_NOPAD.encode(&bytes).as_bytes()].concat()
    }

    fn said(token: &[u8]) -> Evidence {
        check(&Seen::alone(token))
    }

    #[test]
    fn what_it_may_do() {
        for (conditions, note, end) in [
            (&["{\"version\": 1, \"permissions\": \"user\"}"][..], "for all projects of its owner", None),
            (
                &["{\"version\": 1, \"permissions\": {\"projects\": [\"acme\"]}}"],
                "limited to project acme",
                None,
            ),
            (&["[3, \"u\"]", "[1, [\"a\", \"b\", \"c\"]]"], "limited to project a + 2 more", None),
            (
                &["[0, 1900000000, 1]", "[0, 1800000000, 1]"],
                "for all projects of its owner",
                Some(1_800_000_000),
            ),
        ] {
            let said = said(&token(conditions));
            assert_eq!((said.proof, said.note().as_deref()), (Proof::Unknown, Some(note)));
            assert_eq!(said.worth.expires, end);
        }
    }

    #[test]
    fn what_is_cut_or_longer_does_not_read() {
        let whole = token(&["[1, [\"a\"]]"]);
        assert!(whole.starts_with(b"pypi-AgEIcHlwaS5vcmc"));
        for len in (PREFIX.len()..whole.len()).step_by(3) {
            assert_eq!(said(&whole[..len]).proof, Proof::BROKEN, "{len}");
        }
        assert_eq!(said(&[&whole[..], b"AAAA"].concat()).proof, Proof::BROKEN);
        assert_eq!(said(&mend(b"pypi-AgEIcHlwaS5vcmcxyz")).proof, Proof::Unknown);
        assert!(mend(b"pypi-AgENdGVzdC5weXBpLm9yZw").starts_with(b"pypi-AgENdGVzdC5weXBpLm9yZw"));
    }
}
