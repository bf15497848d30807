//! Derives the lists that would otherwise be kept by hand: every pack under `packs/`, every check under
//! `src/checks/`, every reader under `src/settings/readers/`, every move under `src/fix/moves/` and every checksum
//! under `src/secrets/checksum/` is found by its file name, so that adding one touches one file.

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
    write(&out.join("packs.rs"), &packs(&root, &out));
    write(&out.join("checks.rs"), &modules(&root.join("src/checks"), "Check", "CHECK"));
    write(&out.join("readers.rs"), &modules(&root.join("src/settings/readers"), "Reader", "READER"));
    write(&out.join("moves.rs"), &modules(&root.join("src/fix/moves"), "Mover", "MOVER"));
    write(&out.join("checksums.rs"), &modules(&root.join("src/secrets/checksum"), "Checksum", "CHECKSUM"));
}

/// `pub(crate) static PACKS: &[(folder, name, text)]`, sorted by path. What is shipped is without the examples: nobody
/// reads them there, and a third of the text need not be read at each start. Tests and fuzz targets have them.
fn packs(root: &Path, out: &Path) -> String {
    let (mut whole, mut shipped) = (String::new(), String::new());
    for folder in ["indicators", "places", "secrets", "settings"] {
        for file in files(&root.join("packs").join(folder), "toml") {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bare = out.join(format!("{folder}-{name}"));
            println!("cargo::rerun-if-changed={}", file.display());
            write(&bare, &without_examples(&std::fs::read_to_string(&file).unwrap_or_default()));
            for (code, file) in [(&mut whole, &file), (&mut shipped, &bare)] {
                let path = file.display().to_string();
                let _ = writeln!(code, "    ({folder:?}, \"{folder}/{name}\", include_str!({path:?})),");
            }
        }
    }
    let table = |cfg: &str, list: &str| {
        format!(
            "/// Every built-in pack: folder, path inside `packs/`, text.\n#[cfg({cfg})]\n\
             pub(crate) static PACKS: &[(&str, &str, &str)] = &[\n{list}];\n"
        )
    };
    let tests = "any(test, feature = \"fuzzing\")";
    table(tests, &whole) + &table(&format!("not({tests})"), &shipped)
}

/// A pack that cannot be read stays as it is: a test names what is wrong with it.
fn without_examples(text: &str) -> String {
    let Ok(mut pack) = text.parse::<toml::Table>() else { return text.to_owned() };
    drop_examples(&mut pack);
    toml::to_string(&pack).unwrap_or_else(|_| text.to_owned())
}

fn drop_examples(table: &mut toml::Table) {
    table.remove("examples");
    table.remove("counter_examples");
    table.remove("fixed");
    for (_, rules) in table {
        let rules = rules.as_array_mut().into_iter().flatten();
        rules.filter_map(toml::Value::as_table_mut).for_each(drop_examples);
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
