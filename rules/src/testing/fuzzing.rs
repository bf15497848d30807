//! What fuzzing runs, by name, and from what it sets out. The names come from the lists that the build derives, so that
//! a new checksum, decoder or reader is fuzzed without being named anywhere. `fuzz/` holds what makes programs of this;
//! the tests below run every target on its seeds, so that none can rot.

use super::{Home, fill, made, scan, strict};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::Finding;
use crate::keys;
use crate::pack::Packs;
use crate::rule::Kind;
use crate::secrets::checksum::{self, Checksum, Mend, Proof, Seen};
use crate::secrets::decode::{self, DECODERS, utf16};
use crate::secrets::rules::SecretRule;
use crate::secrets::stream::{CARRY, LEAD, Stream};
use crate::settings::readers::{self, Reader};
use crate::target::Target as File;
use regex_automata::{Anchored, Input};
use std::sync::LazyLock;

/// Something that must hold whatever bytes it is given; it panics when it does not.
pub struct Target {
    /// `checksum/github`.
    pub name: String,
    run: Run,
    seeds: Seeds,
}

type Run = Box<dyn Fn(&[u8]) + Send + Sync>;
type Seeds = Box<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>;

impl Target {
    /// A target, and inputs that reach what it is about.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(&[u8]) + Send + Sync + 'static,
        seeds: impl Fn() -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Target {
        Target { name: name.into(), run: Box::new(run), seeds: Box::new(seeds) }
    }

    /// Runs it once.
    pub fn run(&self, data: &[u8]) {
        (self.run)(data);
    }

    /// What to set out from.
    #[must_use]
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }

    /// Runs it on some of its seeds, cut and changed here and there.
    pub fn replay(&self) {
        let seeds = self.seeds();
        let step = seeds.len() / 12 + 1;
        for (n, seed) in seeds.into_iter().step_by(step).enumerate() {
            self.run(&seed);
            self.run(&seed[..seed.len() * (n % 7) / 7]);
            let mut changed = seed;
            let at = n * 31 % changed.len().max(1);
            changed.iter_mut().skip(at).take(1).for_each(|b| *b ^= 0x21);
            self.run(&changed);
        }
    }
}

/// Those of a name, or of a group (`checksum`); all of them for none.
#[must_use]
pub fn only(all: Vec<Target>, wanted: &str) -> Vec<Target> {
    let group = |name: &str| name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'));
    all.into_iter().filter(|t| wanted.is_empty() || t.name == wanted || group(&t.name)).collect()
}

/// Runs the only one, or the one that the first byte picks.
pub fn pick(among: &[Target], data: &[u8]) {
    match (among, data.split_first()) {
        ([one], _) => one.run(data),
        ([_, ..], Some((first, rest))) => among[usize::from(*first) % among.len()].run(rest),
        _ => {}
    }
}

/// What to set out from when [`pick`] is given it.
#[must_use]
pub fn seeds(among: &[Target]) -> Vec<Vec<u8>> {
    if let [one] = among {
        return one.seeds();
    }
    let numbered = (0..=u8::MAX).zip(among);
    numbered
        .flat_map(|(n, one)| one.seeds().into_iter().map(move |seed| [&[n], &seed[..]].concat()))
        .collect()
}

/// Every target of this crate.
#[must_use]
pub fn targets() -> Vec<Target> {
    let mut all = Vec::new();
    for (stem, check) in checksum::ALL {
        let run = move |data: &[u8]| checksum(stem, check, data);
        all.push(Target::new(format!("checksum/{stem}"), run, move || tokens(proved_by(stem))));
    }
    for (name, views) in DECODERS {
        let run = move |data: &[u8]| decoder(name, *views, data);
        all.push(Target::new(format!("decoder/{name}"), run, encoded));
    }
    all.push(Target::new("decoder/utf16", transcoded, encoded));
    for (name, reader) in readers::ALL {
        let run = move |data: &[u8]| read(name, reader, data);
        all.push(Target::new(format!("reader/{name}"), run, move || files(name)));
    }
    all.push(Target::new("import/toml", |data| import("rules.toml", data), toml));
    all.push(Target::new("import/yaml", |data| import("rules.yml", data), yaml));
    all.push(Target::new("keys", key, || templates(KEYS)));
    all.push(Target::new("scan", anywhere, texts));
    all.push(Target::new("stream", windows, texts));
    all
}

