//! Docker's credential helper for the Secret Service, by its own protocol.

use super::tool::ask;
use super::{Found, Kept};
use serde::{Deserialize, Serialize};
use std::process::Command;
use zeroize::{Zeroize, Zeroizing};

const HELPER: &str = "docker-credential-secretservice";

/// As the protocol has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credential {
    #[serde(rename = "ServerURL")]
    server_url: String,
    username: String,
    secret: String,
}

impl Drop for Credential {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

pub(super) fn put(server: &str, username: &str, secret: &[u8]) -> Result<(), Kept> {
    // The helper keeps one for each server.
    if let Some(other) = ask_for(server)? {
        let name = &other.username;
        return Err(Kept::Tool(format!(
            "the password of {name} is in Docker's helper, for {server}, already, and stays: `docker logout {server}` removes \
             it, then run this again"
        )));
    }
    let text = std::str::from_utf8(secret);
    let secret =
        text.map_err(|_| Kept::Tool("the password is no text, which Docker's helper asks for".to_owned()))?;
    let credential = Credential {
        server_url: server.to_owned(),
        username: username.to_owned(),
        secret: secret.to_owned(),
    };
    let input = serde_json::to_vec(&credential).map(Zeroizing::new);
    let said = ask(command("store"), &input.unwrap_or_default())?;
    if said.success {
        Ok(())
    } else {
        Err(Kept::Tool(format!("`{HELPER}` does not take the password; is the keyring locked?")))
    }
}

pub(super) fn get(server: &str, username: &str) -> Result<Found, Kept> {
    let ours = ask_for(server)?.filter(|c| c.username == username);
    Ok(ours.map(|c| Zeroizing::new(c.secret.clone().into_bytes())))
}

fn ask_for(server: &str) -> Result<Option<Credential>, Kept> {
    let said = ask(command("get"), server.as_bytes())?;
    // What is not there is told by the exit code, as is everything else.
    Ok(said.success.then(|| serde_json::from_slice::<Credential>(&said.out).ok()).flatten())
}

pub(super) fn remove(server: &str) -> Result<(), Kept> {
    ask(command("erase"), server.as_bytes()).map(drop)
}

fn command(what: &str) -> Command {
    let mut command = Command::new(HELPER);
    command.arg(what);
    command
}
