//! Credentials go to where their tool keeps them encrypted: written, and read back, before any file is touched. What the
//! tool itself does is left to the tool.

mod cargo;
mod docker;
mod git;
mod python;
mod tool;

use crate::vault::{self, Trouble};
use lapwing_rules::fix::plan::Store;
use lapwing_rules::secret::Secret;
use serde::{Deserialize, Serialize};

/// Marks what `lapwing secret` looks up.
const APPLICATION: &str = "lapwing";
const SCHEMA: &str = "org.lapwing.Secret";

/// A credential that was stored: everything but the credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// Where.
    pub(crate) store: Store,
    /// It was there already, so taking this back leaves it alone.
    pub(crate) known: bool,
}

/// Why a credential is where it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kept {
    /// The keyring.
    #[error(transparent)]
    Keyring(#[from] Trouble),
    /// A program of the tool.
    #[error("{0}")]
    Tool(String),
}

/// Puts a credential where it belongs and reads it back. Nothing has changed when this fails: another one that is there
/// already stays, because something uses it.
pub(crate) fn store(store: &Store, secret: &Secret) -> Result<Stored, Kept> {
    let stored = |known| Stored { store: store.clone(), known };
    // A locked keyring gives nothing back, which is not to say that nothing is there.
    unlocked()?;
    match look(store)? {
        Some(there) if there.as_slice() == secret.expose() => return Ok(stored(true)),
        Some(_) => {
            return Err(Kept::Tool(format!(
                "another credential is in {} already, and stays: {}, then run this again",
                place(store),
                removal(store)
            )));
        }
        None => {}
    }
    // It may have been locked since, and the tools do not say why they fail.
    unlocked()?;
    let put = match store {
        Store::Git { .. } => git::approve(store, secret.expose()),
        Store::Keyring { name } => {
            vault::put(&label(name), &attributes(name), secret.expose(), false).map_err(Kept::from)
        }
        Store::Cargo { registry, index } => cargo::put(registry, index, secret.expose()),
        Store::Docker { server, username } => docker::put(server, username, secret.expose()),
        Store::Python { service, username } => python::put(service, username, secret.expose()),
    };
    put?;
    match look(store) {
        Ok(Some(back)) if back.as_slice() == secret.expose() => Ok(stored(false)),
        other => {
            let why = match other {
                _ if vault::is_locked() => Trouble::Locked.into(),
                Ok(_) => Kept::Tool(format!("{}: what was put there was not given back", place(store))),
                Err(why) => why,
            };
            match forget(&stored(false)) {
                Ok(()) => Err(why),
                Err(besides) => Err(Kept::Tool(format!("{why}; besides, {besides}"))),
            }
        }
    }
}

/// Asks the user to unlock the keyring, where it is locked. Other trouble is no reason to stop: not every tool keeps things
/// there.
fn unlocked() -> Result<(), Kept> {
    match vault::unlock() {
        Err(Trouble::Locked) => Err(Trouble::Locked.into()),
        _ => Ok(()),
    }
}

/// Verifies with the tool itself, set up as it is now, that it finds the credential: after the files were changed.
pub(crate) fn verify(store: &Store, secret: &Secret) -> Result<(), Kept> {
    let found = match store {
        Store::Git { .. } => git::fill(store, git::Helpers::AsConfigured)?,
        _ => look(store)?,
    };
    match found {
        Some(back) if back.as_slice() == secret.expose() => Ok(()),
        _ if vault::is_locked() => Err(Trouble::Locked.into()),
        _ => {
            Err(Kept::Tool(format!("{}: set up as it is now, it does not find the credential", place(store))))
        }
    }
}

/// Takes back what [`store`] has put there, unless it was there before.
pub(crate) fn forget(stored: &Stored) -> Result<(), Kept> {
    if stored.known {
        return Ok(());
    }
    let store = &stored.store;
    match remove(store).and_then(|()| look(store)) {
        Ok(None) if !vault::is_locked() => Ok(()),
        _ => Err(Kept::Tool(format!(
            "what was put into {} could not be taken back: when the keyring is unlocked, {}",
            place(store),
            removal(store)
        ))),
    }
}

fn remove(store: &Store) -> Result<(), Kept> {
    match store {
        Store::Git { .. } => git::reject(store),
        Store::Keyring { name } => Ok(vault::remove(&attributes(name)).map(drop)?),
        Store::Cargo { index, .. } => cargo::remove(index),
        Store::Docker { server, .. } => docker::remove(server),
        Store::Python { service, username } => python::remove(service, username),
    }
}

type Found = Option<zeroize::Zeroizing<Vec<u8>>>;

fn look(store: &Store) -> Result<Found, Kept> {
    match store {
        Store::Git { .. } => git::fill(store, git::Helpers::This),
        Store::Keyring { name } => Ok(vault::get(&attributes(name))?),
        Store::Cargo { index, .. } => cargo::get(index),
        Store::Docker { server, username } => docker::get(server, username),
        Store::Python { service, username } => python::get(service, username),
    }
}

/// Where it goes, for people.
pub(crate) fn place(store: &Store) -> String {
    match store {
        Store::Git { helper, host, .. } => format!("Git's helper {helper}, for {host}"),
        Store::Keyring { name } => format!("the keyring, as `{name}`"),
        Store::Cargo { registry, .. } => format!("Cargo's provider, for {registry}"),
        Store::Docker { server, .. } => format!("Docker's helper, for {server}"),
        Store::Python { service, .. } => format!("Python's `keyring`, for {service}"),
    }
}

/// How a person removes what is there.
fn removal(store: &Store) -> String {
    match store {
        Store::Git { host, username, .. } => {
            format!("remove the entry for {username} at {host} in your keyring's own program")
        }
        Store::Keyring { name } => format!("`lapwing secret remove {name}` removes it"),
        Store::Cargo { registry, .. } => format!("`cargo logout --registry {registry}` removes it"),
        Store::Docker { server, .. } => format!("`docker logout {server}` removes it"),
        Store::Python { service, username } => format!("`keyring del {service} {username}` removes it"),
    }
}

/// What a person should know when the files are as before and the credential is not in them.
pub(crate) fn after_undo(store: &Store) -> String {
    let how = match store {
        Store::Git { helper, .. } => {
            format!("`git config --global credential.helper {helper}` lets Git find it there")
        }
        Store::Keyring { name } => format!("`lapwing secret get {name}` prints it"),
        Store::Cargo { .. } => {
            "`global-credential-providers = [\"cargo:libsecret\"]` lets Cargo find it there".to_owned()
        }
        Store::Docker { .. } => "`credHelpers` lets Docker find it there".to_owned(),
        Store::Python { service, username } => format!("`keyring get {service} {username}` prints it"),
    };
    format!("the credential stays in the keyring: {how}; {}", removal(store))
}

/// What the keyring's own program shows of a secret of this name.
pub(crate) fn label(name: &str) -> String {
    format!("Lapwing: {name}")
}

/// What finds the secret of this name.
pub(crate) fn attributes(name: &str) -> [(&str, &str); 3] {
    [("xdg:schema", SCHEMA), ("application", APPLICATION), ("name", name)]
}

/// What finds every secret that `lapwing secret` knows.
pub(crate) const ALL: [(&str, &str); 2] = [("xdg:schema", SCHEMA), ("application", APPLICATION)];
