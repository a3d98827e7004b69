//! What came back: times, statuses and errors. It is told every instant, and has
//! no clock.

mod class;
mod interval;
mod tally;
mod timeline;
mod window;

use std::collections::HashMap;
use std::time::Duration;

pub use self::class::Class;
use self::interval::Intervals;
pub use self::interval::{Interval, Times as IntervalTimes};
pub use self::tally::Tally;
pub use self::timeline::{Column, Timeline, latency_of};
pub use self::window::{Counts, REACH, Window};

/// A request that was sent this much after its planned instant started late.
pub const LATE: Duration = Duration::from_millis(1);
/// Targets beyond this many are counted together.
const MOST_GROUPS: usize = 100;

/// One request and what came of it. Instants count from the beginning of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Which target it was.
    pub target: usize,
    /// For when it was planned.
    pub planned: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// When its answer was complete, or it had failed.
    pub done: Duration,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it was not good; none if it was.
    pub error: Option<Class>,
}

impl Sample {
    /// The time that somebody who came at the planned instant waited.
    pub fn response(&self) -> Duration {
        self.done.saturating_sub(self.planned)
    }

    /// The time that the server took for the answer.
    pub fn service(&self) -> Duration {
        self.done.saturating_sub(self.sent)
    }
}

/// Targets of the same name, counted together.
#[derive(Debug, Clone)]
pub struct Group {
    /// Method and path, or the name that the file gives.
    pub name: String,
    /// Their counts and times.
    pub tally: Tally,
}

/// Everything that was measured since the beginning, or since it was reset.
#[derive(Debug)]
pub struct Record {
    /// When it began.
    pub since: Duration,
    /// All targets together.
    pub total: Tally,
    /// By the name of the target, in the order of the file.
    pub groups: Vec<Group>,
    /// Requests that started late.
    pub late: u64,
    /// The last ten seconds.
    pub window: Window,
    intervals: Intervals,
    timeline: Timeline,
    /// The longest time without a good answer, when it began, and the last good one.
    longest_gap: (Duration, Duration),
    last_good: Duration,
    /// The group of each target.
    group_of: Vec<usize>,
}

impl Record {
    /// An empty one for targets of these names.
    pub fn new(names: &[String]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut group_of = Vec::with_capacity(names.len());
        for name in names {
            let group = *known.entry(name).or_insert_with(|| {
                if groups.len() < MOST_GROUPS {
                    let name = if groups.len() + 1 == MOST_GROUPS {
                        "all further targets".to_owned()
                    } else {
                        name.clone()
                    };
                    groups.push(Group {
                        name,
                        tally: Tally::default(),
                    });
                }
                groups.len() - 1
            });
            group_of.push(group);
        }
        Self {
            since: Duration::ZERO,
            total: Tally::default(),
            groups,
            late: 0,
            window: Window::default(),
            intervals: Intervals::new(Duration::ZERO),
            timeline: Timeline::new(Duration::ZERO),
            longest_gap: (Duration::ZERO, Duration::ZERO),
            last_good: Duration::ZERO,
            group_of,
        }
    }

    /// Adds a request that has ended.
    ///
    /// The window has all of them; everything else has those that were planned
    /// since the beginning, or since it was reset.
    pub fn add(&mut self, sample: &Sample) {
        let good = sample.error.is_none();
        self.window.add(sample.done, sample.response(), good);
        if sample.planned < self.since {
            return;
        }
        self.total.add(sample);
        if let Some(group) = self.group_of.get(sample.target) {
            self.groups[*group].tally.add(sample);
        }
        self.timeline.add(sample.done, sample.response(), good);
        self.intervals.add(sample);
        if sample.sent.saturating_sub(sample.planned) > LATE {
            self.late += 1;
        }
        if good {
            self.longest_gap = self.gap(sample.done);
            self.last_good = self.last_good.max(sample.done);
        }
    }

    /// Leaves out what is planned before this instant.
    #[must_use]
    pub fn beginning_at(mut self, begin: Duration) -> Self {
        self.reset(begin);
        self.window = Window::default();
        self
    }

