//! The effects that a host injects into a backend: storage, time, randomness, a
//! view of the host, background tasks, and a sink for metrics.
//!
//! They are traits, so that every behaviour can be tested without sleeping,
//! and so that a test can cut an engine off at any call. Beside them are the
//! few tools with which they are used.

mod locks;
mod metrics;
mod storage;
mod system_view;
mod tasks;
mod time;

pub use locks::{NamedGuard, NamedLocks};
pub use metrics::{Metrics, NoMetrics};
pub use storage::{Condition, Storage, Write};
pub use system_view::{Replication, SystemView};
pub use tasks::{Panicked, RunToCompletion, TaskGroup, Tasks, catch_panic, within};
pub use time::Clock;

/// A source of random bytes fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}
