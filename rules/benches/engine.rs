//! How fast bytes are searched, and how long the rules take to compile: `cargo bench -p lapwing-rules --bench engine`.
//!
//! Every input is made when the benchmark starts: the repository holds no large files and nothing that a scanner
//! would report.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use lapwing_rules::cx::Cx;
use lapwing_rules::engine::Engine;
use lapwing_rules::fingerprint::Fingerprinter;
use lapwing_rules::fix::edit::digest;
use lapwing_rules::fix::redactions::Redactions;
use lapwing_rules::policy::Policy;
use lapwing_rules::secrets::stream::Stream;
use lapwing_rules::testing::{Home, fill};
use std::sync::LazyLock;
use zeroize::Zeroizing;

fn main() {
    divan::main();
}

/// Bytes handed to the engine at once, as the agent does.
const WINDOW: usize = 1 << 20;
/// Bytes of each input.
const SIZE: usize = 16 << 20;

/// Repeats pieces until there is enough. `{{…}}` in them is filled in with another seed each time.
fn text(pieces: &[&str]) -> Vec<u8> {
    let mut out = String::with_capacity(SIZE + 4096);
    let mut seed = 0;
    while out.len() < SIZE {
        for piece in pieces {
            out.push_str(&fill(piece, &seed.to_string()));
            seed += 1;
        }
    }
    out.into_bytes()
}

/// What most of a disk's text is like.
fn source() -> Vec<u8> {
    text(&[
        "/// Returns the {{lower:6}} of this {{lower:9}}, or nothing when there is none.\n",
        "pub fn {{lower:7}}_{{lower:5}}(&self, {{lower:4}}: &str) -> Option<usize> {\n",
        "    let {{lower:5}} = self.{{lower:8}}.get({{lower:3}})?;\n",
        "    for ({{lower:1}}, {{lower:4}}) in {{lower:6}}.iter().enumerate().skip({{digits:1}}) {\n",
        "        if {{lower:4}}.len() > {{digits:3}} && {{lower:5}}.starts_with(\"{{lower:5}}\") {\n",
        "            return Some({{lower:3}}.token_type.max(self.key_len + {{digits:2}}));\n        }\n    }\n",
        "    None\n}\n\n",
        "<div class=\"{{lower:6}} {{lower:4}}-{{lower:4}}\" id=\"{{lower:8}}\">{{lower:7}} {{lower:3}}</div>\n",
        "  \"{{lower:8}}\": { \"version\": \"{{digits:1}}.{{digits:2}}.0\", \"resolved\": \"https://host.example/{{lower:8}}\" },\n",
    ])
}

/// Lines that wake every stage of the search and are no secrets.
fn near_secrets() -> Vec<u8> {
    text(&[
        "token = ghp_{{alnum:35}}\n",
        "password=${PASSWORD}\n",
        "api_key: \"your-{{lower:6}}-key-here\"\n",
        "AKIA{{upper:15}} secret_access_key = <{{lower:10}}>\n",
        "https://user:{password}@host.example/{{lower:8}}\n",
        "Authorization: Bearer $TOKEN {{hex:39}}\n",
    ])
}

/// Attachments, source maps, certificates: long runs that have to be decoded.
fn base64() -> Vec<u8> {
    text(&[
        "{{base64:76}}\n{{base64:76}}\n{{base64:76}}\n",
        "\"data:application/octet-stream;base64,{{base64:400}}\"\n",
    ])
}

/// The same as ordinary text, but all on one line.
fn long_line() -> Vec<u8> {
    let mut bytes = source();
    bytes.iter_mut().filter(|b| **b == b'\n').for_each(|b| *b = b' ');
    bytes
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::builtin);

/// Searches as the agent does: window by window.
fn search(bytes: &[u8], cx: &Cx<'_>) -> usize {
    let mut stream = ENGINE.stream("bench.rs", None);
    let (mut start, mut end, mut found) = (0, WINDOW.min(bytes.len()), 0);
    loop {
        let last = end == bytes.len();
        found += stream.window(&bytes[start..end], last, cx).len();
        if last {
            return found;
        }
        start = end - Stream::keep(end - start);
        end = (end + WINDOW).min(bytes.len());
    }
}

