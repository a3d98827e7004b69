//! Time and background work.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use jiff::Timestamp;

/// A wall clock and a monotonic clock.
pub trait Clock: Send + Sync {
    /// The wall clock; it may jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; it never jumps.
    fn monotonic(&self) -> Duration;
}

/// Background work. A host ends all tasks of a backend after its clean-up.
pub trait Tasks: Send + Sync {
    /// Runs a future to its end, apart from the caller.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The result of a future, or `None` when it takes longer than `limit`. The
/// future is dropped then.
pub async fn within<F: Future>(tasks: &dyn Tasks, limit: Duration, future: F) -> Option<F::Output> {
    let sleep = tasks.sleep(limit);
    match select(pin!(future), sleep).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}
