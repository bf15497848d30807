//! A password in the address of a Python package index goes to where Python's `keyring` keeps it; pip is told to ask there.

use super::{Mover, Moving};
use crate::fix::kept::{UNDO, added, at_least, by_hand, edited, program, taken};
use crate::fix::plan::{Draft, Edit, Step, Store};
use crate::secret::Secret;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "keeps the password with Python's `keyring`, and tells pip to ask it";
const ELSE: &str = "pip asks Python's `keyring`";
/// The first pip that asks the program `keyring`.
const LEAST: (u64, u64) = (23, 1);

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let bytes = moving.target.bytes;
    let (start, end) = moving.entry.span;
    let value = moving.entry.value.as_str();
    if bytes.get(start..end) != Some(value.as_bytes()) || value.trim().contains(char::is_whitespace) {
        return None;
    }
    if program("keyring", &[], moving.facts).is_none() || !at_least("pip", LEAST, moving.facts) {
        let why = "this needs `keyring` and pip 23.1 or newer on your search path (pipx install keyring)";
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

/// What tells pip to ask: nothing where it is told already, `None` where it is told otherwise.
fn ask(moving: &Moving<'_>) -> Option<Option<Edit>> {
    const LINE: &str = "keyring-provider = subprocess\n";
    let said = moving.entries.iter().find(|e| e.key.replace('_', "-") == "global.keyring-provider");
    if let Some(said) = said {
        return (said.value == "subprocess").then_some(None);
    }
    let bytes = moving.target.bytes;
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line.trim_ascii() == b"[global]" {
            return Some(Some(added(at, LINE)));
        }
    }
    Some(Some(added(0, format!("[global]\n{LINE}"))))
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.config/pip/pip.conf";

    fn one(text: &str, pip: &str) -> (String, Plan) {
        let text = fill(text, "pip");
        let home = Home::default()
            .var("PATH", "/usr/bin")
            .program("pip", pip)
            .file_mode("/usr/bin/keyring", b"", 0o755)
            .file(FILE, &text);
        let plan = plans(&Engine::builtin(), &home, FILE).remove(0).1;
        (text, plan)
    }

    #[test]
    fn the_address_keeps_the_name_and_pip_asks() {
        let (text, plan) =
            one("[global]\nindex-url = https://dev:q7{{alnum:12}}@pypi.company.test/simple\n", "23.2.1");
        let [Step::Keep { store, .. }, Step::Edit { edits, .. }] = &plan.steps[..] else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        assert!(
            *store == Store::Python { service: "pypi.company.test".to_owned(), username: "dev".to_owned() }
        );
        let after = String::from_utf8(apply(text.as_bytes(), edits).unwrap()).unwrap();
        let want =
            "[global]\nkeyring-provider = subprocess\nindex-url = https://dev@pypi.company.test/simple\n";
        assert_eq!(after, want);
    }

    #[test]
    fn an_old_pip_stays_with_people() {
        let (_, plan) =
            one("[global]\nindex-url = https://dev:q7{{alnum:12}}@pypi.company.test/simple\n", "22.0");
        assert!(plan.safety == Safety::Manual && plan.summary.contains("23.1"), "{}", plan.summary);
    }
}
