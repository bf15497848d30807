//! What is told of a thing on the bus is what is told of it in JSON (`ctl/FORMATS.md`), so that there is one contract:
//! an object is `a{sv}` with the same field names, text is `s`, a whole number `x` (`t` from 2⁶³ on), an array of objects `aa{sv}`, an array of
//! text `as`. A field that is `null` is left out.
//!
//! D-Bus has no text with NUL bytes in it (a bus hangs up on who sends it), some of its libraries take none with code points
//! that are no characters (U+FFFE), and what was found in a file may have either: such text is told as bytes, `ay`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use zbus::zvariant::{OwnedValue, Value};

/// `a{sv}`.
pub(crate) type Dict = HashMap<String, OwnedValue>;

/// Something is not of the form that it should have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Garbled(String);

/// A thing as `a{sv}`.
pub(crate) fn encode(thing: &impl Serialize) -> Result<Dict, Garbled> {
    let Ok(Json::Object(fields)) = serde_json::to_value(thing) else {
        return Err(Garbled("only what has fields can be told".to_owned()));
    };
    let mut dict = Dict::new();
    for (name, value) in fields {
        if let Some(value) = told(&name, value) {
            let value = OwnedValue::try_from(value).map_err(|e| Garbled(e.to_string()))?;
            dict.insert(name, value);
        }
    }
    Ok(dict)
}

/// A thing from `a{sv}`.
pub(crate) fn decode<T: DeserializeOwned>(dict: &Dict) -> Result<T, Garbled> {
    whole(fields(dict)?)
}

/// A thing from its fields.
pub(crate) fn whole<T: DeserializeOwned>(fields: Map<String, Json>) -> Result<T, Garbled> {
    serde_json::from_value(Json::Object(fields)).map_err(|e| Garbled(e.to_string()))
}

/// The fields of `a{sv}`.
pub(crate) fn fields(dict: &Dict) -> Result<Map<String, Json>, Garbled> {
    dict.iter().map(|(name, value)| Ok((name.clone(), heard(value)?))).collect()
}

/// `None` for what is left out. The name says what an empty array is an array of.
fn told(name: &str, json: Json) -> Option<Value<'static>> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(b) => b.into(),
        Json::Number(n) => match n.as_i64() {
            Some(whole) => whole.into(),
            None => n.as_u64().map_or_else(|| n.as_f64().unwrap_or_default().into(), Into::into),
        },
        Json::String(text) => spoken(text),
        Json::Array(items) => array(name, items),
        Json::Object(fields) => object(fields).into(),
    })
}

fn spoken(text: String) -> Value<'static> {
    if text.contains(unspeakable) { text.into_bytes().into() } else { text.into() }
}

/// What no text on the bus may hold.
fn unspeakable(c: char) -> bool {
    c == '\0' || matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Text that has to be text, with what it may not hold replaced.
pub(crate) fn plain(text: &str) -> String {
    text.replace(unspeakable, "\u{fffd}")
}

fn object(fields: Map<String, Json>) -> HashMap<String, Value<'static>> {
    fields.into_iter().filter_map(|(name, value)| told(&name, value).map(|v| (name, v))).collect()
}

fn array(name: &str, items: Vec<Json>) -> Value<'static> {
    let objects = items.first().map_or(name == SIGHTINGS, Json::is_object);
    if objects {
        let fields = |item| if let Json::Object(fields) = item { fields } else { Map::new() };
        return items.into_iter().map(|item| object(fields(item))).collect::<Vec<_>>().into();
    }
    let text = |item: Json| if let Json::String(text) = item { text } else { item.to_string() };
    let items: Vec<String> = items.into_iter().map(text).collect();
    if items.iter().any(|text| text.contains(unspeakable)) {
        return items.into_iter().map(String::into_bytes).collect::<Vec<_>>().into();
    }
    items.into()
}

/// The one field that may be an empty array of objects.
const SIGHTINGS: &str = "sightings";

