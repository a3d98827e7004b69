//! When a lease is renewed while a command runs, and what its user is told.

use std::time::Duration;

use tokio::time::Instant;
use vault_client::Error;

/// Between two tries, at least.
const SHORTEST: Duration = Duration::from_secs(1);
/// Less is no extension: leases are told in whole seconds.
const GAIN: Duration = Duration::from_secs(1);

/// The lease of a running command.
pub(super) struct Renewal {
    since: Instant,
    ends: Instant,
    last_failed: bool,
}

/// What follows a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again after a while.
    Again,
    /// Try again after a while, and tell the user.
    AgainAfter(String),
    /// It is of no use any more.
    Stop(String),
}

impl Renewal {
    pub(super) fn new(now: Instant, duration: Duration) -> Self {
        Self {
            since: now,
            ends: now + duration,
            last_failed: false,
        }
    }

    /// How long the lease lasts.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.ends.saturating_duration_since(now)
    }

    /// How long to wait before the next try: a third of what is left, as agents
    /// do; after a failure less.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        let part = if self.last_failed { 10 } else { 3 };
        (self.left(now) / part).max(SHORTEST)
    }

    /// It was renewed, for `duration` from now.
    pub(super) fn renewed(&mut self, now: Instant, duration: Duration) -> Next {
        let (before, ends) = (self.ends, now + duration);
        let gain = GAIN.min(now.saturating_duration_since(self.since) / 2);
        *self = Self::new(now, duration);
        if ends >= before + gain {
            return Next::Again;
        }
        Next::Stop(format!(
            "the lease is at its maximum TTL: the credential ends in {} s, whether the command \
             still runs or not",
            duration.as_secs()
        ))
    }

    /// It was not renewed.
    pub(super) fn failed(&mut self, now: Instant, error: &Error) -> Next {
        let left = self.left(now).as_secs();
        let text = error.to_string();
        let text = text.trim_end();
        if left == 0 || is_final(error) {
            return Next::Stop(format!(
                "the lease cannot be renewed: the credential ends in {left} s, whether the command \
                 still runs or not: {text}"
            ));
        }
        let first = !self.last_failed;
        self.last_failed = true;
        if first {
            return Next::AgainAfter(format!(
                "the lease was not renewed and has {left} s left: trying again: {text}"
            ));
        }
        Next::Again
    }
}

/// Whether the server's answer will be the same next time.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Api { status, .. } => matches!(status, 400..=499) && !matches!(status, 412 | 429),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn answered(status: u16) -> Error {
        Error::Api {
            status,
            errors: vec!["no".to_owned()],
            raw_message: None,
            url: Box::new(vault_client::Url::parse("http://127.0.0.1/v1/x").unwrap()),
            method: vault_client::Method::PUT,
        }
    }

    fn is_stop(next: &Next, part: &str) -> bool {
        matches!(next, Next::Stop(text) if text.contains(part))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_renewed_after_a_third_of_its_time() {
        let start = Instant::now();
        let mut renewal = Renewal::new(start, HOUR);
        assert_eq!(renewal.pause(start), HOUR / 3);
        let later = start + HOUR / 3;
        assert_eq!(renewal.renewed(later, HOUR), Next::Again);
        assert_eq!(renewal.left(later), HOUR);
        let mut tiny = Renewal::new(start, 3 * SHORTEST);
        assert_eq!(tiny.pause(start), SHORTEST);
        assert_eq!(tiny.renewed(start + SHORTEST, 3 * SHORTEST), Next::Again);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_no_longer_extended_is_told_once() {
        let start = Instant::now();
        let mut renewal = Renewal::new(start, HOUR);
        // The maximum TTL cuts it to less than an hour, which is still more.
        let later = start + HOUR / 3;
        let cut = Duration::from_mins(50);
        assert_eq!(renewal.renewed(later, cut), Next::Again);
        // Ten minutes later there are ten minutes less, rounded up by almost a
        // second.
        let rounded = Duration::from_mins(40) + Duration::from_millis(900);
        let next = renewal.renewed(later + Duration::from_mins(10), rounded);
        assert!(is_stop(&next, "maximum TTL"), "{next:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_in_passing_is_tried_again_until_the_end() {
        let start = Instant::now();
        let mut renewal = Renewal::new(start, HOUR);
        let next = renewal.failed(start, &answered(503));
        assert!(matches!(&next, Next::AgainAfter(text) if text.contains("3600 s left")));
        assert_eq!(renewal.pause(start), HOUR / 10);
        assert_eq!(renewal.failed(start, &answered(429)), Next::Again);
        assert_eq!(renewal.renewed(start + HOUR / 2, HOUR), Next::Again);
        let next = renewal.failed(start + 2 * HOUR, &answered(503));
        assert!(is_stop(&next, "ends in 0 s"), "{next:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_gone_is_told_at_once() {
        let start = Instant::now();
        for status in [400, 403, 404] {
            let mut renewal = Renewal::new(start, HOUR);
            let next = renewal.failed(start, &answered(status));
            assert!(is_stop(&next, "cannot be renewed"), "{next:?}");
        }
    }
}
