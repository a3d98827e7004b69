//! What a host hands to the core.

use std::sync::Arc;

use logical::{Clock, Entropy, Metrics, Storage, TaskGroup};

/// The world, as far as the core needs it.
#[derive(Clone)]
pub struct Effects {
    /// Everything that the core keeps.
    pub storage: Arc<dyn Storage>,
    /// Clocks.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Opens a group of tasks: one for the core, one for each mount.
    pub task_groups: Arc<dyn Fn() -> Arc<dyn TaskGroup> + Send + Sync>,
    /// Where measurements go.
    pub metrics: Arc<dyn Metrics>,
}
