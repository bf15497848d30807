//! A file that takes the place of another looks like it: owner, mode, access lists, attributes.

use super::refused::Refused;
use rustix::fs::{self as sys, Gid, Mode, Stat, Uid, XattrFlags};
use rustix::io::Errno;
use std::fs::File;

/// Largest list, and largest value, that Linux has.
const LARGEST: usize = 64 << 10;
/// Access lists.
const ACL: &str = "system.posix_acl_access";
/// Signatures of the old content.
const SIGNED: [&str; 2] = ["security.ima", "security.evm"];
const TRIED: &str = "give the new file the owner and the attributes of the old one";

/// Makes `new` look like `old`, whose metadata is `stat`.
pub(crate) fn dress(old: &File, new: &File, stat: &Stat) -> Result<(), Refused> {
    let fail = |e| Refused::from_errno(TRIED, e);
    let now = sys::fstat(new).map_err(fail)?;
    if (now.st_uid, now.st_gid) != (stat.st_uid, stat.st_gid) {
        let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        sys::fchown(new, Some(uid), Some(gid)).map_err(fail)?;
    }
    sys::fchmod(new, Mode::from_raw_mode(stat.st_mode)).map_err(fail)?;
    let names = names(old).map_err(fail)?;
    // A directory may give every new file an access list.
    if !names.iter().any(|n| n == ACL) && self::names(new).map_err(fail)?.iter().any(|n| n == ACL) {
        sys::fremovexattr(new, ACL).map_err(fail)?;
    }
    for name in names.iter().filter(|n| !SIGNED.contains(&n.as_str())) {
        copy(old, new, name).map_err(fail)?;
    }
    Ok(())
}

/// Names of a file's attributes; none where the file system has none.
fn names(file: &File) -> Result<Vec<String>, Errno> {
    let mut list = vec![0; LARGEST];
    match sys::flistxattr(file, &mut list[..]) {
        Ok(length) => list.truncate(length),
        Err(Errno::NOTSUP | Errno::NOSYS) => list.clear(),
        Err(e) => return Err(e),
    }
    let names = list.split(|b| *b == 0).filter(|n| !n.is_empty());
    Ok(names.map(|n| String::from_utf8_lossy(n).into_owned()).collect())
}

fn value(file: &File, name: &str) -> Result<Vec<u8>, Errno> {
    let mut value = vec![0; LARGEST];
    let length = sys::fgetxattr(file, name, &mut value[..])?;
    value.truncate(length);
    Ok(value)
}

fn copy(old: &File, new: &File, name: &str) -> Result<(), Errno> {
    let wanted = value(old, name)?;
    match sys::fsetxattr(new, name, &wanted, XattrFlags::empty()) {
        // A label that the system has given the new file already, and lets nobody set.
        Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) if value(new, name).as_ref() == Ok(&wanted) => {
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn mode_attributes_and_access_lists_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        let (old, new) = (File::create(&old).unwrap(), File::create(&new).unwrap());
        sys::fchmod(&old, Mode::from_raw_mode(0o4640)).unwrap();
        sys::fsetxattr(&old, "user.note", b"kept", XattrFlags::empty()).unwrap();
        // Version 2; owner rw, user 12345 r, group r, mask r, other nothing.
        let entry = |tag: u16, perm: u16, id: u32| {
            [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let none = u32::MAX;
        let acl = [
            2u32.to_le_bytes().to_vec(),
            entry(1, 6, none),
            entry(2, 4, 12345),
            entry(4, 4, none),
            entry(16, 4, none),
            entry(32, 0, none),
        ]
        .concat();
        sys::fsetxattr(&old, ACL, &acl, XattrFlags::empty()).unwrap();
        dress(&old, &new, &sys::fstat(&old).unwrap()).unwrap();
        assert_eq!(value(&new, "user.note").unwrap(), b"kept");
        assert_eq!(value(&new, ACL).unwrap(), acl);
        assert_eq!(new.metadata().unwrap().mode(), old.metadata().unwrap().mode());
    }

    #[test]
    fn an_access_list_that_the_directory_gives_is_taken_off() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        let (old, new) = (File::create(&old).unwrap(), File::create(&new).unwrap());
        let entry = |tag: u16, perm: u16, id: u32| {
            [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let none = u32::MAX;
        let acl = [
            2u32.to_le_bytes().to_vec(),
            entry(1, 6, none),
            entry(2, 4, 12345),
            entry(4, 0, none),
            entry(16, 4, none),
            entry(32, 0, none),
        ]
        .concat();
        sys::fsetxattr(&new, ACL, &acl, XattrFlags::empty()).unwrap();
        sys::fchmod(&old, Mode::from_raw_mode(0o600)).unwrap();
        dress(&old, &new, &sys::fstat(&old).unwrap()).unwrap();
        assert_eq!(names(&new).unwrap(), [""; 0]);
        assert_eq!(new.metadata().unwrap().mode() & 0o7777, 0o600);
    }
}
