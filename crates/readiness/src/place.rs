//! Where the resource of a key can be asked, as it is kept between look-ups.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Observation;

/// An address is looked up again after a day.
const FRESH_FOR: Duration = Duration::from_hours(24);

/// An address is looked up again after this many probes in a row that did not
/// reach it.
const FAILURES: u8 = 3;

/// Where a resource is, as Confluent told it. It may be stored: an address is
/// checked again before a key is sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The environment of the resource, where its kind has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The organization, which the paths of Flink name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The address of its REST API; absent while it is being provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_endpoint: Option<String>,
    /// The bootstrap server of a Kafka cluster, as `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_server: Option<String>,
    /// When that was looked up.
    pub looked_up: Timestamp,
    /// How many probes in a row did not reach it.
    #[serde(default)]
    failures: u8,
}

impl Place {
    /// A place of which nothing is known but the time.
    pub fn looked_up_at(now: Timestamp) -> Self {
        Self {
            environment: None,
            organization: None,
            http_endpoint: None,
            bootstrap_server: None,
            looked_up: now,
            failures: 0,
        }
    }

    /// Notes whether a probe reached it.
    pub fn observe(&mut self, observation: Observation) {
        self.failures = match observation {
            Observation::Unreachable => self.failures.saturating_add(1),
            Observation::LoggedIn
            | Observation::LoggedInWithoutRights
            | Observation::NotYet
            | Observation::NoProbe => 0,
        };
    }

    /// Whether it should be looked up again, beside what goes on: probes and
    /// readers do not wait for it.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.looked_up);
        // One from the future was looked up under a wrong clock.
        self.failures >= FAILURES || Duration::try_from(age).map_or(true, |age| age >= FRESH_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_place_is_looked_up_again_after_a_day() {
        let place = Place::looked_up_at(at(0));
        assert!(!place.is_stale(at(0)));
        assert!(!place.is_stale(at(86_399)));
        assert!(place.is_stale(at(86_400)));
        assert!(place.is_stale(at(-1)));
    }

    #[test]
    fn a_place_is_looked_up_again_after_three_failures_in_a_row() {
        let mut place = Place::looked_up_at(at(0));
        for observation in [
            Observation::Unreachable,
            Observation::Unreachable,
            Observation::NotYet,
            Observation::Unreachable,
            Observation::Unreachable,
        ] {
            place.observe(observation);
            assert!(!place.is_stale(at(1)));
        }
        place.observe(Observation::Unreachable);
        assert!(place.is_stale(at(1)));
    }
}
