//! The client's clock, timer and random numbers. They are injected, so that a
//! test can pass a minute of waiting in no time.
//!
//! Only pauses that the client chooses go through here. Socket time-outs use the
//! machine's clock.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A future that ends after a time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock, a timer and random numbers. Clients that share
/// [`Budgets`](crate::Budgets) must share a clock as well.
pub trait Effects: fmt::Debug + Send + Sync {
    /// The time of a monotonic clock.
    fn now(&self) -> Instant;

    /// Waits for a time.
    fn sleep(&self, time: Duration) -> Sleep;

    /// A uniformly distributed number, for jitter. Not for anything that needs
    /// cryptographic randomness.
    fn random(&self) -> u64;
}

/// The machine's clock, and the timer of tokio.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioEffects;

impl Effects for TokioEffects {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        // Every state begins with keys of its own.
        RandomState::new().build_hasher().finish()
    }
}

/// A random part of a time: none of it for 0, nearly all of it for the largest
/// number.
pub(crate) fn fraction(time: Duration, random: u64) -> Duration {
    let nanos = (time.as_nanos() * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        assert_ne!(TokioEffects.random(), TokioEffects.random());
    }
}
