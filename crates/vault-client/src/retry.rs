//! Which responses are retried, and after which backoff.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;

/// The shortest pause between two tries, as in Vault's client.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// The longest one. The pause is random, so that clients do not retry in step.
const MAX_PAUSE: Duration = Duration::from_millis(1500);

/// The pause between two attempts, injected so that tests do not wait.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Waits at least `min` and at most `max`.
    async fn pause(&self, min: Duration, max: Duration);
}

/// A real pause, on tokio's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealPause;

#[async_trait]
impl Pause for RealPause {
    async fn pause(&self, min: Duration, max: Duration) {
        tokio::time::sleep(between(min, max, jitter())).await;
    }
}

/// Whether a response with this status is transient: the server is
/// overloaded, failing, or behind (412). 501 will not change.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 412 | 429 | 500..=599) && status != 501
}

/// The bounds of the next pause. A server may set it with `Retry-After`, but to
/// no more than `max`, the timeout of a request.
pub(crate) fn backoff(retry_after: Option<Duration>, max: Duration) -> (Duration, Duration) {
    match retry_after {
        Some(pause) => (pause.min(max), pause.min(max)),
        None => (MIN_PAUSE, MAX_PAUSE),
    }
}

fn between(min: Duration, max: Duration, jitter: u64) -> Duration {
    let span = max.saturating_sub(min).as_millis() + 1;
    let extra = u128::from(jitter) % span;
    min + Duration::from_millis(u64::try_from(extra).unwrap_or_default())
}

/// Random enough to spread clients; nothing secret depends on it.
fn jitter() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transient_statuses_are_retried() {
        for status in [412, 429, 500, 502, 503, 599] {
            assert!(is_transient(status), "{status}");
        }
        for status in [200, 204, 400, 403, 404, 405, 501] {
            assert!(!is_transient(status), "{status}");
        }
    }

    #[test]
    fn a_pause_is_within_its_bounds() {
        for jitter in [0, 1, 499, 500, 501, u64::MAX] {
            let wait = between(MIN_PAUSE, MAX_PAUSE, jitter);
            assert!((MIN_PAUSE..=MAX_PAUSE).contains(&wait), "{wait:?}");
        }
        assert_eq!(between(MIN_PAUSE, MIN_PAUSE, 77), MIN_PAUSE);
    }

    #[test]
    fn a_server_may_set_the_pause_up_to_a_limit() {
        let minute = Duration::from_mins(1);
        let pause = |seconds| backoff(Some(Duration::from_secs(seconds)), minute).0;
        assert_eq!(pause(5), Duration::from_secs(5));
        assert_eq!(pause(5000), minute);
        assert_eq!(backoff(None, minute), (MIN_PAUSE, MAX_PAUSE));
    }
}
