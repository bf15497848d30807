//! Stops and disables a unit of the user's service manager, one that may be hostile: what it says should be done when it
//! stops must not be done, because that may be the very thing that it waits for.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What stopping a unit came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stopped {
    /// It is not running and does not start with the session.
    Stopped,
    /// No service manager of the user runs, so no unit does.
    NoManager,
}

/// Sorts after whatever a worm may have called its own.
const DROP_IN: &str = "zzzz-lapwing-stop.conf";
/// Nothing is run when it stops, and it is not started again.
const HARMLESS: &str =
    "[Service]\nExecStop=\nExecStopPost=\nExecReload=\nRestart=no\nSendSIGKILL=yes\nTimeoutStopSec=5\n";

/// Stops and disables a unit, and verifies that it is down.
pub(crate) fn stop(unit: &str) -> anyhow::Result<Stopped> {
    plain(unit)?;
    let Some(manager) = Manager::find()? else { return Ok(Stopped::NoManager) };
    let disarmed = manager.disarm(unit)?;
    let stopped = manager.end(unit);
    // What was put there to disarm it goes in any case.
    let cleaned = manager.clean(&disarmed);
    stopped?;
    cleaned?;
    Ok(Stopped::Stopped)
}

/// Lets the service manager see that units are gone. Without one there is nothing to do.
pub(crate) fn reload() -> anyhow::Result<()> {
    match Manager::find()? {
        Some(manager) => manager.run(&["daemon-reload"]).map(drop),
        None => Ok(()),
    }
}

/// A name that `systemctl` takes for nothing else.
fn plain(unit: &str) -> anyhow::Result<()> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    if unit.is_empty() || unit.starts_with(['-', '.']) || !unit.bytes().all(known) {
        bail!("`{unit}` is no name of a unit");
    }
    Ok(())
}

/// The user's service manager.
struct Manager {
    runtime: PathBuf,
}

impl Manager {
    /// The one that runs, if one does.
    fn find() -> anyhow::Result<Option<Manager>> {
        let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) else { return Ok(None) };
        if rustix::fs::stat(runtime.join("systemd/private")).is_err() {
            return Ok(None);
        }
        let manager = Manager { runtime };
        let asked = manager.run(&["show", "--property=Version"]);
        asked.context("the service manager does not answer, so units cannot be stopped")?;
        Ok(Some(manager))
    }

    /// What it says. Its own words when it fails.
    fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("systemctl");
        command.args(["--user", "--no-pager", "--no-ask-password"]).args(args).env("LC_ALL", "C");
        let out = command.stdin(Stdio::null()).output().context("`systemctl` cannot be started")?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!("`systemctl --user {}` failed: {}", args.join(" "), said.trim().replace('\n', "; "));
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    fn property(&self, unit: &str, name: &str) -> anyhow::Result<String> {
        self.run(&["show", "--value", &format!("--property={name}"), "--", unit])
    }

    /// Takes from the unit what it would run when it stops. Lasts until the end of the session at most.
    fn disarm(&self, unit: &str) -> anyhow::Result<PathBuf> {
        let dir = self.runtime.join("systemd/user").join(format!("{unit}.d"));
        let file = dir.join(DROP_IN);
        let put = || -> std::io::Result<()> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            let mut options = std::fs::File::options();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&file)?;
            file.write_all(HARMLESS.as_bytes())
        };
        put().with_context(|| {
            format!("{} cannot be written, so {unit} cannot be stopped safely", file.display())
        })?;
        self.run(&["daemon-reload"])?;
        Ok(file)
    }

    /// What is loaded from no file cannot be disabled, and a unit that is not loaded cannot be stopped: what counts is what is
    /// true afterwards.
    fn end(&self, unit: &str) -> anyhow::Result<()> {
        let tried = [self.run(&["stop", "--", unit]), self.run(&["disable", "--", unit])];
        let why = || {
            let errors = tried.iter().filter_map(|t| t.as_ref().err());
            errors.map(|e| format!(" ({e})")).collect::<String>()
        };
        let state = self.property(unit, "ActiveState")?;
        if !matches!(state.as_str(), "inactive" | "failed") {
            bail!("{unit} is still {state}{}", why());
        }
        let enabled = self.property(unit, "UnitFileState")?;
        if matches!(enabled.as_str(), "enabled" | "enabled-runtime") {
            bail!("{unit} is stopped, but still {enabled}: it would start with your next session{}", why());
        }
        Ok(())
    }

    fn clean(&self, file: &Path) -> anyhow::Result<()> {
        let removed = std::fs::remove_file(file);
        if let Some(dir) = file.parent() {
            // Others may have something there.
            let _ = std::fs::remove_dir(dir);
        }
        removed.with_context(|| format!("{} cannot be removed", file.display()))?;
        self.run(&["daemon-reload"]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_units_reach_the_service_manager() {
        for unit in ["gh-token-monitor.service", "a@b.timer", "x\\x2dy.service"] {
            assert!(plain(unit).is_ok(), "{unit}");
        }
        for unit in ["", "--now", "a b.service", "../x.service", "a;b"] {
            assert!(plain(unit).is_err(), "{unit}");
        }
    }
}
