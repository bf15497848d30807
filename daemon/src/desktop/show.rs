//! "Show": opens a terminal with `lapwing show`. The agent cannot start one itself: what it starts has no network and
//! cannot write, and a shell in there would be broken for the user. The user's service manager starts it instead; where
//! there is none, nothing is opened, and the notification has no such button.

use super::Problem;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zbus::Connection;
use zbus::zvariant::Value;

const MANAGER: &str = "org.freedesktop.systemd1";
const PATIENCE: Duration = Duration::from_secs(10);
/// Terminals, the one that the user has chosen first, with what stands before the command to run.
const TERMINALS: [(&str, &[&str]); 8] = [
    ("xdg-terminal-exec", &[]),
    ("x-terminal-emulator", &["-e"]),
    ("gnome-terminal", &["--"]),
    ("konsole", &["-e"]),
    ("kitty", &[]),
    ("alacritty", &["-e"]),
    ("foot", &[]),
    ("xterm", &["-e"]),
];
/// Shows what it is given, and waits, so that it can be read.
const SCRIPT: &str =
    "lapwing \"$@\"; printf '\\nPress Enter to close this window. '; read -r _ || sleep infinity";

/// A terminal and what stands before the command to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Terminal {
    program: PathBuf,
    before: Vec<String>,
}

impl Terminal {
    /// The terminal to use: what the desktop says, what `$TERMINAL` says, and then what is installed.
    pub(crate) fn find(variable: impl Fn(&str) -> Option<OsString>) -> Option<Terminal> {
        let path = variable("PATH").unwrap_or_default();
        let find = |name: &str| {
            // `join` takes an absolute name as it is.
            let mut files =
                std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
            files.find(|file| runs(file))
        };
        let chosen = variable("TERMINAL").and_then(|t| t.into_string().ok()).filter(|t| !t.is_empty());
        let (first, rest) = TERMINALS.split_first()?;
        let known = |(name, before): &(&str, &[&str])| {
            let program = find(name)?;
            Some(Terminal { program, before: before.iter().map(|s| (*s).to_owned()).collect() })
        };
        known(first)
            .or_else(|| {
                let name = chosen?;
                let base = Path::new(&name).file_name()?.to_str()?;
                let before = TERMINALS.iter().find(|(known, _)| *known == base).map_or(&["-e"][..], |t| t.1);
                let before = before.iter().map(|s| (*s).to_owned()).collect();
                Some(Terminal { program: find(&name)?, before })
            })
            .or_else(|| rest.iter().find_map(known))
    }

    /// What is to be run to show findings.
    fn command(&self, ids: &[String]) -> Result<Vec<String>, Problem> {
        let mut command = vec![self.program.to_str().ok_or(Problem::NoTerminal)?.to_owned()];
        command.extend(self.before.iter().cloned());
        command.extend(["sh", "-c", SCRIPT, "lapwing"].map(str::to_owned));
        match ids {
            [one] if is_id(one) => command.extend(["show".to_owned(), one.clone()]),
            [_] | [] => return Err(Problem::NotAnId),
            _ => command.push("list".to_owned()),
        }
        Ok(command)
    }
}

/// Opens a terminal with one finding, or with the list when there are several.
pub(crate) async fn show(session: &Connection, terminal: &Terminal, ids: &[String]) -> Result<(), Problem> {
    let command = terminal.command(ids)?;
    let unit = format!("app-lapwing-show-{}.service", crate::text::hex(&random()));
    let program = command[0].clone();
    let properties: Vec<(&str, Value<'_>)> = vec![
        ("Description", Value::from("Lapwing shows a finding")),
        ("ExecStart", Value::from(vec![(program, command, false)])),
        ("CollectMode", Value::from("inactive-or-failed")),
        ("Slice", Value::from("app.slice")),
        // A terminal that hands over to another process leaves it behind.
        ("RemainAfterExit", Value::from(false)),
        ("KillMode", Value::from("process")),
    ];
    let auxiliary: Vec<(&str, Vec<(&str, Value<'_>)>)> = Vec::new();
    let body = (unit.as_str(), "fail", properties, auxiliary);
    let manager = "org.freedesktop.systemd1.Manager";
    let call = session.call_method(
        Some(MANAGER),
        "/org/freedesktop/systemd1",
        Some(manager),
        "StartTransientUnit",
        &body,
    );
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Problem::NoServiceManager(crate::text::line(&error.to_string()))),
        Err(_) => Err(Problem::NoServiceManager("it does not answer".to_owned())),
    }
}

/// Whether a service manager of the user is on the bus, so that [`show`] has somebody to ask.
pub(crate) async fn can_show(session: &Connection) -> bool {
    crate::power::runs(session, MANAGER).await
}

/// Ids come back from a notification service: nothing else goes on a command line.
fn is_id(id: &str) -> bool {
    let rest = id.strip_prefix("F-").unwrap_or_default();
    !rest.is_empty() && rest.len() <= 32 && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn runs(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    // Two units of one name: the second is refused, and nothing worse.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make files of their own")]
    use super::*;

    fn programs(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let file = dir.path().join(name);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    fn found(dir: &Path, chosen: Option<&str>) -> Option<Terminal> {
        Terminal::find(|name| match name {
            "PATH" => Some(dir.as_os_str().to_owned()),
            "TERMINAL" => chosen.map(OsString::from),
            _ => None,
        })
    }

    #[test]
    fn the_desktops_choice_comes_first_then_the_users_then_what_is_there() {
        let dir = programs(&["xterm", "konsole", "mine", "xdg-terminal-exec"]);
        let name = |chosen| found(dir.path(), chosen).map(|t| t.program.file_name().unwrap().to_owned());
        assert_eq!(name(Some("mine")), Some("xdg-terminal-exec".into()));
        std::fs::remove_file(dir.path().join("xdg-terminal-exec")).unwrap();
        assert_eq!(name(Some("mine")), Some("mine".into()));
        assert_eq!(name(Some("gone")), Some("konsole".into()));
        assert_eq!(name(None), Some("konsole".into()));
        assert_eq!(found(programs(&[]).path(), None), None);
        // What cannot be run is none.
        std::fs::set_permissions(dir.path().join("konsole"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(name(None), Some("xterm".into()));
    }

    #[test]
    fn a_chosen_terminal_that_is_known_gets_its_own_words() {
        let dir = programs(&["kitty", "mine"]);
        let absolute = dir.path().join("kitty");
        assert!(found(dir.path(), absolute.to_str()).unwrap().before.is_empty());
        assert_eq!(found(dir.path(), Some("mine")).unwrap().before, ["-e"]);
    }

    #[test]
    fn nothing_but_an_id_goes_on_the_command_line() {
        let terminal = Terminal { program: "/usr/bin/xterm".into(), before: vec!["-e".to_owned()] };
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let command = terminal.command(&ids(&["F-7K3Q2MAB"])).unwrap();
        assert_eq!(command[..4], ["/usr/bin/xterm", "-e", "sh", "-c"]);
        assert_eq!(command[5..], ["lapwing", "show", "F-7K3Q2MAB"]);
        for id in ["", "F-", "--help", "F-a", "F-1;rm", "F-1 2", "$(id)"] {
            assert_eq!(terminal.command(&ids(&[id])), Err(Problem::NotAnId), "{id}");
        }
        assert_eq!(terminal.command(&ids(&["F-1", "$(id)"])).unwrap().last().unwrap(), "list");
    }
}
