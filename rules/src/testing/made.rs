//! Fills in examples: deterministic, so that a failure can be repeated, and never a real credential.

use crate::rule::Grade;
use crate::secrets::checksum::Mend;
use crate::secrets::rules::SecretRule;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use regex_automata::{Anchored, Input};

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
        "base58" => "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".to_owned(),
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

/// A block with the structure of a key and noise for numbers: `openssh`, `rsa`, `ec`, `dsa`, `pkcs8`, `putty`; with a
/// passphrase `openssh-locked`, `rsa-locked`, `pkcs8-locked`, `putty-locked`; `openssh-sk` in a token; short `rsa-1024`
/// and `rsa-2048`; `pgp`; any of them with `-elided` has `...` for a body.
fn pem(kind: &str, dice: &mut Dice) -> String {
    if let Some(kind) = kind.strip_suffix("-elided") {
        let block = pem(kind, dice);
        let middle = block.find('\n').zip(block.rfind('\n')).map_or(0..0, |(head, tail)| head..tail);
        return block.replacen(&block[middle], "\n...", 1);
    }
    let noise: Vec<u8> = (0..512).map(|_| dice.next() as u8).collect();
    let (label, headers, body) = match kind {
        "putty" => return putty("none", &noise),
        "putty-locked" => return putty("aes256-cbc", &noise),
        "openssh" => ("OPENSSH PRIVATE KEY", "", openssh(b"none", b"ssh-ed25519", &noise)),
        "openssh-locked" => ("OPENSSH PRIVATE KEY", "", openssh(b"aes256-ctr", b"ssh-ed25519", &noise)),
        "openssh-sk" => ("OPENSSH PRIVATE KEY", "", openssh(b"none", b"sk-ssh-ed25519@openssh.com", &noise)),
        "pkcs8-locked" => ("ENCRYPTED PRIVATE KEY", "", sequence(&[integer(&noise[..96])])),
        "rsa" => ("RSA PRIVATE KEY", "", rsa(192, &noise)),
        "rsa-1024" => ("RSA PRIVATE KEY", "", rsa(64, &noise)),
        "rsa-2048" => ("RSA PRIVATE KEY", "", rsa(128, &noise)),
        "rsa-locked" => ("RSA PRIVATE KEY", LOCKED, noise),
        "ec" => ("EC PRIVATE KEY", "", sequence(&[integer(&[1]), tlv(0x04, &noise[..32])])),
        "dsa" => {
            let numbers = noise.chunks(64).take(5).map(integer);
            let all: Vec<_> = std::iter::once(integer(&[0])).chain(numbers).collect();
            ("DSA PRIVATE KEY", "", sequence(&all))
        }
        "pgp" => ("PGP PRIVATE KEY BLOCK", "\n", noise),
        _ => {
            let algorithm = sequence(&[tlv(0x06, &RSA_OID), tlv(0x05, &[])]);
            let key = tlv(0x04, &rsa(192, &noise));
            ("PRIVATE KEY", "", sequence(&[integer(&[0]), algorithm, key]))
        }
    };
    let dashes = "-".repeat(5);
    format!(
        "{dashes}BEGIN {label}{dashes}\n{headers}{}\n{dashes}END {label}{dashes}",
        lines(&body).join("\n")
    )
}

const LOCKED: &str = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n";
const RSA_OID: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

