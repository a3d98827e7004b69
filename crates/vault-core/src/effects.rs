//! The effects that a host injects into the core.

use std::sync::Arc;

use logical::{Clock, Entropy, Metrics, Storage, TaskGroup};

/// The core's access to the outside world.
#[derive(Clone)]
pub struct Effects {
    /// Storage of all state.
    pub storage: Arc<dyn Storage>,
    /// Clocks.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Creates a group of tasks: for the core, each mount, and each fence
    /// around storage.
    pub task_groups: Arc<dyn Fn() -> Arc<dyn TaskGroup> + Send + Sync>,
    /// Sink for metrics.
    pub metrics: Arc<dyn Metrics>,
}
