//! Files that a configuration file pulls in. What is said there counts as much as in the file itself.

use super::entry::Entry;

/// The files that an entry of `file` includes, as `~/…` or absolute paths; the last segment may hold `*` and `?`
/// (ssh), for the caller to expand.
pub(crate) fn targets(reader: &str, file: &str, entry: &Entry) -> Vec<String> {
    match reader {
        "gitconfig" if git_include(&entry.key) => git(file, &entry.value).into_iter().collect(),
        "ssh_config" if entry.key == "include" => ssh(file, &entry.value),
        _ => Vec::new(),
    }
}

/// Whether an entry includes anything.
pub(crate) fn pulls(reader: &str, file: &str, entry: &Entry) -> bool {
    !targets(reader, file, entry).is_empty()
}

/// Whether a git key names a file to include, under a condition or not.
pub(crate) fn git_include(key: &str) -> bool {
    key == "include.path" || (key.starts_with("includeif.") && key.ends_with(".path"))
}

/// Relative to the including file.
fn git(file: &str, value: &str) -> Option<String> {
    let dir = file.rsplit_once('/').map_or(".", |(dir, _)| dir);
    resolve(dir, value)
}

/// Relative to `~/.ssh`, or to `/etc/ssh` from a file of the system; several patterns, quoted where they hold blanks.
fn ssh(file: &str, value: &str) -> Vec<String> {
    let dir = if file.starts_with("/etc/") { "/etc/ssh" } else { "~/.ssh" };
    words(value).iter().filter_map(|word| resolve(dir, word)).collect()
}

fn words(value: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = value.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// A path as a program reads it from a file in `dir`: `~/…`, absolute, or relative; `.` and `..` taken out. `None`
/// for another user's home, which nobody but the system can tell.
pub(crate) fn resolve(dir: &str, path: &str) -> Option<String> {
    let own = path == "~" || path.starts_with("~/");
    if path.is_empty() || (path.starts_with('~') && !own) {
        return None;
    }
    let whole = if own || path.starts_with('/') { path.to_owned() } else { format!("{dir}/{path}") };
    let mut kept: Vec<&str> = Vec::new();
    for (i, segment) in whole.split('/').enumerate() {
        match segment {
            "" | "." if i > 0 => {}
            // Above the root there is only the root; what is above the home has no short name.
            ".." if kept.len() > 1 => drop(kept.pop()),
            ".." if kept == [""] => {}
            ".." => return None,
            _ => kept.push(segment),
        }
    }
    Some(if kept == [""] { "/".to_owned() } else { kept.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reader: &str, file: &str, key: &str, value: &str) -> Vec<String> {
        let entry = Entry { key: key.to_owned(), value: value.to_owned(), ..Entry::default() };
        targets(reader, file, &entry)
    }

    #[test]
    fn git_includes() {
        let git = |file: &str, value: &str| of("gitconfig", file, "include.path", value);
        assert_eq!(git("~/.gitconfig", "~/.config/git/work"), ["~/.config/git/work"]);
        assert_eq!(git("~/.gitconfig", "/etc/git/site"), ["/etc/git/site"]);
        assert_eq!(git("~/.gitconfig", "work.inc"), ["~/work.inc"]);
        assert_eq!(git("~/.config/git/config", "../work/./x"), ["~/.config/work/x"]);
        assert_eq!(git("~/src/a/.git/config", "../.gitconfig"), ["~/src/a/.gitconfig"]);
        assert_eq!(git("/etc/gitconfig", "../../x"), ["/x"]);
        assert_eq!(git("~/.gitconfig", "~other/x"), Vec::<String>::new());
        assert_eq!(git("~/.gitconfig", "../../x"), Vec::<String>::new());
        assert_eq!(git("~/.gitconfig", ""), Vec::<String>::new());
        let conditional = of("gitconfig", "~/.gitconfig", "includeif.gitdir:~/w/.path", "w.inc");
        assert_eq!(conditional, ["~/w.inc"]);
        assert!(of("gitconfig", "~/.gitconfig", "core.pager", "less").is_empty());
    }

    #[test]
    fn ssh_includes() {
        let ssh = |file: &str, value: &str| of("ssh_config", file, "include", value);
        let both = ssh("~/.ssh/config", "config.d/* \"~/my keys/x\"");
        assert_eq!(both, ["~/.ssh/config.d/*", "~/my keys/x"]);
        assert_eq!(ssh("/etc/ssh/ssh_config", "ssh_config.d/*.conf"), ["/etc/ssh/ssh_config.d/*.conf"]);
    }
}
