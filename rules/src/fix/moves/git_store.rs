//! `credential.helper = store` becomes the helper for the keyring, in the file and section where it stands.

use super::{Mover, Moving};
use crate::fix::git_helper;
use crate::fix::kept::{by_hand, edited};
use crate::fix::plan::Draft;
use crate::fix::setting::{Change, change};
use crate::settings::entry::Read;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "has Git keep passwords in the keyring";

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    // Git Credential Manager has a helper of its own, and names where that keeps them.
    let name = if moving.entry.key.ends_with(".credentialstore") {
        "secretservice".to_owned()
    } else {
        match git_helper::find(moving.facts) {
            Ok(helper) => helper.name,
            Err(why) => return Some(by_hand(WHAT, why)),
        }
    };
    let read = Read { entries: moving.entries.to_vec(), problems: Vec::new() };
    let index = read.entries.iter().position(|e| e.span == moving.entry.span && e.key == moving.entry.key)?;
    let edits = change("gitconfig", moving.target.bytes, &read, index, &Change::Value(name.clone()))?;
    let step = edited(moving.target, edits);
    let mut draft = Draft::new(format!("sets `{}` to `{name}`", moving.entry.key), vec![step]);
    draft.left.push("the file that `store` has written: what it holds is a finding of its own".to_owned());
    Some(draft)
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::rule::Safety;
    use crate::testing::{Home, Looked, check_fix, plans};

    const RULE: &str = "git.helper-store";

    fn mended(home: Home, config: &str) -> Result<String, String> {
        let engine = Engine::builtin();
        let home = home.file("~/.gitconfig", config);
        let looked = Looked::File("~/.gitconfig", engine.places().classify("~/.gitconfig"));
        let after = check_fix(&engine, &home, looked, RULE)?;
        Ok(String::from_utf8_lossy(after.bytes("~/.gitconfig")).into_owned())
    }

    #[test]
    fn the_helper_that_is_there_takes_its_place() {
        let home = || Home::default().file_mode("/usr/libexec/git-core/git-credential-libsecret", b"", 0o755);
        for (config, want) in [
            ("[credential]\n\thelper = store\n", "[credential]\n\thelper = libsecret\n"),
            (
                "[credential \"https://h.example\"]\n\thelper = store --file ~/x # mine\n",
                "[credential \"https://h.example\"]\n\thelper = libsecret # mine\n",
            ),
            (
                "[credential]\n\tcredentialStore = plaintext\n",
                "[credential]\n\tcredentialStore = secretservice\n",
            ),
        ] {
            assert_eq!(mended(home(), config).as_deref(), Ok(want));
        }
    }

    #[test]
    fn without_a_helper_nobody_is_locked_out() {
        let home = Home::default().file("~/.gitconfig", "[credential]\n\thelper = store\n");
        let found = plans(&Engine::builtin(), &home, "~/.gitconfig");
        let (_, plan) = found.iter().find(|(f, _)| f.page.id == RULE).unwrap();
        assert!(
            plan.safety == Safety::Manual && plan.summary.contains("no helper of Git"),
            "{}",
            plan.summary
        );
    }
}
