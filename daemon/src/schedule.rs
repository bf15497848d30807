//! Pure: when the home is swept as a whole. What is noticed at once is looked at at once; the sweep is for the rest, so
//! it waits for a good moment, but not for ever.

use crate::event::Moment;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How often, and when not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// From one sweep to the next.
    pub(crate) every: Duration,
    /// After the start, when a sweep has been made before: a login is busy enough.
    pub(crate) settle: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { every: 24 * HOUR, settle: Duration::from_secs(20) }
    }
}

/// How well the machine can do without what a sweep takes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Strain {
    /// Running on its battery.
    pub(crate) battery: bool,
    /// Told to save power.
    pub(crate) saver: bool,
    /// Busy with other things.
    pub(crate) busy: bool,
}

/// Why a sweep is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Why {
    /// It is time.
    Routine,
    /// Changes may have been missed.
    Missed,
    /// Nothing is known yet, somebody asks for it, or the rules are others now.
    Asked,
}

/// See the module.
pub(crate) struct Schedule {
    policy: Policy,
    /// Between 0 and 1: spreads the sweeps of many machines.
    jitter: f64,
    wanted: Option<(Why, Moment)>,
    /// Since when a sweep is put off for the machine's sake.
    deferred: Option<Moment>,
    next: Moment,
}

/// A missed change may hide a leak: the sweep comes soon, but a storm of events is let pass.
const SOON: Duration = Duration::from_secs(10);
/// Between two sweeps for missed changes.
const APART: Duration = Duration::from_secs(10 * 60);
/// How long a strained machine is asked again later.
const AGAIN: Duration = Duration::from_secs(10 * 60);

impl Schedule {
    /// `jitter` is any number from 0 to 1.
    pub(crate) fn new(policy: Policy, jitter: f64, now: Moment) -> Schedule {
        Schedule { policy, jitter, wanted: None, deferred: None, next: now + policy.every }
    }

    /// Another policy, from the next sweep on.
    pub(crate) fn obey(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Wants a sweep. What is more urgent comes first.
    pub(crate) fn want(&mut self, why: Why, now: Moment) {
        let at = match why {
            Why::Routine => now + self.policy.settle,
            Why::Missed => now + SOON,
            Why::Asked => now,
        };
        let sooner = |(_, known): (Why, Moment)| at < known;
        if self.wanted.is_none_or(sooner) || self.wanted.is_some_and(|(known, _)| known < why) {
            let at = self.wanted.map_or(at, |(_, known)| known.min(at));
            self.wanted = Some((why, at));
        }
    }

    /// Whether to begin now. One that is put off is asked for again later.
    pub(crate) fn due(&mut self, now: Moment, strain: Strain) -> bool {
        if self.next <= now {
            self.want(Why::Routine, now.saturating_sub(self.policy.settle));
            self.next = now + self.policy.every;
        }
        let Some((why, at)) = self.wanted.filter(|(_, at)| *at <= now) else { return false };
        let since = *self.deferred.get_or_insert(at);
        if now < since + patience(why, strain) {
            self.wanted = Some((why, now + AGAIN.min(patience(why, strain))));
            return false;
        }
        (self.wanted, self.deferred) = (None, None);
        true
    }

    /// A sweep has ended: the next comes a while from now.
    pub(crate) fn done(&mut self, now: Moment) {
        let spread = self.policy.every.mul_f64(0.2 * self.jitter.clamp(0.0, 1.0) + 0.9);
        self.next = now + spread;
        // What was missed during the sweep may have been met by it or not.
        if let Some((Why::Missed, at)) = &mut self.wanted {
            *at = (*at).max(now + APART);
        }
    }

    /// When to ask again.
    pub(crate) fn next(&self) -> Moment {
        self.wanted.map_or(self.next, |(_, at)| at.min(self.next))
    }

    /// When the next sweep is expected at the latest by its cadence.
    #[cfg(test)]
    fn routine(&self) -> Moment {
        self.next
    }
}

/// How long a sweep may be put off: the longer the less it matters.
fn patience(why: Why, strain: Strain) -> Duration {
    let any = |time: Duration, on: bool| if on { time } else { Duration::ZERO };
    match why {
        Why::Asked => Duration::ZERO,
        Why::Missed => any(10 * MINUTE, strain.busy).max(any(30 * MINUTE, strain.saver)),
        Why::Routine => {
            any(HOUR, strain.busy).max(any(24 * HOUR, strain.battery)).max(any(72 * HOUR, strain.saver))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Strain = Strain { battery: false, saver: false, busy: false };

    fn at(seconds: u64) -> Moment {
        Duration::from_secs(seconds)
    }

    fn schedule() -> Schedule {
        Schedule::new(Policy::default(), 0.5, at(0))
    }

    #[test]
    fn what_is_asked_for_begins_at_once_however_the_machine_is() {
        let mut s = schedule();
        s.want(Why::Asked, at(5));
        assert_eq!(s.next(), at(5));
        assert!(s.due(at(5), Strain { battery: true, saver: true, busy: true }));
        assert!(!s.due(at(6), CALM));
    }

    #[test]
    fn a_day_after_a_sweep_comes_the_next() {
        let mut s = schedule();
        s.done(at(100));
        assert_eq!(s.routine(), at(100) + 24 * HOUR);
        assert!(!s.due(at(100 + 86_399), CALM));
        assert!(s.due(at(100 + 86_400), CALM));
    }

    #[test]
    fn sweeps_of_many_machines_are_spread() {
        let next = |jitter| {
            let mut s = Schedule::new(Policy::default(), jitter, at(0));
            s.done(at(0));
            s.routine()
        };
        assert!(next(0.0) < next(0.3) && next(0.3) < next(1.0));
        assert_eq!((next(0.0), next(1.0)), ((24 * HOUR).mul_f64(0.9), (24 * HOUR).mul_f64(1.1)));
    }

    #[test]
    fn on_battery_a_routine_sweep_waits_a_day_and_no_longer() {
        let mut s = schedule();
        let battery = Strain { battery: true, ..CALM };
        let (mut now, mut asked) = (24 * HOUR, 0);
        while !s.due(now, battery) {
            assert!(s.next() > now, "it does not spin");
            now = s.next();
            asked += 1;
        }
        assert!(now >= 48 * HOUR && now <= 48 * HOUR + AGAIN, "{now:?}");
        assert!(asked < 200);
    }

    #[test]
    fn mains_power_ends_the_waiting() {
        let mut s = schedule();
        assert!(!s.due(24 * HOUR, Strain { battery: true, ..CALM }));
        assert!(s.due(24 * HOUR + AGAIN, CALM));
    }

    #[test]
    fn what_was_missed_comes_soon_and_not_too_often() {
        let mut s = schedule();
        s.want(Why::Missed, at(0));
        assert!(!s.due(at(9), CALM));
        assert!(s.due(at(10), CALM));
        s.want(Why::Missed, at(12));
        s.done(at(13));
        assert!(!s.due(at(100), CALM));
        assert!(s.due(at(13) + APART, CALM));
    }

    #[test]
    fn the_more_urgent_wish_wins() {
        let mut s = schedule();
        s.want(Why::Missed, at(0));
        s.want(Why::Routine, at(0));
        assert_eq!(s.next(), at(10));
        s.want(Why::Asked, at(1));
        assert!(s.due(at(1), Strain { saver: true, ..CALM }));
    }
}
