//! Configuration: `/etc/lapwing/policy.d/*.toml` (the machine's, in order of name), then
//! `~/.config/lapwing/config.toml` (the user's). Later files win key by key.

use crate::machine::files;
use directories::BaseDirs;
use lapwing_rules::policy::Policy;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The machine's configuration.
pub const MACHINE: &str = "/etc/lapwing/policy.d";

/// The settings in force.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which rules are on.
    pub rules: Policy,
    /// What is examined.
    pub scan: Scan,
    /// How the agent goes about it.
    pub agent: Agent,
}

/// How the agent goes about it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Agent {
    /// Mildest finding that a notification tells of; `never` for none.
    pub notify: Notify,
    /// Most notifications in an hour.
    pub notices_per_hour: u8,
    /// Hours from one sweep of the whole home to the next.
    pub sweep_hours: NonZeroU16,
    /// Most directories that are watched; the others are only swept.
    pub max_watches: u32,
    /// Memory that the agent may have, in bytes, before it starts anew.
    pub max_memory: u64,
    /// Share of one processor that the agent may have over an hour, in percent, before it says so.
    pub max_cpu: u8,
    /// What the journal gets: `error`, `warn`, `info`, `debug`.
    pub log: String,
}

/// See [`Agent::notify`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// Only what is critical.
    Critical,
    /// What is high or worse.
    High,
    /// What is medium or worse.
    Medium,
    /// What is low or worse.
    Low,
    /// Nothing.
    Never,
}

impl Default for Agent {
    fn default() -> Agent {
        Agent {
            notify: Notify::High,
            notices_per_hour: 6,
            sweep_hours: NonZeroU16::new(24).unwrap_or(NonZeroU16::MIN),
            max_watches: 20_000,
            max_memory: 256 << 20,
            max_cpu: 25,
            log: "info".to_owned(),
        }
    }
}

/// What is examined.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Scan {
    /// Directories left out unless `--all`: `~/…` or `**/name`, `*` within a segment.
    pub skip: Vec<String>,
    /// Largest ordinary file examined unless `--all`, in bytes.
    pub max_file_size: u64,
    /// Largest history of a repository that `doctor` examines unless `--all`, in bytes of its packs; 0 for none.
    pub max_history_size: u64,
    /// Files or directories with rule packs of one's own.
    pub packs: Vec<PathBuf>,
}

/// Trees that tools fill with other people's files, and caches that can be made anew.
const SKIP: &[&str] = &[
    "**/node_modules",
    "**/site-packages",
    "**/.venv",
    "**/venv",
    "**/__pycache__",
    "**/.tox",
    "**/.mypy_cache",
    "**/.gradle/caches",
    "**/.terraform/providers",
    "**/target/debug",
    "**/target/doc",
    "**/target/release",
    "**/.git/objects",
    "~/.cache",
    "~/.cargo/registry",
    "~/.cargo/git",
    "~/.rustup",
    "~/.npm/_cacache",
    "~/.nvm/versions",
    "~/.pyenv/versions",
    "~/.m2/repository",
    "~/.ivy2/cache",
    "~/.local/share/Trash",
    "~/.local/share/containers/storage",
    "~/.local/share/flatpak",
    "~/.local/share/pnpm/store",
    "~/.local/share/uv",
    "~/.steam",
    "~/.var/app/*/cache",
    "~/go/pkg",
    "~/snap",
];

impl Default for Scan {
    fn default() -> Scan {
        let skip = SKIP.iter().map(|s| (*s).to_owned()).collect();
        Scan { skip, max_file_size: 512 << 20, max_history_size: 64 << 20, packs: Vec::new() }
    }
}

/// A configuration file that cannot be used: nothing is examined under half a policy.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// What is wrong, with line and column.
    pub why: String,
}

/// The settings in force and where they come from.
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Files that were read, in order.
    pub files: Vec<PathBuf>,
}

/// The user's configuration file, whether it exists or not.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    BaseDirs::new().map(|dirs| dirs.config_dir().join("lapwing/config.toml"))
}

/// Reads the machine's files and the user's.
pub fn load() -> Result<Loaded, ConfigError> {
    let mut files = machine_files();
    files.extend(user_file());
    load_from(&files)
}

/// Reads these files, later ones winning; those that do not exist are passed over.
pub fn load_from(files: &[PathBuf]) -> Result<Loaded, ConfigError> {
    let mut merged = Table::new();
    let mut read = Vec::new();
    for file in files {
        let fail = |why: String| ConfigError { file: file.display().to_string(), why };
        let Some(text) = files::read_config(file).map_err(fail)? else { continue };
        // Checked by itself first, so that an error names its file and line.
        toml::from_str::<Config>(&text).map_err(|e| fail(e.to_string().trim_end().to_owned()))?;
        let table = text.parse::<Table>().map_err(|e| fail(e.to_string()))?;
        merge(&mut merged, table);
        read.push(file.clone());
    }
    let config = Config::deserialize(Value::Table(merged));
    let config = config.map_err(|e| ConfigError { file: "configuration".to_owned(), why: e.to_string() })?;
    Ok(Loaded { config, files: read })
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn machine_files() -> Vec<PathBuf> {
    let mut files = files::list(Path::new(MACHINE)).unwrap_or_default();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn later_files_win_key_by_key() {
        let dir = tempfile::tempdir().unwrap();
        let a = file(dir.path(), "a.toml", "[rules]\noff = [\"a\"]\n[scan]\nmax-file-size = 5\n");
        let b = file(dir.path(), "b.toml", "[rules]\nprofile = \"strict\"\noff = [\"b\"]\n");
        let loaded = load_from(&[a, b, dir.path().join("absent.toml")]).unwrap();
        assert_eq!(loaded.config.rules.off, ["b"]);
        assert_eq!(loaded.config.scan.max_file_size, 5);
        assert!(loaded.config.rules.profile == lapwing_rules::rule::Profile::Strict);
        assert_eq!(loaded.files.len(), 2);
    }

    #[test]
    fn a_mistake_names_file_line_and_key() {
        let dir = tempfile::tempdir().unwrap();
        let a = file(dir.path(), "a.toml", "[scan]\nmax-size = 5\n");
        let error = load_from(std::slice::from_ref(&a)).err().unwrap().to_string();
        assert!(
            error.starts_with(&a.display().to_string())
                && error.contains("line 2")
                && error.contains("max-size"),
            "{error}"
        );
    }
}