static BUILTIN: LazyLock<Engine> = LazyLock::new(Engine::builtin);

static RULES: LazyLock<Vec<SecretRule>> = LazyLock::new(|| {
    Packs::builtin().secrets.into_iter().map(|(page, spec)| SecretRule::new(page, spec)).collect()
});

/// The rules whose secrets a check judges.
fn proved_by(stem: &str) -> impl Iterator<Item = &'static SecretRule> {
    RULES.iter().filter(move |r| r.spec.checksum.as_ref().is_some_and(|name| name.replace('-', "_") == stem))
}

/// Whatever the input, a check ends, and its note is one short line of ASCII that shows nothing of a secret's end.
fn checksum(name: &str, check: &Checksum, data: &[u8]) {
    // `before`, the secret and `after`, with zeros between them.
    let mut zeros = memchr::memchr_iter(0, data);
    let (start, end) = match (zeros.next(), zeros.next()) {
        (Some(first), Some(second)) => (first + 1, second),
        _ => (0, data.len()),
    };
    let said = (check.check)(&Seen::new(data, (start, end)));
    let note = said.note().unwrap_or_default();
    assert!(note.len() <= 200 && note.bytes().all(|b| (b' '..=b'~').contains(&b)), "{name}: a bad note");
    let secret = &data[start..end];
    let is = |rule: &'static SecretRule| {
        let Some(compiled) = rule.compiled() else { return false };
        let half = compiled.regex.search_half(&Input::new(secret).anchored(Anchored::Yes));
        compiled.group == 0 && half.is_some_and(|m| m.offset() == secret.len())
    };
    if told(secret, &note) {
        assert!(!proved_by(name).any(is), "{name}: the note tells of the secret");
    }
    if let Mend::Proof(mend) | Mend::Shape(mend) = check.mend {
        let made = mend(secret);
        let said = (check.check)(&Seen::new(&made, (0, made.len())));
        // What can be mended at all never fails afterwards.
        assert!(made == secret || !matches!(said.proof, Proof::Fails(_)), "{name}: mended in vain");
    }
}

/// Whether a note shows eight bytes of the last quarter of a secret: who it belongs to stands before that. Words of our
/// own have small letters only.
fn told(secret: &[u8], note: &str) -> bool {
    let mixed = |w: &[u8]| w.iter().any(u8::is_ascii_digit) && w.iter().any(u8::is_ascii_uppercase);
    let end = &secret[(secret.len() * 3 / 4).min(secret.len().saturating_sub(8))..];
    secret.len() >= 20
        && end.windows(8).any(|w| mixed(w) && memchr::memmem::find(note.as_bytes(), w).is_some())
}

/// What decoders yield is bounded by what they are given.
fn decoder(name: &str, views: decode::Views, data: &[u8]) {
    let mut total = 0;
    views(data, &mut |view| {
        let (start, end) = view.origin;
        assert!(start <= end && end <= data.len(), "{name}: a view of nothing");
        assert!(view.bytes.len() <= 2 * (end - start) + 16, "{name}: a view of more than there is");
        total += view.bytes.len();
    });
    assert!(total <= 2 * data.len() + 16, "{name}: {total} bytes of {}", data.len());
}

fn transcoded(data: &[u8]) {
    for order in [utf16::Order::Little, utf16::Order::Big] {
        let text = utf16::transcode(data, order);
        assert!(text.len() <= data.len() * 3 / 2 && std::str::from_utf8(&text).is_ok());
        let mut offsets = utf16::Offsets::new(&text, 0);
        let mut last = 0;
        for at in 0..=text.len() {
            let file = offsets.file(at);
            // A mark in the middle is dropped, so that what follows is a little further on.
            assert!(last <= file && file <= data.len(), "offsets run out of the file");
            last = file;
        }
    }
    let _ = utf16::text(data);
}

fn read(name: &str, reader: &Reader, data: &[u8]) {
    let read = (reader.read)(data);
    for entry in &read.entries {
        let (start, end) = entry.span;
        assert!(start <= end && end <= data.len(), "{name}: a span out of the file");
        assert!(entry.line >= 1, "{name}: there is no line 0");
    }
    assert!(!reader.bounded || read.entries.len() <= data.len() + 16, "{name}: more entries than bytes");
}

