//! Fills in examples: deterministic, so that a failure can be repeated, and never a real credential.

use crate::secrets::rules::SecretRule;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use regex_automata::Input;

/// A small generator (SplitMix64): examples need spread, not secrecy.
struct Dice(u64);

impl Dice {
    fn new(seed: &str) -> Dice {
        Dice(
            seed.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn from(&mut self, alphabet: &[u8], len: usize) -> String {
        (0..len).map(|_| char::from(alphabet[(self.next() % alphabet.len() as u64) as usize])).collect()
    }
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

fn alphabet(name: &str) -> Option<String> {
    Some(match name {
        "upper" => UPPER.to_owned(),
        "lower" => LOWER.to_owned(),
        "digits" => DIGITS.to_owned(),
        "letters" => format!("{UPPER}{LOWER}"),
        "alnum" => format!("{UPPER}{LOWER}{DIGITS}"),
        "upnum" => format!("{UPPER}{DIGITS}"),
        "lownum" => format!("{LOWER}{DIGITS}"),
        "hex" => format!("{DIGITS}abcdef"),
        "HEX" => format!("{DIGITS}ABCDEF"),
        "base32" => format!("{UPPER}234567"),
        "bech32" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".to_owned(),
        "base64" => format!("{UPPER}{LOWER}{DIGITS}+/"),
        "base64url" => format!("{UPPER}{LOWER}{DIGITS}-_"),
        _ => return None,
    })
}

/// Fills in `{{…}}` of a template; the same seed gives the same text. What is not known stays as it is.
#[must_use]
pub fn fill(template: &str, seed: &str) -> String {
    let mut dice = Dice::new(seed);
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, more)) = after.split_once("}}") else { break };
        out.push_str(before);
        match make(name, &mut dice) {
            Some(made) => out.push_str(&made),
            None => out.push_str(&format!("{{{{{name}}}}}")),
        }
        rest = more;
    }
    out + rest
}

fn make(name: &str, dice: &mut Dice) -> Option<String> {
    let (kind, arg) = name.split_once(':').unwrap_or((name, ""));
    match kind {
        "uuid" => {
            let mut part = |n| dice.from(b"0123456789abcdef", n);
            Some(format!("{}-{}-4{}-a{}-{}", part(8), part(4), part(3), part(3), part(12)))
        }
        "jwt" => {
            let claims = format!("{{\"sub\":\"{}\",\"iat\":1700000000}}", dice.from(DIGITS.as_bytes(), 10));
            let (head, body) = (
                BASE64URL_NOPAD.encode(b"{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                BASE64URL_NOPAD.encode(claims.as_bytes()),
            );
            Some(format!("{head}.{body}.{}", dice.from(alphabet("base64url")?.as_bytes(), 43)))
        }
        "pem" => Some(pem(arg, dice)),
        _ => Some(dice.from(alphabet(kind)?.as_bytes(), arg.parse().ok().filter(|n| *n <= 4096)?)),
    }
}

/// A block with the structure of a key and noise for numbers.
fn pem(kind: &str, dice: &mut Dice) -> String {
    let noise: Vec<u8> = (0..96).map(|_| dice.next() as u8).collect();
    let (label, body) = match kind {
        "openssh" => ("OPENSSH PRIVATE KEY", openssh(b"none", &noise)),
        "openssh-locked" => ("OPENSSH PRIVATE KEY", openssh(b"aes256-ctr", &noise)),
        "pkcs8-locked" => ("ENCRYPTED PRIVATE KEY", der(&noise)),
        "rsa" => ("RSA PRIVATE KEY", der(&noise)),
        _ => ("PRIVATE KEY", der(&noise)),
    };
    let text = BASE64.encode(&body);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|c| std::str::from_utf8(c).ok()).collect();
    let dashes = "-".repeat(5);
    format!("{dashes}BEGIN {label}{dashes}\n{}\n{dashes}END {label}{dashes}", lines.join("\n"))
}

/// `openssh-key-v1`, cipher, kdf, options, one key, noise.
fn openssh(cipher: &[u8], noise: &[u8]) -> Vec<u8> {
    let field = |b: &[u8]| [&(b.len() as u32).to_be_bytes(), b].concat();
    let kdf: &[u8] = if cipher == b"none" { b"none" } else { b"bcrypt" };
    let public = [field(b"ssh-ed25519"), field(&noise[..32])].concat();
    [
        b"openssh-key-v1\0".to_vec(),
        field(cipher),
        field(kdf),
        field(b""),
        1u32.to_be_bytes().to_vec(),
        field(&public),
        field(noise),
    ]
    .concat()
}

/// A DER sequence: version 0, then noise as an integer.
fn der(noise: &[u8]) -> Vec<u8> {
    let integer = [&[0x02, noise.len() as u8], noise].concat();
    let body = [&[0x02, 0x01, 0x00], integer.as_slice()].concat();
    [&[0x30, body.len() as u8], body.as_slice()].concat()
}

/// Whether a rule's checksum can be mended in examples.
pub(super) fn mends(rule: &SecretRule) -> bool {
    rule.checksum.is_some_and(|c| c.mend.is_some())
}

/// The text with the first match of the rule's pattern given a checksum that holds.
pub(super) fn mended(rule: &SecretRule, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let mend = rule.checksum.and_then(|c| c.mend);
    if let (Some(mend), Some(compiled)) = (mend, rule.compiled()) {
        let mut captures = compiled.regex.create_captures();
        compiled.regex.search_captures(&Input::new(&bytes), &mut captures);
        if let Some(span) = captures.get_group(compiled.group) {
            let made = mend(&bytes[span.start..span.end]);
            bytes.splice(span.start..span.end, made);
        }
    }
    bytes
}
