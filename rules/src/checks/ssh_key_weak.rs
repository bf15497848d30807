//! Keys that are too short for their algorithm, by content: the private file, encrypted or not, and its public half.

use super::{Check, Fix, Found, Run};
use crate::facts::{Fact, Facts};
use crate::keys::{self, Algorithm, Container, Public};
use crate::rule::{Profile, Safety, Severity};
use crate::target::Target;

pub(crate) const CHECK: Check = Check {
    id: "ssh.key-weak",
    title: "Weak key",
    severity: Severity::Medium,
    why: "Keys of this length are being given up: short ones can be computed from their public half, which every server has seen, and servers refuse them one after another.",
    advice: "Make a new key, add its public half wherever the old one is trusted, log in once with it, then remove the old one everywhere.",
    command: Some("ssh-keygen -t ed25519"),
    safety: Safety::Manual,
    profile: Profile::Default,
    references: &["https://man.openbsd.org/ssh-keygen", "https://doi.org/10.6028/NIST.SP.800-57pt1r5"],
    run: Run::File(run),
    fix: Fix::None,
};

/// Shorter keys are within reach of those who want them enough.
const SHORT: usize = 2048;
/// Shorter keys are not for the years to come.
const ENOUGH: usize = 3072;

fn run(target: &Target<'_>, facts: &dyn Facts) -> Vec<Found> {
    let weak = public(target, facts).filter(|(key, enough)| key.bits < *enough);
    let finding = weak.map(|(key, _)| {
        let name = match key.algorithm {
            Algorithm::Rsa => "RSA",
            Algorithm::Dsa => "DSA",
        };
        Found {
            preview: format!("{name}, {} bits", key.bits),
            severity: (key.bits < SHORT).then_some(Severity::High),
            same: Some(key.blob),
            ..Found::default()
        }
    });
    finding.into_iter().collect()
}

/// The public key that a file shows, and how long it should be.
fn public(target: &Target<'_>, facts: &dyn Facts) -> Option<(Public, usize)> {
    let at_home = target.path.starts_with("~/.ssh/");
    if let Some(key) = keys::public_file(target.bytes) {
        // Public keys of other people are their business, and who may log in is another check's.
        let private = target.path.strip_suffix(".pub")?;
        let own = at_home || matches!(facts.stat(private), Fact::Known(_));
        return own.then_some((key, ENOUGH));
    }
    let key = keys::in_file(target.bytes)?;
    // Elsewhere a key in PEM is as likely a server's, for which 2048 bits are the custom.
    let enough = if at_home || key.container != Container::Pem { ENOUGH } else { SHORT };
    Some((key.public?, enough))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::finding::Finding;
    use crate::testing::{Home, fill};
    use data_encoding::BASE64;

    fn found(home: &Home, path: &str) -> Option<Finding> {
        home.scan(&Engine::builtin(), path).findings.into_iter().find(|f| f.page.id == "ssh.key-weak")
    }

    fn severity(path: &str, key: &str) -> Option<Severity> {
        found(&Home::default().file(path, &fill(key, "weak")), path).map(|f| f.severity)
    }

    #[test]
    fn short_keys_by_length_and_place() {
        assert_eq!(severity("~/.ssh/id_rsa", "{{pem:rsa-1024}}"), Some(Severity::High));
        assert_eq!(severity("~/.ssh/work.pem", "{{pem:rsa-2048}}"), Some(Severity::Medium));
        assert_eq!(severity("~/.ssh/id_dsa", "{{pem:dsa}}"), Some(Severity::High));
        assert_eq!(severity("~/src/old.key", "{{pem:rsa-1024}}"), Some(Severity::High));
        assert_eq!(severity("~/src/server.key", "{{pem:rsa-2048}}"), None);
        assert_eq!(severity("~/.ssh/id_rsa", "{{pem:rsa}}"), None);
        assert_eq!(severity("~/.ssh/id_ed25519", "{{pem:openssh}}"), None);
        assert_eq!(severity("~/.ssh/notes", "see {{pem:rsa-1024}}"), None);
    }

    #[test]
    fn both_halves_are_one_finding() {
        let private = fill("{{pem:rsa-1024}}", "weak");
        let blob = keys::in_file(private.as_bytes()).and_then(|k| k.public).unwrap().blob;
        let line = format!("ssh-rsa {} me@laptop\n", BASE64.encode(&blob));
        let home = Home::default()
            .file("~/.ssh/id_rsa", &private)
            .file("~/.ssh/id_rsa.pub", &line)
            .file("~/.ssh/authorized_keys", &line)
            .file("~/src/ansible/files/alice.pub", &line);
        let ids: Vec<_> = ["~/.ssh/id_rsa", "~/.ssh/id_rsa.pub"]
            .iter()
            .map(|p| found(&home, p).unwrap().id.short())
            .collect();
        assert_eq!(ids[0], ids[1]);
        assert!(found(&home, "~/.ssh/authorized_keys").is_none());
        assert!(found(&home, "~/src/ansible/files/alice.pub").is_none());
    }
}