/// Rules, a zero, and what is searched with them.
fn import(name: &str, data: &[u8]) {
    let zero = memchr::memchr(0, data).unwrap_or(data.len());
    let mut packs = Packs::default();
    packs.add(name, &String::from_utf8_lossy(&data[..zero]));
    let (engine, _) = Engine::new(packs);
    let sample =
        [b"acme_0123456789abcdefghij key = \"Zq0\"\n", data.get(zero + 1..).unwrap_or_default()].concat();
    for finding in searched(&engine, "~/src/a.txt", 0, &sample) {
        assert!(finding.at.line >= 1);
    }
}

fn key(data: &[u8]) {
    let _ = (keys::parse(data).is_ok(), keys::in_file(data).is_some(), keys::public_file(data).is_some());
}

/// A file of any kind, which the first two bytes say.
fn anywhere(data: &[u8]) {
    let Some((place, bytes)) = data.split_at_checked(2) else { return };
    let place = usize::from(u16::from_le_bytes([place[0], place[1]]));
    for finding in searched(&BUILTIN, "~/src/a.txt", place, bytes) {
        let secret = located(&finding, bytes);
        // What a check finds may be about the file as a whole.
        if finding.kind == Kind::Secret {
            assert!(finding.at.line >= 1 && finding.at.column >= 1, "{}: before the file", finding.page.id);
            let shown =
                secret.len() > 8 && memchr::memmem::find(finding.preview.as_bytes(), secret).is_some();
            let told = told(secret, finding.note.as_deref().unwrap_or_default());
            assert!(!shown && !told, "{}: the secret is shown", finding.page.id);
        }
    }
}

/// The bytes that a finding is about, where it stands for bytes of the file.
fn located<'b>(finding: &Finding, bytes: &'b [u8]) -> &'b [u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let (start, end) = finding.at.span.map_or((0, 0), |(start, end)| (place(start), place(end)));
    assert!(start <= end && end <= bytes.len(), "{}: a span out of the file", finding.page.id);
    &bytes[start..end]
}

fn searched(engine: &Engine, path: &str, place: usize, bytes: &[u8]) -> Vec<Finding> {
    // The first is no place at all.
    let place = place.checked_sub(1).map(|n| n % engine.places().all().len().max(1));
    let place = place.and_then(|n| engine.places().all().get(n));
    scan(engine, &File { path, place, bytes, meta: None }, &Home::default()).findings
}

/// Longest text that is cut: with less than a window's lead around it, cutting must not show.
const SNIPPET: usize = LEAD / 2;

/// The same findings whether a text is given whole or in windows that are cut anywhere: two bytes say where, one byte
/// what is cut there, the rest is the text.
fn windows(data: &[u8]) {
    let Some((&[low, high, how], snippet)) = data.split_first_chunk() else { return };
    if snippet.is_empty() {
        return;
    }
    let snippet = &snippet[..snippet.len().min(SNIPPET)];
    let before = if how & 4 == 0 { 0 } else { 3 * LEAD };
    let mut text = [vec![b'\n'; before], snippet.to_vec(), vec![b'\n'; CARRY + 5 * LEAD]].concat();
    if how & 8 != 0 {
        let wide =
            String::from_utf8_lossy(&text).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        text = [b"\xff\xfe", wide.as_slice()].concat();
    }
    let within = usize::from(u16::from_le_bytes([low, high])) % (text.len() - CARRY - 5 * LEAD);
    // The window's end, what is judged by then, or where the next one begins.
    let mut cut = within + [0, CARRY, CARRY + LEAD, 2 * LEAD][usize::from(how & 3)];
    // What is handed in again is even, so that UTF-16 stays in step.
    if cut < CARRY + LEAD || utf16::detect(&text).is_some() {
        cut &= !1;
    }
    let step = if how & 16 == 0 { text.len() } else { 2 * LEAD };
    let (whole, told) = in_windows(&text, text.len(), 1);
    let (cut, also_told) = in_windows(&text, cut, step);
    if !told && !also_told {
        let one = |f: &Found| format!("\n{} {:?} {:?} {:?}", f.rule, f.at, f.said, f.sure);
        let rules = |found: &[Found]| found.iter().map(one).collect::<String>();
        assert!(whole == cut, "whole: {}; in windows: {}", rules(&whole), rules(&cut));
    }
}

/// What must be the same.
#[derive(PartialEq, Eq)]
struct Found {
    rule: String,
    id: crate::fingerprint::FindingId,
    at: (u64, u64, Option<(u64, u64)>),
    said: (String, Option<String>),
    sure: (crate::rule::Severity, Option<crate::rule::Grade>),
}

