//! The times of a test in intervals of ten seconds, each closed as a histogram in
//! the compressed form of `HdrHistogram`, which is small enough for tests of days.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

use super::tally::{histogram, nanoseconds};
use super::{Counts, Sample};

/// How long an interval is.
pub(super) const LENGTH: Duration = Duration::from_secs(10);

/// An interval that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// When it began, counted from the beginning of the test.
    pub begin: Duration,
    /// When it ended.
    pub end: Duration,
    /// Good answers that came in it, and others.
    pub counts: Counts,
    /// From the planned instant to the end of the answer.
    pub response: Times,
    /// From the sending to the end of the answer.
    pub service: Times,
}

/// A histogram of times in nanoseconds, in its compressed form, and what is often
/// asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// The median, in nanoseconds.
    pub p50: u64,
    /// What one of a hundred exceeded.
    pub p99: u64,
    /// The longest.
    pub max: u64,
    /// In base64.
    pub encoded: String,
}

/// Intervals, and the one that is not over.
#[derive(Debug)]
pub(super) struct Intervals {
    closed: Vec<Interval>,
    begin: Duration,
    counts: Counts,
    response: Histogram<u64>,
    service: Histogram<u64>,
}

impl Intervals {
    pub(super) fn new(begin: Duration) -> Self {
        Self {
            closed: Vec::new(),
            begin,
            counts: Counts::default(),
            response: histogram(),
            service: histogram(),
        }
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        if sample.done >= self.begin + LENGTH {
            let end = self.begin + LENGTH;
            if let Some(interval) = self.open(end) {
                self.closed.push(interval);
            }
            self.counts = Counts::default();
            self.response.reset();
            self.service.reset();
            // Intervals in which nothing was answered are left out.
            let later = sample.done.saturating_sub(end).as_nanos() / LENGTH.as_nanos();
            self.begin = end + LENGTH * u32::try_from(later).unwrap_or(u32::MAX);
        }
        self.counts.add(sample.error.is_none());
        self.response
            .saturating_record(nanoseconds(sample.response()));
        self.service
            .saturating_record(nanoseconds(sample.service()));
    }

    /// All intervals; the last one as far as it has come.
    pub(super) fn all(&self, now: Duration) -> Vec<Interval> {
        let mut all = self.closed.clone();
        all.extend(self.open(now.min(self.begin + LENGTH)));
        all
    }

    fn open(&self, end: Duration) -> Option<Interval> {
        (self.counts.sum() > 0).then(|| Interval {
            begin: self.begin,
            end: end.max(self.begin),
            counts: self.counts,
            response: times(&self.response),
            service: times(&self.service),
        })
    }
}

fn times(histogram: &Histogram<u64>) -> Times {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and no count is beyond the format's.
    let _ = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    Times {
        p50: histogram.value_at_quantile(0.5),
        p99: histogram.value_at_quantile(0.99),
        max: histogram.max(),
        encoded: BASE64_STANDARD.encode(bytes),
    }
}
