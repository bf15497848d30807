//! What `rules/README.md` shows is what works.

use lapwing_rules::testing::check_pack;
use std::path::Path;

const README: &str = include_str!("../README.md");

fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test reads its own source tree")]
fn sources(dir: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.extend(std::fs::read_to_string(path));
        }
    }
}

#[test]
fn every_pack_shown_passes_its_own_examples() {
    // One file, as a reader who follows the page would write it.
    let pack = blocks("toml").join("\n");
    let (ran, failures, errors) = check_pack("README.md", &pack);
    assert!(failures.is_empty() && errors.is_empty(), "{failures:#?} {errors:#?}");
    assert!(ran >= 15, "only {ran} examples ran");
    for kind in ["[[secret]]", "[[setting]]", "[[place]]", "[[place.secret]]", "[[indicator]]"] {
        assert!(pack.contains(kind), "{kind} is not shown");
    }
}

#[test]
fn all_code_shown_is_the_beginning_of_a_file_of_ours() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let shown = blocks("rust");
    assert_eq!(shown.len(), 2, "a check and a reader");
    for block in shown {
        assert!(files.iter().any(|f| f.starts_with(block)), "in no file of rules/src:\n{block}");
    }
}
