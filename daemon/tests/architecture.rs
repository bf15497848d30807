//! `daemon/ARCHITECTURE.md` is true: what it names exists, and every module has its place on the map.

use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../ARCHITECTURE.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[expect(clippy::disallowed_methods, reason = "a test reads its own source tree")]
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Paths from the top of the tree, each with the test that `::` names: whatever begins with a room or ends like a file.
/// `~/…` and `/…` are other people's.
fn named() -> Vec<(&'static str, Option<&'static str>)> {
    let words = PAGE.split(|c: char| c.is_whitespace() || "`(),;|".contains(c));
    let words = words.map(|w| w.trim_end_matches(['.', ':']));
    let split = words.map(|w| w.split_once("::").map_or((w, None), |(path, test)| (path, Some(test))));
    let ours = |path: &str| {
        let room = ["rules/", "daemon/", "ctl/", ".ci/"].iter().any(|room| path.starts_with(room));
        let file = [".rs", ".toml", ".md"].iter().any(|end| path.ends_with(end));
        (room || file) && !path.starts_with(['~', '/'])
    };
    split.filter(|(path, _)| ours(path)).collect()
}

#[test]
fn files_and_tests_that_the_page_names_exist() {
    let named = named();
    assert!(named.len() > 80 && named.iter().any(|(_, test)| test.is_some()), "the page was not understood");
    for (path, test) in named {
        let file = root().join(path);
        assert!(file.exists(), "the page names `{path}`, which is not in the tree");
        if let Some(test) = test {
            let text = read(&file).unwrap_or_default();
            assert!(text.contains(&format!("fn {test}()")), "`{path}` has no test `{test}`");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads its own source tree")]
fn every_module_has_its_place_on_the_map() {
    for room in ["rules", "daemon", "ctl"] {
        for entry in std::fs::read_dir(root().join(room).join("src")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let dir = entry.file_type().unwrap().is_dir();
            let path = if dir { format!("{room}/src/{name}/") } else { format!("{room}/src/{name}") };
            assert!(PAGE.contains(&path), "the page does not say what `{path}` is for");
        }
    }
}
