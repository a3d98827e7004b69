//! A token bucket in three parts, which fill with time.
//!
//! What does not fit into the parts for removals and rotations flows into the
//! general one.

use std::time::{Duration, Instant};

use super::class::Part;

/// So that the rounding of a computed wait does not cost another wait.
const ONE: f64 = 1.0 - 1e-6;

/// How fast a bucket fills, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fill {
    /// Tokens a second.
    pub(super) per_second: f64,
    /// Tokens of a full bucket.
    pub(super) burst: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    levels: [f64; 3],
    filled_at: Instant,
}

impl Bucket {
    pub(super) fn full(fill: Fill, now: Instant) -> Self {
        Self {
            levels: Part::ALL.map(|part| capacity(part, fill)),
            filled_at: now,
        }
    }

    /// Adds what flowed in until now.
    pub(super) fn refill(&mut self, fill: Fill, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at);
        if passed.is_zero() {
            return;
        }
        self.filled_at = now;
        let gained = passed.as_secs_f64() * fill.per_second;
        let mut rest = gained;
        for part in [Part::Removal, Part::Rotation] {
            let level = &mut self.levels[part as usize];
            let room = (capacity(part, fill) - *level).max(0.0);
            let fits = (gained * part.percent() / 100.0).min(room);
            *level += fits;
            rest -= fits;
        }
        let level = &mut self.levels[Part::General as usize];
        *level = (*level + rest).min(capacity(Part::General, fill));
    }

    /// Empties all parts, which fill again from `until` on.
    pub(super) fn empty(&mut self, until: Instant) {
        self.levels = [0.0; 3];
        self.filled_at = self.filled_at.max(until);
    }

    pub(super) fn has(&self, part: Part) -> bool {
        self.levels[part as usize] >= ONE
    }

    /// Takes a token of a part, if there is one to be taken from.
    pub(super) fn take(&mut self, part: Option<Part>) {
        if let Some(part) = part {
            let level = &mut self.levels[part as usize];
            *level = (*level - 1.0).max(0.0);
        }
    }

    pub(super) fn is_full(&self, fill: Fill) -> bool {
        Part::ALL
            .into_iter()
            .all(|part| self.levels[part as usize] >= capacity(part, fill) - 1e-6)
    }

    /// Takes over the lower levels of another one.
    pub(super) fn lower_to(&mut self, other: &Self) {
        for (level, other) in self.levels.iter_mut().zip(other.levels) {
            *level = other.min(*level);
        }
    }

    /// How long it takes until there are so many tokens in a part, counted
    /// from when the bucket was filled last. A part other than the general one
    /// may `borrow` from that while nobody waits for it.
    pub(super) fn wait(&self, fill: Fill, part: Part, tokens: usize, borrow: bool) -> Duration {
        let own = (self.levels[part as usize], part.percent());
        let mut general = (self.levels[Part::General as usize], Part::General.percent());
        for overflowing in [Part::Removal, Part::Rotation] {
            if overflowing != part
                && self.levels[overflowing as usize] >= capacity(overflowing, fill) - 1e-6
            {
                general.1 += overflowing.percent();
            }
        }
        let (level, percent) = match part {
            Part::General => general,
            Part::Removal | Part::Rotation if borrow => (own.0 + general.0, own.1 + general.1),
            Part::Removal | Part::Rotation => own,
        };
        let missing = (count(tokens) - level).max(0.0);
        let all = missing * 100.0 / (percent * fill.per_second);
        if missing > 0.0 || part == Part::General || !borrow {
            return seconds(all);
        }
        // Two halves are no token.
        let until = |(level, percent): (f64, f64)| {
            (ONE - level).max(0.0) * 100.0 / (percent * fill.per_second)
        };
        seconds(until(own).min(until(general)))
    }
}

/// Every part can hold one token at least: else nothing could ever be taken.
fn capacity(part: Part, fill: Fill) -> f64 {
    (fill.burst * part.percent() / 100.0).max(1.0)
}

pub(super) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A time of so many seconds, a day at most.
pub(super) fn seconds(seconds: f64) -> Duration {
    const DAY: f64 = 86_400.0;
    Duration::from_secs_f64(seconds.clamp(0.0, DAY))
}
