//! A password in the address of a Python package index goes to where Python's `keyring` keeps it; pip is told to ask there.

use super::{Mover, Moving};
use crate::facts::{Facts, number};
use crate::fix::kept::{UNDO, added, by_hand, edited, release, taken};
use crate::fix::plan::{Draft, Edit, Step, Store};
use crate::fix::python_keyring;
use crate::secret::Secret;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "keeps the password with Python's `keyring`, and tells pip to ask it";
const ELSE: &str = "pip asks Python's `keyring`";
const LINE: &str = "keyring-provider = subprocess\n";
/// The first pip that asks the program `keyring`.
const LEAST: (u64, u64) = (23, 1);
/// The first that asks it for the name, too, and takes no other answer.
const BOTH: (u64, u64) = (26, 2);

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let bytes = moving.target.bytes;
    let (start, end) = moving.entry.span;
    let value = moving.entry.value.as_str();
    if bytes.get(start..end) != Some(value.as_bytes()) || value.trim().contains(char::is_whitespace) {
        return None;
    }
    if let Err(why) = ready(moving.facts) {
        return Some(by_hand(ELSE, why));
    }
    let at = value.find("://")? + 3;
    let authority = &value[at..value[at..].find('/').map_or(value.len(), |n| at + n)];
    let (user, host) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    if name.is_empty() || password.is_empty() || user.contains('%') || moving.entry.key.ends_with("proxy") {
        return Some(by_hand(ELSE, "this kind of address has to be changed by hand"));
    }
    let colon = start + at + name.len();
    let mut edits = vec![taken(colon, colon + 1 + password.len(), "")];
    edits.extend(ask(moving)?);
    edits.sort_by_key(|e| e.start);
    let store = Store::Python { service: host.to_owned(), username: name.to_owned() };
    let secret = Secret::new(password.as_bytes().to_vec());
    let steps = vec![Step::Keep { store, secret }, edited(moving.target, edits)];
    let mut draft = Draft::new(format!("{WHAT} ({name} at {host})"), steps);
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// Why pip would not find the password where it goes.
fn ready(facts: &dyn Facts) -> Result<(), String> {
    let said = facts.told("pip", &["--version"]).known().unwrap_or_default();
    let release = number(&said).map(release).unwrap_or_default();
    if release < LEAST {
        return Err("this needs pip 23.1 or newer on your search path (pip install --upgrade pip)".to_owned());
    }
    python_keyring::check(&own_directories(&said), facts)?;
    if release >= BOTH && !python_keyring::gives_both(facts) {
        return Err("this pip needs `keyring` 25.2.1 or newer (pipx install keyring)".to_owned());
    }
    Ok(())
}

/// Where the interpreter of a pip puts programs, as far as its `--version` tells: a `keyring` there is never asked.
fn own_directories(said: &str) -> Vec<String> {
    let place = said.split_once(" from ").map_or("", |(_, rest)| rest);
    let prefix = place.split_once("/lib").map_or("", |(prefix, _)| prefix);
    let all = |dirs: &[&str]| dirs.iter().map(|dir| (*dir).to_owned()).collect();
    match prefix {
        _ if place.contains("/dist-packages/") => all(&["/usr/local/bin"]),
        // One of the system, or one that a user has installed for the system's interpreter: distributions differ.
        "" | "/usr" | "/usr/local" => all(&["/usr/bin", "/usr/local/bin"]),
        user if user.ends_with("/.local") => all(&["/usr/bin", "/usr/local/bin"]),
        other => vec![format!("{other}/bin")],
    }
}

/// What tells pip to ask: nothing where it is told already, `None` where it is told otherwise.
fn ask(moving: &Moving<'_>) -> Option<Option<Edit>> {
    // pip reads the section of its command after `[global]`: wherever it is said otherwise, it may be otherwise.
    let said: Vec<&str> = moving
        .entries
        .iter()
        .filter(|e| e.key.replace('_', "-").ends_with(".keyring-provider"))
        .map(|e| e.value.as_str())
        .collect();
    if !said.iter().all(|value| *value == "subprocess") {
        return None;
    }
    if moving.entries.iter().any(|e| e.key.replace('_', "-") == "global.keyring-provider") {
        return Some(None);
    }
    let bytes = moving.target.bytes;
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line.trim_ascii().starts_with(b"[global]") {
            let first = if line.ends_with(b"\n") { "" } else { "\n" };
            return Some(Some(added(at, format!("{first}{}{LINE}", indent(&bytes[at..])))));
        }
    }
    Some(Some(added(0, format!("[global]\n{LINE}"))))
}

