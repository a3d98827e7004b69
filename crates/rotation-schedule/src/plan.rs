//! The planned time of a role's rotation, and what is due.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::timing::{Schedule, Timing};
use crate::window::{Spread, scale};

/// Plans the rotations of one role.
///
/// Planned times are whole seconds. None is given for a role that is rotated by
/// hand, and past the year 9999.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    timing: &'a Timing,
    spread: Spread,
    apart: Duration,
}

/// What a planned rotation wants at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing before `begins`.
    Later {
        /// When making the next key begins.
        begins: Timestamp,
    },
    /// Make the next key and prove it; switch to it at `at`, not before.
    Prepare {
        /// The planned time.
        at: Timestamp,
    },
    /// The planned time has come: switch as soon as the next key is proven.
    Switch,
    /// The window has closed. Store `next` as the planned time; a key that is
    /// made already is kept for it.
    Missed {
        /// When the next window has the role's turn.
        next: Option<Timestamp>,
    },
}

impl<'a> Planner<'a> {
    /// A planner. `apart` is the role's `grace` and the lead: no rotation is
    /// planned nearer than that to the one before.
    pub fn new(timing: &'a Timing, spread: Spread, apart: Duration) -> Self {
        Self {
            timing,
            spread,
            apart,
        }
    }

    /// The first rotation of a role whose first key is served from `now` on. Of
    /// a period it is drawn from the last tenth, an hour at most, by `entropy`:
    /// roles that are written together do not rotate together for ever.
    pub fn first(&self, now: Timestamp, entropy: u64) -> Option<Timestamp> {
        match self.timing {
            Timing::Period(period) => {
                let period = period.as_secs();
                let earliest = period.saturating_sub((period / 10).min(3600));
                let earliest = earliest.max(seconds_up(self.apart)).min(period);
                let drawn = earliest + scale(entropy, period - earliest + 1);
                later(now, Duration::from_secs(drawn))
            }
            Timing::Schedule(schedule) => self.of_schedule(schedule, later(now, self.apart)?),
            Timing::Manual => None,
        }
    }

    /// The rotation after one that was planned for `planned` and switched at
    /// `switched`. It counts from the planned time, so that no delay adds up;
    /// what was missed in between is left out.
    pub fn after_planned(&self, planned: Timestamp, switched: Timestamp) -> Option<Timestamp> {
        let planned = later(planned, Duration::ZERO)?;
        let earliest = later(switched, self.apart)?;
        match self.timing {
            Timing::Period(period) => {
                let period = i64::try_from(period.as_secs()).ok()?;
                let wait = earliest.as_second().saturating_sub(planned.as_second());
                let fits = wait > 0 && wait.unsigned_abs() % period.unsigned_abs() == 0;
                let periods = wait.div_euclid(period) + i64::from(!fits);
                planned
                    .checked_add(SignedDuration::from_secs(
                        periods.max(1).checked_mul(period)?,
                    ))
                    .ok()
            }
            Timing::Schedule(schedule) => {
                let after = later(planned, Duration::from_secs(1))?;
                self.of_schedule(schedule, earliest.max(after))
            }
            Timing::Manual => None,
        }
    }

    /// The rotation after one that somebody asked for, switched at `switched`:
    /// it begins the period anew.
    pub fn after_requested(&self, switched: Timestamp) -> Option<Timestamp> {
        match self.timing {
            Timing::Period(period) => later(switched, self.apart.max(period.as_duration())),
            Timing::Schedule(schedule) => self.of_schedule(schedule, later(switched, self.apart)?),
            Timing::Manual => None,
        }
    }

    /// What a rotation that is planned for `planned` wants at `now`, when keys
    /// take `lead` from the first step to the proof.
    pub fn due(&self, planned: Timestamp, now: Timestamp, lead: Duration) -> Due {
        let begins = SignedDuration::try_from(lead)
            .ok()
            .and_then(|lead| planned.checked_sub(lead).ok())
            .unwrap_or(Timestamp::MIN);
        if now < begins {
            return Due::Later { begins };
        }
        if now < planned {
            return Due::Prepare { at: planned };
        }
        let Timing::Schedule(schedule) = self.timing else {
            return Due::Switch;
        };
        let Some(window) = schedule.window() else {
            return Due::Switch;
        };
        // The first window that has not closed.
        let closed = seconds(window.as_secs());
        let next = now
            .checked_sub(closed)
            .ok()
            .and_then(|opened| schedule.next_after(opened))
            .and_then(|opens| later(opens, Duration::from_secs(self.offset(schedule))));
        match next {
            Some(turn) if turn <= now => Due::Switch,
            next => Due::Missed { next },
        }
    }

    /// The first turn of the role at or after `earliest`.
    fn of_schedule(&self, schedule: &Schedule, earliest: Timestamp) -> Option<Timestamp> {
        let offset = self.offset(schedule);
        let before = earliest
            .checked_sub(seconds(offset))
            .and_then(|opens| opens.checked_sub(SignedDuration::from_nanos(1)))
            .unwrap_or(Timestamp::MIN);
        later(schedule.next_after(before)?, Duration::from_secs(offset))
    }

    /// Seconds from the opening of a window to the role's turn.
    fn offset(&self, schedule: &Schedule) -> u64 {
        schedule
            .window()
            .map_or(0, |window| self.spread.within(window))
    }
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn seconds_up(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// The first whole second that is `wait` or more after `from`.
fn later(from: Timestamp, wait: Duration) -> Option<Timestamp> {
    let time = from
        .checked_add(SignedDuration::try_from(wait).ok()?)
        .ok()?;
    let second = if time.subsec_nanosecond() == 0 {
        time.as_second()
    } else {
        time.as_duration().as_secs().checked_add(1)?
    };
    Timestamp::from_second(second).ok()
}
