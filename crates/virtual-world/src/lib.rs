//! For tests only: everything that a host hands to a backend, under the
//! control of the test.
//!
//! - [`VirtualClock`]: the monotonic clock is tokio's paused one; the wall
//!   clock can jump.
//! - [`SeededEntropy`] and [`Rng`]: the same seed gives the same bytes on every
//!   machine; [`CountingEntropy`]: ids in the order in which they are made.
//! - [`Process`]: the unit that a power cut, a kill or a freeze hits; every
//!   call to the outside is a step of it.
//! - [`VirtualStorage`]: storage in memory that counts its calls, takes time,
//!   fails on demand and is cut with its process.
//! - [`VirtualTasks`]: background tasks that end with their process and whose
//!   panics are counted.
//! - [`VirtualHost`]: a system view with settable answers.
//! - [`World`]: one of each, and a restart.
//! - [`Measurements`]: what was measured, by name and labels.
//! - [`hang_up_after`]: drops a request at its n-th await.
//!
//! All of it but the measurements needs a runtime with a paused clock
//! (`#[tokio::test(start_paused = true)]`): time passes only when every task
//! waits. Nothing here knows an engine, Vault's API or Confluent.

mod clock;
mod entropy;
mod hang_up;
mod host;
mod metrics;
mod process;
mod storage;
mod tasks;
mod world;

pub use clock::{ManualClock, VirtualClock};
pub use entropy::{CountingEntropy, Rng, SeededEntropy};
pub use hang_up::hang_up_after;
pub use host::{Questions, VirtualHost};
pub use metrics::Measurements;
pub use process::{Moment, Process};
pub use storage::{Call, Calls, Fault, Kind, Timing, VirtualStorage};
pub use tasks::VirtualTasks;
pub use world::World;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even after a panic of another test task: what it protects is a
/// setting of the test, never half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
