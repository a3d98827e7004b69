//! The latencies of the last ten seconds, in buckets that are finer than any row
//! of a screen.

use std::time::Duration;

/// How far back it reaches.
pub const REACH: Duration = Duration::from_secs(10);
/// The time after which a slot is left for the next one.
const SLOT: Duration = Duration::from_millis(100);
const SLOTS: usize = 100;
/// Buckets in each doubling of the latency: a bucket is at most 1.6 % wide.
const PER_DOUBLING: usize = 64;
const BUCKETS: usize = 28 * PER_DOUBLING;

/// How many answers took how long, by whether they were good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// As expected.
    pub good: u64,
    /// Everything else.
    pub bad: u64,
}

impl Counts {
    /// Both together.
    pub fn sum(self) -> u64 {
        self.good + self.bad
    }

    pub(super) fn add(&mut self, good: bool) {
        if good {
            self.good += 1;
        } else {
            self.bad += 1;
        }
    }
}

/// The last ten seconds.
#[derive(Debug)]
pub struct Window {
    slots: Vec<Vec<(u16, bool)>>,
    /// The number of the newest slot since the beginning.
    newest: u64,
    sum: Vec<Counts>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            slots: vec![Vec::new(); SLOTS],
            newest: 0,
            sum: vec![Counts::default(); BUCKETS],
        }
    }
}

impl Window {
    /// Forgets what is older than ten seconds.
    pub fn move_to(&mut self, now: Duration) {
        let number = u64::try_from(now.as_millis() / SLOT.as_millis()).unwrap_or(u64::MAX);
        let steps = number.saturating_sub(self.newest).min(SLOTS as u64);
        self.newest = self.newest.max(number);
        for back in 0..steps {
            let index = Self::index(self.newest - back);
            for (bucket, good) in self.slots[index].drain(..) {
                let counts = &mut self.sum[usize::from(bucket)];
                if good {
                    counts.good -= 1;
                } else {
                    counts.bad -= 1;
                }
            }
        }
    }

    /// Adds an answer that is complete at `now`.
    pub fn add(&mut self, now: Duration, latency: Duration, good: bool) {
        self.move_to(now);
        let bucket = bucket_of(latency);
        self.slots[Self::index(self.newest)].push((bucket, good));
        self.sum[usize::from(bucket)].add(good);
    }

    /// The latencies that occurred, in ascending order, each within 1.6 %.
    pub fn latencies(&self) -> impl Iterator<Item = (Duration, Counts)> {
        let occurred = |(_, counts): &(usize, &Counts)| counts.sum() > 0;
        self.sum
            .iter()
            .enumerate()
            .filter(occurred)
            .map(|(bucket, counts)| (middle_of(bucket), *counts))
    }

    /// All answers.
    pub fn counts(&self) -> Counts {
        self.latencies()
            .fold(Counts::default(), |sum, (_, counts)| Counts {
                good: sum.good + counts.good,
                bad: sum.bad + counts.bad,
            })
    }

    /// The latency that this part of all answers did not exceed; none without an
    /// answer.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let total = self.counts().sum();
        let mut below = 0;
        self.latencies().find_map(|(latency, counts)| {
            below += counts.sum();
            (to_float(below) >= part * to_float(total)).then_some(latency)
        })
    }

    fn index(number: u64) -> usize {
        usize::try_from(number % SLOTS as u64).unwrap_or_default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn to_float(count: u64) -> f64 {
    count as f64
}

fn bucket_of(latency: Duration) -> u16 {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let bucket = match usize::try_from(micros) {
        Ok(micros) if micros < PER_DOUBLING => micros,
        _ => {
            let exponent = micros.ilog2() as usize;
            let low = usize::try_from(micros >> (exponent - 6)).unwrap_or_default();
            (exponent - 5) * PER_DOUBLING + (low % PER_DOUBLING)
        }
    };
    u16::try_from(bucket.min(BUCKETS - 1)).unwrap_or(u16::MAX)
}

fn middle_of(bucket: usize) -> Duration {
    let nanos = if bucket < PER_DOUBLING {
        1000 * bucket as u64 + 500
    } else {
        let shift = bucket / PER_DOUBLING - 1;
        let low = ((PER_DOUBLING + bucket % PER_DOUBLING) as u64) << shift;
        1000 * low + (1000 << shift) / 2
    };
    Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn answers_leave_after_ten_seconds() {
        let mut window = Window::default();
        window.add(ms(50), ms(3), true);
        window.add(ms(5000), ms(3), false);
        assert_eq!(window.counts(), Counts { good: 1, bad: 1 });
        window.move_to(ms(9999));
        assert_eq!(window.counts().sum(), 2);
        window.move_to(ms(10_000));
        assert_eq!(window.counts(), Counts { good: 0, bad: 1 });
        window.move_to(ms(1_000_000));
        assert_eq!(window.counts().sum(), 0);
    }

    #[test]
    fn a_quantile_is_found() {
        let mut window = Window::default();
        for number in 1..=100 {
            window.add(ms(0), ms(number), true);
        }
        let median = window.quantile(0.5).unwrap().as_secs_f64();
        assert!((median / 0.05 - 1.0).abs() < 0.02, "{median}");
        assert_eq!(Window::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_bucket_is_near_its_latency(micros in 0_u64..5_000_000_000) {
            let latency = Duration::from_micros(micros);
            let middle = middle_of(usize::from(bucket_of(latency)));
            let difference = middle.abs_diff(latency).as_secs_f64();
            prop_assert!(difference <= latency.as_secs_f64() * 0.016 + 0.000_001);
        }
    }
}