fn heard(value: &Value<'_>) -> Result<Json, Garbled> {
    Ok(match value {
        Value::Bool(b) => (*b).into(),
        Value::U8(n) => (*n).into(),
        Value::U16(n) => (*n).into(),
        Value::I16(n) => (*n).into(),
        Value::U32(n) => (*n).into(),
        Value::I32(n) => (*n).into(),
        Value::U64(n) => (*n).into(),
        Value::I64(n) => (*n).into(),
        Value::F64(n) => (*n).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Value(inner) => heard(inner)?,
        Value::Array(items) if *items.element_signature() == zbus::zvariant::Signature::U8 => {
            let bytes = items.iter().filter_map(|b| if let Value::U8(b) = b { Some(*b) } else { None });
            let text = String::from_utf8(bytes.collect())
                .map_err(|_| Garbled("bytes that are no text".to_owned()))?;
            text.into()
        }
        Value::Array(items) => items.iter().map(heard).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Dict(entries) => {
            let mut fields = Map::new();
            for (name, value) in entries.iter() {
                let Value::Str(name) = name else { return Err(Garbled("a field without a name".to_owned())) };
                fields.insert(name.to_string(), heard(value)?);
            }
            fields.into()
        }
        other => return Err(Garbled(format!("a value of type {}", other.value_signature()))),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Fix, Gap, Reason, Record, Sighting, State};
    use lapwing_rules::rule::{Grade, Kind, Safety, Severity};

    /// Numbers that follow from each other: what a test makes of them is the same every time.
    pub(crate) struct Dice(pub(crate) u64);

    impl Dice {
        pub(crate) fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % n
        }

        fn of<T: Clone>(&mut self, all: &[T]) -> T {
            all[self.below(all.len())].clone()
        }

        fn text(&mut self) -> String {
            let pieces = ["", "a", "~/é", "\0", "\n", "\u{202e}", "\u{fffe}", "𝄞", "'\"\\", "…", " › "];
            (0..self.below(6)).map(|_| self.of(&pieces)).collect()
        }

        fn maybe<T>(&mut self, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
            (self.below(2) == 0).then(|| make(self))
        }

        fn number(&mut self) -> u64 {
            self.of(&[0, 1, 255, 1 << 40, i64::MAX as u64, u64::MAX])
        }

        fn moment(&mut self) -> i64 {
            self.of(&[0, -1, 1_795_348_800, i64::MAX, i64::MIN])
        }

        fn sighting(&mut self) -> Sighting {
            Sighting {
                path: self.text(),
                inside: self.maybe(Dice::text),
                line: self.maybe(Dice::number),
                column: self.maybe(Dice::number),
                start: self.maybe(Dice::number),
                end: self.maybe(Dice::number),
            }
        }

        pub(crate) fn record(&mut self) -> Record {
            let state = match self.below(3) {
                0 => State::Open,
                1 => State::Ignored { reason: self.text(), until: self.maybe(Dice::moment) },
                _ => State::Resolved { at: self.moment() },
            };
            Record {
                id: self.text(),
                rule: self.text(),
                kind: self.of(&[Kind::Secret, Kind::Setting, Kind::Check]),
                severity: self.of(&Severity::ALL),
                grade: self.of(&[
                    None,
                    Some(Grade::Proved),
                    Some(Grade::Shaped),
                    Some(Grade::Named),
                    Some(Grade::Guessed),
                ]),
                title: self.text(),
                preview: self.text(),
                note: self.maybe(Dice::text),
                sightings: (0..self.below(4)).map(|_| self.sighting()).collect(),
                fix: Fix {
                    safety: self.of(&[Safety::Safe, Safety::Review, Safety::Manual]),
                    advice: self.text(),
                    command: self.maybe(Dice::text),
                    revoke: self.maybe(Dice::text),
                },
                state,
                first_seen: self.maybe(Dice::moment),
            }
        }
    }

    /// There and back, through the bytes of a message.
    fn back<T: Serialize + DeserializeOwned>(thing: &T) -> T {
        let message =
            zbus::Message::signal("/a", "a.b", "C").unwrap().build(&encode(thing).unwrap()).unwrap();
        decode(&message.body().deserialize::<Dict>().unwrap()).unwrap()
    }

    #[test]
    fn every_record_comes_back_the_same() {
        let mut dice = Dice(7);
        for _ in 0..2000 {
            let record = dice.record();
            assert_eq!(
                serde_json::to_string(&back(&record)).unwrap(),
                serde_json::to_string(&record).unwrap()
            );
        }
    }

    #[test]
    fn every_gap_comes_back_the_same() {
        let mut dice = Dice(8);
        for _ in 0..500 {
            let gap = Gap {
                reason: dice.of(&[Reason::Unreadable, Reason::LinkOut, Reason::PartlyUnpacked]),
                policy: dice.below(2) == 0,
                count: dice.number(),
                paths: (0..dice.below(4)).map(|_| dice.text()).collect(),
                why: dice.text(),
            };
            assert_eq!(serde_json::to_value(back(&gap)).unwrap(), serde_json::to_value(&gap).unwrap());
        }
    }

    /// A field has one type, whatever is in it, but for text that D-Bus has no words for.
    #[test]
    fn types_are_as_documented() {
        let mut dice = Dice(9);
        for _ in 0..500 {
            for (name, value) in encode(&dice.record()).unwrap() {
                let want: &[&str] = match name.as_str() {
                    "sightings" => &["aa{sv}"],
                    "fix" | "state" => &["a{sv}"],
                    "first_seen" => &["x"],
                    _ => &["s", "ay"],
                };
                assert!(want.contains(&value.value_signature().to_string().as_str()), "{name}: {value:?}");
            }
        }
    }

    #[test]
    fn what_is_garbled_is_an_error() {
        let mut dict = encode(&Dice(1).record()).unwrap();
        dict.insert("severity".to_owned(), Value::from("dreadful").try_into().unwrap());
        assert!(decode::<Record>(&dict).is_err());
        dict.remove("severity");
        assert!(decode::<Record>(&dict).is_err());
        let bytes = Dict::from([("id".to_owned(), Value::from(vec![0xffu8]).try_into().unwrap())]);
        assert!(decode::<Record>(&bytes).is_err());
    }
}
