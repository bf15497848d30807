//! A token in the address of a Git remote goes to the keyring through Git's helper; the address keeps the user's name.

use super::{Mover, Moving};
use crate::fix::git_helper;
use crate::fix::kept::{UNDO, by_hand, edited, taken};
use crate::fix::plan::{Draft, Step, Store};
use crate::secret::Secret;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "hands the credential to Git's helper for the keyring";
const ELSE: &str = "Git has a helper for the keyring";
/// Who signs in with a token where the address names nobody: what each forge documents.
const NOBODY: &[(&str, &str)] =
    &[("github.com", "x-access-token"), ("gitlab.com", "oauth2"), ("bitbucket.org", "x-token-auth")];

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let value = moving.entry.value.as_str();
    let (start, end) = moving.entry.span;
    // Where the file writes it differently (escapes), no stretch of it is the address.
    if moving.target.bytes.get(start..end) != Some(value.as_bytes()) {
        return None;
    }
    let scheme = value.find("://")?;
    let at = scheme + 3;
    let authority = &value[at..value[at..].find('/').map_or(value.len(), |n| at + n)];
    let (user, host) = authority.rsplit_once('@')?;
    if !matches!(&value[..scheme], "https" | "http") || user.contains('%') {
        return Some(by_hand(ELSE, "this kind of address has to be changed by hand"));
    }
    let (name, password) = match user.split_once(':') {
        Some((name, password)) if !name.is_empty() && !password.is_empty() => (name.to_owned(), password),
        _ => (nobody(host)?, user.trim_matches(':')),
    };
    let helper = match git_helper::find(moving.facts) {
        Ok(helper) => helper,
        Err(why) => return Some(by_hand(ELSE, why)),
    };
    let store = Store::Git {
        protocol: value[..scheme].to_owned(),
        host: host.to_owned(),
        path: None,
        username: name.clone(),
        helper: helper.name,
    };
    let mut steps = vec![Step::Keep { store, secret: Secret::new(password.as_bytes().to_vec()) }];
    steps.extend(helper.set.filter(|step| step.path() != Some(moving.target.path)));
    steps.push(edited(moving.target, vec![taken(start + at, start + at + user.len(), name.clone())]));
    let summary = format!("{WHAT} ({name} at {host}), and takes it out of the address");
    let mut draft = Draft::new(summary, steps);
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

fn nobody(host: &str) -> Option<String> {
    NOBODY.iter().find(|(forge, _)| *forge == host).map(|(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Step, Store};
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/a/.git/config";

    fn moved(url: &str) -> Option<(String, Option<String>)> {
        let text = fill(&format!("[remote \"origin\"]\n\turl = {url}\n"), "url");
        let home = Home::default()
            .file_mode("/usr/libexec/git-core/git-credential-libsecret", b"", 0o755)
            .file("~/.gitconfig", "[credential]\n\thelper = libsecret\n")
            .file(FILE, &text);
        let plans = plans(&Engine::builtin(), &home, FILE);
        let (_, plan) = plans.first()?;
        let Some(Step::Keep { store: Store::Git { username, .. }, .. }) = plan.steps.first() else {
            return None;
        };
        let Some(Step::Edit { edits, .. }) = plan.steps.last() else { return None };
        let after = String::from_utf8(apply(text.as_bytes(), edits).unwrap()).unwrap();
        Some((username.clone(), after.split_once(" = ").map(|(_, url)| url.trim().to_owned())))
    }

    #[test]
    fn the_address_keeps_the_name() {
        let (name, url) = moved("https://me:{{alnum:24}}@host.example/team/app.git").unwrap();
        assert_eq!((name.as_str(), url.as_deref()), ("me", Some("https://me@host.example/team/app.git")));
        let (name, url) = moved("https://{{alnum:40}}@github.com/team/app.git").unwrap();
        assert_eq!(name, "x-access-token");
        assert_eq!(url.as_deref(), Some("https://x-access-token@github.com/team/app.git"));
    }

    #[test]
    fn who_signs_in_must_be_known() {
        assert_eq!(moved("https://{{alnum:40}}@host.example/team/app.git"), None);
    }
}
