//! A registry's token becomes a reference to a variable, which only npm gets, from the keyring.

use super::{Mover, Moving};
use crate::fix::kept::{
    Shell, UNDO, added, appended, assigned, by_hand, edited, name, other, start_up, taken, wrapper,
};
use crate::fix::plan::{Draft, Step, Store};
use crate::secret::Secret;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "keeps the token in the keyring, and writes a reference in its place";
const ELSE: &str = "the token can be kept in the keyring";

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let yarn = moving.target.path.ends_with(".yarnrc.yml");
    let program = if yarn { "yarn" } else { "npm" };
    let bytes = moving.target.bytes;
    let whole = moving.at == moving.entry.span && bytes.get(moving.at.0..moving.at.1) == Some(moving.secret);
    if !whole || moving.target.path.ends_with("/auth.ini") {
        return None;
    }
    let Some((rc, shell)) = start_up(moving.facts) else {
        return Some(by_hand(ELSE, "your shell is none that this knows how to hand the token over with"));
    };
    let host = host(&moving.entry.key);
    let name = name(&[program, &host]);
    let variable = variable(program, &host);
    let text = wrapper(shell, program, &variable, &name);
    let known = moving.facts.read(rc).known().unwrap_or_default();
    let change = |bytes: &[u8]| match wrapped(bytes, shell, program) {
        Wrapped::No => Some(vec![appended(bytes, &text)]),
        Wrapped::Ours(at) => Some(vec![added(at, assigned(shell, &variable, &name))]),
        Wrapped::Theirs => None,
    };
    if matches!(wrapped(&known, shell, program), Wrapped::Theirs) {
        return Some(by_hand(
            ELSE,
            format!("{rc} has a function `{program}` already: hand {variable} over there"),
        ));
    }
    let step = other(rc, moving.facts, change, &text)?;
    let (start, end) = moving.at;
    // Yarn refuses to start without a variable that has no default.
    let reference = if yarn { format!("${{{variable}-}}") } else { format!("${{{variable}}}") };
    let quoted = start > 0 && matches!(bytes[start - 1], b'"' | b'\'');
    let reference = if yarn && !quoted { format!("\"{reference}\"") } else { reference };
    let steps = vec![
        Step::Keep {
            store: Store::Keyring { name: name.clone() },
            secret: Secret::new(moving.secret.to_vec()),
        },
        step,
        edited(moving.target, vec![taken(start, end, reference)]),
    ];
    let mut draft = Draft::new(format!("{WHAT}; a function in {rc} hands it to {program}"), steps);
    draft.left.push(format!(
        "{program} that is started by an editor or a script, not by your shell, does not get the token: there, set {variable} \
         from `lapwing secret get {name}`"
    ));
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// A function that starts a program already.
enum Wrapped {
    No,
    /// One of ours, to which another variable can be added here.
    Ours(usize),
    Theirs,
}

fn wrapped(known: &[u8], shell: Shell, program: &str) -> Wrapped {
    let head = match shell {
        Shell::Fish => format!("function {program} "),
        Shell::Posix => format!("{program}()"),
    };
    let Some(at) = memchr::memmem::find(known, head.as_bytes()) else { return Wrapped::No };
    let ours = match shell {
        Shell::Fish => format!("function {program} --wraps {program}\n    "),
        Shell::Posix => format!("{program}() {{ "),
    };
    let body = at + ours.len();
    let looks_up = known[at..].starts_with(ours.as_bytes())
        && known[body..]
            .split(|b| *b == b'\n')
            .next()
            .is_some_and(|line| memchr::memmem::find(line, b"lapwing secret get ").is_some());
    if looks_up { Wrapped::Ours(body) } else { Wrapped::Theirs }
}

/// `//registry.npmjs.org/:_authtoken` is about `registry.npmjs.org`.
fn host(key: &str) -> String {
    let about = key.strip_prefix("//").and_then(|k| k.split(['/', ':']).next()).unwrap_or_default();
    about.to_owned()
}