fn lines(body: &[u8]) -> Vec<String> {
    let text = BASE64.encode(body);
    text.as_bytes().chunks(64).map(|c| String::from_utf8_lossy(c).into_owned()).collect()
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// `openssh-key-v1`, cipher, kdf, options, one key, and the private section: twins, kind, numbers, padding.
fn openssh(cipher: &[u8], kind: &[u8], noise: &[u8]) -> Vec<u8> {
    let kdf: &[u8] = if cipher == b"none" { b"none" } else { b"bcrypt" };
    let public = [field(kind), field(&noise[..32])].concat();
    // The private half of Ed25519 has the public one at its end.
    let pair = [&noise[32..64], &noise[..32]].concat();
    let mut private = [&noise[..4], &noise[..4], &public, &field(&pair), &field(b"made")].concat();
    for pad in 1..=(8 - private.len() % 8) % 8 {
        private.push(pad as u8);
    }
    let section = if cipher == b"none" { private } else { noise[..144].to_vec() };
    [
        b"openssh-key-v1\0".to_vec(),
        field(cipher),
        field(kdf),
        field(b""),
        1u32.to_be_bytes().to_vec(),
        field(&public),
        field(&section),
    ]
    .concat()
}

fn putty(cipher: &str, noise: &[u8]) -> String {
    let kind = "ssh-ed25519";
    let (public, private) = ([field(kind.as_bytes()), field(&noise[..32])].concat(), field(&noise[32..64]));
    let mac = crate::keys::putty::seal(&[kind.as_bytes(), cipher.as_bytes(), b"made", &public, &private]);
    let (public, private) = (lines(&public), lines(&private));
    format!(
        "PuTTY-User-Key-File-3: {kind}\nEncryption: {cipher}\nComment: made\nPublic-Lines: {}\n{}\nPrivate-Lines: {}\n{}\nPrivate-MAC: {mac}",
        public.len(),
        public.join("\n"),
        private.len(),
        private.join("\n"),
    )
}

/// A key whose modulus is the product of its primes, which are merely odd.
fn rsa(len: usize, noise: &[u8]) -> Vec<u8> {
    let prime = |from: usize| {
        let mut p = noise[from..from + len].to_vec();
        p[0] |= 0xc0;
        p[len - 1] |= 1;
        p
    };
    let (p, q) = (prime(0), prime(len));
    let n = product(&p, &q);
    let numbers =
        [&[0], n.as_slice(), &[1, 0, 1], noise, &p, &q, &noise[1..len], &noise[2..len], &noise[3..len]];
    sequence(&numbers.map(integer))
}

/// Long multiplication, most significant byte first.
fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![0u8; a.len() + b.len()];
    for (i, x) in a.iter().enumerate().rev() {
        let mut carry = 0u32;
        for (j, y) in b.iter().enumerate().rev() {
            let sum = u32::from(out[i + j + 1]) + u32::from(*x) * u32::from(*y) + carry;
            out[i + j + 1] = sum as u8;
            carry = sum >> 8;
        }
        out[i] = carry as u8;
    }
    out
}

/// A DER element: tag, length in as few bytes as it takes, content.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let head = match len {
        0..=0x7f => vec![tag, len as u8],
        0x80..=0xff => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head.as_slice(), content].concat()
}

/// A number that is not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|b| *b >= 0x80) { &[0] } else { &[] };
    tlv(0x02, &[sign, bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// Whether an example has the grade that its mending gives it.
pub(super) fn sound(rule: &SecretRule, grade: Option<Grade>) -> bool {
    match rule.checksum.map(|c| c.mend) {
        Some(Mend::Proof(_)) => grade == Some(Grade::Proved),
        Some(Mend::Shape(_)) => grade != Some(Grade::Guessed),
        Some(Mend::None) | None => true,
    }
}

/// The first word of a text that is, as a whole, a value of the rule.
fn value(rule: &SecretRule, bytes: &[u8]) -> Option<(usize, usize)> {
    // What is quoted may hold blanks.
    words(rule, bytes, b"\"'<>=\n").or_else(|| words(rule, bytes, b"\"'<>=\n "))
}

fn words(rule: &SecretRule, bytes: &[u8], between: &[u8]) -> Option<(usize, usize)> {
    let compiled = rule.compiled()?;
    let mut start = 0;
    for word in bytes.split(|b| between.contains(b)) {
        // Padding belongs to the value.
        let pad = bytes[start + word.len()..].iter().take_while(|b| **b == b'=').count();
        for end in [start + word.len(), start + word.len() + pad] {
            let input = Input::new(&bytes[start..end]).anchored(Anchored::Yes);
            if compiled.regex.search_half(&input).is_some_and(|m| m.offset() == end - start) {
                return Some((start, end));
            }
        }
        start += word.len() + 1;
    }
    None
}

/// Where the secret of an example is: the first match of the rule's pattern, or the value of its name.
pub(super) fn secret(rule: &SecretRule, bytes: &[u8]) -> Option<(usize, usize)> {
    if rule.is_named() {
        return value(rule, bytes);
    }
    let compiled = rule.compiled()?;
    let mut captures = compiled.regex.create_captures();
    compiled.regex.search_captures(&Input::new(bytes), &mut captures);
    captures.get_group(compiled.group).map(|span| (span.start, span.end))
}

/// The text with its secret given a checksum that holds, or parts that read.
pub(crate) fn mended(rule: &SecretRule, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let Some(Mend::Proof(mend) | Mend::Shape(mend)) = rule.checksum.map(|c| c.mend) else { return bytes };
    if let Some((start, end)) = secret(rule, &bytes) {
        let made = mend(&bytes[start..end]);
        bytes.splice(start..end, made);
    }
    bytes
}
