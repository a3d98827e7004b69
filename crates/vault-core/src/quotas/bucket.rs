//! The use of one quota by one address: a number of requests for each window of
//! time, counted from the first request.

use std::time::Duration;

/// What a quota allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Requests in a window.
    pub(super) requests: u64,
    pub(super) window: Duration,
    /// For how long an address is refused that asked for more; zero for the rest
    /// of the window.
    pub(super) block: Duration,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It may go on.
    Allowed(Left),
    /// There are none left, until then.
    Refused {
        left: Left,
        /// After what time another attempt is worth it.
        retry: Duration,
    },
    /// The address asked for too much before.
    Blocked {
        /// For so much longer.
        retry: Duration,
    },
}

/// What is left of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// When the next window begins.
    pub(crate) reset: Duration,
}

/// Times are those of the monotonic clock.
#[derive(Debug)]
pub(super) struct Bucket {
    began: Duration,
    /// The number of the window, and the requests in it.
    window: u128,
    used: u64,
    blocked_until: Duration,
    last: Duration,
}

impl Bucket {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            began: now,
            window: 0,
            used: 0,
            blocked_until: Duration::ZERO,
            last: now,
        }
    }

    /// Counts a request.
    pub(super) fn take(&mut self, limits: Limits, now: Duration) -> Taken {
        self.last = now;
        let retry = self.blocked_until.saturating_sub(now);
        if !retry.is_zero() {
            return Taken::Blocked { retry };
        }
        let length = limits.window.as_nanos().max(1);
        let age = now.saturating_sub(self.began).as_nanos();
        let window = age / length;
        if window != self.window {
            self.window = window;
            self.used = 0;
        }
        let reset = nanos(length - age % length);
        let left = |used: u64| Left {
            limit: limits.requests,
            remaining: limits.requests.saturating_sub(used),
            reset,
        };
        if self.used < limits.requests {
            self.used += 1;
            return Taken::Allowed(left(self.used));
        }
        let retry = if limits.block.is_zero() {
            reset
        } else {
            self.blocked_until = now.saturating_add(limits.block);
            limits.block
        };
        Taken::Refused {
            left: left(self.used),
            retry,
        }
    }

    /// Whether there was no request for so long that nothing is left to count: the
    /// window is over, and the address is not refused.
    pub(super) fn is_stale(&self, limits: Limits, now: Duration, after: Duration) -> bool {
        let longest = after.max(limits.window);
        now >= self.blocked_until && now.saturating_sub(self.last) >= longest
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(requests: u64, window: u32, block: u32) -> Limits {
        Limits {
            requests,
            window: SECOND * window,
            block: SECOND * block,
        }
    }

    #[test]
    fn a_window_has_its_number_of_requests_and_the_next_has_them_again() {
        let limits = limits(2, 10, 0);
        let mut bucket = Bucket::new(SECOND * 100);
        let mut at = |second: u32| bucket.take(limits, SECOND * second);
        let left = |remaining, reset| Left {
            limit: 2,
            remaining,
            reset: SECOND * reset,
        };
        assert_eq!(at(100), Taken::Allowed(left(1, 10)));
        assert_eq!(at(104), Taken::Allowed(left(0, 6)));
        let refused = Taken::Refused {
            left: left(0, 1),
            retry: SECOND,
        };
        assert_eq!(at(109), refused);
        assert_eq!(at(110), Taken::Allowed(left(1, 10)));
        assert_eq!(at(135), Taken::Allowed(left(1, 5)));
    }

    #[test]
    fn an_address_that_asks_for_more_is_refused_for_longer_than_the_window() {
        let limits = limits(1, 2, 6);
        let mut bucket = Bucket::new(Duration::ZERO);
        let mut at = |second: u32| bucket.take(limits, SECOND * second);
        assert!(matches!(at(0), Taken::Allowed(_)));
        assert!(matches!(at(1), Taken::Refused { retry, .. } if retry == SECOND * 6));
        assert_eq!(at(5), Taken::Blocked { retry: SECOND * 2 });
        assert!(matches!(at(7), Taken::Allowed(_)));
    }

    #[test]
    fn an_address_is_remembered_while_it_is_refused_or_its_window_lasts() {
        let mut bucket = Bucket::new(Duration::ZERO);
        bucket.take(limits(1, 1, 600), Duration::ZERO);
        bucket.take(limits(1, 1, 600), Duration::ZERO);
        let stale = |bucket: &Bucket, second: u32| {
            bucket.is_stale(limits(1, 300, 0), SECOND * second, SECOND * 180)
        };
        assert!(!stale(&bucket, 599));
        assert!(stale(&bucket, 600));
        let bucket = Bucket::new(Duration::ZERO);
        assert!(!stale(&bucket, 299), "its window is not over");
        assert!(stale(&bucket, 300));
    }
}