/// Findings of windows that end at `first`, `step` bytes behind it and at the end, and whether some were left out.
fn in_windows(text: &[u8], first: usize, step: usize) -> (Vec<Found>, bool) {
    let (ids, policy, facts) = (super::ids(), strict(), Home::default());
    let cx = Cx { ids: &ids, facts: &facts, policy: &policy };
    let mut stream = BUILTIN.stream("~/src/a.txt", None);
    let (mut found, mut start) = (Vec::new(), 0);
    for end in [first, first.saturating_add(step), text.len()].map(|end| end.min(text.len())) {
        let window = &text[start..end];
        found.extend(stream.window(window, end == text.len(), &cx));
        if end == text.len() {
            break;
        }
        start = end - Stream::keep(window.len());
    }
    let found = found.into_iter().map(|f| Found {
        rule: f.page.id.clone(),
        id: f.id,
        at: (f.at.line, f.at.column, f.at.span),
        said: (f.preview, f.note),
        sure: (f.severity, f.grade),
    });
    (found.collect(), stream.problem("").is_some())
}

/// Kinds of keys, as examples name them.
const KEYS: &[&str] = &[
    "{{pem:openssh}}",
    "{{pem:openssh-locked}}",
    "{{pem:openssh-sk}}",
    "{{pem:rsa}}",
    "{{pem:rsa-1024}}",
    "{{pem:rsa-locked}}",
    "{{pem:ec}}",
    "{{pem:dsa}}",
    "{{pem:pkcs8}}",
    "{{pem:pkcs8-locked}}",
    "{{pem:putty}}",
    "{{pem:putty-locked}}",
    "ssh-rsa {{base64:372}} me",
];

fn templates(templates: &[&str]) -> Vec<Vec<u8>> {
    templates.iter().map(|t| fill(t, "fuzzing").into_bytes()).collect()
}

/// The secrets of the rules' examples, good ones and others, by themselves and in what stands around them.
fn tokens(rules: impl Iterator<Item = &'static SecretRule>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for rule in rules {
        let examples = rule.spec.examples.iter().chain(&rule.spec.counter_examples);
        for text in examples.map(|example| made::mended(rule, &fill(example, &rule.page.id))) {
            let Some((start, end)) = made::secret(rule, &text) else { continue };
            all.push(text[start..end].to_vec());
            all.push([&text[..start], b"\0", &text[start..end], b"\0", &text[end..]].concat());
        }
    }
    all
}

/// An example of every rule, behind three bytes that say what is done with it.
fn texts() -> Vec<Vec<u8>> {
    let one = |rule: &SecretRule| {
        let text = made::mended(rule, &fill(rule.spec.examples.first()?, &rule.page.id));
        Some([b"\x05\0\x05", text.as_slice()].concat())
    };
    RULES.iter().filter_map(one).collect()
}

/// Texts in every encoding.
fn encoded() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for text in ["password = correct horse ?>~ battery", "{{jwt}}", "key: {{alnum:40}}\nnext: {{uuid}}"] {
        let plain = fill(text, "fuzzing").into_bytes();
        let units: Vec<u16> = String::from_utf8_lossy(&plain).encode_utf16().collect();
        let little: Vec<u8> = units.iter().copied().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units.iter().copied().flat_map(u16::to_be_bytes).collect();
        let bytes = |template: fn(u8) -> String| plain.iter().copied().map(template).collect::<String>();
        all.extend([
            data_encoding::BASE64.encode(&plain).into_bytes(),
            data_encoding::BASE64URL_NOPAD.encode(&little).into_bytes(),
            data_encoding::HEXLOWER.encode(&plain).into_bytes(),
            bytes(|b| format!("%{b:02X}")).into_bytes(),
            bytes(|b| format!("\\u00{b:02x}")).into_bytes(),
            bytes(|b| format!("\\x{b:02x}")).into_bytes(),
            [b"\xff\xfe", little.as_slice()].concat(),
            [b"\0\x30", big.as_slice(), b"\xff"].concat(),
            plain,
        ]);
    }
    all
}

