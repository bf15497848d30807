//! A secret that a shell's start-up file exports is looked up in the keyring instead.

use super::{Mover, Moving};
use crate::fix::kept::{UNDO, by_hand, edited, name, taken};
use crate::fix::plan::{Draft, Step, Store};
use crate::secret::Secret;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "keeps the secret in the keyring, where the start-up file looks it up";
const ELSE: &str = "the secret can be kept in the keyring";

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let variable = moving.entry.key.strip_prefix("env.")?;
    let path = moving.target.path;
    let (dir, file) = path.rsplit_once('/')?;
    let fish = file.ends_with(".fish");
    if file.ends_with(".conf")
        || matches!(file, "fish_variables" | ".pam_environment" | ".cshrc" | ".tcshrc" | ".login")
    {
        return Some(by_hand(
            ELSE,
            format!("{file} cannot run a program, so nothing can be looked up there"),
        ));
    }
    // Two files may export the same name for different accounts.
    let folder =
        if dir == "~" || dir.starts_with("~/.config") { "" } else { dir.rsplit('/').next().unwrap_or("") };
    let name = name(&[variable, folder]);
    let (start, end, with) = replaced(moving, fish, &name)?;
    let store = Store::Keyring { name: name.clone() };
    let secret = Secret::new(moving.secret.to_vec());
    let steps = vec![Step::Keep { store, secret }, edited(moving.target, vec![taken(start, end, with)])];
    let mut draft = Draft::new(format!("{WHAT} as `{name}`"), steps);
    draft.left.push(format!(
        "{variable} is still given to every program of the shell; `lapwing secret get {name}` in the one command that needs it \
         is safer"
    ));
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// The stretch that is replaced, and with what: the whole value with its quotes, or the part of a double-quoted or bare one.
fn replaced(moving: &Moving<'_>, fish: bool, name: &str) -> Option<(usize, usize, String)> {
    let bytes = moving.target.bytes;
    let (start, end) = moving.entry.span;
    let around = |b: u8| start > 0 && bytes.get(start - 1) == Some(&b) && bytes.get(end) == Some(&b);
    let quote = [b'"', b'\''].into_iter().find(|b| around(*b));
    if bytes.get(moving.at.0..moving.at.1) != Some(moving.secret) {
        return None;
    }
    let command = format!("lapwing secret get {name}");
    if moving.at == (start, end) {
        let (start, end) = if quote.is_some() { (start - 1, end + 1) } else { (start, end) };
        let with = if fish { format!("({command})") } else { format!("\"$({command})\"") };
        return Some((start, end, with));
    }
    let plain = quote == Some(b'"') || (quote.is_none() && !bytes[start..end].contains(&b'\''));
    (plain && !fish).then(|| (moving.at.0, moving.at.1, format!("$({command})")))
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Step, Store};
    use crate::testing::{Home, fill, plans};

    fn moved(path: &str, text: &str) -> Option<(String, String)> {
        let text = fill(text, "export");
        let home = Home::default().file(path, &text);
        let plans = plans(&Engine::builtin(), &home, path);
        let (_, plan) = plans.first()?;
        let [Step::Keep { store: Store::Keyring { name }, .. }, Step::Edit { edits, .. }] = &plan.steps[..]
        else {
            return None;
        };
        Some((name.clone(), String::from_utf8(apply(text.as_bytes(), edits).unwrap()).unwrap()))
    }

    #[test]
    fn an_export_looks_the_secret_up() {
        let want = "export GITLAB_TOKEN=\"$(lapwing secret get gitlab-token)\"\n";
        for text in ["export GITLAB_TOKEN=glpat-{{alnum:20}}\n", "export GITLAB_TOKEN='glpat-{{alnum:20}}'\n"]
        {
            let (name, after) = moved("~/.bashrc", text).unwrap();
            assert_eq!((name.as_str(), after.as_str()), ("gitlab-token", want));
        }
        let (_, fish) =
            moved("~/.config/fish/config.fish", "set -gx GITLAB_TOKEN 'glpat-{{alnum:20}}'\n").unwrap();
        assert_eq!(fish, "set -gx GITLAB_TOKEN (lapwing secret get gitlab-token)\n");
        let (name, _) = moved("~/src/app/.envrc", "export GITLAB_TOKEN=glpat-{{alnum:20}}\n").unwrap();
        assert_eq!(name, "gitlab-token-app");
    }

    #[test]
    fn a_part_of_a_value_is_replaced_where_the_shell_expands_it() {
        let (_, after) =
            moved("~/.zshrc", "export URL=\"https://me:glpat-{{alnum:20}}@h.example/\"\n").unwrap();
        assert_eq!(after, "export URL=\"https://me:$(lapwing secret get url)@h.example/\"\n");
        assert_eq!(moved("~/.zshrc", "export URL='https://me:glpat-{{alnum:20}}@h.example/'\n"), None);
    }

    #[test]
    fn files_that_run_nothing_stay_with_people() {
        assert_eq!(moved("~/.config/environment.d/a.conf", "GITLAB_TOKEN=glpat-{{alnum:20}}\n"), None);
    }
}
