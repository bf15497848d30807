//! A registry's token goes to the keyring where Cargo's own provider `cargo:libsecret` looks for it.

use super::{Mover, Moving};
use crate::fix::kept::{UNDO, appended, at_least, by_hand, edited, other, taken};
use crate::fix::plan::{Draft, Edit, Step, Store};
use crate::secret::Secret;
use crate::settings::reader;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "keeps the token where Cargo's provider `cargo:libsecret` looks for it";
const ELSE: &str = "Cargo keeps the token in the keyring by itself";
const PROVIDER: &str = "cargo:libsecret";
/// The first Cargo with credential providers.
const LEAST: (u64, u64) = (1, 74);
/// What Cargo calls the index of crates.io, however it is fetched.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";
/// What Cargo opens, where distributions put it.
const LIBRARY: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/libsecret-1.so.0",
    "/usr/lib/aarch64-linux-gnu/libsecret-1.so.0",
    "/usr/lib64/libsecret-1.so.0",
    "/usr/lib/libsecret-1.so.0",
];

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    if !at_least("cargo", LEAST, moving.facts) {
        return Some(by_hand(ELSE, "this needs Cargo 1.74 or newer on your search path"));
    }
    if !LIBRARY.iter().any(|path| moving.facts.stat(path).known().is_some()) {
        return Some(by_hand(
            ELSE,
            "Cargo opens libsecret for this: install it (libsecret-1-0, or libsecret)",
        ));
    }
    let (dir, _) = moving.target.path.rsplit_once('/')?;
    let config = format!("{dir}/config.toml");
    let known = moving.facts.read(&config).known().unwrap_or_default();
    let Some((label, index)) = registry(&moving.entry.key, &known) else {
        let why =
            format!("{config} does not say the index of this registry, by which Cargo looks the token up");
        return Some(by_hand(ELSE, why));
    };
    let provider = match providers(&known, &moving.entry.key) {
        Providers::Unset => Some(set_provider(&config, moving)?),
        Providers::Keyring => None,
        Providers::Other => {
            return Some(by_hand(
                ELSE,
                format!("{config} names other providers: add `{PROVIDER}` there as the last"),
            ));
        }
    };
    let (start, end) = line(moving.target.bytes, moving.entry.span)?;
    let store = Store::Cargo { registry: label.clone(), index };
    let secret = Secret::new(moving.entry.value.as_bytes().to_vec());
    let mut steps = vec![Step::Keep { store, secret }];
    steps.extend(provider);
    steps.push(edited(moving.target, vec![taken(start, end, "")]));
    let mut draft = Draft::new(format!("{WHAT} ({label}), and takes it out"), steps);
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// Name and index of the registry whose token an entry is.
fn registry(key: &str, config: &[u8]) -> Option<(String, String)> {
    match key.strip_suffix(".token")? {
        "registry" | "registries.crates-io" => Some(("crates-io".to_owned(), CRATES_IO.to_owned())),
        other => {
            let name = other.strip_prefix("registries.")?;
            let read = (reader("toml")?.read)(config);
            let index = read.entries.into_iter().find(|e| e.key == format!("registries.{name}.index"))?;
            Some((name.to_owned(), index.value))
        }
    }
}

enum Providers {
    Unset,
    Keyring,
    Other,
}

/// Which providers the configuration names for a registry.
fn providers(config: &[u8], key: &str) -> Providers {
    let Some(toml) = reader("toml") else { return Providers::Other };
    let own = key.replace(".token", ".credential-provider");
    let said: Vec<String> = (toml.read)(config)
        .entries
        .into_iter()
        .filter(|e| e.key.starts_with(&own) || e.key.starts_with("registry.global-credential-providers"))
        .map(|e| e.value)
        .collect();
    match said {
        _ if said.iter().any(|v| v.contains(PROVIDER)) => Providers::Keyring,
        _ if said.is_empty() => Providers::Unset,
        _ => Providers::Other,
    }
}

