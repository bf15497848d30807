//! Why a step was not done. Whatever the reason, the file is as it was.

use rustix::io::Errno;
use std::fmt;

/// Why a step was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// There is no such file any more.
    Gone,
    /// The name, or a directory on the way to it, is a link that was not there when the change was shown.
    Link,
    /// A FIFO, socket, device or directory.
    NotPlain,
    /// Content, mode or owner is not what the change was made for.
    Changed(&'static str),
    /// It belongs to somebody else.
    Foreign,
    /// The file has this many names: replacing it would tear them apart.
    HardLinks(u64),
    /// Another file system is mounted on it.
    Mounted,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No space, or no quota, for the new file.
    Full,
    /// No permission; what could not be done.
    Denied(&'static str),
    /// Its tool holds the lock of this name.
    Locked(String),
    /// A program is using it: its name and process id.
    Busy(String, u32),
    /// Something wrote to it a moment ago.
    Fresh,
    /// A shell that rewrites its history from memory is running: its name and process id.
    Shell(String, u32),
    /// The result would still have the finding.
    StillThere,
    /// Something that the plan needs is not there; what, and what to do.
    Missing(String),
    /// Two plans change the same bytes in different ways.
    Overlap,
    /// The system said no; what was tried, and its words.
    System(&'static str, String),
}

impl Refused {
    /// What the system said when something was tried.
    pub(crate) fn from_errno(tried: &'static str, errno: Errno) -> Refused {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::STALE => Refused::Gone,
            Errno::LOOP | Errno::XDEV => Refused::Link,
            Errno::ROFS => Refused::ReadOnly,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Refused::Full,
            Errno::BUSY | Errno::TXTBSY => Refused::Mounted,
            Errno::PERM | Errno::ACCESS => Refused::Denied(tried),
            other => Refused::System(tried, std::io::Error::from(other).to_string()),
        }
    }

    /// As [`Refused::from_errno`], for the standard library's errors.
    pub(crate) fn from_io(tried: &'static str, error: &std::io::Error) -> Refused {
        match error.raw_os_error() {
            Some(code) => Refused::from_errno(tried, Errno::from_raw_os_error(code)),
            None => Refused::System(tried, error.to_string()),
        }
    }

    /// Whether the same command is likely to work later, without anybody changing anything in the file.
    pub(crate) fn later(&self) -> bool {
        matches!(
            self,
            Refused::Locked(_) | Refused::Busy(..) | Refused::Fresh | Refused::Shell(..) | Refused::Overlap
        )
    }

    /// The word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Refused::Gone => "gone",
            Refused::Link => "link",
            Refused::NotPlain => "not-plain",
            Refused::Changed(_) => "changed",
            Refused::Foreign => "foreign",
            Refused::HardLinks(_) => "hard-links",
            Refused::Mounted => "mounted",
            Refused::ReadOnly => "read-only",
            Refused::Full => "full",
            Refused::Denied(_) => "denied",
            Refused::Locked(_) => "locked",
            Refused::Busy(..) => "busy",
            Refused::Fresh => "fresh",
            Refused::Shell(..) => "shell",
            Refused::StillThere => "still-there",
            Refused::Missing(_) => "missing",
            Refused::Overlap => "overlap",
            Refused::System(..) => "system",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Gone => f.write_str("it is not there any more"),
            Refused::Link => f.write_str(
                "a link stands on the way to it that was not there when it was examined; look where it leads, then run again",
            ),
            Refused::NotPlain => f.write_str("it is not a plain file"),
            Refused::Changed(what) => write!(f, "its {what} has changed since it was examined; run again"),
            Refused::Foreign => f.write_str("it belongs to somebody else; ask its owner"),
            Refused::HardLinks(n) => write!(
                f,
                "the file has {n} names (hard links), and replacing it would tear them apart; copy it to a file of its own first"
            ),
            Refused::Mounted => f.write_str(
                "another file system is mounted on it (a container?), so that it cannot be replaced; end that first",
            ),
            Refused::ReadOnly => f.write_str("it is on a file system that is mounted read-only"),
            Refused::Full => f.write_str("the disk is full, or your quota of it; free some space and run again"),
            Refused::Denied(what) => write!(f, "there is no permission to {what}; check who owns its directory"),
            Refused::Locked(name) => {
                write!(f, "its tool is changing it ({name} is there); run again when that has ended")
            }
            Refused::Busy(name, id) => {
                write!(f, "{name} (process {id}) has it open; close that, then run again")
            }
            Refused::Fresh => f.write_str("it was written a moment ago; close what writes it, then run again"),
            Refused::Shell(name, id) => write!(
                f,
                "{name} (process {id}) is set up to write its history back from memory; close your shells of this kind, then run again"
            ),
            Refused::StillThere => {
                f.write_str("the change would not mend it, so nothing was changed; please report this rule")
            }
            Refused::Missing(what) => f.write_str(what),
            Refused::Overlap => f.write_str("another change touches the same place; run again for this one"),
            Refused::System(tried, said) => write!(f, "could not {tried}: {said}"),
        }
    }
}

impl std::error::Error for Refused {}
