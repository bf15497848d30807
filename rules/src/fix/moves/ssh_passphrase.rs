//! A private key gets a passphrase where it is: OpenSSH's own program asks for it in the terminal.

use super::{Mover, Moving};
use crate::fix::kept::{by_hand, program};
use crate::fix::plan::{Draft, Step};
use crate::rule::Safety;

pub(crate) const MOVER: Mover = Mover { plan };

const PROGRAM: &str = "ssh-keygen";

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let target = moving.target;
    // The file is the key, and of a kind that the program writes.
    let whole = target.bytes.trim_ascii() == moving.secret.trim_ascii();
    if !whole || !moving.secret.starts_with(b"-----BEGIN ") || !target.path.starts_with("~/.ssh/") {
        return None;
    }
    if program(PROGRAM, &[], moving.facts).is_none() {
        return Some(by_hand(
            "a key gets its passphrase from OpenSSH",
            format!("`{PROGRAM}` is not on your search path"),
        ));
    }
    let argv = [PROGRAM, "-p", "-f", target.path].map(str::to_owned).to_vec();
    let why = "it asks for a new passphrase, twice; what you type goes to it alone".to_owned();
    let mut draft =
        Draft::new("gives the key a passphrase, which you choose now", vec![Step::Guide { argv, why }]);
    draft
        .left
        .push("copies of the key that were made before, in backups too, still open without one".to_owned());
    draft.left.push(
        "your agent asks for it once a session; programs that use the key unattended need a key of their own"
            .to_owned(),
    );
    draft.safety = Some(Safety::Review);
    Some(draft)
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::plan::Step;
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    fn home(path: &str, text: &str) -> Home {
        Home::default()
            .var("PATH", "/usr/bin")
            .file_mode("/usr/bin/ssh-keygen", b"", 0o755)
            .file(path, &fill(text, "key"))
    }

    #[test]
    fn the_user_is_asked_for_a_passphrase() {
        for text in ["{{pem:openssh}}\n", "{{pem:rsa}}\n"] {
            let path = "~/.ssh/id_ed25519";
            let (_, plan) = plans(&Engine::builtin(), &home(path, text), path).remove(0);
            let [Step::Guide { argv, .. }] = &plan.steps[..] else { panic!("{}", plan.summary) };
            assert_eq!(argv.join(" "), "ssh-keygen -p -f ~/.ssh/id_ed25519");
            assert!(!plan.credential && plan.safety == Safety::Review);
        }
    }

    #[test]
    fn a_key_in_another_text_stays_with_people() {
        for (path, text) in
            [("~/.ssh/id_a", "# mine\n{{pem:openssh}}\n"), ("~/notes/key.pem", "{{pem:openssh}}\n")]
        {
            let plans = plans(&Engine::builtin(), &home(path, text), path);
            assert!(plans.iter().all(|(_, plan)| plan.steps.is_empty()), "{path}");
        }
    }
}
