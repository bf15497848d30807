//! What people ask of the agent.

use super::Agent;
use crate::bus::Call;
use crate::client::Refusal;
use crate::coalesce::Coalescer;
use crate::desktop::{Answer, Choice};
use crate::event::{Effect, Moment};
use crate::schedule::Why;

impl Agent {
    pub(super) fn chosen(&mut self, choice: Choice, effects: &mut Vec<Effect>) {
        match choice.answer {
            Answer::Show => effects.extend(choice.ids.into_iter().next().map(Effect::Open)),
            Answer::IgnoreWeek => {
                choice.ids.iter().for_each(|id| self.notices.settled(id));
                effects.push(Effect::IgnoreForAWeek(choice.ids));
            }
            Answer::Closed => {}
        }
    }

    /// Answers what it knows itself, and hands the rest on. An answer that nobody waits for any more is dropped.
    pub(super) fn asked(&mut self, call: Call, now: Moment, effects: &mut Vec<Effect>) {
        match call {
            Call::Coverage { reply } => drop(reply.send(Ok(self.coverage()))),
            Call::Rescan { reply, .. } if self.paused.is_some() => {
                let why = "the agent is paused; `lapwing resume` lets it go on".to_owned();
                drop(reply.send(Err(Refusal::Refused(why))));
            }
            Call::Rescan { paths, reply } => {
                if paths.is_empty() {
                    self.schedule.want(Why::Asked, now);
                }
                paths.into_iter().for_each(|path| self.want_below(path, now));
                drop(reply.send(Ok(())));
            }
            Call::Pause { time, reply } => {
                self.paused = Some(time.map(|time| now + time));
                self.coalescer = Coalescer::new(self.policy.clone());
                self.ready.clear();
                effects.extend(self.pass.as_ref().map(|_| Effect::Interrupt));
                effects.push(Effect::Blind);
                drop(reply.send(Ok(())));
            }
            Call::Resume { reply } => {
                self.resume(now, effects);
                drop(reply.send(Ok(())));
            }
            Call::Reload { reply } => {
                effects.push(Effect::Reload);
                drop(reply.send(Ok(())));
            }
            call @ (Call::List { .. } | Call::Get { .. } | Call::Ignore { .. } | Call::Unignore { .. }) => {
                effects.push(Effect::Answer(call));
            }
        }
    }

    /// Looks again, at everything: what has happened meanwhile was not seen.
    pub(super) fn resume(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.paused.take().is_some() {
            effects.push(Effect::Plan);
            self.gap = false;
            self.schedule.want(Why::Asked, now);
        }
    }
}
