//! The figures of a test.

mod text;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::record::{Class, LATE, Record, Tally};
use crate::load::run::Progress;

/// The figures of a test. No URL's query, header or body is in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The version of this form.
    pub version: u32,
    /// How long was measured.
    pub seconds: f64,
    /// Requests that were planned for that time.
    pub planned: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were due and never sent, since no worker was free.
    pub not_sent: u64,
    /// Requests that were in flight when the test was stopped.
    pub cut_off: u64,
    /// Requests that were sent a millisecond or more after their planned instant.
    pub late_starts: u64,
    /// Answers as expected.
    pub good: u64,
    /// Everything else.
    pub bad: u64,
    /// Requests that were sent, by second.
    pub rate: f64,
    /// Answers by status.
    pub statuses: Vec<StatusCount>,
    /// Errors by class.
    pub errors: Vec<ErrorCount>,
    /// The longest time without a good answer.
    pub longest_gap: Gap,
    /// From the planned instant to the end of the answer.
    pub response: Times,
    /// From the sending to the end of the answer.
    pub service: Times,
    /// The same for each target.
    pub targets: Vec<TargetSummary>,
}

/// How many answers had a status.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusCount {
    /// The status.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// How many requests failed in a way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorCount {
    /// The class of the error.
    pub class: &'static str,
    /// How many.
    pub count: u64,
}

/// A time without a good answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// How long it was.
    pub seconds: f64,
    /// When it began, counted from the beginning of the test.
    pub began_at_second: f64,
}

/// Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "quantiles, by their usual names")]
pub struct Times {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    #[serde(rename = "p99.99")]
    pub p99_99: f64,
    pub max: f64,
}

/// The figures of one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetSummary {
    /// Method and path.
    pub name: String,
    /// Answers as expected.
    pub good: u64,
    /// Everything else.
    pub bad: u64,
    /// Answers by status.
    pub statuses: Vec<StatusCount>,
    /// From the planned instant to the end of the answer.
    pub response: Times,
    /// From the sending to the end of the answer.
    pub service: Times,
}

impl Summary {
    /// Sums up. `planned` is how many requests were due in all.
    pub fn new(record: &Record, progress: &Progress) -> Self {
        let total = &record.total;
        let measured = progress.now.saturating_sub(record.since);
        let (gap, began) = record.gap(progress.now);
        let not_sent = progress.waiting();
        Self {
            version: 1,
            seconds: rounded(measured.as_secs_f64()),
            planned: progress.sent + not_sent,
            sent: progress.sent,
            not_sent,
            cut_off: progress.sent.saturating_sub(total.counts.sum()),
            late_starts: record.late,
            good: total.counts.good,
            bad: total.counts.bad,
            rate: rounded(per_second(progress.sent, measured)),
            statuses: statuses(total),
            errors: errors(total),
            longest_gap: Gap {
                seconds: rounded(gap.as_secs_f64()),
                began_at_second: rounded(began.as_secs_f64()),
            },
            response: Times::new(&total.response),
            service: Times::new(&total.service),
            targets: record
                .groups
                .iter()
                .map(|group| TargetSummary {
                    name: group.name.clone(),
                    good: group.tally.counts.good,
                    bad: group.tally.counts.bad,
                    statuses: statuses(&group.tally),
                    response: Times::new(&group.tally.response),
                    service: Times::new(&group.tally.service),
                })
                .collect(),
        }
    }

    /// Whether something was sent and no server answered anything.
    pub fn nothing_was_reached(&self) -> bool {
        self.bad > 0 && self.statuses.is_empty()
    }

    /// After how much time a start counts as late, for texts.
    pub fn late() -> Duration {
        LATE
    }
}

impl Times {
    fn new(histogram: &Histogram<u64>) -> Self {
        let of = |part| milliseconds(histogram.value_at_quantile(part));
        Self {
            mean: rounded(histogram.mean() / 1e6),
            p50: of(0.5),
            p90: of(0.9),
            p99: of(0.99),
            p99_9: of(0.999),
            p99_99: of(0.9999),
            max: milliseconds(histogram.max()),
        }
    }
}

fn statuses(tally: &Tally) -> Vec<StatusCount> {
    let of = |(status, count): (&u16, &u64)| StatusCount {
        status: *status,
        count: *count,
    };
    tally.statuses.iter().map(of).collect()
}

fn errors(tally: &Tally) -> Vec<ErrorCount> {
    Class::ALL
        .iter()
        .filter_map(|class| {
            Some(ErrorCount {
                class: class.name(),
                count: *tally.classes.get(class)?,
            })
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn per_second(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of an hour are below 2^53"
)]
pub(super) fn milliseconds(nanoseconds: u64) -> f64 {
    rounded(nanoseconds as f64 / 1e6)
}

/// Three decimals: more is not measured.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