/// The examples of every rule about files of this format.
fn files(reader: &str) -> Vec<Vec<u8>> {
    let packs = Packs::builtin();
    let settings = packs.settings.iter().filter(|(_, spec)| spec.reader == reader);
    let settings = settings.map(|(page, spec)| (page, &spec.examples, &spec.counter_examples));
    let places = packs.places.iter().filter(|(place, _)| place.reader.as_deref() == Some(reader));
    let places = places.flat_map(|(_, secrets)| secrets);
    let places = places.map(|(page, spec)| (page, &spec.examples, &spec.counter_examples));
    let texts = settings.chain(places).flat_map(|(page, examples, counter)| {
        examples.iter().chain(counter).map(|text| fill(text, &page.id).into_bytes())
    });
    texts.chain([b"key = value\n".to_vec()]).collect()
}

/// A pack of ours and one of another tool; the second half is searched.
fn toml() -> Vec<Vec<u8>> {
    let all = "[[rules]]\nid = \"acme\"\ndescription = \"Acme\"\nregex = '''(?i)acme_([0-9a-z]{20})'''\n\
         secretGroup = 1\nentropy = 2.5\nkeywords = [\"acme_\"]\npath = '''\\.txt$'''\ntags = [\"a\"]\nseverity = \"low\"\n\
         [[rules.allowlists]]\ncondition = \"AND\"\nregexTarget = \"line\"\nregexes = ['''^x''']\nstopwords = [\"abc\"]\n\
         paths = ['''b$''']\n[[rules.required]]\nid = \"other\"\nwithinLines = 3\n[[rules]]\nid = \"other\"\n\
         regex = '''key = \"(Z[^\"]+)\"'''\nskipReport = true\n[allowlist]\nregexes = ['''zzz''']\n\0x acme_{{lownum:20}}\nkey = \"Zz\"";
    let own = crate::pack::builtin_texts().iter().filter(|(.., text)| text.len() < 3000).step_by(12);
    own.map(|(.., text)| text.as_bytes().to_vec()).chain(templates(&[all])).collect()
}

fn yaml() -> Vec<Vec<u8>> {
    templates(&[
        "rules:\n  - name: Acme\n    id: np.acme.1\n    pattern: |\n      (?x)(?i)\n      acme_ (?P<TOKEN> [0-9a-z]{20} )  # token\n\
         \x20   min_entropy: 2.5\n    confidence: medium\n    severity: low\n    visible: true\n    tags: [a, b]\n\
         \x20   references:\n      - https://acme.test/\n    pattern_requirements:\n      min_digits: 1\n      min_uppercase: 0\n\
         \x20     ignore_if_contains: [zz]\n    examples:\n      - 'acme_{{lownum:20}}'\n    negative_examples:\n      - acme\n\
         \0x acme_{{lownum:20}}\n",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(group: &str) {
        let chosen = only(targets(), group);
        assert!(!chosen.is_empty());
        chosen.iter().for_each(|target| {
            assert!(!target.seeds().is_empty(), "{}: nothing to set out from", target.name);
            target.replay();
        });
    }

    #[test]
    fn checksums_decoders_and_readers_hold_on_their_seeds() {
        ["checksum", "decoder", "reader"].into_iter().for_each(replay);
    }

    #[test]
    fn imports_keys_and_files_hold_on_their_seeds() {
        ["import", "keys", "scan"].into_iter().for_each(replay);
    }

    #[test]
    fn windows_find_what_the_whole_does() {
        let seeds = only(targets(), "stream")[0].seeds();
        for (n, seed) in seeds.into_iter().enumerate().step_by(23) {
            for how in 0..4 {
                windows(&[&[(n * 7) as u8, 0, how | (n as u8) << 2], &seed[3..]].concat());
            }
        }
    }

    #[test]
    fn one_byte_picks_among_several() {
        let hit = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let target = |name: &str| {
            let (hit, own) = (std::sync::Arc::clone(&hit), name.to_owned());
            Target::new(name, move |data| hit.lock().unwrap().push((own.clone(), data.to_vec())), Vec::new)
        };
        let all = || vec![target("a/b"), target("a/c"), target("ab")];
        assert_eq!(only(all(), "").len(), 3);
        let group = only(all(), "a");
        pick(&group, b"");
        pick(&group, b"\x03xy");
        pick(&only(all(), "ab"), b"xy");
        let expected = [("a/c".to_owned(), b"xy".to_vec()), ("ab".to_owned(), b"xy".to_vec())];
        assert_eq!(*hit.lock().unwrap(), expected);
    }
}
