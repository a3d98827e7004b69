//! A token bucket in three parts.
//!
//! Tokens that do not fit into the parts for removals and rotations flow into the
//! general part.

use std::time::{Duration, Instant};

use super::class::Part;

/// Slightly less than one, so that rounding a wait does not cause another.
const ONE: f64 = 1.0 - 1e-6;

/// Rate and capacity of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fill {
    /// Tokens a second.
    pub(super) per_second: f64,
    /// Tokens in a full bucket.
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

    /// Adds the tokens gained until now.
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

    /// Empties all parts, which refill from `until` on.
    pub(super) fn empty(&mut self, until: Instant) {
        self.levels = [0.0; 3];
        self.filled_at = self.filled_at.max(until);
    }

    pub(super) fn has(&self, part: Part) -> bool {
        self.levels[part as usize] >= ONE
    }

    /// Takes a token from a part; none for an unlimited rate.
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

    /// Lowers the levels to those of another bucket.
    pub(super) fn lower_to(&mut self, other: &Self) {
        for (level, other) in self.levels.iter_mut().zip(other.levels) {
            *level = other.min(*level);
        }
    }

    /// The time until a part has so many tokens, counted from the last refill. With
    /// `borrow`, tokens of the general part count as well.
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
        // Two halves are not a token.
        let until = |(level, percent): (f64, f64)| {
            (ONE - level).max(0.0) * 100.0 / (percent * fill.per_second)
        };
        seconds(until(own).min(until(general)))
    }
}

/// At least one token for each part: otherwise nothing could ever be taken.
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
