//! Git's credential helpers, through `git credential`, which speaks to them as every other command of Git does.

use super::tool::ask;
use super::{Found, Kept};
use lapwing_rules::fix::plan::Store;
use std::process::Command;
use zeroize::Zeroizing;

/// Which helpers are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Helpers {
    /// The one that the credential goes to, and no other.
    This,
    /// Those of the user's configuration.
    AsConfigured,
}

/// `git credential approve` says nothing when a helper fails, so it is believed only when [`fill`] gives it back.
pub(super) fn approve(store: &Store, secret: &[u8]) -> Result<(), Kept> {
    ask(command(store, Helpers::This, "approve"), &described(store, Some(secret))?).map(drop)
}

pub(super) fn reject(store: &Store) -> Result<(), Kept> {
    ask(command(store, Helpers::This, "reject"), &described(store, None)?).map(drop)
}

pub(super) fn fill(store: &Store, helpers: Helpers) -> Result<Found, Kept> {
    let said = ask(command(store, helpers, "fill"), &described(store, None)?)?;
    if !said.success {
        return Ok(None);
    }
    let password = said.out.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"password="));
    Ok(password.map(|p| Zeroizing::new(p.to_vec())))
}

/// Nobody is asked: without an answer from a helper there is none.
fn command(store: &Store, helpers: Helpers, what: &str) -> Command {
    let mut command = Command::new("git");
    if let (Helpers::This, Store::Git { helper, .. }) = (helpers, store) {
        // An empty one forgets those before it, those of the configuration too.
        command.args(["-c", "credential.helper=", "-c", &format!("credential.helper={helper}")]);
    }
    command.args(["-c", "core.askPass=", "credential", what]);
    for name in ["GIT_ASKPASS", "SSH_ASKPASS", "GIT_DIR", "GIT_TRACE", "GIT_TRACE_CURL"] {
        command.env_remove(name);
    }
    // A repository's own configuration is not the user's.
    command.env("GIT_TERMINAL_PROMPT", "0").current_dir("/");
    command
}

fn described(store: &Store, secret: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, Kept> {
    let Store::Git { protocol, host, path, username, .. } = store else { return Ok(Zeroizing::default()) };
    let mut text = Zeroizing::new(Vec::new());
    let mut add = |name: &str, value: &[u8]| {
        if value.iter().any(|b| matches!(b, b'\n' | b'\r' | 0)) {
            return Err(Kept::Tool(format!("git cannot be given a {name} that has a line end in it")));
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value);
        text.push(b'\n');
        Ok(())
    };
    add("protocol", protocol.as_bytes())?;
    add("host", host.as_bytes())?;
    if let Some(path) = path {
        add("path", path.as_bytes())?;
    }
    add("username", username.as_bytes())?;
    if let Some(secret) = secret {
        add("password", secret)?;
    }
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(host: &str) -> Store {
        Store::Git {
            helper: "libsecret".to_owned(),
            protocol: "https".to_owned(),
            host: host.to_owned(),
            path: None,
            username: "me".to_owned(),
        }
    }

    #[test]
    fn a_line_end_cannot_say_something_else_to_git() {
        assert!(described(&store("a.example\nhost=b.example"), None).is_err());
        assert!(described(&store("a.example"), Some(b"x\ny")).is_err());
        let text = described(&store("a.example"), Some(b"x")).ok().unwrap();
        assert_eq!(&text[..], b"protocol=https\nhost=a.example\nusername=me\npassword=x\n\n");
    }

    #[test]
    fn a_helper_that_is_not_there_gives_nothing_back() {
        let Store::Git { helper, .. } = &mut store("a.example") else { panic!() };
        *helper = "no-such-helper-anywhere".to_owned();
        let store = Store::Git {
            helper: helper.clone(),
            protocol: "https".to_owned(),
            host: "a.example".to_owned(),
            path: None,
            username: "me".to_owned(),
        };
        approve(&store, b"x").unwrap();
        assert!(fill(&store, Helpers::This).ok().unwrap().is_none());
    }
}
