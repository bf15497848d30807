//! Python's `keyring`, which pip and twine ask: through its own program, so that its own configuration says where things
//! are kept.

use super::tool::ask;
use super::{Found, Kept};
use std::process::Command;
use zeroize::Zeroizing;

pub(super) fn put(service: &str, username: &str, secret: &[u8]) -> Result<(), Kept> {
    // Without a line end some versions take the password for empty, and ask the terminal.
    let line = Zeroizing::new([secret, b"\n"].concat());
    let said = ask(command("set", service, username), &line)?;
    if said.success {
        Ok(())
    } else {
        Err(Kept::Tool(
            "`keyring set` failed: `keyring --list-backends` shows what it could keep passwords with"
                .to_owned(),
        ))
    }
}

pub(super) fn get(service: &str, username: &str) -> Result<Found, Kept> {
    let said = ask(command("get", service, username), b"")?;
    let line = said.out.strip_suffix(b"\n").unwrap_or(&said.out);
    Ok(said.success.then(|| Zeroizing::new(line.to_vec())))
}

pub(super) fn remove(service: &str, username: &str) -> Result<(), Kept> {
    ask(command("del", service, username), b"").map(drop)
}

fn command(what: &str, service: &str, username: &str) -> Command {
    let mut command = Command::new("keyring");
    command.args([what, service, username]);
    command
}
