//! All targets of `lapwing_rules::testing::fuzzing` as one program: `LAPWING_FUZZ` names one (`checksum/github`) or a
//! group (`checksum`) of which the first byte picks. `LAPWING_SEEDS` is a directory that seeds are written to,
//! and `LAPWING_LIST` asks for the names: then nothing is run. See `run.sh`.

#![no_main]

use lapwing_rules::testing::fuzzing::{Target, only, pick, seeds, targets};
use std::sync::LazyLock;

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let wanted = std::env::var("LAPWING_FUZZ").unwrap_or_default();
    let targets = only(targets(), &wanted);
    assert!(!targets.is_empty(), "LAPWING_FUZZ: there is no {wanted}");
    targets
});

libfuzzer_sys::fuzz_target!(init: init(), |data: &[u8]| pick(&TARGETS, data));

fn init() {
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
