//! An entry of `~/.netrc` for a host that only Git is likely to use goes to Git's helper for the keyring: Git asks it when
//! libcurl finds nothing here. Everything else stays with people: curl and the others that read this file know no keyring, and
//! would be locked out.

use super::{Mover, Moving};
use crate::fix::git_helper;
use crate::fix::kept::{UNDO, by_hand, edited, taken};
use crate::fix::plan::{Draft, Step, Store};
use crate::secret::Secret;
use crate::settings::entry::Entry;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "hands the credential to Git's helper for the keyring";
const ELSE: &str = "Git has a helper for the keyring";
const OTHERS: &str = "curl, wget, pip and others read this file themselves and know no keyring: whatever moved its passwords would lock \
                      them out. What only Git uses, hand to Git's helper with `git credential approve`, and take its lines out";
/// Hosts whose password, as a rule, is for `git clone` and `git push`: their own interfaces for programs have other names.
const FORGES: &[&str] = &[
    "github.com",
    "gist.github.com",
    "gitlab.com",
    "bitbucket.org",
    "codeberg.org",
    "git.sr.ht",
    "dev.azure.com",
    "gitea.com",
];

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let host = moving.entry.scope.strip_prefix("machine ").filter(|host| FORGES.contains(host));
    let Some(host) = host else { return Some(by_hand("", OTHERS)) };
    // Without an entry of its own the host would be sent what `default` says.
    if moving.entries.iter().any(|e| e.scope == "default") {
        return Some(by_hand(
            ELSE,
            format!("take the `default` entry out first, or {host} would be sent that"),
        ));
    }
    let Some((login, (start, end))) = whole(moving, host) else {
        return Some(by_hand(ELSE, "this entry has more than one name and one password"));
    };
    let helper = match git_helper::find(moving.facts) {
        Ok(helper) => helper,
        Err(why) => return Some(by_hand(ELSE, why)),
    };
    let store = Store::Git {
        protocol: "https".to_owned(),
        host: host.to_owned(),
        path: None,
        username: login.value.clone(),
        helper: helper.name,
    };
    let secret = Secret::new(moving.entry.value.as_bytes().to_vec());
    let mut steps = vec![Step::Keep { store, secret }];
    steps.extend(helper.set);
    steps.push(edited(moving.target, vec![taken(start, end, "")]));
    let mut draft = Draft::new(format!("{WHAT} ({} at {host}), and takes its entry out", login.value), steps);
    draft.left.push(format!(
        "programs other than Git that read this file (curl, wget, Bazel) find nothing for {host} any more: say no where you need \
         that"
    ));
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// The name, and the bytes of an entry that is `machine HOST` with one name and one password and nothing else, with the lines
/// that it has for itself.
fn whole<'a>(moving: &Moving<'a>, host: &str) -> Option<(&'a Entry, (usize, usize))> {
    let own: Vec<&Entry> = moving.entries.iter().filter(|e| e.scope == moving.entry.scope).collect();
    let (login, password) = match own[..] {
        [a, b] if a.key == "login" && b.key == "password" => (a, b),
        [a, b] if a.key == "password" && b.key == "login" => (b, a),
        _ => return None,
    };
    let bytes = moving.target.bytes;
    let before =
        bytes.get(..own[0].whole.0)?.trim_ascii_end().strip_suffix(host.as_bytes())?.trim_ascii_end();
    let start = before.strip_suffix(b"machine")?.len();
    let end = own[1].whole.1;
    let words = |text: &'a [u8]| text.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    let plain = words(bytes.get(start..end)?).count() == 6
        && [login, password].iter().all(|e| bytes.get(e.span.0..e.span.1) == Some(e.value.as_bytes()));
    // A macro belongs to the entry above it.
    let alone = !matches!(words(&bytes[end..]).next(), Some(b"macdef" | b"account"));
    if !(plain && alone) || bytes[..start].last().is_some_and(|b| !b.is_ascii_whitespace()) {
        return None;
    }
    let line = memchr::memrchr(b'\n', &bytes[..start]).map_or(0, |n| n + 1);
    let over = memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |n| end + n + 1);
    let lines = bytes[line..start].trim_ascii().is_empty() && bytes[end..over].trim_ascii().is_empty();
    Some((login, if lines { (line, over) } else { (start, end) }))
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.netrc";
    const OTHER: &str = "machine api.company.test login dev password q7{{alnum:12}}\n";

    fn all(text: &str) -> (String, Vec<Plan>) {
        let text = fill(text, "netrc");
        let home = Home::default()
            .file_mode("/usr/libexec/git-core/git-credential-libsecret", b"", 0o755)
            .file("~/.gitconfig", "[credential]\n\thelper = libsecret\n")
            .file(FILE, &text);
        let plans = plans(&Engine::builtin(), &home, FILE);
        (text, plans.into_iter().map(|(_, plan)| plan).collect())
    }

    /// What is left of a file, and by whose name the last of its passwords is kept.
    fn moved(text: &str) -> (String, String) {
        let (text, mut plans) = all(text);
        let plan = plans.pop().unwrap();
        let [Step::Keep { store: Store::Git { username, host, .. }, .. }, Step::Edit { edits, .. }] =
            &plan.steps[..]
        else {
            panic!("{}", plan.summary)
        };
        assert!(plan.safety == Safety::Review && plan.credential && host == "github.com");
        assert!(plan.left[0].contains("curl"), "{:?}", plan.left);
        (String::from_utf8(apply(text.as_bytes(), edits).unwrap()).unwrap(), username.clone())
    }

    #[test]
    fn an_entry_that_only_git_uses_goes_to_its_helper() {
        let other = fill(OTHER, "netrc");
        for entry in [
            "machine github.com login me password {{alnum:30}}\n",
            "machine github.com\n  login me\n  password {{alnum:30}}\n",
            "machine github.com password {{alnum:30}} login me",
        ] {
            assert_eq!(
                moved(&format!("{OTHER}# mine\n{entry}")),
                (format!("{other}# mine\n"), "me".to_owned())
            );
        }
        let one_line =
            format!("{} machine github.com login me password {{{{alnum:30}}}}\n", OTHER.trim_end());
        assert_eq!(moved(&one_line).0, format!("{} \n", other.trim_end()));
    }

    #[test]
    fn what_others_use_or_cannot_be_told_apart_stays_with_people() {
        let github = "machine github.com login me password {{alnum:30}}";
        for (text, why) in [
            (OTHER.to_owned(), "lock them out"),
            (format!("{github}\ndefault login anonymous password q8{{{{alnum:12}}}}\n"), "`default` entry"),
            (format!("{github}\nmachine github.com login you password {{{{alnum:31}}}}\n"), "more than one"),
            (format!("{github}\nmacdef init\ncd /pub\n\n"), "more than one"),
            (format!("{github} account a\n"), "more than one"),
            ("machine github.com login me # mine\n password {{alnum:30}}\n".to_owned(), "more than one"),
            (
                "machine github.com login me password \"{{alnum:12}} {{alnum:12}}\"\n".to_owned(),
                "more than one",
            ),
        ] {
            let (_, plans) = all(&text);
            assert!(plans[0].safety == Safety::Manual && plans[0].steps.is_empty(), "{text}");
            assert!(plans[0].summary.contains(why), "{text}: {}", plans[0].summary);
        }
    }

    #[test]
    fn without_a_helper_it_stays_with_people() {
        let text = fill("machine github.com login me password {{alnum:30}}\n", "netrc");
        let (_, plan) = plans(&Engine::builtin(), &Home::default().file(FILE, &text), FILE).remove(0);
        assert!(plan.safety == Safety::Manual && plan.summary.contains("git-credential-libsecret"));
    }
}
