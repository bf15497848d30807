//! Git's helper that keeps credentials in the keyring: is it there, is it set, and what sets it.

use super::kept::{other, program};
use super::plan::{Edit, Step};
use crate::facts::Facts;
use crate::settings::reader;

/// Where distributions put programs of Git that are not on the search path. Debian ships only the source.
const DIRS: &[&str] = &[
    "/usr/libexec/git-core",
    "/usr/lib/git-core",
    "/usr/lib/git",
    "/usr/libexec/git",
    "/usr/local/libexec/git-core",
    "/usr/share/doc/git/contrib/credential/libsecret",
];
/// Where Git finds helpers by their short name.
const SHORT: &[&str] = &["/usr/libexec/git-core", "/usr/lib/git-core", "/usr/lib/git", "/usr/libexec/git"];
const PROGRAM: &str = "git-credential-libsecret";

/// The helper as `credential.helper` names it, and the step that sets it where it is not set yet.
pub(super) struct Helper {
    pub(super) name: String,
    pub(super) set: Option<Step>,
}

/// The helper, or why there is none.
pub(super) fn find(facts: &dyn Facts) -> Result<Helper, String> {
    let Some(path) = program(PROGRAM, DIRS, facts) else {
        return Err(missing());
    };
    let on_path = program(PROGRAM, &[], facts).is_some();
    let short = on_path || SHORT.iter().any(|dir| path.starts_with(&format!("{dir}/")));
    let name = if short { "libsecret".to_owned() } else { path };
    let config = config(facts);
    let mut configured = Configured::default();
    if let Some(bytes) = facts.read(&config).known() {
        configured = Configured::of(&bytes);
    }
    if configured.keyring {
        return Ok(Helper { name, set: None });
    }
    let section = format!("[credential]\n\thelper = {name}\n");
    let change = |bytes: &[u8]| Some(vec![configured.change(bytes, &name, &section)]);
    let set = other(&config, facts, change, &section);
    match set {
        Some(step) => Ok(Helper { name, set: Some(step) }),
        None => Err(format!("{config} cannot be read, so the helper cannot be set there")),
    }
}

fn missing() -> String {
    "no helper of Git that keeps credentials in the keyring is installed. Fedora, Arch and openSUSE have git-credential-libsecret \
     (on Debian and Ubuntu build it from /usr/share/doc/git/contrib/credential/libsecret); `gh auth login` and Git Credential \
     Manager are others"
        .to_owned()
}

/// The user's configuration file, as Git chooses it to write to.
fn config(facts: &dyn Facts) -> String {
    let exists = |path: &str| facts.stat(path).known().is_some();
    let xdg = facts.env("XDG_CONFIG_HOME").filter(|dir| dir.starts_with('/'));
    let xdg = xdg
        .map_or_else(|| "~/.config/git/config".to_owned(), |dir| facts.tilde(&format!("{dir}/git/config")));
    if !exists("~/.gitconfig") && exists(&xdg) { xdg } else { "~/.gitconfig".to_owned() }
}

/// What a configuration says of helpers.
#[derive(Default)]
struct Configured {
    /// One that keeps them in the keyring.
    keyring: bool,
    /// Where `store` stands.
    store: Option<(usize, usize)>,
}

impl Configured {
    fn of(bytes: &[u8]) -> Configured {
        let Some(reader) = reader("gitconfig") else { return Configured::default() };
        let mut all = Configured::default();
        for entry in (reader.read)(bytes).entries.iter().filter(|e| e.key == "credential.helper") {
            all.keyring |= entry.value.contains("libsecret");
            if entry.value == "store" {
                all.store = Some(entry.span);
            }
            if entry.value.is_empty() {
                all = Configured::default();
            }
        }
        all
    }

    fn change(&self, bytes: &[u8], name: &str, section: &str) -> Edit {
        match self.store {
            Some((start, end)) => Edit { start, end, with: name.as_bytes().to_vec(), secret: false },
            None => super::kept::appended(bytes, section),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::edit::apply;
    use crate::testing::Home;

    const LIB: &str = "/usr/libexec/git-core/git-credential-libsecret";

    fn set(home: &Home, config: &str) -> String {
        let helper = find(home).unwrap();
        match helper.set {
            Some(Step::Edit { edits, .. }) => {
                String::from_utf8(apply(config.as_bytes(), &edits).unwrap()).unwrap()
            }
            Some(Step::Create { bytes, .. }) => String::from_utf8(bytes).unwrap(),
            _ => "nothing".to_owned(),
        }
    }

    #[test]
    fn store_becomes_the_keyring_and_what_is_set_stays() {
        let with = |config: &str| {
            set(&Home::default().file_mode(LIB, b"", 0o755).file("~/.gitconfig", config), config)
        };
        assert_eq!(with("[credential]\n\thelper = store\n"), "[credential]\n\thelper = libsecret\n");
        assert_eq!(
            with("[user]\n\tname = Dev"),
            "[user]\n\tname = Dev\n[credential]\n\thelper = libsecret\n"
        );
        assert_eq!(with("[credential]\n\thelper = libsecret\n"), "nothing");
        let none = Home::default().file_mode(LIB, b"", 0o755);
        assert_eq!(set(&none, ""), "[credential]\n\thelper = libsecret\n");
    }

    #[test]
    fn a_helper_that_git_does_not_find_by_name_is_named_in_full() {
        let path = "/usr/share/doc/git/contrib/credential/libsecret/git-credential-libsecret";
        let home = Home::default().file_mode(path, b"", 0o755);
        assert_eq!(find(&home).ok().unwrap().name, path);
    }

    #[test]
    fn without_a_helper_there_is_a_reason() {
        let why = find(&Home::default()).err().unwrap();
        assert!(why.contains("git-credential-libsecret"), "{why}");
    }
}
