//! That nothing of a worm runs any more: looked at, not believed.

use anyhow::bail;
use lapwing_agent::home::Home;
use lapwing_agent::indicators;
use lapwing_rules::facts::Fact;
use lapwing_rules::indicators::runs;
use std::time::{Duration, Instant};

/// A program that was told to end may take a moment.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Verifies that none of these programs runs in the home.
pub(crate) fn gone(home: &Home, programs: &[String]) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let left = running(home, programs)?;
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let ids: Vec<String> = left.iter().map(u32::to_string).collect();
            bail!(
                "it still runs as process {}: end it with `kill -9 {}`, then run this again",
                ids.join(", "),
                ids.join(" ")
            );
        }
        std::thread::sleep(PAUSE);
    }
}

/// Process ids of these programs.
fn running(home: &Home, programs: &[String]) -> anyhow::Result<Vec<u32>> {
    match indicators::programs(home) {
        Fact::Known(all) => {
            let ours = all.iter().filter(|p| programs.iter().any(|name| runs(&p.argv, name)));
            Ok(ours.map(|p| p.id).collect())
        }
        Fact::Absent => bail!("what runs in another home is not known; run this as its user"),
        Fact::Unknown(why) => bail!("what runs is not known: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_program_that_runs_is_told_by_its_number_until_it_ends() {
        let home = Home::own().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("lapwing-test-worm.sh");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&script, "read line\n").unwrap();
        let mut child = Command::new("sh").arg(&script).stdin(Stdio::piped()).spawn().unwrap();
        let names = ["lapwing-test-worm.sh".to_owned()];
        while running(&home, &names).unwrap().is_empty() {}
        assert_eq!(running(&home, &names).unwrap(), [child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        gone(&home, &names).unwrap();
    }
}
