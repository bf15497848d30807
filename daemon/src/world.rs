//! What the agent examines with, made anew at each reload: configuration, rules, and what both are for.

use crate::config::{self, Config, ConfigError};
use crate::examine::Request;
use crate::home::Home;
use crate::key::Trouble;
use crate::setup::Setup;
use lapwing_rules::fingerprint::{Fingerprinter, Subject};
use lapwing_rules::rule::Page;
use std::collections::HashMap;
use std::sync::Arc;

/// See the module.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) request: Request,
    pub(crate) setup: Setup,
    /// Pages of all rules, by id.
    pub(crate) pages: Arc<HashMap<String, Arc<Page>>>,
}

/// A sweep is in no hurry: one thread leaves the other processors alone.
const JOBS: usize = 1;

impl World {
    /// Reads configuration and rules.
    ///
    /// # Errors
    /// When a configuration file has a mistake: nothing is examined under half a policy.
    pub(crate) fn load(home: &Home) -> Result<World, ConfigError> {
        let config = config::load()?.config;
        let request = Request {
            home: home.clone(),
            all: false,
            jobs: JOBS,
            today: today(),
            baseline: None,
            stdin: None,
            agent: true,
        };
        let setup = Setup::new(&request, &config);
        let pages = setup.engine.pages().into_iter().map(|(_, page)| (page.id.clone(), page)).collect();
        Ok(World { config, request, setup, pages: Arc::new(pages) })
    }

    /// As [`World::load`], after another one: where the key of ids cannot be had at this moment, the one that is known serves on.
    pub(crate) fn reload(before: &World) -> Result<World, ConfigError> {
        let mut world = World::load(&before.request.home)?;
        let known = before.setup.ids.key().filter(|_| before.setup.trouble.get().is_none());
        // Where none was needed so far, none is asked for.
        if let Some(key) = known
            && world.key().is_err()
        {
            world.setup.ids = Fingerprinter::new(move || key.clone());
            world.setup.trouble = Trouble::default();
        }
        Ok(world)
    }

    /// Gets the key of ids, if it can be had without asking the user.
    ///
    /// # Errors
    /// Why not, one line.
    pub(crate) fn key(&self) -> Result<(), String> {
        let any = Subject::Fact { rule: "", scope: "", key: "" };
        let _ = self.setup.ids.id(&any);
        self.setup.trouble.get().cloned().map_or(Ok(()), Err)
    }

    /// The day, where the user is: ignores in files end with a day.
    pub(crate) fn today(&self) -> String {
        today()
    }

    /// What is wrong with rule files, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.setup.errors.iter().map(|error| crate::text::line(&error.to_string())).collect()
    }
}

fn today() -> String {
    jiff::Zoned::now().date().to_string()
}
