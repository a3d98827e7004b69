//! Virtual time: a monotonic clock that follows tokio's, and a wall clock that
//! can jump.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Clock;
use tokio::time::Instant;

use crate::lock;

/// 2027-01-15T08:00:00Z, when every world begins.
const BEGINNING: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// The clocks of one process.
///
/// The wall clock is the machine's: all processes made with
/// [`VirtualClock::restarted`] share it. The monotonic clock starts at zero
/// with each process.
#[derive(Debug)]
pub struct VirtualClock {
    machine: Arc<Machine>,
    start: Instant,
}

/// What outlives a process.
#[derive(Debug)]
struct Machine {
    start: Instant,
    /// How far the wall clock is ahead of the true time.
    offset: Mutex<SignedDuration>,
}

impl VirtualClock {
    /// Clocks that start now, with a correct wall clock.
    pub fn new() -> Self {
        let start = Instant::now();
        Self {
            machine: Arc::new(Machine {
                start,
                offset: Mutex::default(),
            }),
            start,
        }
    }

    /// The clocks of the next process on the same machine.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self {
            machine: Arc::clone(&self.machine),
            start: Instant::now(),
        }
    }

    /// The true time, which jumps do not change. Services outside the machine
    /// use it.
    pub fn true_time(&self) -> Timestamp {
        saturating_add(BEGINNING, signed(self.machine.start.elapsed()))
    }

    /// Moves the wall clock forwards, or backwards if `by` is negative.
    pub fn jump(&self, by: SignedDuration) {
        let mut offset = lock(&self.machine.offset);
        *offset = offset.saturating_add(by);
    }

    /// Sets the wall clock to the true time.
    pub fn correct(&self) {
        *lock(&self.machine.offset) = SignedDuration::ZERO;
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        saturating_add(self.true_time(), *lock(&self.machine.offset))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A sum that stops at the ends of what a timestamp can say.
fn saturating_add(time: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    time.checked_add(by).unwrap_or(end)
}

/// Clocks that stand still until somebody moves them. They begin at the Unix epoch
/// and at zero.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<(Timestamp, Duration)>);

impl ManualClock {
    /// Moves both clocks, each by its own time.
    pub fn pass(&self, wall: SignedDuration, monotonic: Duration) {
        let mut now = lock(&self.0);
        now.0 = saturating_add(now.0, wall);
        now.1 += monotonic;
    }

    /// Sets the monotonic clock.
    pub fn set_monotonic(&self, to: Duration) {
        lock(&self.0).1 = to;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        lock(&self.0).0
    }

    fn monotonic(&self) -> Duration {
        lock(&self.0).1
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_clocks_follow_the_runtime() {
        let clock = VirtualClock::new();
        sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.monotonic(), Duration::from_secs(90));
        assert_eq!(clock.now().to_string(), "2027-01-15T08:01:30Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_changes_the_wall_clock_alone() {
        let clock = VirtualClock::new();
        clock.jump(SignedDuration::from_hours(-1));
        assert_eq!(clock.now().to_string(), "2027-01-15T07:00:00Z");
        assert_eq!(clock.true_time(), BEGINNING);
        assert_eq!(clock.monotonic(), Duration::ZERO);
        clock.correct();
        assert_eq!(clock.now(), BEGINNING);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_keeps_the_wall_clock_and_starts_the_monotonic_one_anew() {
        let first = VirtualClock::new();
        first.jump(SignedDuration::from_secs(5));
        sleep(Duration::from_secs(10)).await;
        let second = first.restarted();
        assert_eq!(second.monotonic(), Duration::ZERO);
        assert_eq!(second.now(), first.now());
        first.jump(SignedDuration::from_secs(5));
        assert_eq!(second.now(), first.now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_beyond_the_calendar_stops_at_its_end() {
        let clock = VirtualClock::new();
        clock.jump(SignedDuration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        clock.correct();
        clock.jump(SignedDuration::MIN);
        assert_eq!(clock.now(), Timestamp::MIN);
    }
}
