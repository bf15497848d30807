//! One at a time: who mends holds a lock in the state directory.

use super::refused::Refused;
use rustix::fs::{self as sys, FlockOperation, Mode, OFlags};
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// The right to change files, until it is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not used")] File);

impl Turn {
    /// Takes it; refused while another run has it.
    pub(crate) fn take(state: &Path) -> Result<Turn, Refused> {
        if state.as_os_str().is_empty() {
            return Err(Refused::Missing("there is no home directory to keep receipts in".to_owned()));
        }
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
        made.map_err(|e| Refused::from_io("make the state directory", &e))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = sys::open(state.join("fix.lock"), flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| Refused::from_errno("open the lock in the state directory", e))?;
        match sys::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Turn(File::from(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Refused::Missing(
                "another lapwing is changing files at this moment; run again when it has ended".to_owned(),
            )),
            Err(e) => Err(Refused::from_errno("take the lock in the state directory", e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let turn = Turn::take(&state).unwrap();
        assert!(Turn::take(&state).is_err());
        drop(turn);
        assert!(Turn::take(&state).is_ok());
    }
}
