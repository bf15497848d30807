//! Asking the agent: sooner than looking by oneself, and the same answer. Without one, or when it does not answer, the
//! command looks by itself.

use super::Session;
use crate::exit::usage;
use crate::render::words;
use lapwing_agent::client::{Absent, Agent, Filter, Refusal, START, Trouble};
use lapwing_agent::examine;
use lapwing_agent::record::Record;

impl Session {
    /// Every finding that is known, from the agent or from the ledger.
    pub(super) fn known(&mut self) -> anyhow::Result<Vec<Record>> {
        // A configuration that is wrong is told of whoever answers.
        let config = self.config()?.config;
        if let Some(records) = self.ask(|agent| agent.list(&Filter::default()))? {
            return Ok(records);
        }
        let engine = self.engine(&config);
        Ok(examine::known(&self.home()?, &engine)?)
    }

    /// The agent's answer; `None` when the command has to look by itself.
    pub(super) fn ask<T>(
        &mut self,
        question: impl FnOnce(&Agent) -> Result<T, Trouble>,
    ) -> anyhow::Result<Option<T>> {
        let Some(agent) = self.agent()? else { return Ok(None) };
        match question(&agent) {
            Ok(answer) => Ok(Some(answer)),
            Err(Trouble::Refused(Refusal::NoFinding { id })) => Err(examine::Error::NoFinding { id }.into()),
            Err(Trouble::Refused(Refusal::Ambiguous { id, count })) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                Err(examine::Error::Ambiguous { id, count }.into())
            }
            Err(trouble) => {
                self.without(&trouble);
                Ok(None)
            }
        }
    }

    /// The agent, if it runs and the command is about what it is about: one's own home, and the rules of the
    /// configuration.
    pub(super) fn agent(&mut self) -> anyhow::Result<Option<Agent>> {
        if self.global.home.is_some() || !self.global.rules.is_empty() {
            return Ok(None);
        }
        match Agent::find(&self.home()?) {
            Ok(agent) => Ok(Some(agent)),
            Err(Absent::NotRunning | Absent::OtherHome) => Ok(None),
            Err(Absent::Trouble(trouble)) => {
                self.without(&trouble);
                Ok(None)
            }
        }
    }

    /// Asks the agent for what only it can do.
    pub(super) fn tell(&mut self, what: impl FnOnce(&Agent) -> Result<(), Trouble>) -> anyhow::Result<Agent> {
        let agent = self.need()?;
        match what(&agent) {
            Ok(()) => Ok(agent),
            Err(Trouble::Refused(Refusal::Refused(why))) => Err(usage(words::clean(&why))),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// The agent, for a command that makes no sense without.
    pub(super) fn need(&self) -> anyhow::Result<Agent> {
        if self.global.home.is_some() || !self.global.rules.is_empty() {
            return Err(usage(
                "the agent is about your own home and configuration; leave --home and --rules out",
            ));
        }
        Agent::find(&self.home()?).map_err(|absent| match absent {
            Absent::NotRunning => anyhow::anyhow!("the agent does not run; `{START}` starts it"),
            Absent::OtherHome => anyhow::anyhow!("{absent}, so that it knows nothing of this one"),
            Absent::Trouble(trouble) => trouble.into(),
        })
    }

    fn without(&mut self, trouble: &Trouble) {
        let why = words::line(&trouble.to_string());
        self.out.remark("note", &format!("{why}; this is what the ledger knows"));
    }
}
