//! The requests that an organization has left, as a bucket of tokens that
//! fills with time. Pure: it is told what time it is, and nobody waits here.
//!
//! The bucket has three parts. Anybody may take from the general one; two small
//! ones are kept for deletions and for rotations, so that neither can be
//! starved by anything else. What does not fit into those flows into the
//! general part. Of one part the first who came is served first.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{Purpose, Rate};

/// What one request costs. A bucket of `n` requests a second gains `n` units in
/// each nanosecond.
const ONE: u64 = 1_000_000_000;

/// How much of the bucket, and of what flows in, belongs to each part.
const PERCENT: [u32; 3] = [70, 20, 10];

const GENERAL: usize = 0;
const REMOVAL: usize = 1;
const ROTATION: usize = 2;

/// Nobody looks more often than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The longest that one answer can close the bucket.
const LONGEST_CLOSURE: Duration = Duration::from_mins(5);

/// A place in the queue of a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// The requests that an organization has left.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Option<Rate>,
    levels: [u64; 3],
    filled_at: Instant,
    closed_until: Option<Instant>,
    queues: [VecDeque<Ticket>; 3],
    tickets: u64,
}

impl Bucket {
    /// A full bucket; one without a rate is never empty.
    pub(crate) fn new(rate: Option<Rate>, now: Instant) -> Self {
        Self {
            rate,
            levels: rate.map(capacities).unwrap_or_default(),
            filled_at: now,
            closed_until: None,
            queues: [const { VecDeque::new() }; 3],
            tickets: 0,
        }
    }

    /// Takes a place in the queue.
    pub(crate) fn enter(&mut self, purpose: Purpose) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.queues[part(purpose)].push_back(ticket);
        ticket
    }

    /// Gives the place up.
    pub(crate) fn leave(&mut self, purpose: Purpose, ticket: Ticket) {
        self.queues[part(purpose)].retain(|other| *other != ticket);
    }

    /// Takes a token for who has this place, who then has it no more.
    ///
    /// # Errors
    /// When to look again. That is no promise, but it is never later than
    /// needed by more than others take in between.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        purpose: Purpose,
        ticket: Ticket,
    ) -> Result<(), Duration> {
        self.fill(now);
        let closed = self
            .closed_until
            .map(|until| until.saturating_duration_since(now));
        if let Some(wait) = closed.filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        let Some(rate) = self.rate else {
            self.leave(purpose, ticket);
            return Ok(());
        };
        let own = part(purpose);
        let before = self.queues[own]
            .iter()
            .take_while(|other| **other != ticket)
            .count();
        let full = [GENERAL, own]
            .into_iter()
            .find(|at| self.levels[*at] >= ONE);
        if let Some(at) = full.filter(|_| before == 0) {
            self.levels[at] -= ONE;
            self.leave(purpose, ticket);
            return Ok(());
        }
        Err(self.wait(rate, own, before).max(SHORTEST_WAIT))
    }

    /// Lets nobody take anything for a while, and begins empty then: the
    /// service counted more than this bucket did.
    pub(crate) fn close(&mut self, now: Instant, time: Duration) {
        let until = now + time.min(LONGEST_CLOSURE);
        if self.closed_until.is_none_or(|known| known < until) {
            self.closed_until = Some(until);
            self.levels = [0; 3];
            self.filled_at = until;
        }
    }

    /// Takes over what another bucket of the same organization knows.
    pub(crate) fn unite(&mut self, now: Instant, other: &mut Self) {
        self.fill(now);
        other.fill(now);
        for (level, other) in self.levels.iter_mut().zip(other.levels) {
            *level = other.min(*level);
        }
        if let Some(until) = other.closed_until.filter(|until| *until > now) {
            self.close(now, until.saturating_duration_since(now));
        }
    }

    /// Whether a new one would be the same.
    pub(crate) fn is_untouched(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.queues.iter().all(VecDeque::is_empty)
            && self.closed_until.is_none_or(|until| until <= now)
            && self.levels == self.rate.map(capacities).unwrap_or_default()
    }

    fn fill(&mut self, now: Instant) {
        let Some(rate) = self.rate else { return };
        let passed = now.saturating_duration_since(self.filled_at);
        if passed.is_zero() {
            return;
        }
        self.filled_at = now;
        let capacities = capacities(rate);
        let gained = passed.as_nanos() * u128::from(rate.per_second());
        let gained = u64::try_from(gained).unwrap_or(u64::MAX);
        let mut rest = gained;
        for at in [REMOVAL, ROTATION] {
            let share = gained / 100 * u64::from(PERCENT[at]);
            let fits = share.min(capacities[at] - self.levels[at]);
            self.levels[at] += fits;
            rest -= fits;
        }
        let fits = rest.min(capacities[GENERAL] - self.levels[GENERAL]);
        self.levels[GENERAL] += fits;
    }

    /// How long it takes until there is a token for who has so many before him.
    fn wait(&self, rate: Rate, own: usize, before: usize) -> Duration {
        let capacities = capacities(rate);
        let mut inflow = PERCENT[GENERAL];
        for at in [REMOVAL, ROTATION] {
            if self.levels[at] == capacities[at] {
                inflow += PERCENT[at];
            }
        }
        let until = |wanted: u64, level: u64, percent: u32| {
            let missing = u128::from(wanted.saturating_sub(level)) * 100;
            let nanos = missing.div_ceil(u128::from(rate.per_second()) * u128::from(percent));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        };
        let turns = u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1);
        let all = turns.saturating_mul(ONE);
        let general = self.levels[GENERAL];
        if own == GENERAL {
            return until(all, general, inflow);
        }
        let (level, percent) = (self.levels[own], PERCENT[own]);
        let first = until(ONE, general, inflow).min(until(ONE, level, percent));
        first.max(until(all, general + level, inflow + percent))
    }
}

/// The part from which a purpose may take beside the general one.
fn part(purpose: Purpose) -> usize {
    match purpose {
        Purpose::Create | Purpose::Other => GENERAL,
        Purpose::Removal => REMOVAL,
        Purpose::Rotation => ROTATION,
    }
}

/// How much fits into each part.
fn capacities(rate: Rate) -> [u64; 3] {
    PERCENT.map(|percent| u64::from(rate.burst()) * ONE / 100 * u64::from(percent))
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