/// How far the next setting is moved in: one that is moved in further than the line before it is that line's value.
fn indent(below: &[u8]) -> String {
    let says = |line: &&[u8]| !matches!(line.trim_ascii().first(), None | Some(b'#' | b';'));
    let next = below.split(|b| *b == b'\n').find(says).unwrap_or_default();
    next.iter().take_while(|b| matches!(b, b' ' | b'\t')).map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.config/pip/pip.conf";
    const BACKENDS: &str = "keyring.backends.SecretService.Keyring (priority: 5)\n";
    const ADDRESS: &str = "https://dev:q7{{alnum:12}}@pypi.company.test/simple";

    /// A machine with a pip of this version, of a virtual environment, and a `keyring` apart.
    fn machine(pip: &str) -> Home {
        Home::default()
            .var("PATH", "/venv/bin:/usr/bin")
            .program("pip", &format!("pip {pip} from /venv/lib/python3.11/site-packages/pip (python 3.11)"))
            .file_mode("/usr/bin/keyring", b"", 0o755)
            .tells("keyring --list-backends", BACKENDS)
            .tells("keyring --help", "usage: keyring [-h] [--mode {password,creds}]")
    }

    fn plan(home: Home, text: &str) -> (String, Plan) {
        let text = fill(text, "pip");
        let plan = plans(&Engine::builtin(), &home.file(FILE, &text), FILE).remove(0).1;
        (text, plan)
    }

    /// What becomes of a file; `PW` stands for an address.
    fn after(text: &str) -> String {
        let (text, plan) = plan(machine("23.2.1"), &text.replace("PW", ADDRESS));
        let [Step::Keep { store, .. }, Step::Edit { edits, .. }] = &plan.steps[..] else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        assert!(
            *store == Store::Python { service: "pypi.company.test".to_owned(), username: "dev".to_owned() }
        );
        let after = String::from_utf8(apply(text.as_bytes(), edits).unwrap()).unwrap();
        after.replace("https://dev@pypi.company.test/simple", "OK")
    }

    fn why(home: Home) -> String {
        let (_, plan) = plan(home, &format!("[global]\nindex-url = {ADDRESS}\n"));
        assert!(plan.safety == Safety::Manual && plan.steps.is_empty(), "{}", plan.summary);
        plan.summary
    }

    #[test]
    fn the_address_keeps_the_name_and_pip_asks() {
        assert_eq!(
            after("[global]\nindex-url = PW\n"),
            "[global]\nkeyring-provider = subprocess\nindex-url = OK\n"
        );
        let told = "[global]\nkeyring_provider = subprocess\nindex-url = OK\n";
        assert_eq!(after(&told.replace("OK", "PW")), told);
    }

    #[test]
    fn what_stands_below_stays_a_setting_of_its_own() {
        assert_eq!(
            after("[global]\n# ours\n  index-url = PW\n"),
            "[global]\n  keyring-provider = subprocess\n# ours\n  index-url = OK\n"
        );
        assert_eq!(
            after("[install]\nindex-url = PW\n[global]"),
            "[install]\nindex-url = OK\n[global]\nkeyring-provider = subprocess\n"
        );
        assert_eq!(
            after("[global] ; all\nindex-url = PW\n"),
            "[global] ; all\nkeyring-provider = subprocess\nindex-url = OK\n"
        );
    }

    #[test]
    fn without_what_pip_asks_it_stays_with_people() {
        assert!(why(machine("22.0")).contains("pip 23.1"));
        assert!(why(machine("23.1").tells("keyring --list-backends", "")).contains("finds no keyring"));
        let older = "usage: keyring [-h] [-p KEYRING_PATH]";
        assert!(why(machine("26.2").tells("keyring --help", older)).contains("25.2.1"));
        let said = "[global]\nkeyring-provider = disabled\nindex-url = ";
        let (_, plan) = plan(machine("23.1"), &format!("{said}{ADDRESS}\n"));
        assert!(plan.steps.is_empty(), "{}", plan.summary);
    }

    #[test]
    fn a_keyring_of_its_own_environment_is_none_that_pip_asks() {
        let dirs = |said| super::own_directories(said).join(" ");
        assert_eq!(dirs("pip 24 from /venv/lib/python3.11/site-packages/pip (python 3.11)"), "/venv/bin");
        assert_eq!(dirs("pip 23 from /usr/lib/python3/dist-packages/pip (python 3.11)"), "/usr/local/bin");
        let system = "/usr/bin /usr/local/bin";
        assert_eq!(dirs("pip 24 from /usr/lib/python3.12/site-packages/pip (python 3.12)"), system);
        assert_eq!(
            dirs("pip 24 from /home/dev/.local/lib/python3.11/site-packages/pip (python 3.11)"),
            system
        );
        let beside = machine("24.0").file_mode("/venv/bin/keyring", b"", 0o755).var("PATH", "/venv/bin");
        assert!(why(beside).contains("/venv/bin/keyring"));
    }
}
