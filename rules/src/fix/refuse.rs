//! Worms first: while something says that this machine is compromised, no fix may take a credential away.
//!
//! Known worms leave a service that asks every minute whether the token that it stole still works, and deletes the home when
//! it does not. To revoke, move or delete a credential is what sets it off. So the order is: stop it, put its files aside,
//! see that nothing of it runs, and only then rotate.

use super::plan::Plan;
use crate::indicators::PREFIX;

/// An indicator of compromise that is open: there, and nobody has decided to live with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// The finding, as people type it: `F-7K3Q2MAB`.
    pub id: String,
    /// Its rule.
    pub rule: String,
    /// Its rule's title.
    pub title: String,
}

/// Why a plan is not applied, and what to do first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The reason, as a sentence without a full stop.
    pub why: String,
    /// What to do before, in order, one line each.
    pub first: Vec<String>,
}

/// Whether a plan must wait for these indicators. Plans that mend an indicator never do, and plans that take no credential
/// away may go on.
#[must_use]
pub fn refuse(plan: &Plan, open: &[Open]) -> Option<Refusal> {
    let first = open.first()?;
    if !takes_credential(plan) || plan.rule.starts_with(PREFIX) {
        return None;
    }
    let more = match open.len() {
        1 => String::new(),
        n => format!(", and {} more like it", n - 1),
    };
    let why = format!(
        "this machine shows signs of a worm ({}: {}{more}). Some worms wipe the home when a credential that they stole stops \
         working, so nothing that takes one away is done before the worm is gone",
        first.id, first.title
    );
    Some(Refusal { why, first: order(open) })
}

/// A plan says it; one that forgets to is caught by its steps.
fn takes_credential(plan: &Plan) -> bool {
    plan.credential || plan.steps.iter().any(super::plan::Step::secret)
}

/// A finding that has come back so often after it was mended is put there by something.
pub const OFTEN: u32 = 3;

/// Whether to mend a finding once more: not when something puts it back each time, which is then what to look for.
#[must_use]
pub fn cool_off(returns: u32) -> Option<Refusal> {
    if returns < OFTEN {
        return None;
    }
    Some(Refusal {
        why: format!(
            "something puts this back: it was mended and has come back {returns} times, so to mend it again changes nothing"
        ),
        first: vec![
            "find out what writes it: a tool's own settings, a synchronised folder, a script that runs at login, or malware".to_owned(),
            "`lapwing history` says when it came back each time".to_owned(),
            "stop that, then mend it once more by hand".to_owned(),
        ],
    })
}

/// What to do, in order.
#[must_use]
pub fn order(open: &[Open]) -> Vec<String> {
    let fixes = open.iter().map(|o| {
        format!(
            "lapwing fix {}: stops its units, moves its files into the quarantine, and checks that nothing of it runs",
            o.id
        )
    });
    let mut all = vec!["disconnect this machine from the network, if you can".to_owned()];
    all.extend(fixes);
    all.push("lapwing doctor: no indicator may be left".to_owned());
    all.push("then rotate every credential of this machine, from a machine that you trust".to_owned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::FindingId;
    use crate::fix::plan::{Edit, Step, Store};
    use crate::rule::Safety;
    use crate::secret::Secret;

    fn plan(rule: &str, credential: bool, steps: Vec<Step>) -> Plan {
        Plan {
            finding: FindingId([1; 16]),
            rule: rule.to_owned(),
            safety: Safety::Review,
            summary: String::new(),
            steps,
            left: Vec::new(),
            advice: String::new(),
            revoke: None,
            credential,
        }
    }

    fn open(id: &str) -> Open {
        Open { id: id.to_owned(), rule: "ioc.gh-token-monitor".to_owned(), title: "A worm".to_owned() }
    }

    #[test]
    fn what_takes_a_credential_away_waits_for_the_worm() {
        let steps = || {
            let store = Store::Keyring { name: "a".to_owned() };
            vec![Step::Keep { store, secret: Secret::new(b"x".to_vec()) }]
        };
        let taken = || {
            let edits = vec![Edit { start: 0, end: 1, with: Vec::new(), secret: true }];
            vec![Step::Edit { path: "~/a".to_owned(), guard: [0; 32], edits }]
        };
        for plan in [plan("a", true, Vec::new()), plan("a", false, steps()), plan("a", false, taken())] {
            assert_eq!(refuse(&plan, &[]), None);
            let refusal = refuse(&plan, &[open("F-1"), open("F-2")]).unwrap();
            assert!(refusal.why.contains("F-1") && refusal.why.contains("1 more"), "{}", refusal.why);
            let place = |what: &str| refusal.first.iter().position(|l| l.contains(what)).unwrap();
            assert!(place("fix F-1") < place("fix F-2") && place("fix F-2") < place("rotate"));
        }
    }

    #[test]
    fn what_comes_back_three_times_is_not_mended_in_a_loop() {
        assert!(cool_off(2).is_none());
        assert!(cool_off(OFTEN).unwrap().why.contains("something puts this back"));
    }

    #[test]
    fn what_takes_none_away_and_what_mends_the_worm_goes_on() {
        let edits = vec![Edit { start: 0, end: 1, with: Vec::new(), secret: false }];
        let setting = Step::Edit { path: "~/a".to_owned(), guard: [0; 32], edits };
        assert_eq!(refuse(&plan("git.tls-verify-off", false, vec![setting]), &[open("F-1")]), None);
        let worm = Step::Quarantine { path: "~/.config/gh-token-monitor".to_owned() };
        assert_eq!(refuse(&plan("ioc.gh-token-monitor", true, vec![worm]), &[open("F-1")]), None);
    }
}
