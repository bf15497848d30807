//! Which program a command line runs.

/// Programs that run the file that they are given.
const INTERPRETERS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "fish", "python", "node", "nodejs", "bun", "deno", "perl", "ruby", "env",
    "setsid", "nohup",
];
/// What an interpreter's first word may be where it is no file.
const SUBCOMMANDS: &[&str] = &["run", "exec"];

/// Whether a command line runs this program: the program itself, or the script that an interpreter is given. Somebody who
/// looks at the file in an editor does not run it.
#[must_use]
pub fn runs(argv: &[String], program: &str) -> bool {
    let mut words = argv.iter().map(String::as_str);
    let Some(mut word) = words.next() else { return false };
    // As often as interpreters start one another: `env python3 -u x.py`.
    for _ in 0..4 {
        if ends(word, program) {
            return true;
        }
        if !interprets(word) {
            return false;
        }
        let skip = |w: &&str| w.starts_with('-') || w.contains('=') || SUBCOMMANDS.contains(w);
        let Some(next) = words.by_ref().find(|w| !skip(w)) else { return false };
        word = next;
    }
    false
}

/// `python3.11` is a Python.
fn interprets(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.trim_start_matches('-').trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&name)
}

/// Whether a path ends in these segments.
fn ends(path: &str, segments: &str) -> bool {
    path.strip_suffix(segments).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    fn runs(line: &str, program: &str) -> bool {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        super::runs(&argv, program)
    }

    #[test]
    fn a_program_is_itself_or_the_script_of_an_interpreter() {
        for line in [
            "/home/dev/.local/bin/mon.sh",
            "mon.sh --loop",
            "/bin/bash /home/dev/.local/bin/mon.sh",
            "-bash mon.sh",
            "/usr/bin/env bash -eu /home/dev/.local/bin/mon.sh 60",
            "python3.11 -u /x/mon.sh",
            "bun run mon.sh",
        ] {
            assert!(runs(line, "mon.sh"), "{line}");
        }
        assert!(runs("python3 /home/dev/.local/share/kitty/cat.py", "kitty/cat.py"));
    }

    #[test]
    fn looking_at_its_file_is_not_running_it() {
        for line in
            ["vim /home/dev/.local/bin/mon.sh", "cat mon.sh", "bash", "bash other.sh mon.sh", "", "xmon.sh"]
        {
            assert!(!runs(line, "mon.sh"), "{line}");
        }
        assert!(!runs("python3 /opt/cat.py", "kitty/cat.py"));
    }
}
