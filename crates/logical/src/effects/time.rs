//! Time.

use std::time::Duration;

use jiff::Timestamp;

/// A wall clock and a monotonic clock.
pub trait Clock: Send + Sync {
    /// The wall clock; it may jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; it never jumps.
    fn monotonic(&self) -> Duration;
}