fn set_provider(config: &str, moving: &Moving<'_>) -> Option<Step> {
    let line = format!("global-credential-providers = [\"{PROVIDER}\"]\n");
    let section = format!("[registry]\n{line}");
    let change = |bytes: &[u8]| {
        let header = header(bytes, b"[registry]");
        Some(vec![match header {
            Some(at) => Edit { start: at, end: at, with: line.clone().into_bytes(), secret: false },
            None => appended(bytes, &section),
        }])
    };
    other(config, moving.facts, change, &section)
}

/// Where the first line of a table begins.
fn header(bytes: &[u8], name: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line.trim_ascii() == name {
            return line.ends_with(b"\n").then_some(at);
        }
    }
    None
}

/// The line of a value, when nothing else stands there.
fn line(bytes: &[u8], span: (usize, usize)) -> Option<(usize, usize)> {
    let start = memchr::memrchr(b'\n', &bytes[..span.0]).map_or(0, |n| n + 1);
    let end = memchr::memchr(b'\n', &bytes[span.1..]).map_or(bytes.len(), |n| span.1 + n + 1);
    let key = bytes[start..span.0].trim_ascii();
    let after = bytes[span.1..end].trim_ascii();
    let plain = key.starts_with(b"token") && matches!(after, b"\"" | b"'");
    plain.then_some((start, end))
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.cargo/credentials.toml";
    const LIB: &str = "/usr/lib64/libsecret-1.so.0";

    fn home(text: &str) -> Home {
        Home::default().program("cargo", "1.95.0").file_mode(LIB, b"", 0o755).file(FILE, &fill(text, "cargo"))
    }

    fn one(home: &Home) -> Plan {
        plans(&Engine::builtin(), home, FILE).remove(0).1
    }

    #[test]
    fn the_token_is_kept_and_the_provider_set() {
        let text = "[registry]\ntoken = \"cio{{alnum:32}}\"\n";
        let plan = one(&home(text));
        let [Step::Keep { store, .. }, Step::Create { path, bytes, .. }, Step::Edit { edits, .. }] =
            &plan.steps[..]
        else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        assert!(matches!(store, Store::Cargo { index, .. } if index.ends_with("crates.io-index")));
        assert_eq!(path, "~/.cargo/config.toml");
        assert!(bytes.starts_with(b"[registry]\nglobal-credential-providers"));
        assert_eq!(apply(fill(text, "cargo").as_bytes(), edits).unwrap(), b"[registry]\n");
    }

    #[test]
    fn another_registry_is_kept_under_its_index() {
        let config =
            "[registry]\ndefault = \"own\"\n[registries.own]\nindex = \"sparse+https://c.example/\"\n";
        let plan =
            one(&home("[registries.own]\ntoken = \"{{alnum:32}}\"\n").file("~/.cargo/config.toml", config));
        let Step::Keep { store: Store::Cargo { registry, index }, .. } = &plan.steps[0] else { panic!() };
        assert_eq!((registry.as_str(), index.as_str()), ("own", "sparse+https://c.example/"));
        let Step::Edit { edits, .. } = &plan.steps[1] else { panic!() };
        let after = String::from_utf8(apply(config.as_bytes(), edits).unwrap()).unwrap();
        assert!(
            after.starts_with("[registry]\nglobal-credential-providers = [\"cargo:libsecret\"]\ndefault"),
            "{after}"
        );
    }

    #[test]
    fn what_cargo_or_the_machine_cannot_do_stays_with_people() {
        let text = fill("[registry]\ntoken = \"cio{{alnum:32}}\"\n", "cargo");
        let old = Home::default().program("cargo", "1.70.0").file_mode(LIB, b"", 0o755).file(FILE, &text);
        let bare = Home::default().program("cargo", "1.95.0").file(FILE, &text);
        let odd = home("[registries.own]\ntoken = \"{{alnum:32}}\"\n");
        let other = home(&text)
            .file("~/.cargo/config.toml", "[registry]\nglobal-credential-providers = [\"pass\"]\n");
        for home in [old, bare, odd, other] {
            let plan = one(&home);
            assert!(
                plan.safety == Safety::Manual && plan.summary.starts_with("left to you: "),
                "{}",
                plan.summary
            );
        }
    }
}
