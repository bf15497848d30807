//! Azure's keys of 32, 39, 40 and 64 bytes: four letters that name the service, and as the last four bytes the Marvin32
//! of the others, with a seed that names the kind of key. Source: github.com/microsoft/security-utilities.

use super::kit::{base64, marvin};
use super::{Checksum, Evidence, Mend, Proof, Seen};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::Proof(mend) };

/// Letters of the service, seed, what it is for.
const KINDS: &[(&[u8; 4], &[u8; 8], &str)] = &[
    (b"+ASt", b"Default0", "of a storage account"),
    (b"ACDb", b"MastRW00", "of Cosmos DB, may read and write"),
    (b"ACDb", b"MastRO00", "of Cosmos DB, may only read"),
    (b"ACDb", b"SystRW00", "of Cosmos DB itself"),
    (b"ACDb", b"SystRO00", "of Cosmos DB itself"),
    (b"ACDb", b"SysAll00", "of Cosmos DB itself"),
    (b"ACDb", b"Resour00", "of Cosmos DB itself"),
    (b"ACDb", b"Encryp00", "of Cosmos DB itself"),
    (b"+ABa", b"AbAcct00", "of a Batch account"),
    (b"+AMC", b"Classic0", "of a Machine Learning web service"),
    (b"APIM", b"Tenant00", "of API Management, manages the service"),
    (b"APIM", b"IoTHub00", "of an API Management subscription"),
    (b"APIM", b"Gatewy00", "of an API Management gateway"),
    (b"APIM", b"GitKey00", "of an API Management repository"),
    (b"AzCa", b"Access00", "of Cache for Redis"),
    (b"+ASb", b"Manage00", "of Service Bus, may manage"),
    (b"+ASb", b"Send0000", "of Service Bus, may send"),
    (b"+ASb", b"Listen00", "of Service Bus, may listen"),
    (b"+ASb", b"System00", "of Service Bus itself"),
    (b"+ASb", b"Unknown0", "of Service Bus"),
    (b"+AEh", b"Manage00", "of Event Hubs, may manage"),
    (b"+AEh", b"Send0000", "of Event Hubs, may send"),
    (b"+AEh", b"Listen00", "of Event Hubs, may listen"),
    (b"+AEh", b"System00", "of Event Hubs itself"),
    (b"+AEh", b"Unknown0", "of Event Hubs"),
    (b"+ARm", b"Manage00", "of Relay, may manage"),
    (b"+ARm", b"Send0000", "of Relay, may send"),
    (b"+ARm", b"Listen00", "of Relay, may listen"),
    (b"+ARm", b"System00", "of Relay itself"),
    (b"+ARm", b"Unknown0", "of Relay"),
    (b"AIoT", b"IoTHub00", "of an IoT hub"),
    (b"AIoT", b"DpsKey00", "of IoT device provisioning"),
    (b"AIoT", b"Device00", "of an IoT device"),
    (b"+ACR", b"ACRDflt0", "of a container registry"),
    (b"AzSe", b"PAdmin00", "of AI Search, may administer"),
    (b"AzSe", b"Query000", "of AI Search, may only query"),
    (b"AzFu", b"Functi00", "of a function"),
    (b"AzFu", b"Master00", "of a function app, its master key"),
    (b"AzFu", b"System00", "of a function app's own extension"),
    (b"+SQL", b"UsrPwd00", "of Azure SQL"),
];

/// Where the letters stand: before six that hold the hash, padding aside.
fn letters(key: &[u8]) -> Option<std::ops::Range<usize>> {
    let end = key.len() - key.iter().rev().take_while(|b| **b == b'=').count();
    end.checked_sub(10).map(|start| start..start + 4)
}

/// Whether the text ends in this hash. Keys for Redis have letters in place of signs, put there afterwards.
fn ends_in(key: &[u8], bytes: &[u8], hash: [u8; 4]) -> bool {
    let Some(body) = bytes.len().checked_sub(4).map(|end| &bytes[..end]) else { return false };
    let want = data_encoding::BASE64.encode(&[body, &hash].concat());
    let same = |(a, b): (&u8, u8)| *a == b || matches!((b, a), (b'+', b'-' | b'P') | (b'/', b'_' | b'F'));
    bytes.ends_with(&hash) || (want.len() == key.len() && key.iter().zip(want.bytes()).all(same))
}

