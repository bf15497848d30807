//! The key that makes finding ids: in the OS keyring when there is one, else in a file that only the user may read.
//! Losing it costs ids and the decisions tied to them, not safety.

use crate::machine::files;
use lapwing_rules::fingerprint::Key;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

const SERVICE: &str = "lapwing";
const ACCOUNT: &str = "finding-ids";
/// What the file says when the key itself is in the keyring.
const MARKER: &str = "keyring";

/// Set when the key could not be had: ids of this run hold for this run only.
pub(crate) type Trouble = Arc<OnceLock<String>>;

/// The key, or a fresh one for this run and a note in `trouble`. Blocks while the keyring answers. Unless `ask`, a locked
/// keyring stays locked: nobody sits before the agent who expects to be asked for a password.
pub(crate) fn fetch(state: &Path, trouble: &Trouble, ask: bool) -> Key {
    match stored(state, ask) {
        Ok(key) => key,
        Err(why) => {
            let _ = trouble.set(why);
            random()
        }
    }
}

fn stored(state: &Path, ask: bool) -> Result<Key, String> {
    if state.as_os_str().is_empty() {
        return Err("there is no home directory to keep the key of finding ids in".to_owned());
    }
    let path = state.join("key");
    match read(&path)? {
        Some(Stored::Key(key)) => Ok(key),
        Some(Stored::Keyring) if !ask && keyring_locked() => {
            Err("the keyring that has the key of finding ids is locked; unlock it, and the agent goes on"
                .to_owned())
        }
        Some(Stored::Keyring) => from_keyring().map_err(|e| {
            format!("the keyring does not give the key of finding ids ({e}); unlock it and run again")
        }),
        None => make_alone(&path, ask),
    }
}

/// Whether the keyring would have to ask the user before it gives anything; also when there is none to be had.
fn keyring_locked() -> bool {
    let locked = || {
        let bus = zbus::blocking::Connection::session()?;
        let reply = bus.call_method(
            Some("org.freedesktop.secrets"),
            "/org/freedesktop/secrets/aliases/default",
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &("org.freedesktop.Secret.Collection", "Locked"),
        )?;
        reply
            .body()
            .deserialize::<zbus::zvariant::OwnedValue>()
            .and_then(|v| bool::try_from(v).map_err(zbus::Error::from))
    };
    locked().unwrap_or(true)
}

/// Makes a key unless another run has made one while this one waited: both must come to the same.
fn make_alone(path: &Path, ask: bool) -> Result<Key, String> {
    // Where locking is not possible, making a key still is.
    let _alone = private_dir(path).and_then(|dir| {
        rustix::fs::flock(&dir, FlockOperation::LockExclusive)?;
        Ok(dir)
    });
    match read(path)? {
        Some(Stored::Key(key)) => Ok(key),
        Some(Stored::Keyring) => from_keyring(),
        None => make(path, ask),
    }
}

/// Makes the directory of a path, for the user alone, and opens it.
fn private_dir(path: &Path) -> Result<OwnedFd, Errno> {
    use std::os::unix::fs::DirBuilderExt;
    let dir = path.parent().unwrap_or(path);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    rustix::fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

enum Stored {
    Key(Key),
    Keyring,
}

fn read(path: &Path) -> Result<Option<Stored>, String> {
    let fail = |why: String| format!("{} {why}", path.display());
    let Some(text) = files::read_config(path).map_err(fail)?.map(Zeroizing::new) else { return Ok(None) };
    if text.trim() == MARKER {
        return Ok(Some(Stored::Keyring));
    }
    // A key that cannot be read (cut short by a full disk) is replaced: it costs ids only.
    let bytes = data_encoding::HEXLOWER.decode(text.trim().as_bytes()).map(Zeroizing::new);
    Ok(bytes.ok().and_then(|b| <[u8; 32]>::try_from(&b[..]).ok()).map(|b| Stored::Key(Zeroizing::new(b))))
}

/// Makes a key: in the keyring, written and read back, else in the file.
fn make(path: &Path, ask: bool) -> Result<Key, String> {
    let key = random();
    let keyring = (session_bus() && (ask || !keyring_locked()))
        .then(|| into_keyring(&key))
        .is_some_and(|stored| stored.is_ok());
    let text = if keyring { MARKER.to_owned() } else { crate::text::hex(&key[..]) };
    let text = Zeroizing::new(text + "\n");
    match write_new(path, text.as_bytes()) {
        Ok(()) => Ok(key),
        // What is there cannot be read: it was cut short.
        Err(Errno::EXIST) => replace(path, text.as_bytes(), key),
        Err(e) => Err(format!(
            "the key of finding ids cannot be kept in {}: {}",
            path.display(),
            std::io::Error::from(e)
        )),
    }
}

fn replace(path: &Path, text: &[u8], key: Key) -> Result<Key, String> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    let _ = rustix::fs::unlink(&beside);
    let written = write_new(&beside, text).and_then(|()| rustix::fs::rename(&beside, path));
    written
        .map(|()| key)
        .map_err(|e| format!("{} cannot be replaced: {}", path.display(), std::io::Error::from(e)))
}

fn write_new(path: &Path, text: &[u8]) -> Result<(), Errno> {
    private_dir(path)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    let mut rest = text;
    while !rest.is_empty() {
        let n = rustix::io::write(&fd, rest)?;
        rest = &rest[n..];
    }
    rustix::fs::fsync(&fd)
}

/// Whether there is a session bus at all: asking for one that is not there may start one.
fn session_bus() -> bool {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("bus"));
    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|a| !a.is_empty())
        || runtime.is_some_and(|bus| rustix::fs::stat(&bus).is_ok())
}

fn entry() -> Result<keyring::v1::Entry, String> {
    keyring::v1::Entry::new(SERVICE, ACCOUNT).map_err(|e| e.to_string())
}

fn from_keyring() -> Result<Key, String> {
    let bytes = Zeroizing::new(entry()?.get_secret().map_err(|e| e.to_string())?);
    let key = <[u8; 32]>::try_from(&bytes[..]).map_err(|_| "it is not 32 bytes long".to_owned())?;
    Ok(Zeroizing::new(key))
}

fn into_keyring(key: &Key) -> Result<(), String> {
    entry()?.set_secret(&key[..]).map_err(|e| e.to_string())?;
    if from_keyring()?[..] == key[..] { Ok(()) } else { Err("it gave back something else".to_owned()) }
}

pub(crate) fn random() -> Key {
    let mut key = Zeroizing::new([0; 32]);
    let mut filled = 0;
    while filled < key.len() {
        match rustix::rand::getrandom(&mut key[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            // Without randomness ids are guessable, which costs privacy of low-entropy secrets' ids, not the secrets.
            Err(_) => break,
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lapwing/key");
        write_new(&path, format!("{}\n", crate::text::hex(&[5; 32])).as_bytes()).unwrap();
        assert!(matches!(read(&path), Ok(Some(Stored::Key(k))) if k[..] == [5; 32]));
        assert_eq!(rustix::fs::stat(&path).unwrap().st_mode & 0o777, 0o600);
        assert!(write_new(&path, b"x").is_err());
    }

    #[test]
    fn a_key_cut_short_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, b"abcd").unwrap();
        assert!(matches!(read(&path), Ok(None)));
        let key =
            replace(&path, format!("{}\n", crate::text::hex(&[6; 32])).as_bytes(), Zeroizing::new([6; 32]))
                .unwrap();
        assert!(matches!(read(&path), Ok(Some(Stored::Key(k))) if k[..] == key[..]));
    }
}
