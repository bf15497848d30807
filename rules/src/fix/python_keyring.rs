//! Python's `keyring`, which pip and twine ask: whether it is there, and whether it keeps what it is given encrypted. Other
//! backends write passwords into a file of their own, and some keep nothing.

use super::kept::programs;
use crate::facts::{Fact, Facts};
use crate::settings::reader;

const PROGRAM: &str = "keyring";
/// Backends that hand over to the session's keyring, as the start of what `keyring` calls them.
const ENCRYPTED: &[&str] =
    &["keyring.backends.SecretService.", "keyring.backends.libsecret.", "keyring.backends.kwallet."];
/// Backends that only pass on, or keep nothing.
const NONE: &[&str] =
    &["keyring.backends.chainer.", "keyring.backends.fail.", "keyring.backends.null.", "null "];
/// Where a user says which backend it is.
const CONFIG: &str = "python_keyring/keyringrc.cfg";

/// Why nothing can be kept with it. `unasked` are directories whose `keyring` the tool does not ask.
pub(super) fn check(unasked: &[String], facts: &dyn Facts) -> Result<(), String> {
    let all = programs(PROGRAM, &[], facts);
    if all.is_empty() {
        return Err("this needs `keyring` on your search path (pipx install keyring)".to_owned());
    }
    let asked = |path: &String| !unasked.iter().any(|dir| *path == format!("{dir}/{PROGRAM}"));
    if !all.iter().any(asked) {
        return Err(format!(
            "it does not ask {}, which is installed beside it; install one apart (pipx install keyring)",
            all[0]
        ));
    }
    let Fact::Known(said) = facts.told(PROGRAM, &["--list-backends"]) else {
        return Err("`keyring --list-backends` does not answer".to_owned());
    };
    match backend(&said, chosen(facts).as_deref()) {
        Some(name) if ENCRYPTED.iter().any(|known| name.starts_with(known)) => Ok(()),
        Some(name) => Err(format!(
            "`keyring` keeps passwords with {name}, which is not known to encrypt them with your session's keyring"
        )),
        None => Err("`keyring` finds no keyring to keep passwords in: sign in to a desktop session, or start gnome-keyring, \
                     KWallet or KeePassXC, and run this again"
            .to_owned()),
    }
}

/// Whether it prints name and password as JSON, which newer pips ask for.
pub(super) fn gives_both(facts: &dyn Facts) -> bool {
    facts.told(PROGRAM, &["--help"]).known().is_some_and(|said| said.contains("--mode"))
}

/// The backend that passwords go to: the one that was chosen, else the one with the highest priority.
fn backend(listed: &str, chosen: Option<&str>) -> Option<String> {
    let all = listed.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(" (priority: ")?;
        let priority: f64 = rest.trim_end_matches(')').parse().ok()?;
        (!NONE.iter().any(|none| name.starts_with(none))).then_some((name, priority))
    });
    match chosen {
        // One that is chosen and does not run here is not listed.
        Some(name) if ENCRYPTED.iter().any(|known| name.starts_with(known)) => {
            all.map(|(name, _)| name).find(|listed| *listed == name).map(str::to_owned)
        }
        Some(name) => Some(name.to_owned()),
        None => all.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name.to_owned()),
    }
}

/// The backend that the environment or the user's configuration names.
fn chosen(facts: &dyn Facts) -> Option<String> {
    if let Some(name) = facts.env("PYTHON_KEYRING_BACKEND") {
        return Some(name);
    }
    let dir = facts.env("XDG_CONFIG_HOME").filter(|dir| dir.starts_with('/'));
    let dir = dir.unwrap_or_else(|| "~/.config".to_owned());
    let bytes = facts.read(&format!("{}/{CONFIG}", dir.trim_end_matches('/'))).known()?;
    let read = (reader("ini")?.read)(&bytes);
    read.entries.into_iter().find(|e| e.key == "backend.default-keyring").map(|e| e.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    const LISTED: &str = "keyring.backends.fail.Keyring (priority: 0)\nkeyring.backends.SecretService.Keyring (priority: 5)\n\
                          keyring.backends.chainer.ChainerBackend (priority: 10)\n";
    const PLAIN: &str = "keyrings.alt.file.PlaintextKeyring (priority: 0.5)\n";

    fn home(listed: &str) -> Home {
        let home = Home::default().var("PATH", "/venv/bin:/usr/bin").tells("keyring --list-backends", listed);
        home.file_mode("/usr/bin/keyring", b"", 0o755)
    }

    fn why(home: &Home) -> String {
        check(&["/venv/bin".to_owned()], home).err().unwrap_or_default()
    }

    #[test]
    fn the_sessions_keyring_will_do() {
        assert_eq!(why(&home(LISTED)), "");
        assert_eq!(why(&home(&format!("{PLAIN}{LISTED}"))), "");
    }

    #[test]
    fn what_keeps_nothing_or_in_plain_text_will_not() {
        assert!(why(&home("keyring.backends.fail.Keyring (priority: 0)\n")).contains("finds no keyring"));
        assert!(why(&home(PLAIN)).contains("keyrings.alt.file.PlaintextKeyring"));
        let set = home(LISTED).var("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
        assert!(why(&set).contains("keyring.backends.null.Keyring"));
        let config = "[backend]\ndefault-keyring=keyrings.alt.file.PlaintextKeyring\n";
        let set = home(LISTED).file("~/.config/python_keyring/keyringrc.cfg", config);
        assert!(why(&set).contains("keyrings.alt.file.PlaintextKeyring"));
        let config = "[backend]\ndefault-keyring=keyring.backends.SecretService.Keyring\n";
        let named = |listed| why(&home(listed).file("~/.config/python_keyring/keyringrc.cfg", config));
        assert_eq!(named(LISTED), "");
        assert!(named(PLAIN).contains("finds no keyring"));
    }

    #[test]
    fn one_that_is_not_asked_does_not_count() {
        let only = Home::default().var("PATH", "/venv/bin").tells("keyring --list-backends", LISTED);
        assert!(why(&only).contains("pipx install keyring"));
        let only = only.file_mode("/venv/bin/keyring", b"", 0o755);
        assert!(why(&only).contains("does not ask /venv/bin/keyring"));
        assert_eq!(why(&home(LISTED).file_mode("/venv/bin/keyring", b"", 0o755)), "");
    }
}