fn check(seen: &Seen<'_>) -> Evidence {
    let key = seen.secret();
    let (Some(at), Some(bytes)) = (letters(key), base64::decode(key)) else { return Evidence::unknown() };
    let body = &bytes[..bytes.len().saturating_sub(4)];
    let mut kinds = KINDS.iter().filter(|(letters, ..)| key[at.clone()] == letters[..]).peekable();
    if kinds.peek().is_none() {
        // Keys of before 2021 have neither letters nor hash.
        return Evidence::unknown();
    }
    match kinds.find(|(_, seed, _)| ends_in(key, &bytes, marvin::hash(body, seed))) {
        Some((.., what)) => Evidence::from(Proof::HOLDS).tell(*what),
        None => Proof::FAILS.into(),
    }
}

fn mend(key: &[u8]) -> Vec<u8> {
    let mut made = key.to_vec();
    let Some(at) = letters(key) else { return made };
    let named = |key: &[u8]| KINDS.iter().find(|(letters, ..)| key[at.clone()] == letters[..]);
    if named(key).is_none() {
        let service: &[u8; 4] = match key.len() {
            88 => b"+ASt",
            56 => b"AzFu",
            52 => b"AzSe",
            44 => b"+ASb",
            _ => return made,
        };
        made[at.clone()].copy_from_slice(service);
    }
    let (Some((_, seed, _)), Some(bytes)) = (named(&made), base64::decode(&made)) else {
        return key.to_vec();
    };
    let Some(end) = bytes.len().checked_sub(4) else { return key.to_vec() };
    let mut text =
        data_encoding::BASE64.encode(&[&bytes[..end], &marvin::hash(&bytes[..end], seed)].concat());
    if made[at] == b"AzFu"[..] {
        text = text.replace('+', "-").replace('/', "_");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    fn proof(key: &[u8]) -> Evidence {
        check(&Seen::alone(key))
    }

    fn letters_at(text: &str) -> usize {
        letters(text.as_bytes()).unwrap().start
    }

    /// Made for Redis, whose keys have letters in place of signs.
    #[test]
    fn keys_without_signs() {
        let key =
            (0..400u32).map(|i| mend(fill("{{alnum:33}}AzCaB{{alnum:4}}A=", &i.to_string()).as_bytes()));
        let key = key.into_iter().find(|key| key[37..].contains(&b'+')).unwrap();
        let other: Vec<u8> = key.iter().map(|b| if *b == b'+' { b'P' } else { *b }).collect();
        assert_eq!((proof(&key).proof, proof(&other).proof), (Proof::HOLDS, Proof::HOLDS));
    }

    #[test]
    fn every_kind_is_told() {
        for (letters, _, what) in KINDS {
            let letters = std::str::from_utf8(*letters).unwrap();
            let (before, after) = match letters {
                "AzFu" => (44, "{{alnum:5}}Q=="),
                "AzSe" | "+ACR" => (42, "B{{alnum:5}}"),
                "AzCa" | "+ASb" | "+AEh" | "+ARm" | "AIoT" => (33, "B{{alnum:4}}A="),
                _ => (76, "{{alnum:5}}Q=="),
            };
            let text = fill(&format!("{{{{alnum:{before}}}}}{letters}{after}"), what);
            let key = mend(text.as_bytes());
            assert_eq!(proof(&key).proof, Proof::HOLDS, "{what}");
            assert_eq!(key.len(), text.len());
            for at in [0, before / 2, before - 1] {
                let mut other = key.clone();
                other[at] = if other[at] == b'x' { b'y' } else { b'x' };
                assert_eq!(proof(&other).proof, Proof::FAILS, "{what} changed at {at}");
            }
        }
    }

    /// Bytes 0, 1, 2 … with the letters of a service, hashed by an implementation in another language.
    #[test]
    fn known_answers() {
        for (len, letters, tail, what) in [
            (64, "+ASt", "Y5ep4A==", "of a storage account"),
            (64, "ACDb", "sQCcPg==", "of Cosmos DB, may only read"),
            (32, "AIoT", "9b9nDw=", "of IoT device provisioning"),
            (39, "AzSe", "JIUQg7", "of AI Search, may only query"),
            (40, "AzFu", "FuYcng==", "of a function app, its master key"),
            (32, "+AEh", "+N+hQ4=", "of Event Hubs, may listen"),
            (32, "AzCa", "08ITbI=", "of Cache for Redis"),
        ] {
            let bytes: Vec<u8> = (0..len).collect();
            let text = data_encoding::BASE64.encode(&bytes);
            let at = letters_at(&text);
            let key = format!("{}{letters}{tail}", &text[..at]);
            assert_eq!(proof(key.as_bytes()).note(), Some(format!("its checksum holds; {what}")), "{key}");
        }
    }

    #[test]
    fn older_and_other_keys_say_nothing() {
        for key in
            [fill("{{alnum:86}}==", "old"), fill("{{alnum:9}}", "short"), String::new(), "=".repeat(88)]
        {
            assert_eq!(proof(key.as_bytes()), Evidence::unknown(), "{key}");
        }
    }
}
