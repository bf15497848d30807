//! Names the sources that judge files: what one program has found unchanged, another one of the same sources may believe.

#![expect(clippy::disallowed_methods, reason = "a build script reads its own source tree")]

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut sum = Sha256::new();
    for folder in ["../rules/packs", "../rules/src", "src"] {
        let folder = here.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        add(&folder, &mut sum);
    }
    let sum: String = sum.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
    println!("cargo::rustc-env=LAPWING_SOURCES={sum}");
}

fn add(path: &Path, sum: &mut Sha256) {
    let Ok(entries) = std::fs::read_dir(path) else {
        sum.update(std::fs::read(path).unwrap_or_default());
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        sum.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        add(&path, sum);
    }
}
