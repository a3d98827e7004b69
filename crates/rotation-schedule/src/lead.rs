//! How long before its time a rotation begins, so that the switch is on time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const LEAD_MIN: Duration = Duration::from_secs(30);

/// How long keys of one kind took until they were proven: the last 20. In JSON
/// it is a list of seconds, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u32>", into = "Vec<u32>")]
pub struct ProofTimes(Vec<u32>);

impl ProofTimes {
    /// How many count.
    pub const MOST: usize = 20;

    /// Adds a proof, in place of the oldest when there are 20.
    pub fn record(&mut self, took: Duration) {
        let seconds = took
            .as_secs()
            .saturating_add(u64::from(took.subsec_nanos() > 0));
        self.0.push(u32::try_from(seconds).unwrap_or(u32::MAX));
        self.keep_last();
    }

    /// The median, of an even number the upper one.
    pub fn median(&self) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2)?;
        Some(Duration::from_secs(u64::from(*middle)))
    }

    fn keep_last(&mut self) {
        let surplus = self.0.len().saturating_sub(Self::MOST);
        self.0.drain(..surplus);
    }
}

impl From<Vec<u32>> for ProofTimes {
    fn from(seconds: Vec<u32>) -> Self {
        let mut times = Self(seconds);
        times.keep_last();
        times
    }
}

impl From<ProofTimes> for Vec<u32> {
    fn from(times: ProofTimes) -> Self {
        times.0
    }
}

/// How long before its planned time a rotation begins: twice the median of the
/// proofs, or of the wait that Confluent documents for the kind where there are
/// none yet; 30 seconds at least; and the time that requests now wait in the
/// queue.
pub fn lead(proofs: &ProofTimes, documented: Duration, queue: Duration) -> Duration {
    let median = proofs.median().unwrap_or(documented);
    median.saturating_mul(2).max(LEAD_MIN).saturating_add(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seconds: impl IntoIterator<Item = u64>) -> ProofTimes {
        let mut times = ProofTimes::default();
        for second in seconds {
            times.record(Duration::from_secs(second));
        }
        times
    }

    #[track_caller]
    fn check(proofs: &ProofTimes, queue: u64, expected: u64) {
        let queue = Duration::from_secs(queue);
        let lead = lead(proofs, Duration::from_mins(2), queue);
        assert_eq!(lead, Duration::from_secs(expected));
    }

    #[test]
    fn the_lead_is_twice_the_median_of_the_last_twenty_proofs() {
        check(&times([50, 90, 1000]), 0, 180);
        check(&times([50, 90]), 0, 180);
        let old = std::iter::repeat_n(3600, 30);
        check(&times(old.chain(std::iter::repeat_n(60, 20))), 0, 120);
    }

    #[test]
    fn the_documented_wait_counts_before_the_first_proof() {
        check(&times([]), 0, 240);
    }

    #[test]
    fn the_lead_is_thirty_seconds_at_least_and_the_queue_comes_on_top() {
        check(&times([1]), 0, 30);
        check(&times([1]), 45, 75);
        check(&times([]), 3600, 3840);
    }

    #[test]
    fn parts_of_a_second_count_as_a_whole_one() {
        let mut times = ProofTimes::default();
        times.record(Duration::from_millis(15_100));
        assert_eq!(times.median(), Some(Duration::from_secs(16)));
    }

    #[test]
    fn json_has_a_list_of_which_the_last_twenty_count() {
        let list: Vec<u32> = (0..30).collect();
        let text = serde_json::to_string(&list).unwrap();
        let read: ProofTimes = serde_json::from_str(&text).unwrap();
        let kept: Vec<u32> = (10..30).collect();
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            serde_json::to_string(&kept).unwrap()
        );
    }
}
