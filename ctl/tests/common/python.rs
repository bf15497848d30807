//! Programs written in Python, from the package index: installed once for a checkout, each set in an environment of its own.

use super::{must, tool};
use std::path::{Path, PathBuf};
use std::process::Command;

const PIP: &str = "pip==26.2";
const PROGRAMS: [&str; 2] = ["keyring==25.7.0", "twine==7.0.0"];

/// The directory of a `pip` that has nothing beside it.
pub(crate) fn pip() -> PathBuf {
    environment("pip", &[PIP])
}

/// The directory of `keyring` and `twine`, with a `pip` of theirs.
pub(crate) fn programs() -> PathBuf {
    environment("programs", &[&[PIP], &PROGRAMS[..]].concat())
}

/// An environment with these packages; whoever comes first makes it, the others wait.
fn environment(name: &str, packages: &[&str]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
    std::fs::create_dir_all(&dir).unwrap();
    let lock = std::fs::File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    let (made, bin) = (dir.join("made"), dir.join("venv/bin"));
    if std::fs::read_to_string(&made).is_ok_and(|m| m == packages.join(" ")) {
        return bin;
    }
    must(Command::new(tool("python3")).args(["-m", "venv", "--clear"]).arg(dir.join("venv")));
    let mut install = Command::new(bin.join("python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    must(&mut install);
    std::fs::write(&made, packages.join(" ")).unwrap();
    bin
}
