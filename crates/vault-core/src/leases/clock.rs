//! The clock of leases.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Clock;

/// A wall clock that never goes back, so that an expired lease stays expired
/// and no pause grows when the system's clock is set back.
///
/// Forward jumps of the system's clock are followed: leases that expired while
/// the machine was suspended must be revoked. When the system's clock is set
/// back, this clock continues with the monotonic clock until the process ends.
pub(super) struct LeaseClock {
    system: Arc<dyn Clock>,
    latest: Mutex<Reading>,
}

/// Simultaneous readings of both clocks.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall: Timestamp,
    monotonic: Duration,
}

impl LeaseClock {
    pub(super) fn new(system: Arc<dyn Clock>) -> Self {
        let latest = Mutex::new(Reading {
            wall: system.now(),
            monotonic: system.monotonic(),
        });
        Self { system, latest }
    }

    pub(super) fn now(&self) -> Timestamp {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let monotonic = self.system.monotonic();
        let elapsed = monotonic.saturating_sub(latest.monotonic);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        let expected = latest.wall.checked_add(elapsed).unwrap_or(Timestamp::MAX);
        *latest = Reading {
            wall: expected.max(self.system.now()),
            monotonic,
        };
        latest.wall
    }
}

#[cfg(test)]
mod tests {
    use virtual_world::VirtualClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_from_the_latest_time_when_the_system_clock_is_set_back() {
        let system = Arc::new(VirtualClock::new());
        let clock = LeaseClock::new(Arc::clone(&system) as _);
        let start = clock.now();
        system.jump(SignedDuration::from_hours(-1));
        assert_eq!(clock.now(), start);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), start + SignedDuration::from_secs(5));
        system.jump(SignedDuration::from_hours(2));
        let ahead = SignedDuration::from_hours(1) + SignedDuration::from_secs(5);
        assert_eq!(clock.now(), start + ahead);
    }
}
