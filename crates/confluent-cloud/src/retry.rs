//! Whether and when a failed request is sent again. Pure: nothing waits here.
//!
//! An idempotent request (GET, DELETE, PATCH, PUT) is sent again after any
//! transient failure. One that makes something (POST) is sent again only when it
//! certainly was not carried out: Confluent has no idempotency keys, and a second
//! API key would be one whose secret nobody knows.

use std::time::Duration;

use reqwest::Method;

use crate::effects::fraction;

/// How often a request is sent, and how long the pauses in between are: a random
/// part of a time that doubles up to a maximum ("full jitter", as the vendor
/// recommends), unless the service names a time.
///
/// The default is five attempts, a first pause of up to half a second and a
/// longest of eight. (The vendor's Terraform provider makes five, too, with
/// pauses of 1, 2, 4 and 8 s, which is more than a deletion has here.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::attempts(5)
    }
}

impl RetryPolicy {
    /// So many attempts in all, at least one.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            first: Duration::from_millis(500),
            longest: Duration::from_secs(8),
        }
    }

    /// One attempt: for callers who try again themselves.
    pub fn never() -> Self {
        Self::attempts(1)
    }

    /// The pauses: up to `first` before the second attempt, up to twice that
    /// before the third and so on, never more than `longest`.
    #[must_use]
    pub fn with_pauses(self, first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            ..self
        }
    }

    /// Whether an attempt, counted from 1, is the last one.
    pub(crate) fn is_last(&self, attempt: u32) -> bool {
        attempt >= self.attempts
    }

    /// How long to wait after a failed attempt; `None` to give up. `retry_after`
    /// is what the service asks for, `left` what the whole call has left.
    pub(crate) fn pause(
        &self,
        attempt: u32,
        retry_after: Option<Duration>,
        left: Duration,
        random: u64,
    ) -> Option<Duration> {
        if self.is_last(attempt) {
            return None;
        }
        let doubled = 1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX);
        let ceiling = self.first.saturating_mul(doubled).min(self.longest);
        let pause = match retry_after {
            // A little more, so that not all clients come back at once.
            Some(wait) => wait.saturating_add(fraction(self.first, random)),
            None => fraction(ceiling, random),
        };
        let least = retry_after.unwrap_or(pause);
        (least < left).then(|| pause.min(left))
    }
}

/// Why an attempt failed, as far as it matters for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The service counted it among too many (429), and did nothing.
    Limited,
    /// No connection was made.
    Unsent,
    /// It was sent, and no whole answer came.
    Lost,
    /// The service failed (5xx).
    Failed,
    /// Asking again would be answered the same.
    Final,
}

impl Cause {
    /// Whether a request of this method may be sent again.
    pub(crate) fn may_repeat(self, method: &Method) -> bool {
        match self {
            Self::Limited | Self::Unsent => true,
            Self::Lost | Self::Failed => is_idempotent(method),
            Self::Final => false,
        }
    }
}

/// Whether carrying it out twice is the same as once.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    // PATCH sets members to given values in every API that this crate calls.
    [Method::GET, Method::DELETE, Method::PATCH, Method::PUT].contains(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_makes_something_is_repeated_only_when_it_was_not_carried_out() {
        for (cause, post, delete) in [
            (Cause::Limited, true, true),
            (Cause::Unsent, true, true),
            (Cause::Lost, false, true),
            (Cause::Failed, false, true),
            (Cause::Final, false, false),
        ] {
            assert_eq!(cause.may_repeat(&Method::POST), post, "{cause:?}");
            for method in [Method::GET, Method::DELETE, Method::PATCH, Method::PUT] {
                assert_eq!(cause.may_repeat(&method), delete, "{cause:?} {method}");
            }
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let policy = RetryPolicy::attempts(40).with_pauses(seconds(1), seconds(8));
        let longest = |attempt| policy.pause(attempt, None, LONG, u64::MAX).unwrap();
        for (attempt, ceiling) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (39, 8)] {
            let pause = longest(attempt);
            assert!(pause <= seconds(ceiling), "{attempt}: {pause:?}");
            assert!(pause > seconds(ceiling) / 2, "{attempt}: {pause:?}");
            assert_eq!(policy.pause(attempt, None, LONG, 0), Some(Duration::ZERO));
        }
    }

    #[test]
    fn what_the_service_asks_for_is_waited_in_full() {
        let policy = RetryPolicy::default();
        for random in [0, u64::MAX / 2, u64::MAX] {
            let pause = policy.pause(1, Some(seconds(20)), seconds(30), random);
            let pause = pause.unwrap();
            assert!(
                (seconds(20)..seconds(21)).contains(&pause),
                "{random}: {pause:?}"
            );
        }
    }

    #[test]
    fn a_wait_that_is_longer_than_the_time_left_ends_it_at_once() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, Some(seconds(9)), seconds(9), 0), None);
        assert!(policy.pause(1, Some(seconds(8)), seconds(9), 0).is_some());
        assert_eq!(policy.pause(1, None, Duration::ZERO, 0), None);
    }

    #[test]
    fn the_last_attempt_is_followed_by_none() {
        assert!(RetryPolicy::never().pause(1, None, LONG, 0).is_none());
        assert!(RetryPolicy::attempts(0).is_last(1));
        let twice = RetryPolicy::attempts(2);
        assert!(twice.pause(1, None, LONG, 0).is_some());
        assert!(twice.pause(2, None, LONG, 0).is_none());
    }
}
