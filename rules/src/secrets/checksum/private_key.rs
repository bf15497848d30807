//! Private keys: a block that parses and is not encrypted is proved; an encrypted one does no harm; a body that was
//! left out is no key at all.

use super::{Checksum, Evidence, Mend, Proof};
use crate::keys::{self, NoKey};

pub(crate) const CHECKSUM: Checksum = Checksum { check: |seen| check(seen.secret()), mend: Mend::None };

fn check(block: &[u8]) -> Evidence {
    match keys::parse(block) {
        Ok(key) if key.locked => Proof::Harmless.into(),
        Ok(key) => {
            let said = Evidence::from(Proof::Holds("it parses and has no passphrase"));
            let said = if key.kind.is_empty() { said } else { said.tell(key.kind) };
            said.name("comment", std::str::from_utf8(&key.comment).ok().map(impersonal))
        }
        Err(NoKey::Blank) => Proof::Harmless.into(),
        Err(NoKey::Broken) => Proof::Fails("it does not parse: truncated, changed or made up").into(),
    }
}

/// A comment is mostly `user@machine`: the user's name is left out, as in all that is shown.
fn impersonal(comment: &str) -> &str {
    comment.rfind('@').map_or(comment, |at| &comment[at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    fn proof(template: &str) -> Proof {
        check(fill(template, "proof").as_bytes()).proof
    }

    #[test]
    fn plain_keys_are_proved_and_locked_ones_are_no_finding() {
        for kind in ["openssh", "rsa", "pkcs8", "ec", "dsa", "putty"] {
            assert!(matches!(proof(&format!("{{{{pem:{kind}}}}}")), Proof::Holds(_)), "{kind}");
        }
        for kind in ["openssh-locked", "openssh-sk", "rsa-locked", "pkcs8-locked", "putty-locked"] {
            assert_eq!(proof(&format!("{{{{pem:{kind}}}}}")), Proof::Harmless, "{kind}");
        }
    }

    #[test]
    fn noise_in_a_key_s_clothes_is_demoted() {
        let text = fill("{{pem:rsa}}", "proof");
        let (head, tail) = (text.lines().next().unwrap(), text.lines().last().unwrap());
        let noise = fill("{{base64:640}}", "noise");
        assert!(matches!(check(format!("{head}\nMIIE{noise}\n{tail}").as_bytes()).proof, Proof::Fails(_)));
        assert_eq!(check(format!("{head}\n{noise}\n{tail}").as_bytes()).proof, Proof::Harmless);
        assert_eq!(check(format!("{head}\n...\n{tail}").as_bytes()).proof, Proof::Harmless);
    }

    #[test]
    fn kind_and_comment_without_a_name() {
        let note = check(fill("{{pem:openssh}}", "proof").as_bytes()).note();
        assert_eq!(note.as_deref(), Some("it parses and has no passphrase; Ed25519; comment made"));
        assert_eq!(impersonal("me@laptop"), "@laptop");
    }
}
