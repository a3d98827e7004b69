//! The client's view of time and chance. They are handed in, so that a test
//! lives through a minute of waiting without waiting.
//!
//! Only waits that the client decides on go through here. How long a socket may
//! take is measured by the machine's clock.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A wait that ends by itself.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Time and chance. Clients that share [`Budgets`](crate::Budgets) must share a
/// clock, too.
pub trait Effects: fmt::Debug + Send + Sync {
    /// What a clock that never goes back shows.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep(&self, time: Duration) -> Sleep;

    /// A number, any as likely as any other. It spreads retries and protects
    /// nothing.
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

/// A part of a time: none of it for 0, all but all of it for the largest number.
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
