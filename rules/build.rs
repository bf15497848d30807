//! Derives the lists that would otherwise be kept by hand: every pack under `packs/`, every check under
//! `src/checks/`, every reader under `src/settings/readers/` and every checksum under `src/secrets/checksum/`
//! is found by its file name, so that adding one touches one file.

#![expect(
    clippy::use_debug,
    clippy::disallowed_methods,
    reason = "a build script quotes paths and reads its own source tree"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    write(&out.join("packs.rs"), &packs(&root, None));
    write(&out.join("packs_lean.rs"), &packs(&root, Some(&out.join("lean"))));
    write(&out.join("checks.rs"), &modules(&root.join("src/checks"), "Check", "CHECK"));
    write(&out.join("readers.rs"), &modules(&root.join("src/settings/readers"), "Reader", "READER"));
    write(&out.join("checksums.rs"), &modules(&root.join("src/secrets/checksum"), "Checksum", "CHECKSUM"));
}

/// `pub(crate) const PACKS: &[(folder, name, text)]`, sorted by path.
fn packs(root: &Path, lean: Option<&Path>) -> String {
    let mut code = String::from(
        "/// Every built-in pack: folder, path inside `packs/`, text.\npub(crate) const PACKS: &[(&str, &str, &str)] = &[\n",
    );
    for folder in ["places", "secrets", "settings"] {
        for file in files(&root.join("packs").join(folder), "toml") {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = lean.map_or_else(|| file.clone(), |dir| without_examples(&file, &dir.join(folder)));
            let _ = writeln!(
                code,
                "    ({folder:?}, \"{folder}/{name}\", include_str!({:?})),",
                file.display().to_string()
            );
        }
    }
    code + "];\n"
}

/// A copy of a pack without its examples, which are half of its text and which only tests read; the pack itself where that
/// cannot be made, so that the error is told where packs are read.
fn without_examples(file: &Path, dir: &Path) -> PathBuf {
    println!("cargo::rerun-if-changed={}", file.display());
    let lean = dir.join(file.file_name().unwrap_or_default());
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let Ok(mut table) = text.parse::<toml::Table>() else { return file.to_owned() };
    strip(&mut table);
    let written = toml::to_string(&table)
        .is_ok_and(|text| std::fs::create_dir_all(dir).is_ok() && std::fs::write(&lean, text).is_ok());
    if written { lean } else { file.to_owned() }
}

fn strip(table: &mut toml::Table) {
    table.remove("examples");
    table.remove("counter_examples");
    for (_, value) in table.iter_mut() {
        if let toml::Value::Array(items) = value {
            items.iter_mut().filter_map(toml::Value::as_table_mut).for_each(strip);
        }
    }
}

/// Declares each `*.rs` of a folder (but `mod.rs`) as a module and lists the constant that each exports.
fn modules(dir: &Path, kind: &str, constant: &str) -> String {
    let (mut mods, mut list) = (
        String::new(),
        format!("/// Every file of this folder.\npub(crate) const ALL: &[(&str, &{kind})] = &[\n"),
    );
    for file in files(dir, "rs") {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem == "mod" {
            continue;
        }
        let _ = writeln!(mods, "#[path = {:?}]\npub(crate) mod {stem};", file.display().to_string());
        let _ = writeln!(list, "    ({stem:?}, &{stem}::{constant}),");
    }
    format!("{mods}\n{list}];\n")
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", dir.display());
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    found.sort();
    found
}

fn write(path: &Path, text: &str) {
    if let Err(e) = std::fs::write(path, text) {
        println!("cargo::error=cannot write {}: {e}", path.display());
    }
}
