//! The real world for a core: the system's clocks, the operating system's
//! randomness, and tasks on tokio.

use std::sync::Arc;

use logical::{NoMetrics, Storage};
use runtime::{SystemClock, SystemEntropy, TokioTasks};
use vault_core::Effects;

/// What a core on this storage is started with. Needs a running tokio runtime.
pub fn effects(storage: Arc<dyn Storage>) -> Effects {
    Effects {
        storage,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        task_groups: Arc::new(|| Arc::new(TokioTasks::new())),
        metrics: Arc::new(NoMetrics),
    }
}
