//! A pace for deletions: one at a time, and none that would wait too long.

use std::time::Duration;

use engine::control_plane::{Access, Pace, Paced, Waiting};
use tokio::time::Instant;

use super::Cloud;

/// How long a deletion may wait for its turn, if its caller does not say.
const PATIENCE: Duration = Duration::from_mins(1);

/// A limit of deletions.
pub(crate) struct Limit {
    every: Duration,
    next: Instant,
}

impl Limit {
    pub(crate) fn per_second(count: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / count,
            next: Instant::now(),
        }
    }

    /// The turn of a deletion, or how long it would have to wait.
    pub(super) fn turn(&mut self, access: &Access) -> Result<Instant, Duration> {
        let now = Instant::now();
        let turn = self.next.max(now);
        let wait = turn - now;
        if wait > access.caller.patience.unwrap_or(PATIENCE) {
            return Err(wait);
        }
        self.next = turn + self.every;
        Ok(turn)
    }
}

impl Paced for Cloud {
    fn pace(&self, _: &Access) -> Option<Pace> {
        let limit = self.limit.lock().unwrap();
        let limit = limit.as_ref()?;
        Some(Pace {
            requests_per_second: Some(1.0 / limit.every.as_secs_f64()),
            waiting: Waiting::default(),
            oldest: None,
        })
    }
}