fn throughput(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let (ids, home, policy) =
        (Fingerprinter::new(|| Zeroizing::new([7; 32])), Home::default(), Policy::default());
    let cx = Cx { ids: &ids, facts: &home, policy: &policy };
    // Automata and expressions are built when they are first needed.
    search(bytes, &cx);
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| search(black_box(bytes), &cx));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn source_text(bencher: Bencher<'_, '_>) {
    throughput(bencher, &source());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn dense_near_secrets(bencher: Bencher<'_, '_>) {
    throughput(bencher, &near_secrets());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn much_base64(bencher: Bencher<'_, '_>) {
    throughput(bencher, &base64());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_long_line(bencher: Bencher<'_, '_>) {
    throughput(bencher, &long_line());
}

/// What an assistant has written down, with a token in every few hundred lines.
fn transcript() -> Vec<u8> {
    let mut pieces = [
        "{\"type\":\"user\",\"message\":{\"content\":\"please {{lower:6}} the {{lower:8}} in src/{{lower:7}}.rs and run {{lower:5}}\"},\"uuid\":\"{{uuid}}\"}\n",
        "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"fn {{lower:7}}(&self) -> Option<usize> {\\n    self.{{lower:8}}.get({{lower:3}})?;\\n}\\n\"}]}}\n",
        "{\"type\":\"tool\",\"output\":\"{{lower:8}}: ok\\n{{lower:6}}\\t{{digits:4}}\\t{{lower:12}}\\n\\\"{{lower:9}}\\\" took {{digits:3}} ms\"}\n",
    ]
    .repeat(100);
    pieces.push("{\"type\":\"tool\",\"output\":\"GITLAB_TOKEN=glpat-{{alnum:20}}\\n\"}\n");
    text(&pieces)
}

/// The search alone.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn search_a_transcript(bencher: Bencher<'_, '_>) {
    let bytes = transcript();
    let (ids, home, policy) =
        (Fingerprinter::new(|| Zeroizing::new([7; 32])), Home::default(), Policy::default());
    let cx = Cx { ids: &ids, facts: &home, policy: &policy };
    let path = "~/.claude/projects/a/b.jsonl";
    let search = |bytes: &[u8]| {
        let mut stream = ENGINE.stream(path, ENGINE.places().classify(path));
        let (mut start, mut end, mut found) = (0, 0, 0);
        while end < bytes.len() {
            end = (end + WINDOW).min(bytes.len());
            found += stream.window(&bytes[start..end], end == bytes.len(), &cx).len();
            start = end - Stream::keep(end - start);
        }
        found
    };
    search(&bytes);
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| search(black_box(&bytes)));
}

/// Plans the redaction of a file as the agent does: window by window, with the digest of its bytes and every edit kept.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn redact_a_transcript(bencher: Bencher<'_, '_>) {
    let bytes = transcript();
    let (ids, home, policy) =
        (Fingerprinter::new(|| Zeroizing::new([7; 32])), Home::default(), Policy::default());
    let cx = Cx { ids: &ids, facts: &home, policy: &policy };
    let path = "~/.claude/projects/a/b.jsonl";
    let place = ENGINE.places().classify(path);
    let plan = |bytes: &[u8]| {
        let mut found = Redactions::new(&ENGINE, path, place);
        let windows = |each: &mut dyn FnMut(&[u8], bool)| {
            let (mut start, mut end) = (0, 0);
            while end < bytes.len() {
                end = (end + WINDOW).min(bytes.len());
                each(&bytes[start..end], end == bytes.len());
                start = end - Stream::keep(end - start);
            }
        };
        windows(&mut |window, last| found.window(window, last, &cx));
        if found.again() {
            windows(&mut |window, _| found.window_again(window));
        }
        found.plans(digest(bytes)).len()
    };
    plan(&bytes);
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| plan(black_box(&bytes)));
}

/// Packs to engine, without the automata and expressions that wait for a first use.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn compile_rules() -> Engine {
    Engine::builtin()
}

/// What a run over one small file pays: rules, the small automaton, the few expressions that the file needs.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn compile_and_search_a_small_file(bencher: Bencher<'_, '_>) {
    let text = fill("export GITHUB_TOKEN=ghp_{{alnum:36}}\n", "small");
    let (ids, home, policy) =
        (Fingerprinter::new(|| Zeroizing::new([7; 32])), Home::default(), Policy::default());
    let cx = Cx { ids: &ids, facts: &home, policy: &policy };
    bencher.bench_local(|| {
        Engine::builtin().stream("~/.x", None).window(black_box(text.as_bytes()), true, &cx).len()
    });
}
