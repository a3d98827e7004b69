//! Time: the monotonic clock is tokio's virtual one, and the wall clock can be
//! set to something else by hand.

use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Clock;
use tokio::time::Instant;

pub(crate) struct Time {
    start: Instant,
    set_off: Mutex<SignedDuration>,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            set_off: Mutex::new(SignedDuration::ZERO),
        }
    }

    /// The right time, which Confluent has.
    pub(crate) fn right(&self) -> Timestamp {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        start + SignedDuration::try_from(self.monotonic()).unwrap()
    }

    /// Sets the wall clock later, or earlier, than it is.
    pub(crate) fn jump(&self, by: SignedDuration) {
        let mut set_off = self.set_off.lock().unwrap();
        *set_off = set_off.checked_add(by).unwrap();
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.right() + *self.set_off.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
