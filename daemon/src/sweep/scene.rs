//! What tests examine with: the built-in rules, in a home of the test's own.

use super::Scope;
use crate::home::Home;
use crate::machine::facts::Machine;
use crate::progress::Watch;
use lapwing_rules::engine::Engine;
use lapwing_rules::fingerprint::Fingerprinter;
use lapwing_rules::place::Paths;
use lapwing_rules::policy::Policy;
use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;
use zeroize::Zeroizing;

pub(super) static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::builtin);

pub(super) struct Scene {
    pub(super) home: Home,
    ids: Fingerprinter,
    policy: Policy,
    machine: Machine,
    watch: Watch,
}

impl Scene {
    pub(super) fn new(dir: &Path) -> Scene {
        let home = Home::other(dir);
        let (ids, machine) = (Fingerprinter::new(|| Zeroizing::new([1; 32])), Machine::new(&home));
        Scene { home, ids, policy: Policy::default(), machine, watch: Watch::default() }
    }

    /// Everything but histories.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            engine: &ENGINE,
            ids: &self.ids,
            policy: &self.policy,
            machine: &self.machine,
            home: &self.home,
            watch: &self.watch,
            skip: Paths::default(),
            largest: u64::MAX,
            all: true,
            history: 0,
            remembered: HashMap::new(),
            jobs: 1,
            survey: false,
        }
    }
}
