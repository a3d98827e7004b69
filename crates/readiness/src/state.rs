//! The state of one key between its making and its proof.
//!
//! Everything is counted by the key's age, which grows with the time that is
//! handed in and never shrinks: a wall clock that was set back neither makes a
//! key younger nor puts the next probe off by an hour.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Basis, Mode, Observation, Plan, Proof};

/// An address counts as unreachable after this many probes in a row, so that one
/// lost packet does not make a key assumed.
const UNREACHABLE: u8 = 2;

/// A key that could not even be tried is given up after this many times the
/// `readiness_timeout`.
const UNTRIED: u32 = 2;

/// What is known of a new key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// The time that was handed in last.
    seen: Timestamp,
    /// The age of the key then, in milliseconds.
    age: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Probing>,
    /// The first of the logins in a row that end with the last probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
    /// The age at which the key was refused last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_at: Option<u64>,
    /// How many probes in a row did not reach the place, up to the last.
    #[serde(default)]
    unreachable: u8,
    /// The age before which no probe is sent.
    #[serde(default)]
    not_before: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

/// The last probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Probing {
    at: u64,
    observation: Observation,
}

/// Logins in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Login {
    /// The age at the first of them.
    at: u64,
    /// Whether one of them was without rights.
    without_rights: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    Ready(Proof),
    NotReady,
}

/// What is next for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try it now, and say what became of it: [`Readiness::observe`] or
    /// [`Readiness::postpone`].
    Probe,
    /// Nothing before this time.
    Wait {
        /// When to decide again.
        until: Timestamp,
    },
    /// It counts as working.
    Ready(Proof),
    /// It did not work within the `readiness_timeout`: it should be retired and
    /// reported.
    NotReady,
}

impl Readiness {
    /// Nothing is known but when the key was made: the time of its intent.
    pub fn of_key_made(at: Timestamp) -> Self {
        Self {
            seen: at,
            age: 0,
            last: None,
            login: None,
            refused_at: None,
            unreachable: 0,
            not_before: 0,
            end: None,
        }
    }

    /// What is next. The answer is the same until something is observed or time
    /// passes.
    pub fn decide(&mut self, plan: &Plan, now: Timestamp) -> Decision {
        self.advance(now);
        match self.end {
            Some(End::Ready(proof)) => return Decision::Ready(proof),
            Some(End::NotReady) => return Decision::NotReady,
            None => {}
        }
        if plan.mode == Mode::None {
            return self.ready(Basis::Unchecked);
        }
        let due = self.due(plan);
        if self.age < due {
            let until = self.time_of(due);
            return Decision::Wait { until };
        }
        if plan.only_waits() {
            return self.ready(Basis::Assumed);
        }
        Decision::Probe
    }

    /// Takes the result of a probe that ended now.
    pub fn observe(&mut self, plan: &Plan, now: Timestamp, observation: Observation) {
        self.advance(now);
        if self.end.is_some() {
            return;
        }
        self.note(plan, observation);
        if let Some(basis) = self.basis(plan, observation) {
            self.ready(basis);
        } else if self.is_over(plan) {
            self.end = Some(End::NotReady);
        }
    }

    /// Takes that no probe could be sent now, and that the next should not be
    /// before a wait is over.
    pub fn postpone(&mut self, plan: &Plan, now: Timestamp, wait: Duration) {
        self.advance(now);
        self.not_before = self.age.saturating_add(millis(wait));
        if self.end.is_none() && self.age >= millis(plan.timeout.saturating_mul(UNTRIED)) {
            self.end = Some(End::NotReady);
        }
    }

    /// The last observation, for words about a key that is not ready.
    pub fn last_observation(&self) -> Option<Observation> {
        Some(self.last?.observation)
    }

    /// About when the key works: what is told to whoever gets it before.
    pub fn expected(&self, plan: &Plan) -> Timestamp {
        let usual = millis(plan.usual_age());
        self.time_of(usual.max(self.due(plan)))
    }

