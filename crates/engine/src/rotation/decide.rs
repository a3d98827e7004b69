//! What a static role wants next, from its record and the state of its keys,
//! without effects. A restart decides again from the same facts, so that nothing
//! but the record need survive.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rotation_schedule::{Due, Planner, Spread};

use super::quiet::{Ending, WaitingFacts, WaitingStep, waiting_step};
use crate::credential::later;
use crate::static_role::StaticRole;

/// How long after a failed attempt the next begins, doubled with each.
const RETRY: SignedDuration = SignedDuration::from_mins(1);

/// The longest such wait.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// How often it is looked whether a key that is being made is there.
const LOOK: SignedDuration = SignedDuration::from_secs(5);

/// How a key of a static role is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyState {
    /// Nobody knows of it.
    Absent,
    /// It may be made at this moment.
    Making,
    /// Its maker died, or its answer was lost.
    Lost,
    /// It lives, and is tried.
    Proving,
    /// It lives and works.
    Ready,
    /// It is gone, or about to be.
    Ended,
}

/// What is known beside the record.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The key that is served.
    pub(super) served: KeyState,
    /// The key that is being made.
    pub(super) next: KeyState,
    /// Whether the entry of the key before still says that a record names it.
    pub(super) previous_is_pinned: bool,
    /// The keys that wait, as the record has them.
    pub(super) waiting: Vec<WaitingFacts>,
    /// Whether the clock is believed.
    pub(super) lets_lapse: bool,
    pub(super) now: Timestamp,
    /// How long a key takes from the first step to the proof.
    pub(super) lead: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing before a time; none: nothing until somebody asks.
    Rest(Option<Timestamp>),
    /// The key before lives by its grace alone from now on.
    ReleasePrevious,
    /// A key that waits is held for longer.
    HoldWaiting { index: usize, until: Timestamp },
    /// A key that waits need wait no more.
    ReleaseWaiting { index: usize },
    /// The record forgets a key that waited.
    ForgetWaiting { index: usize, ending: Ending },
    /// The record names a fresh key.
    Name,
    /// The key that the record names is made.
    Make,
    /// The key is tried.
    Prove,
    /// The attempt failed: its key ended, or was lost.
    Fail,
    /// The window closed: the rotation is planned for another time.
    Postpone(Option<Timestamp>),
    /// Readers get the new key.
    Switch,
}

/// What a static role wants next.
pub(super) fn decide(role: &StaticRole, facts: &Facts) -> Step {
    if facts.previous_is_pinned {
        return Step::ReleasePrevious;
    }
    let rest = match of_waiting(role, facts) {
        Ok(rest) => rest,
        Err(step) => return step,
    };
    match of_rotation(role, facts) {
        Step::Rest(due) => Step::Rest([due, rest].into_iter().flatten().min()),
        step => step,
    }
}

/// What the keys that wait want: a step, or nothing before a time.
fn of_waiting(role: &StaticRole, facts: &Facts) -> Result<Option<Timestamp>, Step> {
    let mut rest: Option<Timestamp> = None;
    for (index, (key, known)) in role.waiting.iter().zip(&facts.waiting).enumerate() {
        match waiting_step(role, key, known, facts.now, facts.lets_lapse) {
            WaitingStep::Rest(until) => rest = Some(rest.map_or(until, |rest| rest.min(until))),
            WaitingStep::Hold(until) => return Err(Step::HoldWaiting { index, until }),
            WaitingStep::Release => return Err(Step::ReleaseWaiting { index }),
            WaitingStep::Forget(ending) => return Err(Step::ForgetWaiting { index, ending }),
        }
    }
    Ok(rest)
}

fn of_rotation(role: &StaticRole, facts: &Facts) -> Step {
    let serves = role.served.is_some() && facts.served == KeyState::Ready;
    let Some(rotation) = &role.rotation else {
        return if serves {
            when_planned(role, facts, Step::Name)
        } else {
            Step::Name
        };
    };
    match facts.next {
        KeyState::Absent => match &rotation.failure {
            Some(failed) if facts.now < failed.retry_at => Step::Rest(Some(failed.retry_at)),
            Some(_) => Step::Name,
            None => Step::Make,
        },
        KeyState::Lost | KeyState::Ended => match &rotation.failure {
            Some(failed) if facts.now < failed.retry_at => Step::Rest(Some(failed.retry_at)),
            Some(_) => Step::Name,
            None => Step::Fail,
        },
        KeyState::Making => Step::Rest(Some(later(facts.now, LOOK))),
        KeyState::Proving => Step::Prove,
        KeyState::Ready if rotation.request.is_some() || !serves => Step::Switch,
        KeyState::Ready => when_planned(role, facts, Step::Switch),
    }
}

/// A step of a planned rotation: the first ones from its lead on, the last at its
/// time.
fn when_planned(role: &StaticRole, facts: &Facts, step: Step) -> Step {
    let Some(planned) = role.next_rotation else {
        return Step::Rest(None);
    };
    match planner(role, facts.lead).due(planned, facts.now, facts.lead) {
        Due::Later { begins } => Step::Rest(Some(begins)),
        Due::Prepare { at } if step == Step::Switch => Step::Rest(Some(at)),
        Due::Prepare { .. } | Due::Switch => step,
        Due::Missed { next } => Step::Postpone(next),
    }
}

/// When the next rotation is planned for, after a key that is served from now on.
pub(super) fn next_rotation(
    role: &StaticRole,
    is_first: bool,
    lead: Duration,
    now: Timestamp,
    entropy: u64,
) -> Option<Timestamp> {
    let planner = planner(role, lead);
    let asked = role
        .rotation
        .as_ref()
        .is_some_and(|it| it.request.is_some());
    match role.next_rotation {
        _ if is_first => planner.first(now, entropy),
        Some(planned) if !asked && planned <= now => planner.after_planned(planned, now),
        _ => planner.after_requested(now),
    }
}

/// When the next attempt begins after so many that failed.
pub(super) fn retry_at(now: Timestamp, attempts: u32) -> Timestamp {
    let doubled = 1_i32 << attempts.saturating_sub(1).min(10);
    later(now, RETRY.saturating_mul(doubled).min(LONGEST_RETRY))
}

fn planner(role: &StaticRole, lead: Duration) -> Planner<'_> {
    let spread = Spread::of_name(role.name.as_str());
    Planner::new(&role.timing, spread, role.overlap.grace() + lead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_after_failed_attempts_doubles_up_to_an_hour() {
        let now = Timestamp::UNIX_EPOCH;
        let waits = (1..=40).map(|attempts| retry_at(now, attempts).duration_since(now).as_mins());
        let waits: Vec<i64> = waits.collect();
        assert_eq!(waits[..7], [1, 2, 4, 8, 16, 32, 60]);
        assert!(waits[7..].iter().all(|wait| *wait == 60), "{waits:?}");
        assert_eq!(retry_at(now, u32::MAX).duration_since(now).as_mins(), 60);
    }
}
