//! What was answered, and in what time: for all targets together, and for each.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Class, Counts, Sample};

/// The shortest time that is told apart from none.
const LOWEST: u64 = 1_000;
/// Longer times are counted as this one.
const HIGHEST: u64 = 3_600_000_000_000;
/// The significant digits of a time.
const DIGITS: u8 = 3;

/// A histogram of times in nanoseconds, with three significant digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS)
        .unwrap_or_else(|_| unreachable!("the bounds are constants that fit"))
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Counts and times of answers.
#[derive(Debug, Clone)]
pub struct Tally {
    /// From the planned instant to the end of the answer, in nanoseconds.
    pub response: Histogram<u64>,
    /// From the sending to the end of the answer, in nanoseconds.
    pub service: Histogram<u64>,
    /// Good answers, and all others.
    pub counts: Counts,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Errors by class.
    pub classes: BTreeMap<Class, u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            response: histogram(),
            service: histogram(),
            counts: Counts::default(),
            statuses: BTreeMap::new(),
            classes: BTreeMap::new(),
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, sample: &Sample) {
        self.response
            .saturating_record(nanoseconds(sample.response()));
        self.service
            .saturating_record(nanoseconds(sample.service()));
        self.counts.add(sample.error.is_none());
        if let Some(status) = sample.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(class) = sample.error {
            *self.classes.entry(class).or_default() += 1;
        }
    }
}
