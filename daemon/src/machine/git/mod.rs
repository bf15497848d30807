//! Repositories of git. What is staged and which commits a name stands for says the `git` program (`tool.rs`), which
//! knows every way to write these; objects are read by ourselves. That runs nothing, so that a repository somebody else
//! has prepared can do nothing, it maps no file into memory, and memory has a bound whatever an object says of its size.

pub(crate) mod delta;
pub(crate) mod objects;
pub(crate) mod pack;
pub(crate) mod tool;

use super::files;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A repository on this disk.
pub(crate) struct Repository {
    /// Where its objects and references are: `.git`, or a bare repository.
    pub(crate) dir: PathBuf,
    /// Its work tree, for those that have one and are asked for through it.
    pub(crate) tree: Option<PathBuf>,
    /// Bytes of an object's id.
    pub(crate) hash: usize,
    /// Only the newest commits were fetched.
    pub(crate) shallow: bool,
    /// Objects are fetched when they are asked for.
    pub(crate) partial: bool,
}

impl Repository {
    /// The repository that a path is in: itself, or the nearest above.
    pub(crate) fn of(path: &Path) -> Option<Repository> {
        let path = std::fs::canonicalize(path).ok()?;
        path.ancestors().find_map(|dir| {
            let own = dir.join(".git");
            let git = match rustix::fs::stat(&own) {
                Ok(stat) if files::kind(&stat) == rustix::fs::FileType::Directory => Some(own),
                Ok(_) => pointed(dir, &own, "gitdir: "),
                Err(_) => None,
            };
            let tree = git.as_ref().map(|_| dir.to_owned());
            let git = git.filter(|g| repository(g)).or_else(|| repository(dir).then(|| dir.to_owned()))?;
            Some(Repository::at(git, tree))
        })
    }

    /// The repository whose own directory this is.
    pub(crate) fn at(git: PathBuf, tree: Option<PathBuf>) -> Repository {
        // A further work tree has a directory of its own in that of the first, which keeps the objects.
        let dir = pointed(&git, &git.join("commondir"), "").unwrap_or(git);
        let config = files::read_small(&dir.join("config")).ok().flatten().unwrap_or_default();
        let config = crate::text::lossy(config).to_ascii_lowercase();
        let says = |key: &str, value: &str| {
            let mut lines = config.lines().filter_map(|l| l.split_once('='));
            lines.any(|(k, v)| k.trim() == key && v.trim().trim_matches('"') == value)
        };
        Repository {
            hash: if says("objectformat", "sha256") { 32 } else { 20 },
            shallow: rustix::fs::stat(dir.join("shallow")).is_ok_and(|s| s.st_size > 0),
            partial: says("promisor", "true") || config.contains("partialclone"),
            dir,
            tree,
        }
    }
}

/// Whether a directory is a repository's own.
pub(crate) fn repository(dir: &Path) -> bool {
    let is = |name: &str| rustix::fs::stat(dir.join(name)).is_ok();
    is("HEAD") && (is("objects") || is("commondir"))
}

/// The directory that a one-line file names, relative to `dir`.
fn pointed(dir: &Path, file: &Path, prefix: &str) -> Option<PathBuf> {
    let text = files::read_small(file).ok()??;
    let line = text.strip_prefix(prefix.as_bytes())?.trim_ascii_end();
    std::fs::canonicalize(dir.join(OsStr::from_bytes(line))).ok()
}
