//! The keyring, where `lapwing fix` moves credentials and `lapwing secret` looks them up: the Secret Service of the session.
//! The only place that speaks to it in this program. Calls block, and a locked keyring asks the user.

use secret_service::blocking::{Collection, Item, SecretService};
use secret_service::{EncryptionType, Error};
use std::collections::{BTreeMap, HashMap};
use zeroize::Zeroizing;

/// What finds an entry.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// Why the keyring did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// There is none.
    #[error(
        "no keyring answers on the session bus; sign in to a desktop session, or start gnome-keyring, KWallet or KeePassXC"
    )]
    None,
    /// It stays locked.
    #[error("the keyring is locked and was not unlocked; unlock it and try again")]
    Locked,
    /// It has given back something else than it was given.
    #[error("the keyring did not give back what was put into it")]
    Differs,
    /// Another secret has this name.
    #[error(
        "the keyring has another secret under this name; `lapwing secret list` shows it, `lapwing secret remove` removes it"
    )]
    Taken,
    /// Anything else.
    #[error("the keyring does not do it: {0}")]
    Other(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error {
            Error::Unavailable => Trouble::None,
            Error::Locked | Error::Prompt | Error::PromptDisconnected => Trouble::Locked,
            // gnome-keyring and KWallet say it in their own words.
            other if other.to_string().to_ascii_lowercase().contains("locked") => Trouble::Locked,
            other => Trouble::Other(other.to_string()),
        }
    }
}

/// An entry without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// What finds it.
    pub(crate) attributes: BTreeMap<String, String>,
    /// When it was put there, seconds since 1970.
    pub(crate) created: u64,
}

/// Puts a secret into the keyring and reads it back. The same secret may be there already; another one stays as it is,
/// unless `replace` says otherwise.
pub(crate) fn put(
    label: &str,
    attributes: Attributes<'_>,
    secret: &[u8],
    replace: bool,
) -> Result<(), Trouble> {
    let service = connect()?;
    let collection = unlocked(&service)?;
    if let Some(known) = read(&collection, attributes)? {
        if known.as_slice() == secret {
            return Ok(());
        }
        if !replace {
            return Err(Trouble::Taken);
        }
    }
    collection.create_item(label, map(attributes), secret, true, "text/plain")?;
    match read(&collection, attributes)? {
        Some(back) if back.as_slice() == secret => Ok(()),
        _ => Err(Trouble::Differs),
    }
}

/// The secret with these attributes; `None` when there is none.
pub(crate) fn get(attributes: Attributes<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
    let service = connect()?;
    let collection = collection(&service)?;
    // Attributes can be searched while it is locked: for what is not there nobody needs to be asked.
    if collection.search_items(map(attributes))?.is_empty() {
        return Ok(None);
    }
    collection.unlock()?;
    read(&collection, attributes)
}

/// Entries with these attributes.
pub(crate) fn list(attributes: Attributes<'_>) -> Result<Vec<Entry>, Trouble> {
    let service = connect()?;
    let collection = collection(&service)?;
    let items = collection.search_items(map(attributes))?;
    let entry = |item: &Item<'_>| -> Result<Entry, Error> {
        Ok(Entry { attributes: item.get_attributes()?.into_iter().collect(), created: item.get_created()? })
    };
    Ok(items.iter().map(entry).collect::<Result<_, _>>()?)
}

/// Removes the entries with these attributes. Whether there were any.
pub(crate) fn remove(attributes: Attributes<'_>) -> Result<bool, Trouble> {
    let service = connect()?;
    let collection = unlocked(&service)?;
    let items = collection.search_items(map(attributes))?;
    items.iter().try_for_each(Item::delete)?;
    Ok(!items.is_empty())
}

/// Whether the keyring is there and locked. Nobody is asked to unlock it.
pub(crate) fn is_locked() -> bool {
    let locked = || -> Result<bool, Trouble> { Ok(collection(&connect()?)?.is_locked()?) };
    locked().unwrap_or(false)
}

/// Asks the user to unlock the keyring, where it is locked.
pub(crate) fn unlock() -> Result<(), Trouble> {
    unlocked(&connect()?).map(drop)
}

fn connect() -> Result<SecretService<'static>, Trouble> {
    SecretService::connect(EncryptionType::Dh).map_err(|e| match e {
        // No bus, or nobody who answers: for people it is the same.
        Error::Zbus(_) | Error::ZbusFdo(_) => Trouble::None,
        other => other.into(),
    })
}

fn collection<'a>(service: &'a SecretService<'a>) -> Result<Collection<'a>, Trouble> {
    service.get_default_collection().map_err(|e| match e {
        Error::NoResult => {
            Trouble::Other("it has no default collection; create one in the keyring's own program".to_owned())
        }
        other => other.into(),
    })
}

fn unlocked<'a>(service: &'a SecretService<'a>) -> Result<Collection<'a>, Trouble> {
    let collection = collection(service)?;
    collection.unlock()?;
    Ok(collection)
}

fn read(
    collection: &Collection<'_>,
    attributes: Attributes<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
    let items = collection.search_items(map(attributes))?;
    match items.first() {
        Some(item) => Ok(Some(Zeroizing::new(item.get_secret()?))),
        None => Ok(None),
    }
}

fn map<'a>(attributes: Attributes<'a>) -> HashMap<&'a str, &'a str> {
    attributes.iter().copied().collect()
}