    /// Begins anew.
    pub fn reset(&mut self, now: Duration) {
        self.since = now;
        self.total = Tally::default();
        for group in &mut self.groups {
            group.tally = Tally::default();
        }
        self.late = 0;
        self.window = Window::default();
        self.window.move_to(now);
        self.intervals = Intervals::new(now);
        self.timeline = Timeline::new(now);
        self.longest_gap = (Duration::ZERO, now);
        self.last_good = now;
    }

    /// What was measured in each ten seconds, until `now`.
    pub fn intervals(&self, now: Duration) -> Vec<Interval> {
        self.intervals.all(now)
    }

    /// Latencies over the whole time.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The longest time without a good answer until `now`, and when it began.
    pub fn gap(&self, now: Duration) -> (Duration, Duration) {
        let present = now.saturating_sub(self.last_good);
        if present > self.longest_gap.0 {
            (present, self.last_good)
        } else {
            self.longest_gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(planned: u64, sent: u64, done: u64) -> Sample {
        Sample {
            target: 0,
            planned: Duration::from_millis(planned),
            sent: Duration::from_millis(sent),
            done: Duration::from_millis(done),
            status: Some(200),
            error: None,
        }
    }

    fn record() -> Record {
        Record::new(&[
            "GET /a".to_owned(),
            "GET /b".to_owned(),
            "GET /a".to_owned(),
        ])
    }

    #[test]
    fn response_time_counts_from_the_plan_and_service_time_from_the_sending() {
        let mut record = record();
        record.add(&sample(0, 0, 10));
        record.add(&sample(10, 50, 60));
        let p100 = |histogram: &hdrhistogram::Histogram<u64>| histogram.max() / 1_000_000;
        assert_eq!(p100(&record.total.response), 50);
        assert_eq!(p100(&record.total.service), 10);
        assert_eq!(record.late, 1);
    }

    #[test]
    fn what_was_planned_before_the_beginning_is_left_out() {
        let mut record = record().beginning_at(Duration::from_millis(100));
        record.add(&sample(99, 99, 150));
        assert_eq!(
            (record.total.counts.sum(), record.window.counts().sum()),
            (0, 1)
        );
        record.add(&sample(100, 100, 150));
        assert_eq!(record.total.counts.sum(), 1);
        assert_eq!(
            record.gap(Duration::from_millis(150)).0,
            Duration::from_millis(50)
        );
    }

    #[test]
    fn targets_of_one_name_are_counted_together() {
        let mut record = record();
        for target in [0, 1, 2] {
            record.add(&Sample {
                target,
                ..sample(0, 0, 1)
            });
        }
        let counts: Vec<_> = record
            .groups
            .iter()
            .map(|group| (group.name.as_str(), group.tally.counts.good))
            .collect();
        assert_eq!(counts, [("GET /a", 2), ("GET /b", 1)]);
    }

    #[test]
    fn many_targets_have_a_common_rest() {
        let names: Vec<String> = (0..5000).map(|number| format!("GET /{number}")).collect();
        let mut record = Record::new(&names);
        record.add(&Sample {
            target: 4999,
            ..sample(0, 0, 1)
        });
        assert_eq!(record.groups.len(), MOST_GROUPS);
        assert_eq!(record.groups[MOST_GROUPS - 1].tally.counts.good, 1);
    }

    #[test]
    fn the_longest_time_without_a_good_answer_is_kept() {
        let mut record = record();
        record.add(&sample(0, 0, 100));
        record.add(&Sample {
            error: Some(Class::Sealed),
            ..sample(0, 0, 1500)
        });
        record.add(&sample(0, 0, 2000));
        record.add(&sample(0, 0, 2100));
        let ms = Duration::from_millis;
        assert_eq!(record.gap(ms(2200)), (ms(1900), ms(100)));
        assert_eq!(record.gap(ms(9000)), (ms(6900), ms(2100)));
        record.reset(ms(9000));
        assert_eq!(record.gap(ms(9001)), (ms(1), ms(9000)));
        assert_eq!(record.total.counts.sum(), 0);
    }
}