    /// Lets the age grow.
    fn advance(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.seen).as_millis();
        match u64::try_from(passed) {
            Ok(passed) => {
                self.age = self.age.saturating_add(passed);
                // Less than a millisecond is left for the next time.
                self.seen = later(self.seen, passed);
            }
            Err(_) => self.seen = now,
        }
    }

    /// The time at which the key has an age.
    fn time_of(&self, age: u64) -> Timestamp {
        later(self.seen, age.saturating_sub(self.age))
    }

    /// The age of the next step.
    fn due(&self, plan: &Plan) -> u64 {
        let kind = plan.kind;
        if plan.only_waits() {
            return millis(plan.wait);
        }
        let schedule = kind.schedule();
        let Some(last) = self.last else {
            return millis(schedule.first).max(self.not_before);
        };
        let interval = schedule.interval(Duration::from_millis(last.at));
        let usual = last.at.saturating_add(millis(interval));
        let confirmation = kind
            .confirmation()
            .unwrap_or(schedule.interval(Duration::ZERO));
        let confirmation = millis(confirmation);
        let due = match (self.login, last.observation) {
            (Some(login), _) => login.at.saturating_add(confirmation),
            // Only the wait can change anything.
            (None, Observation::NoProbe) => usual.max(self.assumable_at(plan)),
            // The last word on a key that is given up is a probe at that time.
            (None, _) => usual.min(millis(plan.timeout).max(last.at.saturating_add(confirmation))),
        };
        due.max(self.not_before)
    }

    fn note(&mut self, plan: &Plan, observation: Observation) {
        let at = self.age;
        self.last = Some(Probing { at, observation });
        self.unreachable = match observation {
            Observation::Unreachable => self.unreachable.saturating_add(1),
            _ => 0,
        };
        if observation == Observation::NotYet {
            self.refused_at = Some(at);
        }
        let without_rights = observation == Observation::LoggedInWithoutRights;
        let rights_expected = at >= millis(plan.kind.rights_expected_at()) && !plan.strict;
        let counts = observation == Observation::LoggedIn || (without_rights && rights_expected);
        self.login = counts.then(|| {
            let first = self.login.unwrap_or(Login {
                at,
                without_rights: false,
            });
            Login {
                without_rights: first.without_rights || without_rights,
                ..first
            }
        });
    }

    /// What the key counts as working on, if it does.
    fn basis(&self, plan: &Plan, observation: Observation) -> Option<Basis> {
        if let Some(login) = self.login {
            let apart = plan.kind.confirmation().map_or(0, millis);
            return (self.age.saturating_sub(login.at) >= apart).then_some(
                if login.without_rights {
                    Basis::ProbeWithoutRights
                } else {
                    Basis::Probe
                },
            );
        }
        let nobody_can_tell = match observation {
            Observation::NoProbe => true,
            Observation::Unreachable => self.unreachable >= UNREACHABLE,
            _ => false,
        };
        let assumed = nobody_can_tell && !plan.strict && self.age >= self.assumable_at(plan);
        assumed.then_some(Basis::Assumed)
    }

    /// The age from which the key is assumed to work where nobody can tell. It
    /// counts from the last refusal: a key that was refused is not assumed to
    /// work because a connection broke.
    fn assumable_at(&self, plan: &Plan) -> u64 {
        let from = self.refused_at.unwrap_or(0);
        from.saturating_add(millis(plan.wait))
    }

    /// Whether the key is given up after the probe that was just noted.
    fn is_over(&self, plan: &Plan) -> bool {
        let assumed_next = !plan.strict
            && (1..UNREACHABLE).contains(&self.unreachable)
            && self.age >= self.assumable_at(plan);
        self.age >= millis(plan.timeout) && self.login.is_none() && !assumed_next
    }

    fn ready(&mut self, basis: Basis) -> Decision {
        let proof = Proof {
            basis,
            at: self.seen,
        };
        self.end = Some(End::Ready(proof));
        Decision::Ready(proof)
    }
}

fn later(time: Timestamp, millis: u64) -> Timestamp {
    time.checked_add(Duration::from_millis(millis))
        .unwrap_or(Timestamp::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
