//! An agent in namespaces of its own: what it sees of the machine is what a test gives it, and only that.

use super::{PATIENCE, Stage};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Keeps the user and the rights that come with a namespace, so that the bus knows us still.
const UNSHARE: [&str; 4] = ["unshare", "--map-current-user", "--keep-caps", "--mount"];

/// Says that a test did not run.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is to see it")]
pub(crate) fn skipped(needs: &str) {
    eprintln!("SKIPPED: this test needs {needs}");
}

/// Whether this machine lets us have namespaces. Where it does not, a test that needs them says that it did not run.
pub(crate) fn possible() -> bool {
    let made = Command::new(UNSHARE[0]).args(&UNSHARE[1..]).arg("true").stderr(Stdio::null()).status();
    let possible = made.is_ok_and(|status| status.success());
    if !possible {
        skipped("user and mount namespaces (`unshare`), or root");
    }
    possible
}

/// A shell beside the agent, in its namespaces. It ends when this goes.
pub(crate) struct Beside {
    orders: fs::File,
    asked: usize,
}

impl Stage {
    /// Has the agent started in namespaces of its own, after this script. A machine is never busy there, so that sweeps
    /// are not put off because other tests run.
    pub(crate) fn apart(&mut self, before: &str) -> Beside {
        let dir = self.dir.path().display().to_string();
        fs::write(self.dir.path().join("loadavg"), "0.00 0.00 0.00 1/100 100\n").unwrap();
        let orders = self.dir.path().join("orders");
        assert!(Command::new("mkfifo").arg(&orders).status().unwrap().success());
        // For reading too: it does not wait for somebody at the other end, and there is always one.
        let orders = fs::OpenOptions::new().read(true).write(true).open(orders).unwrap();
        let script = format!(
            "set -e; mount --bind {dir}/loadavg /proc/loadavg; {before}\n sh {dir}/beside.sh <{dir}/orders >/dev/null 2>&1 & exec \"$@\""
        );
        // Reads what it is to run line by line: one that waits for its input would not see what comes later.
        fs::write(self.dir.path().join("beside.sh"), "while read -r order; do sh \"$order\"; done\n")
            .unwrap();
        self.wrap = UNSHARE.iter().chain(&["sh", "-c", &script, "sh"]).map(ToString::to_string).collect();
        Beside { orders, asked: 0 }
    }

    /// Has the agent started where the machine is never busy.
    pub(crate) fn calm(&mut self) -> Beside {
        self.apart("")
    }
}

impl Beside {
    /// Runs a script beside the agent; what it has printed. It must succeed.
    pub(crate) fn run(&mut self, stage: &Stage, script: &str) -> String {
        self.asked += 1;
        let file = |what: &str| stage.dir.path().join(format!("order-{}-{what}", self.asked));
        let (order, out, end) = (file("is"), file("out"), file("end"));
        let (to, ended) = (out.display(), end.display());
        let text =
            format!("(\nset -e\n{script}\n) >{to} 2>&1; echo $? >{ended}.new; mv {ended}.new {ended}\n");
        fs::write(&order, text).unwrap();
        self.orders.write_all(format!("{}\n", order.display()).as_bytes()).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !end.exists() {
            assert!(Instant::now() < deadline, "nothing came of: {script}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let said = fs::read_to_string(out).unwrap();
        assert_eq!(fs::read_to_string(end).unwrap().trim(), "0", "{script}: {said}");
        said
    }
}
