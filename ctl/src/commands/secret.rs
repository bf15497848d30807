//! `lapwing secret …`: what `lapwing fix` has moved into the keyring, for the scripts and start-up files that look it up.

use super::Session;
use crate::apply::keep::{ALL, attributes, label};
use crate::cli::Secret;
use crate::dates;
use crate::exit::{Exit, usage};
use crate::render::words::{clean, hang};
use crate::vault::{self, Trouble};
use serde::Serialize;
use std::io::{IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// No secret is longer.
const LONGEST: u64 = 1 << 20;

pub(super) fn run(session: &mut Session, command: &Secret) -> anyhow::Result<Exit> {
    match command {
        Secret::Get { name, show } => get(session, name, *show),
        Secret::Set { name } => set(session, name),
        Secret::List => list(session),
        Secret::Remove { name } => remove(session, name),
    }
}

/// Prints the secret and nothing else, without a line end: whoever asks gets exactly what was put in.
fn get(session: &mut Session, name: &str, show: bool) -> anyhow::Result<Exit> {
    plain(name)?;
    if session.out.is_terminal() && !show {
        let name = clean(name);
        return Err(usage(format!(
            "this would print the secret on your screen; use it where it is needed, as `\"$(lapwing secret get {name})\"`, or add --show"
        )));
    }
    let Some(secret) = vault::get(&attributes(name))? else { return Err(unknown(name)) };
    session.out.write_all(&secret)?;
    if session.out.is_terminal() {
        writeln!(session.out)?;
    }
    Ok(Exit::Clean)
}

/// Takes the secret from standard input: on a command line everybody could read it.
fn set(session: &mut Session, name: &str) -> anyhow::Result<Exit> {
    plain(name)?;
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(usage(format!(
            "give the secret on standard input, not at the prompt: `wl-paste -n | lapwing secret set {}`",
            clean(name)
        )));
    }
    let mut secret = Zeroizing::new(Vec::new());
    input.lock().take(LONGEST + 1).read_to_end(&mut secret)?;
    let line = secret.strip_suffix(b"\n").unwrap_or(&secret);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || secret.len() as u64 > LONGEST {
        return Err(usage("standard input held no secret, or more than 1 MiB"));
    }
    vault::put(&label(name), &attributes(name), line, true)?;
    say(session, &format!("The keyring has it now, as `{}`.", clean(name)))
}

fn remove(session: &mut Session, name: &str) -> anyhow::Result<Exit> {
    plain(name)?;
    if !vault::remove(&attributes(name))? {
        return Err(unknown(name));
    }
    let text = format!("`{}` is gone from the keyring. What looks it up gets nothing any more.", clean(name));
    say(session, &text)
}

/// One secret of the list.
#[derive(Serialize)]
struct Known {
    name: String,
    created: u64,
}

fn list(session: &mut Session) -> anyhow::Result<Exit> {
    let json = session.json()?;
    let entries = match vault::list(&ALL) {
        // Without a keyring nothing is in it.
        Err(Trouble::None) if !json => {
            session.out.remark("warning", &Trouble::None.to_string());
            Vec::new()
        }
        other => other?,
    };
    let known = entries.into_iter().filter_map(|mut e| {
        let name = e.attributes.remove("name")?;
        Some(Known { name, created: e.created })
    });
    let mut known: Vec<Known> = known.collect();
    known.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        session.print_json(&known)?;
        return Ok(Exit::Clean);
    }
    let widest = known.iter().map(|k| k.name.len()).max().unwrap_or_default();
    for k in &known {
        let since = dates::day(i64::try_from(k.created).unwrap_or_default());
        writeln!(session.out, "{:widest$}  since {since}", clean(&k.name))?;
    }
    if known.is_empty() && !session.global.quiet {
        writeln!(session.out, "The keyring holds no secret of `lapwing secret`.")?;
    }
    Ok(Exit::Clean)
}

fn say(session: &mut Session, text: &str) -> anyhow::Result<Exit> {
    if !session.global.quiet {
        let width = session.out.width();
        hang(&mut session.out, "", "", text, width)?;
    }
    Ok(Exit::Clean)
}

fn unknown(name: &str) -> anyhow::Error {
    usage(format!(
        "the keyring has no secret `{}`; `lapwing secret list` shows those that it has",
        clean(name)
    ))
}

/// A name that stands in a command without quotes.
fn plain(name: &str) -> anyhow::Result<()> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let good = !name.is_empty() && name.len() <= 80 && !name.starts_with('-') && name.bytes().all(known);
    if good { Ok(()) } else { Err(usage("a name has letters, digits, `.`, `-` and `_`, 80 at most")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for name in ["github-token", "npm-registry.npmjs.org", "A_1"] {
            assert!(plain(name).is_ok(), "{name}");
        }
        for name in ["", "-x", "a b", "a/b", "a;b", "$(x)", &"a".repeat(81)] {
            assert!(plain(name).is_err(), "{name}");
        }
    }
}
