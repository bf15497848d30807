//! A registry's password goes to the credential helper of Docker, for this registry alone: `credsStore` would take the
//! others' passwords out of use.

use super::{Mover, Moving};
use crate::fix::kept::{UNDO, added, by_hand, edited, program, taken};
use crate::fix::plan::{Draft, Edit, Step, Store};
use crate::secret::Secret;
use data_encoding::BASE64;
use zeroize::Zeroizing;

pub(crate) const MOVER: Mover = Mover { plan };

const WHAT: &str = "hands the password to Docker's credential helper for the keyring";
const ELSE: &str = "Docker has a credential helper for the keyring";
const HELPER: &str = "docker-credential-secretservice";

fn plan(moving: &Moving<'_>) -> Option<Draft> {
    let bytes = moving.target.bytes;
    let registry = moving.entry.key.strip_prefix("auths.")?.strip_suffix(".auth")?;
    if moving.target.path.contains("/helm/") {
        return None;
    }
    if program(HELPER, &[], moving.facts).is_none() {
        let why = format!("{HELPER} is not installed (Debian and Ubuntu: golang-docker-credential-helpers)");
        return Some(by_hand(ELSE, why));
    }
    // Readers give keys in small letters; the helper is asked for the name as it is written.
    let server = written(bytes, moving.entry.span.0, registry)?;
    let decoded = Zeroizing::new(BASE64.decode(moving.entry.value.as_bytes()).ok()?);
    let colon = memchr::memchr(b':', &decoded)?;
    let username = std::str::from_utf8(&decoded[..colon]).ok()?.to_owned();
    let password = decoded[colon + 1..].to_vec();
    if username.is_empty() || password.is_empty() {
        return None;
    }
    let helper = helper(bytes, &server)?;
    let (start, end) = moving.entry.span;
    let mut edits = vec![taken(start, end, "")];
    edits.extend(helper);
    edits.sort_by_key(|e| e.start);
    let summary = format!("{WHAT} ({username} at {server}), and empties it in the file");
    let store = Store::Docker { server, username };
    let steps = vec![Step::Keep { store, secret: Secret::new(password) }, edited(moving.target, edits)];
    let mut draft = Draft::new(summary, steps);
    draft.left.push(UNDO.to_owned());
    draft.credential = true;
    Some(draft)
}

/// The registry's name as it is written before its password.
fn written(bytes: &[u8], before: usize, name: &str) -> Option<String> {
    let text = std::str::from_utf8(bytes.get(..before)?).ok()?;
    let lower = text.to_ascii_lowercase();
    let at = lower.rfind(&format!("\"{}\"", name.to_ascii_lowercase()))? + 1;
    text.get(at..at + name.len()).filter(|name| !name.contains(['\\', '"'])).map(str::to_owned)
}

/// What names the helper for this registry: nothing where it is named already, `None` where another one is.
fn helper(bytes: &[u8], server: &str) -> Option<Option<Edit>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let config: serde_json::Value = serde_json::from_str(text).ok()?;
    if config.get("credsStore").is_some() {
        return (config["credsStore"] == "secretservice").then_some(None);
    }
    match config.get("credHelpers") {
        Some(helpers) => match helpers.get(server) {
            Some(named) => (named == "secretservice").then_some(None),
            None => {
                let at = text.find("\"credHelpers\"")?;
                let open = at + text[at..].find('{')? + 1;
                let comma = if helpers.as_object()?.is_empty() { "" } else { "," };
                Some(Some(added(open, format!(" \"{server}\": \"secretservice\"{comma}"))))
            }
        },
        None => {
            let open = text.find('{')? + 1;
            Some(Some(added(open, format!("\n\t\"credHelpers\": {{ \"{server}\": \"secretservice\" }},"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;
    use crate::fix::edit::apply;
    use crate::fix::plan::{Plan, Step, Store};
    use crate::rule::Safety;
    use crate::testing::{Home, plans};
    use data_encoding::BASE64;

    const FILE: &str = "~/.docker/config.json";
    const SERVER: &str = "https://index.docker.io/v1/";

    fn one(rest: &str, helper: bool) -> (String, Plan) {
        let auth = BASE64.encode(crate::testing::fill("me:{{alnum:16}}", "docker").as_bytes());
        let text = format!("{{\"auths\": {{\"{SERVER}\": {{\"auth\": \"{auth}\"}}}}{rest}}}\n");
        let home = Home::default().var("PATH", "/usr/bin").file(FILE, &text);
        let home = if helper {
            home.file_mode("/usr/bin/docker-credential-secretservice", b"", 0o755)
        } else {
            home
        };
        let plan = plans(&Engine::builtin(), &home, FILE).remove(0).1;
        (text, plan)
    }

    fn after(rest: &str) -> serde_json::Value {
        let (text, plan) = one(rest, true);
        let [Step::Keep { store, .. }, Step::Edit { edits, .. }] = &plan.steps[..] else {
            panic!("{} {:?}", plan.summary, plan.left)
        };
        assert!(matches!(store, Store::Docker { server, username } if server == SERVER && username == "me"));
        serde_json::from_slice(&apply(text.as_bytes(), edits).unwrap()).unwrap()
    }

    #[test]
    fn the_helper_is_named_for_this_registry_alone() {
        for rest in ["", ", \"credHelpers\": {}", ", \"credHelpers\": {\"a.example\": \"pass\"}"] {
            let config = after(rest);
            assert_eq!(config["credHelpers"][SERVER], "secretservice", "{config}");
            assert_eq!(config["auths"][SERVER]["auth"], "", "{config}");
            assert!(config.get("credsStore").is_none());
        }
        assert!(after(", \"credsStore\": \"secretservice\"").get("credHelpers").is_none());
    }

    #[test]
    fn without_the_helper_or_with_another_it_stays_with_people() {
        let (_, plan) = one("", false);
        assert!(plan.safety == Safety::Manual && plan.summary.contains("docker-credential-secretservice"));
        assert!(one(", \"credsStore\": \"pass\"", true).1.safety == Safety::Manual);
    }
}