fn variable(program: &str, host: &str) -> String {
    let base = if program == "yarn" { "YARN_NPM_TOKEN" } else { "NPM_TOKEN" };
    if host.is_empty() || host == "registry.npmjs.org" {
        return base.to_owned();
    }
    let host: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("{base}_{host}")
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    fn one(path: &str, text: &str, home: Home) -> (String, Plan) {
        let text = fill(text, "npm");
        let plan = plans(&Engine::builtin(), &home.file(path, &text), path).remove(0).1;
        (text, plan)
    }

    #[test]
    fn npm_gets_the_token_from_a_function() {
        let home = Home::default().var("SHELL", "/bin/bash").file("~/.bashrc", "alias ll='ls -l'\n");
        let (text, plan) = one("~/.npmrc", "//npm.company.test/:_authToken={{alnum:40}}\n", home);
        let [Step::Keep { store, .. }, Step::Edit { path, edits: rc, .. }, Step::Edit { edits, .. }] =
            &plan.steps[..]
        else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        assert!(matches!(store, Store::Keyring { name } if name == "npm-npm.company.test"));
        assert_eq!(path, "~/.bashrc");
        let rc = String::from_utf8(apply(b"alias ll='ls -l'\n", rc).unwrap()).unwrap();
        let want = "npm() { NPM_TOKEN_NPM_COMPANY_TEST=\"$(lapwing secret get npm-npm.company.test)\" command npm \"$@\"; }\n";
        assert!(rc.ends_with(want), "{rc}");
        let after = apply(text.as_bytes(), edits).unwrap();
        assert_eq!(after, b"//npm.company.test/:_authToken=${NPM_TOKEN_NPM_COMPANY_TEST}\n");
    }

    #[test]
    fn a_second_registry_goes_into_the_same_function() {
        for (shell, rc) in [("/bin/bash", "~/.bashrc"), ("/usr/bin/fish", "~/.config/fish/config.fish")] {
            let home = || Home::default().var("SHELL", shell);
            let text = |n| format!("//{n}.example/:_authToken={{{{alnum:40}}}}\n");
            let (_, plan) = one("~/.npmrc", &text("a"), home());
            let Step::Create { bytes, .. } = &plan.steps[1] else { panic!("{}", plan.summary) };
            let first = String::from_utf8(bytes.clone()).unwrap();
            let (_, plan) = one("~/.npmrc", &text("b"), home().file(rc, &first));
            let Step::Edit { edits, .. } = &plan.steps[1] else { panic!("{}", plan.summary) };
            let both = String::from_utf8(apply(first.as_bytes(), edits).unwrap()).unwrap();
            assert_eq!(both.lines().count(), first.lines().count(), "{both}");
            for name in ["npm-a.example", "npm-b.example", "NPM_TOKEN_A_EXAMPLE=", "NPM_TOKEN_B_EXAMPLE="] {
                assert_eq!(both.matches(name).count(), 1, "{both}");
            }
        }
    }

    #[test]
    fn yarn_starts_without_the_variable_too() {
        let home = Home::default().var("SHELL", "/usr/bin/zsh");
        let (text, plan) = one("~/.yarnrc.yml", "npmAuthToken: {{alnum:40}}\n", home);
        let Some(Step::Edit { edits, .. }) = plan.steps.last() else { panic!("{}", plan.summary) };
        assert_eq!(apply(text.as_bytes(), edits).unwrap(), b"npmAuthToken: \"${YARN_NPM_TOKEN-}\"\n");
    }

    #[test]
    fn an_unknown_shell_or_a_function_of_ones_own_stays_with_people() {
        let text = "//registry.npmjs.org/:_authToken={{alnum:40}}\n";
        let own = Home::default().var("SHELL", "/bin/bash").file("~/.bashrc", "npm() { nice npm; }\n");
        for home in [Home::default().var("SHELL", "/bin/ion"), own] {
            let (_, plan) = one("~/.npmrc", text, home);
            assert!(plan.safety == Safety::Manual && plan.summary.starts_with("left to you: "));
        }
    }
}
