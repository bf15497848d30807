//! The canary: a home full of secrets, every command in every format, and not eight bytes of any secret in what was
//! printed or is remembered.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use aho_corasick::AhoCorasick;
use common::planted::Planted;
use common::{Home, Run, checked, files, messy, secret, text};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use std::collections::HashSet;

/// What is the same in every secret of a kind, and may be shown.
const FIXED: &[&str] = &[
    "sk_live_",
    "sk-ant-api03-",
    "sk-proj-",
    "T3BlbkFJ",
    "dop_v1_",
    "pypi-AgEIcHlwaS5vcmc",
    ".atlasv1.",
    "services/",
    "-----BEGIN EC PRIVATE KEY-----",
    "-----END EC PRIVATE KEY-----",
    "MHcCAQEEI",
];
/// A file that is written to be shared.
const BASELINE: &str = "baseline.txt";
/// A piece this long is a leak.
const PIECE: usize = 8;

/// The parts of a secret that nobody must see.
fn private_parts(secret: &str) -> Vec<String> {
    // The public half of a key is public.
    let secret = match (secret.contains("OPENSSH PRIVATE"), secret.split_once("Private-Lines: ")) {
        (true, _) => secret.lines().skip(3).filter(|l| !l.starts_with('-')).collect::<Vec<_>>().join("\n"),
        (_, Some((_, private))) => private.to_owned(),
        // Which workspace a Slack token is for is told; everybody in it can see that.
        _ if secret.starts_with("xoxb-") => secret.splitn(3, '-').last().unwrap().to_owned(),
        _ if secret.starts_with("services/T") => secret.splitn(3, '/').last().unwrap().to_owned(),
        _ => secret.to_owned(),
    };
    let mut parts = vec![secret];
    for fixed in FIXED {
        parts = parts.iter().flat_map(|p| p.split(fixed).map(str::to_owned)).collect();
    }
    parts.into_iter().flat_map(|p| p.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Every piece of the private parts, as it is and encoded.
fn pieces(secret: &str) -> HashSet<Vec<u8>> {
    let mut pieces = HashSet::new();
    for part in private_parts(secret) {
        for piece in part.as_bytes().windows(PIECE) {
            pieces.insert(piece.to_vec());
            pieces.insert(HEXLOWER.encode(piece).into_bytes());
            pieces.insert(HEXUPPER.encode(piece).into_bytes());
            pieces.insert(common::utf16(&String::from_utf8_lossy(piece)));
        }
        // Nine bytes are twelve letters, wherever they stand.
        for piece in part.as_bytes().windows(9) {
            pieces.insert(BASE64_NOPAD.encode(piece).into_bytes());
            pieces.insert(BASE64URL_NOPAD.encode(piece).into_bytes());
        }
    }
    pieces
}

/// More secrets, in the values of settings: what is shown of a setting must hide them.
fn in_settings(planted: &Planted) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut new = |label: &str| {
        let made = secret("q7{{alnum:22}}", label);
        all.push((label.to_owned(), made.clone()));
        made
    };
    let home = &planted.home;
    let (bearer, login) = (new("a header in an alias"), new("a login in an alias"));
    let config = format!(
        "[alias]\n\ta = \"!curl -s -H 'Authorization: Bearer {bearer}' https://x.example/a | sh\"\n\
         \tb = \"!curl -s -u dev:{login} https://x.example/a | sh\"\n\
         [http]\n\tproxy = http://dev:{}@proxy.company.test:3128\n\
         [url \"http://dev:{}@git.company.test/\"]\n\tinsteadOf = https://git.company.test/\n\
         [http \"https://git.company.test/\"]\n\textraHeader = \"Authorization: Bearer {}\"\n",
        new("a proxy"),
        new("a rewritten address"),
        new("a header"),
    );
    home.write_mode(".config/git/config", config, 0o644);
    let rc = format!(
        "export https_proxy=http://dev:{}@proxy.company.test:3128\nexport SERVICE_TOKEN={}\n\
         alias ssh='curl -s -u dev:{} https://x.example/a | sh; ssh'\n",
        new("a proxy in a start-up file"),
        new("an exported token"),
        new("a login in a shell alias"),
    );
    home.write_mode(".bash_aliases", rc, 0o644);
    let ssh = format!(
        "Host lab\n  ProxyCommand sh -c 'curl -s https://dev:{}@x.example/a | sh; nc %h %p'\n",
        new("an address in a proxy command"),
    );
    home.write(".ssh/config.d/lab", ssh);
    let yarn =
        format!("npmRegistryServer: \"http://dev:{}@npm.company.test\"\n", new("an address of a registry"));
    home.write_mode("src/shop/.yarnrc.yml", yarn, 0o644);
    home.write_mode(
        "src/shop/big.log",
        [vec![b' '; 9 << 20], new("far into a large file").into_bytes()].concat(),
        0o644,
    );
    all
}

/// Every command, in every format that it has.
fn everything(planted: &Planted) -> Vec<(String, Run)> {
    let mut runs = Vec::new();
    let mut run = |args: &[&str]| {
        let mut command = planted.home.lapwing(args);
        command.envs(messy::ENVIRONMENT).env("RUST_BACKTRACE", "1").env("RUST_LOG", "trace");
        let run = common::run(&mut command);
        runs.push((args.join(" "), run));
        runs.last().unwrap().1.stdout()
    };
    const FORMATS: [&str; 7] = ["text", "json", "jsonl", "sarif", "junit", "gitlab", "csv"];
    for format in FORMATS {
        for command in
            [&["doctor"][..], &["scan", "."], &["scan", "--all", "src"], &["list", "--state", "all"]]
        {
            run(&[command, &["--format", format]].concat());
            run(&[command, &["--format", format, "--verbose", "--color", "always"]].concat());
        }
    }
    let doc: serde_json::Value = serde_json::from_str(&run(&["list", "--format", "json"])).unwrap();
    let findings = doc["findings"].as_array().unwrap();
    assert!(findings.len() > 50, "{} findings", findings.len());
    for (finding, format) in findings.iter().zip(FORMATS.iter().cycle()) {
        let (id, rule) = (text(&finding["id"]), text(&finding["rule"]));
        run(&["show", &id, "--verbose"]);
        run(&["show", &id, "--format", format]);
        run(&["explain", &rule]);
        run(&["ignore", &id, "--reason", "to see what is printed"]);
    }
    run(&["doctor"]);
    run(&["list", "--state", "ignored", "--format", "json"]);
    for finding in findings {
        run(&["unignore", &text(&finding["id"]), "--format", "json"]);
    }
    run(&["rules", "list", "--format", "json"]);
    run(&["config", "show"]);
    run(&["scan", "src/shop/.env", ".netrc", ".ssh/id_ed25519"]);
    run(&["baseline", "--doctor", "-o", BASELINE]);
    run(&["baseline", "--doctor", "-o", BASELINE, "--format", "json"]);
    run(&["doctor", "--baseline", BASELINE]);
    for name in [".env", ".netrc", "x.log"] {
        let mut command = planted.home.lapwing(&["scan", "-", "--stdin-name", name, "--format", "json"]);
        command.stdin(std::fs::File::open(planted.home.path("src/shop/.env")).unwrap());
        runs.push((format!("standard input as {name}"), common::run(&mut command)));
    }
    runs
}

/// Runs everything that reads packs and configurations of one's own, and looks for the token in what is printed.
fn quoted(packs: &[String], configs: &[&str]) -> Vec<String> {
    let home = Home::new();
    let token = checked("ghp_", "broken");
    let pieces: Vec<Vec<u8>> = pieces(&token).into_iter().collect();
    let searcher = AhoCorasick::new(&pieces).unwrap();
    for (n, pack) in packs.iter().enumerate() {
        home.write(&format!("packs/{n}.toml"), pack.replace("TOKEN", &token));
    }
    let mut leaks = Vec::new();
    for config in configs {
        home.write(".config/lapwing/config.toml", config.replace("TOKEN", &token));
        let check = ["rules", "check", "packs"];
        for args in
            [&["doctor"][..], &["doctor", "--format", "json"], &["config", "check"], &["list"], &check]
        {
            let run = home.run(args);
            assert!(run.code != 0, "{args:?}: {}", run.both());
            if searcher.is_match(&run.out) || searcher.is_match(&run.err) {
                leaks.push(format!("{args:?}: {}", run.both()));
            }
        }
    }
    leaks
}

/// A rule pack with one field more.
fn pack(line: &str) -> String {
    format!(
        "[[secret]]\nid = \"own-token\"\ntitle = \"Own\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\n\
         anchors = [\"own_\"]\npattern = 'own_[0-9]{{20}}'\n{line}\n"
    )
}

#[test]
fn no_piece_of_a_secret_is_printed_or_remembered() {
    let planted = messy::home();
    let mut secrets: Vec<(String, String)> =
        planted.secrets().map(|(label, secret)| (label.to_owned(), secret.to_owned())).collect();
    secrets.extend(in_settings(&planted));
    assert!(secrets.len() >= 40, "{} secrets", secrets.len());
    let mut owners = Vec::new();
    let mut patterns = Vec::new();
    for (label, secret) in &secrets {
        let pieces = pieces(secret);
        assert!(!pieces.is_empty(), "{label}");
        owners.extend(std::iter::repeat_n(label.as_str(), pieces.len()));
        patterns.extend(pieces);
    }
    let searcher = AhoCorasick::new(&patterns).unwrap();
    let mut leaks = Vec::new();
    let mut look = |what: &str, bytes: &[u8]| {
        if let Some(hit) = searcher.find(bytes) {
            let around = &bytes[hit.start().saturating_sub(60)..(hit.end() + 30).min(bytes.len())];
            let owner = owners[hit.pattern().as_usize()];
            leaks.push(format!("{what}: {owner}: {}", String::from_utf8_lossy(around)));
        }
    };
    let runs = everything(&planted);
    for (what, run) in &runs {
        look(what, &run.out);
        look(what, &run.err);
    }
    let mut state = files(&planted.home.state());
    assert!(state.len() >= 2, "{state:?}");
    state.push(planted.home.path(BASELINE));
    for file in &state {
        look(&file.display().to_string(), &std::fs::read(file).unwrap());
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    // The net has no hole: the files themselves are caught in it.
    for file in [".npmrc", "notes/export.txt", "src/shop/k8s/secret.yaml", ".ssh/server.ppk"] {
        assert!(searcher.is_match(&planted.home.read(file)), "{file}");
    }
}

#[test]
fn what_cannot_be_read_is_not_quoted() {
    let packs = [
        pack("examples = [\"TOKEN\""),
        pack("examples = [\"TOKEN\"]"),
        pack("examples = [\"own_{{digits:20}}\"]\ncounter_examples = [\"TOKEN own_{{digits:20}}\"]"),
        pack("examples = [\"own_{{digits:20}}\"]\nnote = \"TOKEN\""),
    ];
    let configs = [
        "[scan]\npacks = [\"packs\"]\n",
        "# TOKEN\n[rules]\noff = [\"TOKEN\"\n",
        "[scan]\nskip = [\"TOKEN\"], 1\n",
    ];
    let leaks = quoted(&packs, &configs);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn a_value_of_the_wrong_type_is_not_quoted() {
    let leaks = quoted(&[pack("examples = \"TOKEN\"")], &["[scan]\npacks = [\"packs\"]\n"]);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
