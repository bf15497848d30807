//! A password of `~/.pypirc` goes to where Python's `keyring` keeps it, which twine asks where the file has none.

use super::{Mover, Moving};
use crate::fix::kept::{UNDO, by_hand, edited, program, taken};
use crate::fix::plan::{Draft, Step, Store};
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
    if program("keyring", &[], moving.facts).is_none() || program("twine", &[], moving.facts).is_none() {
        let why = "this needs `keyring` and `twine` on your search path (pipx install keyring twine, or your distribution's packages)";
        return Some(by_hand(ELSE, why));
    }
    let usual = || INDEXES.iter().find(|(name, _)| *name == section).map(|(_, url)| (*url).to_owned());
    let service = said("repository").or_else(usual)?;
    let username = said("username").unwrap_or_else(|| "__token__".to_owned());
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

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.pypirc";

    #[test]
    fn the_password_goes_where_twine_asks() {
        let text = fill("[pypi]\nusername = __token__\npassword = pypi-{{alnum:40}}\n", "pypirc");
        let home = Home::default()
            .var("PATH", "/usr/bin")
            .file_mode("/usr/bin/keyring", b"", 0o755)
            .file_mode("/usr/bin/twine", b"", 0o755)
            .file(FILE, &text);
        let (_, plan) = plans(&Engine::builtin(), &home, FILE).remove(0);
        let [Step::Keep { store, .. }, Step::Edit { edits, .. }] = &plan.steps[..] else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        let want = Store::Python {
            service: "https://upload.pypi.org/legacy/".to_owned(),
            username: "__token__".to_owned(),
        };
        assert!(*store == want);
        assert_eq!(apply(text.as_bytes(), edits).unwrap(), b"[pypi]\nusername = __token__\n");
    }

    #[test]
    fn without_keyring_it_stays_with_people() {
        let text = fill("[pypi]\nusername = __token__\npassword = pypi-{{alnum:40}}\n", "pypirc");
        let (_, plan) = plans(&Engine::builtin(), &Home::default().file(FILE, &text), FILE).remove(0);
        assert!(plan.safety == Safety::Manual && plan.summary.contains("keyring"), "{}", plan.summary);
    }
}
