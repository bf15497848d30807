//! A line of `~/.git-credentials` goes to the keyring through Git's own helper.

use super::{Mover, Moving};
use crate::fix::git_helper;
use crate::fix::kept::{UNDO, by_hand, edited, taken};
use crate::fix::plan::{Draft, Step, Store};
use crate::secret::Secret;
use crate::settings::entry::text;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "hands the credential to Git's helper for the keyring";
const ELSE: &str = "Git has a helper for the keyring";

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let bytes = moving.target.bytes;
    let start = memchr::memrchr(b'\n', &bytes[..moving.entry.span.0]).map_or(0, |n| n + 1);
    let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n + 1);
    let line = text(bytes[start..end].trim_ascii());
    let store = read(&line, moving.entry.value.as_str());
    let (Some(mut store), false) = (store, moving.secret.is_empty()) else { return None };
    let helper = match git_helper::find(moving.facts) {
        Ok(helper) => helper,
        Err(why) => return Some(by_hand(ELSE, why)),
    };
    let secret = Secret::new(moving.entry.value.as_bytes().to_vec());
    let place = match &mut store {
        Store::Git { host, username, helper: with, .. } => {
            with.clone_from(&helper.name);
            format!("{username} at {host}")
        }
        _ => String::new(),
    };
    let mut steps = vec![Step::Keep { store, secret }];
    steps.extend(helper.set);
    steps.push(edited(moving.target, vec![taken(start, end, "")]));
    let mut draft = Draft::new(format!("{WHAT} ({place}), and takes its line out"), steps);
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// `https://user:password@host/path`, percent-encoded. `value` is the password, decoded.
fn read(line: &str, value: &str) -> Option<Store> {
    let (protocol, rest) = line.split_once("://")?;
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let (user, host) = authority.rsplit_once('@')?;
    let username = decoded(user.split_once(':')?.0)?;
    let plain = |text: &str| !text.is_empty() && !text.contains(['\n', '\r', '\0']);
    if ![protocol, host, username.as_str(), value].into_iter().all(plain) {
        return None;
    }
    let path = path.map(|p| p.trim_end_matches('/').to_owned()).filter(|p| !p.is_empty());
    Some(Store::Git {
        protocol: protocol.to_owned(),
        host: host.to_owned(),
        path,
        username,
        helper: String::new(),
    })
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    const FILE: &str = "~/.git-credentials";

    fn home(text: &str) -> Home {
        Home::default()
            .file_mode("/usr/libexec/git-core/git-credential-libsecret", b"", 0o755)
            .file("~/.gitconfig", "[credential]\n\thelper = store\n")
            .file(FILE, text)
    }

    fn all(home: &Home) -> Vec<Plan> {
        plans(&Engine::builtin(), home, FILE).into_iter().map(|(_, plan)| plan).collect()
    }

    #[test]
    fn a_line_is_kept_before_it_goes() {
        let text = fill(
            "https://me:{{alnum:20}}@a.example\nhttps://d%40x:p%2F{{alnum:12}}@b.example:8443/t\n",
            "gc",
        );
        let plans = all(&home(&text));
        assert_eq!(plans.len(), 2);
        let [Step::Keep { store, secret }, Step::Edit { path, .. }, Step::Edit { edits, .. }] =
            &plans[1].steps[..]
        else {
            panic!("{}", plans[1].summary)
        };
        let want = Store::Git {
            protocol: "https".to_owned(),
            host: "b.example:8443".to_owned(),
            path: Some("t".to_owned()),
            username: "d@x".to_owned(),
            helper: "libsecret".to_owned(),
        };
        assert!(*store == want && secret.expose().starts_with(b"p/"));
        assert_eq!(path, "~/.gitconfig");
        let after = apply(text.as_bytes(), edits).unwrap();
        assert_eq!(after, text.split_inclusive('\n').next().unwrap().as_bytes());
        assert!(plans[1].credential && plans[1].safety == Safety::Review);
    }

    #[test]
    fn without_a_helper_it_stays_with_people() {
        let text = fill("https://me:{{alnum:20}}@a.example\n", "gc");
        let plans = all(&Home::default().file(FILE, &text));
        assert!(plans[0].safety == Safety::Manual && plans[0].steps.is_empty());
        assert!(plans[0].summary.contains("git-credential-libsecret"), "{}", plans[0].summary);
    }
}
