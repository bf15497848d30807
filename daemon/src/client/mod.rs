//! The contract of the session bus: names, what is told, errors, and the agent as the command line sees it.
//!
//! Nothing here starts an agent, waits long for one, or asks any other than the user's own.

mod ask;
mod live;
mod refusal;
mod status;
pub(crate) mod wire;

pub use ask::{Absent, Agent, Trouble};
pub use live::{Happening, Live};
pub use refusal::Refusal;
pub use status::{Doing, Status, Swept, about};
pub use wire::Garbled;

use crate::record::{Record, State};
use lapwing_rules::place::wild;
use lapwing_rules::rule::{Kind, Severity};
use serde::{Deserialize, Serialize};

/// The agent's name on the session bus.
pub const NAME: &str = "org.lapwing.Agent1";
/// The object that answers.
pub const PATH: &str = "/org/lapwing/Agent1";
/// Its interface.
pub const INTERFACE: &str = "org.lapwing.Agent1";
/// How the agent is switched on, for good.
pub const START: &str = "systemctl --user enable --now lapwingd";

/// Findings in one answer, at most.
pub(crate) const PAGE: usize = 1000;

/// Which findings to tell of. What is left out leaves nothing out.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// `open`, `ignored` or `resolved`.
    pub state: Option<String>,
    /// These severities.
    pub severity: Vec<Severity>,
    /// Rules of these names; `*` stands for anything.
    pub rule: Vec<String>,
    /// This kind.
    pub kind: Option<Kind>,
    /// How many to pass over: what the answer before this one said.
    pub offset: u32,
    /// At most so many; 0 stands for as many as an answer holds.
    pub limit: u32,
}

impl Filter {
    /// Whether to tell of a finding.
    #[must_use]
    pub fn passes(&self, record: &Record) -> bool {
        self.state.as_ref().is_none_or(|state| state == word(&record.state))
            && (self.severity.is_empty() || self.severity.contains(&record.severity))
            && (self.rule.is_empty() || self.rule.iter().any(|rule| wild(rule, &record.rule)))
            && self.kind.is_none_or(|kind| kind == record.kind)
    }
}

/// Where a finding is in its life, in one word.
fn word(state: &State) -> &'static str {
    match state {
        State::Open => "open",
        State::Ignored { .. } => "ignored",
        State::Resolved { .. } => "resolved",
    }
}
