//! A password of `~/.pypirc` goes to where Python's `keyring` keeps it, which twine asks where the file has none.

use super::{Mover, Moving};
use crate::facts::Facts;
use crate::fix::kept::{UNDO, by_hand, edited, taken};
use crate::fix::plan::{Draft, Step, Store};
use crate::fix::python_keyring;
use crate::secret::Secret;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "keeps the password with Python's `keyring`, which twine asks";
const ELSE: &str = "twine asks Python's `keyring`";
/// Where twine sends packages of an index without an address.
const INDEXES: &[(&str, &str)] =
    &[("pypi", "https://upload.pypi.org/legacy/"), ("testpypi", "https://test.pypi.org/legacy/")];

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let section = moving.entry.key.strip_suffix(".password")?;
    let said = |key: &str| {
        let key = format!("{section}.{key}");
        moving.entries.iter().find(|e| e.key == key).map(|e| e.value.clone())
    };
    if let Err(why) = ready(moving.facts) {
        return Some(by_hand(ELSE, why));
    }
    let usual = || INDEXES.iter().find(|(name, _)| *name == section).map(|(_, url)| (*url).to_owned());
    let service = address(said("repository").or_else(usual)?);
    // What stands there is for every index that says nothing of its own.
    let shared = |key: &str| moving.entries.iter().find(|e| e.key == key).map(|e| e.value.clone());
    if shared("server-login.password").is_some() {
        return Some(by_hand(
            ELSE,
            "take the password below `[server-login]` out first: twine would send that",
        ));
    }
    let usual = || INDEXES.iter().any(|(_, url)| service.starts_with(url)).then(|| "__token__".to_owned());
    let Some(username) = said("username").or_else(|| shared("server-login.username")).or_else(usual) else {
        return Some(by_hand(
            ELSE,
            format!("it is kept by name: write a `username` below `[{section}]` first"),
        ));
    };
    let bytes = moving.target.bytes;
    let (from, to) = moving.entry.span;
    let start = memchr::memrchr(b'\n', &bytes[..from]).map_or(0, |n| n + 1);
    let end = memchr::memchr(b'\n', &bytes[to..]).map_or(bytes.len(), |n| to + n + 1);
    let one_line =
        memchr::memchr(b'\n', &bytes[from..to]).is_none() && bytes[to..end].trim_ascii().is_empty();
    if !one_line || bytes.get(from..to) != Some(moving.secret) {
        return None;
    }
    let summary = format!("{WHAT} ({username} at {service}), and takes its line out");
    let store = Store::Python { service, username };
    let secret = Secret::new(moving.secret.to_vec());
    let steps = vec![Step::Keep { store, secret }, edited(moving.target, vec![taken(start, end, "")])];
    let mut draft = Draft::new(summary, steps);
    draft.left.push(
        "programs other than twine that read this file (an old setuptools) ask for the password instead"
            .to_owned(),
    );
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// Why twine would not find the password where it goes.
fn ready(facts: &dyn Facts) -> Result<(), String> {
    let Some(said) = facts.told("twine", &["--version"]).known() else {
        return Err("this needs `twine` on your search path (pipx install twine)".to_owned());
    };
    // It names the version of its `keyring`, where it has one.
    if !said.contains("keyring:") {
        return Err("this twine has no `keyring` (pipx inject twine keyring)".to_owned());
    }
    python_keyring::check(&[], facts)
}

/// The address that twine asks with: of PyPI never without encryption.
fn address(said: String) -> String {
    let of_pypi =
        |rest: &&str| INDEXES.iter().any(|(_, url)| url[8..].split('/').next() == rest.split('/').next());
    match said.strip_prefix("http://").filter(of_pypi) {
        Some(rest) => format!("https://{rest}"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.pypirc";

    /// A machine with twine and a keyring.
    fn machine() -> Home {
        Home::default()
            .var("PATH", "/usr/bin")
            .file_mode("/usr/bin/keyring", b"", 0o755)
            .program("twine", "twine version 7.0.0 (requests: 2.34.2, keyring: 25.7.0)")
            .tells("keyring --list-backends", "keyring.backends.SecretService.Keyring (priority: 5)\n")
    }

    fn plan(home: Home, text: &str) -> (String, Plan) {
        let text = fill(text, "pypirc");
        let plan = plans(&Engine::builtin(), &home.file(FILE, &text), FILE).remove(0).1;
        (text, plan)
    }

    /// Where it goes, by whose name, and what the file becomes.
    fn moved(text: &str) -> (String, String, String) {
        let (text, plan) = plan(machine(), text);
        let [Step::Keep { store: Store::Python { service, username }, .. }, Step::Edit { edits, .. }] =
            &plan.steps[..]
        else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        let after = String::from_utf8(apply(text.as_bytes(), edits).unwrap()).unwrap();
        (service.clone(), username.clone(), after)
    }

    fn why(home: Home, text: &str) -> String {
        let (_, plan) = plan(home, text);
        assert!(plan.safety == Safety::Manual && plan.steps.is_empty(), "{}", plan.summary);
        plan.summary
    }

    const PYPI: &str = "[pypi]\nusername = __token__\npassword = pypi-{{alnum:40}}\n";
    const OWN: &str = "[own]\nrepository = https://pypi.company.test/\npassword = q7{{alnum:12}}\n";

    #[test]
    fn the_password_goes_where_twine_asks() {
        let words = |(a, b, c): (String, String, String)| [a, b, c].join("|");
        assert_eq!(
            words(moved(PYPI)),
            "https://upload.pypi.org/legacy/|__token__|[pypi]\nusername = __token__\n"
        );
        let unnamed = "[pypi]\nrepository = http://upload.pypi.org/legacy/\npassword = pypi-{{alnum:40}}\n";
        let rest = "[pypi]\nrepository = http://upload.pypi.org/legacy/\n";
        assert_eq!(words(moved(unnamed)), format!("https://upload.pypi.org/legacy/|__token__|{rest}"));
        let shared = format!("[server-login]\nusername = dev\n{OWN}");
        let rest = "[server-login]\nusername = dev\n[own]\nrepository = https://pypi.company.test/\n";
        assert_eq!(words(moved(&shared)), format!("https://pypi.company.test/|dev|{rest}"));
    }

    #[test]
    fn without_a_name_or_with_a_password_for_all_it_stays_with_people() {
        assert!(why(machine(), OWN).contains("`username` below `[own]`"));
        let shared = format!("{PYPI}[server-login]\nusername = dev\npassword = q8{{{{alnum:12}}}}\n");
        assert!(why(machine(), &shared).contains("[server-login]"));
    }

    #[test]
    fn without_what_twine_asks_it_stays_with_people() {
        assert!(why(Home::default(), PYPI).contains("`twine` on your search path"));
        let bare = "twine version 7.0.0 (requests: 2.34.2)";
        assert!(why(machine().program("twine", bare), PYPI).contains("has no `keyring`"));
        assert!(why(machine().tells("keyring --list-backends", ""), PYPI).contains("finds no keyring"));
        assert!(why(machine().var("PATH", "/bin"), PYPI).contains("pipx install keyring"));
    }
}
