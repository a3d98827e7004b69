//! What a host hands to the core.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logical::{Clock, Entropy, Storage, Tasks};

/// Background work of one owner, which ends together.
#[async_trait]
pub trait TaskGroup: Tasks {
    /// Lets the work end by itself for as long as `grace`, then drops what
    /// still runs. Later work is dropped at once.
    async fn shut_down(&self, grace: Duration);
}

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
}
