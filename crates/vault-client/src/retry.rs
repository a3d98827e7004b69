//! When a request is sent again, and how long is waited before.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;

/// The shortest wait between two tries, as in Vault's client.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest; somewhere between, so that many clients do not march in step.
const LONGEST: Duration = Duration::from_millis(1500);

/// Waiting between two tries, handed in so that tests need not wait.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Waits at least `shortest` and at most `longest`.
    async fn pause(&self, shortest: Duration, longest: Duration);
}

/// Real waiting, on tokio's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealPause;

#[async_trait]
impl Pause for RealPause {
    async fn pause(&self, shortest: Duration, longest: Duration) {
        tokio::time::sleep(between(shortest, longest, chance())).await;
    }
}

/// Whether an answer with this status is worth another try: the server is
/// overloaded, failing, or behind (412). 501 will not change.
pub(crate) fn is_worth_another_try(status: u16) -> bool {
    matches!(status, 412 | 429 | 500..=599) && status != 501
}

/// The bounds of the next wait; a server may ask for a time of its own with
/// `Retry-After`, of which no more is granted than one request may take.
pub(crate) fn wait(asked: Option<Duration>, most: Duration) -> (Duration, Duration) {
    match asked {
        Some(asked) => (asked.min(most), asked.min(most)),
        None => (SHORTEST, LONGEST),
    }
}

fn between(shortest: Duration, longest: Duration, chance: u64) -> Duration {
    let span = longest.saturating_sub(shortest).as_millis() + 1;
    let extra = u128::from(chance) % span;
    shortest + Duration::from_millis(u64::try_from(extra).unwrap_or_default())
}

/// Good enough to spread clients; nothing secret depends on it.
fn chance() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [412, 429, 500, 502, 503, 599] {
            assert!(is_worth_another_try(status), "{status}");
        }
        for status in [200, 204, 400, 403, 404, 405, 501] {
            assert!(!is_worth_another_try(status), "{status}");
        }
    }

    #[test]
    fn a_wait_lies_between_its_bounds() {
        for chance in [0, 1, 499, 500, 501, u64::MAX] {
            let wait = between(SHORTEST, LONGEST, chance);
            assert!((SHORTEST..=LONGEST).contains(&wait), "{wait:?}");
        }
        assert_eq!(between(SHORTEST, SHORTEST, 77), SHORTEST);
    }

    #[test]
    fn a_server_may_ask_for_a_time_but_not_for_any() {
        let minute = Duration::from_mins(1);
        let asked = |seconds| wait(Some(Duration::from_secs(seconds)), minute).0;
        assert_eq!(asked(5), Duration::from_secs(5));
        assert_eq!(asked(5000), minute);
        assert_eq!(wait(None, minute), (SHORTEST, LONGEST));
    }
}
