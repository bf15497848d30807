//! All targets of `lapwing_agent::fuzzing` as one program: `LAPWING_FUZZ` names one (`container/zip`) or a group
//! (`container`) of which the first byte picks. `LAPWING_SEEDS` is a directory that seeds are written to,
//! and `LAPWING_LIST` asks for the names: then nothing is run. See `rules/fuzz/run.sh`.

#![no_main]

use lapwing_agent::fuzzing::targets;
use lapwing_rules::testing::fuzzing::{Target, only, pick, seeds};
use std::sync::LazyLock;

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let wanted = std::env::var("LAPWING_FUZZ").unwrap_or_default();
    let dir = std::env::temp_dir().join(format!("lapwing-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let targets = only(targets(&dir), &wanted);
    assert!(!targets.is_empty(), "LAPWING_FUZZ: there is no {wanted}");
    targets
});

libfuzzer_sys::fuzz_target!(init: init(), |data: &[u8]| pick(&TARGETS, data));

fn init() {
    // Panics of decoders that are other people's are caught where they are called: no hook may end the program before.
    drop(std::panic::take_hook());
    if std::env::var_os("LAPWING_LIST").is_some() {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    let Some(dir) = std::env::var_os("LAPWING_SEEDS") else { return };
    for (n, seed) in seeds(&TARGETS).into_iter().enumerate() {
        std::fs::write(std::path::Path::new(&dir).join(format!("seed-{n}")), seed).unwrap();
    }
    std::process::exit(0);
}
